"""3x3 convolutions in float32 by minimal filtering: a quarter of the products for tiles of 4 x 4 places.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), F(4x4, 3x3), forward and both ways
back; of maps enlarged to twice their size by repetition 25 instead of 36 products a tile are left. Results are off by
some 1e-5 of the largest. torch's own convolutions find the gradient of the weights slowly where maps have many places
and few channels: this takes a fifth of the time. In bfloat16 processors that have it are faster.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from training.kernels.build import call, usable

LEAST = 16
"""Channels of the input from which on it pays."""
_PLAIN, _ENLARGED, _SUMMED = 0, 1, 2
"""Forms of a convolution that the kernels know: `Form` in `source/winograd.h`."""


def convolved(conv: nn.Module, x: Tensor) -> Tensor:
    """`conv` of `x` (B, C, h, w)."""
    if isinstance(conv, nn.Conv2d) and filters_minimally(conv, x):
        return minimal(x, conv.weight, conv.bias)
    result: Tensor = conv(x)
    return result


def filters_minimally(conv: nn.Conv2d, x: Tensor) -> bool:
    """Whether `minimal` computes what `conv` makes of `x`, and in less time."""
    plain = type(conv) is nn.Conv2d and conv.groups == 1 and conv.padding_mode == "zeros"
    usual = conv.kernel_size == (3, 3) and conv.padding == (1, 1) and conv.stride == conv.dilation == (1, 1)
    return plain and usual and _fits(x, conv.weight)


def convolved_by(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`x` (B, C, h, w) convolved by `weight` (D, C, k, k), k odd, and `bias` (D,): (B, D, h, w)."""
    if weight.shape[2:] == (3, 3) and _fits(x, weight):
        return minimal(x, weight, bias)
    return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)


def minimal(x: Tensor, weight: Tensor, bias: Tensor | None, enlarged: bool = False) -> Tensor:
    """`x` (B, C, h, w), float32 with channels last, or what becomes of it `enlarged` to twice its size, convolved by
    `weight` (D, C, 3, 3) and `bias` (D,): (B, D, h, w) or (B, D, 2 h, 2 w).
    """
    found: Tensor = _Minimal.apply(x, weight, bias, enlarged)
    return found


def _fits(x: Tensor, weight: Tensor) -> bool:
    """Whether the kernels take maps `x`: in full precision, with channels last, and enough of these."""
    whole = x.dtype == weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    last = x.dim() == 4 and x.numel() > 0 and x.is_contiguous(memory_format=torch.channels_last)
    return whole and last and x.shape[1] >= LEAST and usable(x)


class _Minimal(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, enlarged: bool) -> Tensor:
        weight = weight.contiguous()
        context.save_for_backward(x, weight)
        context.enlarged, context.biased = enlarged, bias is not None
        return _convolution(x, weight, bias, _ENLARGED if enlarged else _PLAIN, turned=False)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = context.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_x = of_weight = of_bias = None
        if context.needs_input_grad[0]:
            of_x = _convolution(gradient, weight, None, _SUMMED if context.enlarged else _PLAIN, turned=True)
        if any(context.needs_input_grad[1:3]):
            of_weight, of_bias = torch.empty_like(weight), weight.new_empty(len(weight)) if context.biased else None
            batch, outputs, *size = gradient.shape
            sizes = (batch, *size, weight.shape[1], outputs, _ENLARGED if context.enlarged else _PLAIN)
            call("winograd_weights", x.dtype, x, gradient, of_weight, of_bias, *sizes)
        return of_x, of_weight, of_bias, None


def _convolution(x: Tensor, weight: Tensor, bias: Tensor | None, form: int, turned: bool) -> Tensor:
    """`x` by `weight`, or by what leads back, `turned`: the kernels turned by half a turn, from outputs to inputs."""
    batch, inputs, height, width = x.shape
    outputs = weight.shape[1 if turned else 0]
    height, width = (2 * height, 2 * width) if form == _ENLARGED else (height, width)
    shape = (batch, outputs, height // 2, width // 2) if form == _SUMMED else (batch, outputs, height, width)
    result = torch.empty(shape, memory_format=torch.channels_last)
    call("winograd", x.dtype, x, weight, bias, result, batch, height, width, inputs, outputs, form, int(turned))
    return result
