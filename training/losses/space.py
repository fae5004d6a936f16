"""What face-vid2vid asks of points in space, of turns and of expressions (Wang et al., CVPR 2021, appendix A.2)."""

from __future__ import annotations

import torch
from torch import Tensor

APART = 0.1
"""Squared distance that two points have at least (D_t)."""
DEPTH = 0.33
"""Mean depth of the points (z_t)."""


def keypoint_prior(points: Tensor) -> Tensor:
    """Points (B, K, 3) are apart, and at one depth in the mean: sum over pairs of max(0, D_t - d^2), plus |z - z_t|."""
    squared = (points[:, :, None] - points[:, None]).square().sum(-1)
    others = 1 - torch.eye(points.shape[1], dtype=points.dtype, device=points.device)
    crowded = (torch.relu(APART - squared) * others).sum((1, 2))
    return (crowded + (points[..., 2].mean(1) - DEPTH).abs()).mean()


def turn_loss(rotation: Tensor, truth: Tensor) -> Tensor:
    """Mean |R - R_true|, both (B, 3, 3); the paper compares angles, of which these are the sines and cosines."""
    return (rotation - truth).abs().mean()


def deformation_prior(expression: Tensor) -> Tensor:
    """Mean |e| of expressions (B, K, 3): they are small beside turns."""
    return expression.abs().mean()
