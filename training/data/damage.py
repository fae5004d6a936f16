"""Blur, hidden boxes and grain on some pictures of a batch: what a detector must bear and no other network should see.

Arithmetic and order of the draws of the first two are those of Kornia's `RandomGaussianBlur` and `RandomErasing`, which
a test holds them to: they did this work before, and a bare GPU machine (`training.bare`) does not have them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
NOISE = 0.06
"""Largest standard deviation of the noise, in shares of white."""
GAMMA = (0.7, 1.4)
_REACH = 2


@dataclass(frozen=True)
class Blur:
    """Of B pictures those `chosen` (B,), bool and on the CPU, and the `taps` (B, 5) of each one's kernel."""

    chosen: Tensor
    taps: Tensor

    @classmethod
    def draw(cls, count: int, probability: float) -> Blur:
        """By torch's global generator, as all that is drawn here."""
        chosen = torch.rand(count) < probability
        sigma = SIGMA[0] + torch.rand(count) * (SIGMA[1] - SIGMA[0])
        taps = torch.exp(-torch.arange(-_REACH, _REACH + 1.0).square() / (2 * sigma[:, None].square()))
        return cls(chosen, taps / taps.sum(1, keepdim=True))

    def on(self, image: Tensor) -> Tensor:
        """`image` (B, 3, H, W), blurred."""
        return _change_some(image, self.chosen, lambda few: _blur(few, self.taps[self.chosen].to(image)))


@dataclass(frozen=True)
class Boxes:
    """Of B pictures those `chosen` (B,), and of each `left`, `top`, width and height of a box (4, B), whole pixels."""

    chosen: Tensor
    places: Tensor

    @classmethod
    def draw(cls, count: int, height: int, width: int, probability: float) -> Boxes:
        """For pictures of that size."""
        chosen = torch.rand(count) < probability
        area = (AREA[0] + torch.rand(count) * (AREA[1] - AREA[0])) * (height * width)
        low, high = RATIO[0] + torch.rand(count) * (1 - RATIO[0]), 1 + torch.rand(count) * (RATIO[1] - 1)
        ratio = torch.where(torch.rand(count).round().bool(), low, high)
        tall = (area * ratio).sqrt().round().clamp(1, height)
        wide = (area / ratio).sqrt().round().clamp(1, width)
        left = (torch.rand(count) * (width - wide + 1)).floor()
        top = (torch.rand(count) * (height - tall + 1)).floor()
        return cls(chosen, torch.stack([left, top, wide, tall]))

    def on(self, image: Tensor) -> Tensor:
        """`image` (B, 3, H, W), partly hidden."""
        left, top, wide, tall = self.places.to(image.device).view(4, -1, 1, 1)
        down = torch.arange(image.shape[-2], device=image.device).view(1, -1, 1)
        right = torch.arange(image.shape[-1], device=image.device).view(1, 1, -1)
        inside = (right >= left) & (right < left + wide) & (down >= top) & (down < top + tall)
        return torch.where((inside & self.chosen.to(image.device).view(-1, 1, 1))[:, None], GREY, image)


@dataclass(frozen=True)
class Grain:
    """Of B pictures the n `chosen` (B,), with the `gamma` (n,) of each and the `noise` (n, H, W, 3) on it."""

    chosen: Tensor
    gamma: Tensor
    noise: Tensor

    @classmethod
    def draw(cls, image: Tensor, probability: float) -> Grain:
        """For pictures `image` (B, 3, H, W); the noise is drawn where they are."""
        chosen = torch.rand(len(image)) < probability
        few = int(chosen.sum())
        strength, gamma = NOISE * torch.rand(few), torch.empty(few).uniform_(*GAMMA)
        noise = torch.randn(few, *image.shape[2:], 3, device=image.device)
        return cls(chosen, gamma, noise.mul_(strength.to(image.device).view(-1, 1, 1, 1)))

    def on(self, image: Tensor) -> Tensor:
        """`image`, darker or lighter and noisy, in [0, 1]."""
        gamma = self.gamma.to(image).view(-1, 1, 1, 1)
        noise = self.noise.to(image.dtype).permute(0, 3, 1, 2)
        return _change_some(image, self.chosen, lambda few: (few.clamp(1e-4, 1) ** gamma + noise).clamp(0, 1))


def blur_some(image: Tensor, probability: float) -> Tensor:
    """`image` (B, 3, H, W), each picture blurred with that probability."""
    return Blur.draw(len(image), probability).on(image)


def hide_some(image: Tensor, probability: float) -> Tensor:
    """`image` (B, 3, H, W), each picture with a grey box on it with that probability."""
    return Boxes.draw(len(image), image.shape[-2], image.shape[-1], probability).on(image)


def _change_some(image: Tensor, chosen: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
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
