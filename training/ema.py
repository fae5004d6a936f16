"""Exponential moving average of a model's weights, the version that is evaluated and exported."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Average(nn.Module):
    """Holds a copy of `model` whose floating-point state trails behind it."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        """`decay` in [0, 1): share of the old average kept at each update; smaller during the first steps."""
        super().__init__()
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards `model`; `step` counts updates from 0, so that early averages are not stuck at the start."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for mine, theirs in zip(self.model.state_dict().values(), model.state_dict().values(), strict=True):
            if mine.dtype.is_floating_point:
                mine.lerp_(theirs.detach(), 1 - decay)
            else:
                mine.copy_(theirs)
