"""Maps looked up at a flow, covered by an occlusion, laid over what is behind them: in one pass there and one back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from training.kernels.build import call, usable
from training.models.parts.layout import for_sampling
from training.models.parts.sampling import warp


def look_up(
    image: Tensor, flow: Tensor, occlusion: Tensor, hidden: Tensor | None = None, *, align_corners: bool
) -> Tensor:
    """`image` (1 or B, C, H, W) at `flow` (B, h, w, 2), bilinearly, zero outside, times `occlusion` (B, 1, h, w); with
    `hidden` (B, C, h, w) that share of it, and of `hidden` the rest: (B, C, h, w), float32 or in the type of `image`.
    """
    if _fits(image, flow, hidden):
        found: Tensor = _LookedUp.apply(image, flow.float(), occlusion.float(), hidden, align_corners)
        return found
    seen = warp(for_sampling(image).expand(flow.shape[0], -1, -1, -1), flow, align_corners)
    return seen * occlusion if hidden is None else blended(for_sampling(hidden), seen, occlusion)


def blended(hidden: Tensor, seen: Tensor, occlusion: Tensor) -> Tensor:
    """`seen` where `occlusion` is 1, `hidden` where it is 0, both (B, C, h, w)."""
    if torch.compiler.is_exporting():
        return hidden * (1 - occlusion) + seen * occlusion
    return torch.lerp(hidden, seen, occlusion)  # one pass over the largest maps of a step, and two fewer back


def _fits(image: Tensor, flow: Tensor, hidden: Tensor | None) -> bool:
    """Whether the kernels take these: channels last, by sixteens."""
    given = [each for each in (image, hidden) if each is not None]
    last = all(each.dim() == 4 and each.is_contiguous(memory_format=torch.channels_last) for each in given)
    each_its_own = image.shape[0] == flow.shape[0]
    return last and each_its_own and image.shape[1] % 16 == 0 and flow.numel() > 0 and usable(image, hidden)


class _LookedUp(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, image: Tensor, flow: Tensor, occlusion: Tensor, hidden: Tensor | None, align_corners: bool
    ) -> Tensor:
        flow, occlusion = flow.contiguous(), occlusion.contiguous()
        sizes = (*image.shape, *flow.shape[1:3])
        shape = (*image.shape[:2], *flow.shape[1:3])
        result = torch.empty(shape, dtype=image.dtype, memory_format=torch.channels_last)
        call("look_up", image.dtype, image, flow, occlusion, hidden, result, *sizes, int(align_corners))
        context.save_for_backward(image, flow, occlusion, hidden)
        context.sizes = (*sizes, int(align_corners))
        return result

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        given = context.saved_tensors
        gradient = gradient.to(given[0].dtype).contiguous(memory_format=torch.channels_last)
        wanted = zip(given, context.needs_input_grad, strict=False)
        found = [torch.empty_like(each) if needed and each is not None else None for each, needed in wanted]
        call("look_up_backward", gradient.dtype, gradient, *given, *found, *context.sizes)
        return *found, None
