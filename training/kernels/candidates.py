"""What a dense motion network reads of the candidate motions, and how its masks blend them into one flow."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from training.kernels.build import call, usable
from training.models.parts.candidates import blend, warp_by_each
from training.models.parts.layout import convolved_type, for_convolutions
from training.models.parts.sampling import VARIANCE, gaussian_heatmaps


def motion_maps(small: Tensor, candidates: Tensor, source: Tensor, driving: Tensor, align_corners: bool) -> Tensor:
    """(B, 1 + P + 3 K, h, w), ready for convolutions: zero (the background has no point), heat maps of the points
    `driving` (B, P, 2) less those of `source` (1 or B, P, 2), and the picture `small` (1 or B, 3, m, m) looked up at
    all K `candidates` (B, K, h, w, 2).
    """
    if _fits(small, candidates, driving):
        source = source.float().expand_as(driving)
        found: Tensor = _MotionMaps.apply(small, candidates, source, driving, align_corners)
        return found
    height, width = candidates.shape[2:4]
    heat = gaussian_heatmaps(driving, height, width) - gaussian_heatmaps(source, height, width)
    warped = warp_by_each(small, candidates, align_corners)
    return for_convolutions(torch.cat([torch.zeros_like(heat[:, :1]), heat, warped.flatten(1, 2)], 1))


def blend_by(logits: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
    """Masks (B, K, h, w), the softmax of `logits` over `candidates` (B, K, h, w, 2), and the flow (B, h, w, 2)."""
    if usable(logits) and usable(candidates) and _is_slice_of_last(logits) and candidates.dtype == torch.float32:
        found: tuple[Tensor, Tensor] = _Blended.apply(logits, candidates)
        return found
    masks = torch.softmax(logits.float(), 1)
    return masks, blend(masks, candidates)


def _fits(small: Tensor, candidates: Tensor, driving: Tensor) -> bool:
    whole = candidates.dtype == driving.dtype == torch.float32 and candidates.numel() > 0 and not small.requires_grad
    square = small.shape[-1] == small.shape[-2] and small.shape[1] == 3 and min(candidates.shape[2:4]) > 1
    return whole and square and usable(small) and usable(candidates, driving)


def _is_slice_of_last(values: Tensor) -> bool:
    """Whether channels of `values` lie side by side, and places at equal distances."""
    _, _, height, width = values.shape
    between = values.stride(3)
    return values.numel() > 0 and values.stride() == (height * width * between, 1, width * between, between)


class _MotionMaps(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, small: Tensor, candidates: Tensor, source: Tensor, driving: Tensor, align_corners: bool
    ) -> Tensor:
        batch, motions, height, width, _ = candidates.shape
        # Pixels of four numbers, which are looked up at once.
        picture = torch.nn.functional.pad(small.float().permute(0, 2, 3, 1), (0, 1)).expand(batch, -1, -1, -1)
        given = [each.contiguous() for each in (picture, candidates, driving, source)]
        points, side = driving.shape[1], small.shape[-1]
        shape = (batch, 1 + points + 3 * motions, height, width)
        result = torch.empty(shape, dtype=convolved_type(candidates), memory_format=torch.channels_last)
        context.sizes = (batch, points, motions, height, width, side, VARIANCE, int(align_corners))
        call("motion_maps", result.dtype, *given, result, *context.sizes)
        context.save_for_backward(*given)
        return result

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        given = context.saved_tensors
        of_candidates, of_driving, of_source = (torch.empty_like(each) for each in given[1:])
        found = (of_candidates, of_driving, of_source)
        call("motion_maps_backward", gradient.dtype, gradient, *given, *found, *context.sizes)
        return None, of_candidates, of_source, of_driving, None


class _Blended(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, logits: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        candidates = candidates.contiguous()
        batch, motions, height, width = logits.shape
        masks, flow = torch.empty(batch, motions, height, width), torch.empty(batch, height, width, 2)
        context.sizes, context.kind = (batch, motions, height * width), logits.dtype
        call("blend", logits.dtype, logits, candidates, masks, flow, *context.sizes, logits.stride(3))
        context.save_for_backward(masks, candidates)
        context.set_materialize_grads(False)
        return masks, flow

    @staticmethod
    @once_differentiable
    def backward(context: Any, of_masks: Tensor | None, of_flow: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        masks, candidates = context.saved_tensors
        of_flow = torch.zeros_like(candidates[:, 0]) if of_flow is None else of_flow.contiguous()
        of_masks = None if of_masks is None else of_masks.contiguous()
        of_logits = torch.empty_like(masks, dtype=context.kind, memory_format=torch.channels_last)
        of_candidates = torch.empty_like(candidates) if context.needs_input_grad[1] else None
        given = (of_flow, of_masks, masks, candidates, of_logits, of_candidates)
        call("blend_backward", context.kind, *given, *context.sizes)
        return of_logits, of_candidates
