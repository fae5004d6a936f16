"""Smoothness of the velocity that refines a flow (models.md 5): without it f may tear neighbouring pixels apart."""

from __future__ import annotations

import torch
from torch import Tensor


def smoothness(velocities: list[Tensor]) -> Tensor:
    """Mean squared change from pixel to pixel of `velocities`, each (B, h, w, 2) in [-1, 1] units per unit of eps.

    Differences are taken per [-1, 1] unit, so that the value does not depend on the size of the maps.
    """
    values = torch.stack(velocities)
    down = (values[:, :, 1:] - values[:, :, :-1]) * ((values.shape[2] - 1) / 2)
    across = (values[:, :, :, 1:] - values[:, :, :, :-1]) * ((values.shape[3] - 1) / 2)
    return down.square().mean() + across.square().mean()
