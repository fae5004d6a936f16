"""Equivariance: keypoints of a warped picture must be the warped keypoints (models.md 1; FOMM, supplement A.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from training.models.parts.matrices import exact_product, inverse_2x2, same_side


def value_loss(points: Tensor, mapped_points: Tensor) -> Tensor:
    """Mean |p(X) - W(p(X'))|, both (B, K, 2): `mapped_points` are the warped picture's, taken back by the warp."""
    return (points - mapped_points).abs().mean()


def jacobian_loss(jacobians: Tensor, warp_jacobians: Tensor, warped_jacobians: Tensor) -> Tensor:
    """Mean |I - J(X)^-1 DW(p(X')) J(X')|, all (B, K, 2, 2)."""
    return _distance_to_identity(_there_and_back(jacobians, warp_jacobians, warped_jacobians))


def affine_loss(axes: Tensor, warp_jacobians: Tensor, warped_axes: Tensor) -> Tensor:
    """Mean |I - s A(X)^-1 DW(p(X')) A(X')|, all (B, K, 2, 2), for axes A that have no sign of their own (MRAA).

    s is the sign of the product's first entry.
    """
    product = _there_and_back(axes, warp_jacobians, warped_axes)
    return _distance_to_identity(product * same_side(product))


def _there_and_back(linear: Tensor, warp_jacobians: Tensor, warped: Tensor) -> Tensor:
    return exact_product(inverse_2x2(linear), exact_product(warp_jacobians, warped))


def _distance_to_identity(product: Tensor) -> Tensor:
    return (torch.eye(2, dtype=product.dtype, device=product.device) - product).abs().mean()
