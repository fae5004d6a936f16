"""3x3 convolutions of maps enlarged to twice their size by repetition, computed at the size that they had.

In full precision other kernels have them. Else, as each of the four places that a cell becomes sees only 2 x 2
different cells, four kernels of 2 x 2 sums of the weights need four ninths of the products. `export.rewrites` does the
same to graphs.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from training.kernels.build import call, usable
from training.kernels.convolution import enlarged_and_convolved
from training.models.parts.constants import constant
from training.models.parts.matrices import exact_product

LEAST = 64
"""Cells of a map from which on it pays: the places are computed on one row and column more."""
_TAPS = torch.tensor([[[1.0, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]])
"""(2, 2, 3): of the first and second place, which of a kernel's three rows meet the first and the second cell."""


def enlarged_conv(conv: nn.Module, x: Tensor) -> Tensor:
    """`conv` of `x` (B, C, h, w) enlarged: (B, D, 2 h, 2 w)."""
    result = enlarged_and_convolved(conv, x)
    if result is not None:
        return result
    if isinstance(conv, nn.Conv2d) and _fits(conv, x):
        found: Tensor = _Interleaved.apply(F.conv2d(x, _sums(conv.weight), _repeated(conv.bias), padding=1))
        return found
    enlarged: Tensor = conv(F.interpolate(x, scale_factor=2, mode="nearest"))
    return enlarged


def _fits(conv: nn.Conv2d, x: Tensor) -> bool:
    plain = type(conv) is nn.Conv2d and conv.groups == 1 and conv.padding_mode == "zeros"
    usual = conv.kernel_size == (3, 3) and conv.padding == (1, 1) and conv.stride == conv.dilation == (1, 1)
    last = (
        x.dim() == 4
        and x.numel() > 0
        and x.shape[-2] * x.shape[-1] >= LEAST
        and x.is_contiguous(memory_format=torch.channels_last)
    )
    return plain and usual and last and usable(x)


def _sums(weight: Tensor) -> Tensor:
    """(4 D, C, 2, 2) of `weight` (D, C, 3, 3): the kernels of the four places, row by row."""
    table = constant("enlarged", lambda: torch.einsum("apy,bqx->yxabpq", _TAPS, _TAPS).reshape(9, 16), weight)
    sums = exact_product(weight.flatten(2), table).unflatten(2, (2, 2, 2, 2))
    return sums.permute(2, 3, 0, 1, 4, 5).flatten(0, 2).contiguous(memory_format=torch.channels_last)


def _repeated(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.repeat(4)


class _Interleaved(torch.autograd.Function):
    """Maps (B, 4 D, h + 1, w + 1) of all places, one map (B, D, 2 h, 2 w)."""

    @staticmethod
    def forward(context: Any, phases: Tensor) -> Tensor:
        phases = phases.contiguous(memory_format=torch.channels_last)
        batch, channels, height, width = phases.shape
        context.sizes = (batch, channels // 4, height - 1, width - 1)
        shape = (batch, channels // 4, 2 * (height - 1), 2 * (width - 1))
        result = torch.empty(shape, dtype=phases.dtype, memory_format=torch.channels_last)
        call("interleave", phases.dtype, phases, result, *context.sizes, 0)
        return result

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Tensor:
        batch, channels, height, width = context.sizes
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        shape = (batch, 4 * channels, height + 1, width + 1)
        result = torch.empty(shape, dtype=gradient.dtype, memory_format=torch.channels_last)
        call("interleave", gradient.dtype, result, gradient, *context.sizes, 1)
        return result
