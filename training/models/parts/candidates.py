"""Candidate motions: the background's, the warped sources they give, and their blend into one flow (models.md 1)."""

from __future__ import annotations

import torch
from torch import Tensor

from training.models.parts.matrices import exact_product
from training.models.parts.sampling import full_precision, warp


def background_motion(points: Tensor, background: Tensor | None, batch: int) -> Tensor:
    """(B, 1, M, 2): where the background of `points` (M, 2) lies in the source; the identity without a matrix.

    `background` (B, 3, 3) maps homogeneous driving coordinates to the source.
    """
    if background is None:
        return points.expand(batch, 1, -1, 2)
    homogeneous = exact_product(torch.cat([points, torch.ones_like(points[:, :1])], -1), background.transpose(1, 2))
    return (homogeneous[..., :2] / homogeneous[..., 2:])[:, None]


def warp_by_each(image: Tensor, candidates: Tensor, align_corners: bool) -> Tensor:
    """`image` (1 or B, C, m, m) looked up at every one of `candidates` (B, K, h, w, 2): (B, K, C, h, w)."""
    batch, count, height, width = candidates.shape[:4]
    # The candidates are stacked along the height, so that one sampling of one picture serves them all.
    tall = candidates.reshape(batch, count * height, width, 2)
    warped = warp(image.expand(batch, -1, -1, -1), tall, align_corners)
    return warped.unflatten(2, (count, height)).transpose(1, 2)


def blend(masks: Tensor, candidates: Tensor) -> Tensor:
    """The flow (B, h, w, 2): the mean of `candidates` (B, K, h, w, 2) weighted by `masks` (B, K, h, w)."""
    if torch.compiler.is_exporting():
        with full_precision(candidates):
            return torch.einsum("bkhw,bkhwc->bhwc", masks, candidates)
    # As a batch of tiny matrix products it would take twice the time, and TF32 would round the coordinates.
    return (masks[..., None] * candidates).sum(1)
