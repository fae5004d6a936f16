"""Losses against the truth that synthetic data have: surface points, flow and visibility."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.models.parts.sampling import coordinate_grid, full_precision

HIDDEN_WEIGHT = 0.3
"""A hidden surface point still says where the part is, but no pixel shows it."""


def points_loss(
    points: Tensor, truth: Tensor, visible: Tensor, beta: float = 0.05, weight: Tensor | None = None
) -> Tensor:
    """Smooth L1 of keypoints tied to surface points; all (B, P, 2) in [-1, 1], `visible` (B, P) bool.

    `beta` is where the loss turns from quadratic to linear, in the same units. Points count by `weight` (P,), whose
    mean is 1.
    """
    seen = visible.to(points.dtype) * (1 - HIDDEN_WEIGHT) + HIDDEN_WEIGHT
    error = F.smooth_l1_loss(points, truth, beta=beta, reduction="none").sum(-1) * seen
    return (error if weight is None else error * weight).mean()


def displacement_loss(
    moved: Tensor, truth: Tensor, visible: Tensor, beta: float = 0.02, weight: Tensor | None = None
) -> Tensor:
    """Smooth L1 of how far keypoints move between two frames; all (B, P, 2) in [-1, 1], `visible` (B, P) in both.

    Points that sit a little beside their surface point in both frames cost nothing: the flow is none the worse.
    """
    return points_loss(moved, truth, visible, beta, weight)


def shape_loss(points: Tensor, truth: Tensor, groups: int, weight: Tensor | None = None) -> Tensor:
    """L1 of the points' offsets from their group's centre: small parts (lids, lips) count as much as large ones.

    Given displacements between two frames (B, P, 2) instead, it asks for the change of shape alone: what is wrong in
    both frames costs nothing. Points count by `weight` (P,), whose mean is 1.
    """

    def offsets(x: Tensor) -> Tensor:
        grouped = x.unflatten(1, (groups, -1))
        return (grouped - grouped.mean(2, keepdim=True)).flatten(1, 2)

    error = (offsets(points) - offsets(truth)).abs().sum(-1)
    return (error if weight is None else error * weight).mean()


def flow_loss(flow: Tensor, truth: Tensor, visible: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean end-point error where the source shows the point; flows (B, h, w, 2), `visible` (B, h', w') bool.

    Places count by `weight` (B, 1, h, w) where given.

    Truth of another resolution is sampled at the nearest pixel: averaging flows across an outline would invent
    a motion that nothing has. It is the displacement that is sampled: the grids of two sizes do not coincide.
    """
    size = (flow.shape[1], flow.shape[2])
    moved = truth - coordinate_grid(truth.shape[1], truth.shape[2], truth)
    moved = F.interpolate(moved.permute(0, 3, 1, 2), size, mode="nearest").permute(0, 2, 3, 1)
    truth = moved + coordinate_grid(size[0], size[1], truth)
    seen = F.interpolate(visible[:, None].to(flow.dtype), size, mode="nearest")[:, 0]
    if weight is not None:
        seen = seen * weight[:, 0]
    error = (flow - truth).square().sum(-1).add(1e-8).sqrt()
    return ((error * seen).sum((1, 2)) / seen.sum((1, 2)).clamp(min=1)).mean()


def occlusion_loss(occlusions: list[Tensor], visible: Tensor) -> Tensor:
    """Binary cross entropy of every occlusion map (B, 1, h_i, w_i) against visibility (B, h, w), bool or in [0, 1]."""
    truth = visible[:, None].to(occlusions[0].dtype)
    total = occlusions[0].new_zeros(())
    for occlusion in occlusions:
        resized = F.interpolate(truth, occlusion.shape[-2:], mode="area")
        with full_precision(occlusion):  # mixed precision refuses this function on a GPU and widens it on a CPU
            clamped = occlusion.clamp(1e-4, 1 - 1e-4).float()
            total = total + F.binary_cross_entropy(clamped, resized.float())
    return total / len(occlusions)


def background_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean distance between the frame's corners and centre moved by both maps (B, 3, 3), in [-1, 1] units."""
    wrong = (predicted.float() - truth)[:, :2]
    # Corners are sums of columns: no table to copy to a device, no product to round.
    x, y, shift = wrong.unbind(2)
    moved = torch.stack([shift - x - y, shift + x - y, shift - x + y, shift + x + y, shift], 2)
    return moved.square().sum(1).add(1e-8).sqrt().mean()
