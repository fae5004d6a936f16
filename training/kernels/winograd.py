"""3x3 convolutions in float32 by minimal filtering: a quarter of the products for tiles of 4 x 4 places.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), F(4x4, 3x3), forward and both ways
back; of maps enlarged to twice their size by repetition 25 instead of 36 products a tile are left. Results are off by
some 1e-5 of the largest. torch's own convolutions find the gradient of the weights slowly where maps have many places
and few channels: this takes a fifth of the time. In bfloat16 processors that have it are faster.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from training.kernels.build import call

_PLAIN, _ENLARGED, _SUMMED = 0, 1, 2
"""Forms of a convolution that the kernels know: `Form` in `source/winograd.h`."""


def minimal(x: Tensor, weight: Tensor, bias: Tensor | None, enlarged: bool = False) -> Tensor:
    """`x` (B, C, h, w), float32 with channels last, or what becomes of it `enlarged` to twice its size, convolved by
    `weight` (D, C, 3, 3) and `bias` (D,): (B, D, h, w) or (B, D, 2 h, 2 w).
    """
    found: Tensor = _Minimal.apply(x, weight, bias, enlarged)
    return found


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
