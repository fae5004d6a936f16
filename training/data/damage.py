"""Blur and hidden boxes on some pictures of a batch: what a detector must bear and no other network should see.

Arithmetic and order of the draws are those of Kornia's `RandomGaussianBlur` and `RandomErasing`, which a test holds
them to: they did this work before, and a bare GPU machine (`training.bare`) does not have them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

SIGMA = (0.3, 1.5)
"""Least and largest standard deviation of the blur, in pixels."""
AREA = (0.01, 0.06)
"""Least and largest share of the picture that a box hides."""
RATIO = (0.4, 2.5)
"""Least and largest ratio of a box's height to its width."""
GREY = 0.5
_REACH = 2


def blur_some(image: Tensor, probability: float) -> Tensor:
    """`image` (B, 3, H, W), each picture blurred with that probability; draws are torch's global generator's."""
    chosen = torch.rand(len(image)) < probability
    sigma = SIGMA[0] + torch.rand(len(image)) * (SIGMA[1] - SIGMA[0])
    taps = torch.exp(-torch.arange(-_REACH, _REACH + 1.0).square() / (2 * sigma[:, None].square()))
    taps = taps / taps.sum(1, keepdim=True)
    return change_some(image, chosen, lambda few: _blur(few, taps[chosen].to(image)))


def change_some(image: Tensor, chosen: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """`image` (B, 3, H, W) with `change` made of those that `chosen` (B,), bool and on the CPU, names; not in place."""
    places = chosen.nonzero()[:, 0].to(image.device, non_blocking=True)
    return image.index_copy(0, places, change(image[places])) if len(places) else image


def _blur(image: Tensor, taps: Tensor) -> Tensor:
    """Each of `image` (B, C, H, W) by its own `taps` (B, n), along rows and columns; reflected at the border."""
    batch, channels = image.shape[:2]
    flat = F.pad(image, (_REACH,) * 4, mode="reflect").flatten(0, 1)[None]
    kernels = taps.repeat_interleave(channels, 0)[:, None]
    across = F.conv2d(flat, kernels[:, :, None], groups=batch * channels)
    return F.conv2d(across, kernels[..., None], groups=batch * channels)[0].unflatten(0, (batch, channels))


def hide_some(image: Tensor, probability: float) -> Tensor:
    """`image` (B, 3, H, W), each picture with a grey box on it with that probability; draws as of `blur_some`."""
    count, height, width = len(image), image.shape[-2], image.shape[-1]
    chosen = torch.rand(count) < probability
    area = (AREA[0] + torch.rand(count) * (AREA[1] - AREA[0])) * (height * width)
    low, high = RATIO[0] + torch.rand(count) * (1 - RATIO[0]), 1 + torch.rand(count) * (RATIO[1] - 1)
    ratio = torch.where(torch.rand(count).round().bool(), low, high)
    tall = (area * ratio).sqrt().round().clamp(1, height)
    wide = (area / ratio).sqrt().round().clamp(1, width)
    left = (torch.rand(count) * (width - wide + 1)).floor()
    top = (torch.rand(count) * (height - tall + 1)).floor()
    left, top, wide, tall = torch.stack([left, top, wide, tall]).to(image.device).view(4, count, 1, 1)
    down = torch.arange(height, device=image.device).view(1, -1, 1)
    right = torch.arange(width, device=image.device).view(1, 1, -1)
    inside = (right >= left) & (right < left + wide) & (down >= top) & (down < top + tall)
    return torch.where((inside & chosen.to(image.device).view(-1, 1, 1))[:, None], GREY, image)
