"""Pixel losses, cheap and stable at the start of training."""

from __future__ import annotations

from torch import Tensor


def pixel_loss(result: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference of pictures in [0, 1]; pixels count by `weight` (B, 1, H, W) where given."""
    return _mean((result - target).abs(), weight)


def gradient_loss(result: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference of horizontal and vertical finite differences: asks for edges, not only for colour."""
    difference = result - target
    across = (difference[..., :, 1:] - difference[..., :, :-1]).abs()
    down = (difference[..., 1:, :] - difference[..., :-1, :]).abs()
    if weight is None:
        return across.mean() + down.mean()
    return _mean(across, weight[..., :, 1:]) + _mean(down, weight[..., 1:, :])


def _mean(error: Tensor, weight: Tensor | None) -> Tensor:
    """Mean over all, weighted alike in every channel."""
    return error.mean() if weight is None else (error * weight).mean() / weight.mean()
