"""1x1 convolutions in float32: both ways back in one pass over the gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from training.kernels.build import call


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`x` (B, C, h, w), float32 with channels last, by `weight` (D, C, 1, 1) and `bias` (D,): (B, D, h, w); C and D are
    multiples of 16.
    """
    found: Tensor = _Pointwise.apply(x, weight, bias)
    return found


class _Pointwise(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        batch, inputs, height, width = x.shape
        weight, outputs = weight.contiguous(), len(weight)
        result = torch.empty(batch, outputs, height, width, memory_format=torch.channels_last)
        context.sizes = (batch * height * width, inputs, outputs)
        call("pointwise", x.dtype, x, weight, bias, result, *context.sizes)
        context.save_for_backward(x, weight)
        context.biased = bias is not None
        return result

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = context.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_x = torch.empty_like(x) if context.needs_input_grad[0] else None
        of_weight, of_bias = torch.empty_like(weight), weight.new_empty(len(weight)) if context.biased else None
        call("pointwise_backward", x.dtype, x, gradient, weight, of_x, of_weight, of_bias, *context.sizes)
        return of_x, of_weight, of_bias
