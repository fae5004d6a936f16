"""Equivariance: keypoints of a warped picture must be the warped keypoints (models.md 1; FOMM, supplement A.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from training.models.parts.matrices import inverse_2x2


def value_loss(points: Tensor, mapped_points: Tensor) -> Tensor:
    """Mean |p(X) - W(p(X'))|, both (B, K, 2): `mapped_points` are the warped picture's, taken back by the warp."""
    return (points - mapped_points).abs().mean()


def jacobian_loss(jacobians: Tensor, warp_jacobians: Tensor, warped_jacobians: Tensor) -> Tensor:
    """Mean |I - J(X)^-1 DW(p(X')) J(X')|, all (B, K, 2, 2)."""
    product = inverse_2x2(jacobians) @ (warp_jacobians @ warped_jacobians)
    return (torch.eye(2, dtype=product.dtype, device=product.device) - product).abs().mean()
