"""3x3 convolutions in float32 of every channel by itself, also of maps enlarged to twice their size by repetition.

torch takes almost twice the time for their way back. Of an enlarged map only the one that it was is read and written.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from training.kernels.build import call


def depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, enlarged: bool = False) -> Tensor:
    """`x` (B, C, h, w), float32 with channels last, C a multiple of 16, or what becomes of it `enlarged` to twice its
    size, by `weight` (C, 1, 3, 3) and `bias` (C,): (B, C, h, w) or (B, C, 2 h, 2 w).
    """
    found: Tensor = _Depthwise.apply(x, weight, bias, enlarged)
    return found


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, enlarged: bool) -> Tensor:
        batch, channels, height, width = x.shape
        weight, times = weight.contiguous(), 2 if enlarged else 1
        shape = (batch, channels, times * height, times * width)
        result = torch.empty(shape, memory_format=torch.channels_last)
        context.sizes = (batch, height, width, channels, int(enlarged))
        call("depthwise", x.dtype, x, weight, bias, result, *context.sizes)
        context.save_for_backward(x, weight)
        context.biased = bias is not None
        return result

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = context.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_x = torch.empty_like(x) if context.needs_input_grad[0] else None
        of_weight = torch.empty_like(weight) if any(context.needs_input_grad[1:3]) else None
        of_bias = weight.new_empty(len(weight)) if context.biased else None
        call("depthwise_backward", x.dtype, x, gradient, weight, of_x, of_weight, of_bias, *context.sizes)
        return of_x, of_weight, of_bias, None
