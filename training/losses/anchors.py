"""Losses that give motion anchors a structure (models.md 4; DAM, CVPR 2022, and its supplement's Eq. 1 to 3).

An anchor i moves what is bound to it by T_i(z) = q_i + J_i^S (J_i^D)^-1 (z - p_i), p driving and q source. A motion
anchor k obeys it where its own place in the source, q_k, is T_i(p_k).
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.models.parts.constants import chosen
from training.models.parts.matrices import exact_product, inverse_2x2

DELTA = 0.3
"""Attention that every living motion anchor should get in all (supplement; the published code has 0.33, which ten
anchors cannot all reach, as three rows of attention sum to 3)."""


def disobedience(
    source: tuple[Tensor, Tensor], driving: tuple[Tensor, Tensor], source_points: Tensor, driving_points: Tensor
) -> Tensor:
    """(B, I, K): |q_k - T_i(p_k)|_2 of every binding anchor i and bound anchor k.

    `source` and `driving` are points (B, I, 2) and jacobians (B, I, 2, 2) of the binding anchors; the bound ones are at
    `source_points` and `driving_points` (B, K, 2).
    """
    linear = exact_product(source[1], inverse_2x2(driving[1]))
    offset = driving_points[:, None] - driving[0][:, :, None]  # (B, I, K, 2)
    carried = source[0][:, :, None] + exact_product(offset, linear.transpose(-1, -2))
    return torch.linalg.vector_norm(source_points[:, None] - carried, dim=-1)


def attended(errors: Tensor, attention: Tensor) -> Tensor:
    """Mean over the batch of sum_i sum_k w_ik e_ik; both (B, I, K)."""
    return (attention * errors).sum((1, 2)).mean()


def orthogonality(attention: Tensor) -> Tensor:
    """Mean over the batch of sum_i sum_(j != i) -|w_i - w_j|_1, `attention` (B, I, K): anchors should bind different
    parts. The lowest value is -2 I (I - 1), for rows that share nothing."""
    return -(attention[:, :, None] - attention[:, None]).abs().sum((1, 2, 3)).mean()


def completeness(attention: Tensor, dead: tuple[int, ...] = (), delta: float = DELTA) -> Tensor:
    """Mean over the batch of sum_k max(0, delta - |w_k|_1), `attention` (B, I, K): every anchor should be bound by
    something. The anchors numbered in `dead` are beyond that."""
    living = [k for k in range(attention.shape[2]) if k not in dead]
    return (delta - chosen(attention, living, 2).sum(1)).clamp(min=0).sum(1).mean()
