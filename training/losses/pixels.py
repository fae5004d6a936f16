"""Pixel losses, cheap and stable at the start of training."""

from __future__ import annotations

from torch import Tensor


def pixel_loss(result: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of pictures in [0, 1]."""
    return (result - target).abs().mean()


def gradient_loss(result: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of horizontal and vertical finite differences: asks for edges, not only for colour."""
    difference = result - target
    across = (difference[..., :, 1:] - difference[..., :, :-1]).abs().mean()
    down = (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()
    return across + down
