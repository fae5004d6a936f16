"""Memory layouts: convolutions are fastest with channels last, sampling and coordinates with channels first.

Both ways of training gain: a processor computes convolutions, poolings and up-sampling in half the time, a GPU's tensor
cores need the layout anyway. Exported graphs know nothing of it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _Converted(torch.autograd.Function):
    """Another type and layout; the gradient comes back in those of the input, whatever layout it was computed in."""

    @staticmethod
    def forward(context: Any, values: Tensor, dtype: torch.dtype, last: bool) -> Tensor:
        context.dtype = values.dtype
        context.last = _is_last(values)
        return _convert(values, dtype, last)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _convert(gradient, context.dtype, context.last), None, None


def for_convolutions(values: Tensor) -> Tensor:
    """`values` (B, C, h, w) with channels last, in the type of mixed precision where that is on."""
    if torch.compiler.is_exporting():
        return values
    return _Converted.apply(values, convolved_type(values), True)


def convolved_type(values: Tensor) -> torch.dtype:
    """In which convolutions of `values` are computed: that of mixed precision where that is on."""
    kind = values.device.type
    mixed = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return torch.get_autocast_dtype(kind) if mixed else values.dtype


def for_sampling(values: Tensor) -> Tensor:
    """`values` (B, C, h, w) with channels first, in full precision: what `grid_sample` is fast with and computes in."""
    if torch.compiler.is_exporting():
        return values
    return _Converted.apply(values, torch.promote_types(values.dtype, torch.float32), False)


def _is_last(values: Tensor) -> bool:
    return values.is_contiguous(memory_format=torch.channels_last) and not values.is_contiguous()


def _convert(values: Tensor, dtype: torch.dtype, last: bool) -> Tensor:
    if not last:
        return values.to(dtype=dtype, memory_format=torch.contiguous_format)
    if _is_last(values) or values.device.type != "cpu":
        return values.to(dtype=dtype, memory_format=torch.channels_last)
    # Transposed one by one: a third of the time of torch's own conversion to channels last.
    values = values.to(dtype=dtype, memory_format=torch.contiguous_format)
    batch, channels, height, width = values.shape
    turned = values.new_empty(batch, height * width, channels)
    for picture, place in zip(values.flatten(2), turned, strict=True):
        place.copy_(picture.T)
    return turned.unflatten(1, (height, width)).permute(0, 3, 1, 2)
