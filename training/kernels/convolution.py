"""Convolutions in float32 by the kernel that their size has: 3x3, 1x1, and 3x3 of every channel by itself.

All else is left to torch: other sizes, steps and layouts, and mixed precision, in which it is faster.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.kernels.build import usable
from training.kernels.depthwise import depthwise
from training.kernels.pointwise import pointwise
from training.kernels.winograd import minimal

LANES = 16
"""Channels that are computed at once; with fewer of the input, torch is faster."""


def convolved(conv: nn.Module, x: Tensor) -> Tensor:
    """`conv` of `x` (B, C, h, w)."""
    if type(conv) is nn.Conv2d and _keeps_size(conv) and _fits(x, conv.weight):
        if conv.kernel_size == (3, 3) and conv.groups == 1:
            return minimal(x, conv.weight, conv.bias)
        if is_depthwise(conv):
            return depthwise(x, conv.weight, conv.bias)
        if conv.kernel_size == (1, 1) and conv.groups == 1 and _by_lanes(*conv.weight.shape[:2]):
            return pointwise(x, conv.weight, conv.bias)
    result: Tensor = conv(x)
    return result


def enlarged_and_convolved(conv: nn.Module, x: Tensor) -> Tensor | None:
    """`conv` of `x` (B, C, h, w) enlarged to twice its size by repetition; None where no kernel has this."""
    if type(conv) is nn.Conv2d and conv.kernel_size == (3, 3) and _keeps_size(conv) and _fits(x, conv.weight):
        if conv.groups == 1:
            return minimal(x, conv.weight, conv.bias, enlarged=True)
        if is_depthwise(conv):
            return depthwise(x, conv.weight, conv.bias, enlarged=True)
    return None


def convolved_by(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`x` (B, C, h, w) convolved by `weight` (D, C, k, k), k odd, and `bias` (D,): (B, D, h, w)."""
    if weight.shape[2:] == (3, 3) and _fits(x, weight):
        return minimal(x, weight, bias)
    return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)


def is_depthwise(conv: nn.Conv2d) -> bool:
    """Whether it has a kernel of 3x3 for every channel by itself, by lanes."""
    channels = conv.in_channels
    return conv.kernel_size == (3, 3) and conv.groups == channels == conv.out_channels and _by_lanes(channels)


def _keeps_size(conv: nn.Conv2d) -> bool:
    around = tuple(side // 2 for side in conv.kernel_size)
    return conv.padding_mode == "zeros" and conv.padding == around and conv.stride == conv.dilation == (1, 1)


def _by_lanes(*channels: int) -> bool:
    return all(each % LANES == 0 for each in channels)


def _fits(x: Tensor, weight: Tensor) -> bool:
    """Whether the kernels take maps `x`: in full precision, with channels last, and enough of these."""
    if not usable(x):
        return False
    whole = x.dtype == weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    last = x.dim() == 4 and x.numel() > 0 and x.is_contiguous(memory_format=torch.channels_last)
    return whole and last and x.shape[1] >= LANES
