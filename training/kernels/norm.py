"""Batch normalisation, what is added to it, and the rectifier behind it, in one pass there and two back."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from training.kernels.build import call, usable


def rectified(norm: nn.Module, x: Tensor, skip: Tensor | None = None) -> Tensor:
    """relu(`norm`(x) + `skip`) of maps (B, C, h, w)."""
    if type(norm) is nn.BatchNorm2d and _fits(norm, x, skip):
        return _fused(norm, x, skip)
    y = norm(x)
    return F.relu(y if skip is None else y + skip)


def _fits(norm: nn.BatchNorm2d, x: Tensor, skip: Tensor | None) -> bool:
    """Whether the kernels have what this layer does: torch does the rest (other layouts, no running statistics)."""
    last = all(
        each is None or (each.is_contiguous(memory_format=torch.channels_last) and each.shape == x.shape)
        for each in (x, skip)
    )
    usual = norm.track_running_stats and norm.affine and norm.weight.dtype == torch.float32
    several = not norm.training or x.numel() > x.shape[1]
    return (
        type(norm) is nn.BatchNorm2d
        and x.dim() == 4
        and x.numel() > 0
        and last
        and usual
        and several
        and usable(x, skip)
    )


def _fused(norm: nn.BatchNorm2d, x: Tensor, skip: Tensor | None) -> Tensor:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    if not norm.training:
        mean, variance = norm.running_mean.clone(), norm.running_var  # what the way back needs stays as it is
    else:
        mean, variance = torch.empty_like(norm.running_mean), torch.empty_like(norm.running_var)
    y: Tensor = _Rectified.apply(x, skip, norm.weight, norm.bias, mean, variance, norm.eps, norm.training)
    if norm.training:
        with torch.no_grad():
            norm.num_batches_tracked.add_(1)
            count = x.numel() / x.shape[1]
            share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
            # As torch's own kernel, which keeps them for its way back but reads others there: without telling autograd.
            norm.running_mean.data.lerp_(mean, share)
            norm.running_var.data.mul_(1 - share).add_(variance, alpha=share * count / (count - 1))
    return y


class _Rectified(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        x: Tensor,
        skip: Tensor | None,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        eps: float,
        training: bool,
    ) -> Tensor:
        """In training `mean` and `variance` (biased) are written, else they are read."""
        y, inverse = torch.empty_like(x), torch.empty_like(weight)
        rows, channels = x.numel() // x.shape[1], x.shape[1]
        parameters = (weight, bias, mean, inverse, variance, eps, int(training), 1)
        call("norm_forward", x.dtype, x, skip, y, rows, channels, *parameters)
        context.save_for_backward(x, y, weight, mean, inverse)
        context.training = training
        return y

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, y, weight, mean, inverse = context.saved_tensors
        gradient = gradient.to(x.dtype).contiguous(memory_format=torch.channels_last)
        learns = any(context.needs_input_grad[2:4]) or context.training
        of_x, of_skip = torch.empty_like(x), torch.empty_like(x) if context.needs_input_grad[1] else None
        sums = (torch.empty_like(weight), torch.empty_like(weight)) if learns else (None, None)
        rows, channels = x.numel() // x.shape[1], x.shape[1]
        known = (weight, mean, inverse, *sums, int(context.training), 1)
        call("norm_backward", x.dtype, gradient, x, y, of_x, of_skip, rows, channels, *known)
        return of_x, of_skip, *sums, None, None, None, None
