"""Exponential moving average of a model's weights, the version that is evaluated and exported."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Average(nn.Module):
    """Holds a copy of `model` whose floating-point state trails behind it."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        """`decay` in [0, 1): share of the old average kept at each update; smaller during the first steps."""
        super().__init__()
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay
        self._pairs: tuple[nn.Module, list[Tensor], list[Tensor], list[tuple[Tensor, Tensor]]] | None = None

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards `model`; `step` counts updates from 0, so that early averages are not stuck at the start."""
        decay = min(self.decay, (1 + step) / (10 + step))
        _, mine, theirs, counters = self._paired(model)
        # One call for all: a model has some four hundred tensors, and a graphics card is kept waiting by as many calls.
        torch._foreach_lerp_(mine, theirs, 1 - decay)
        for ours, newest in counters:
            ours.copy_(newest)

    def _paired(self, model: nn.Module) -> tuple[nn.Module, list[Tensor], list[Tensor], list[tuple[Tensor, Tensor]]]:
        """Floating-point state of both, and pairs of all else; looked up once: weights are changed where they lie."""
        if self._pairs is None or self._pairs[0] is not model:
            pairs = list(zip(self.model.state_dict().values(), model.state_dict().values(), strict=True))
            floating = [pair for pair in pairs if pair[0].dtype.is_floating_point]
            counters = [pair for pair in pairs if not pair[0].dtype.is_floating_point]
            self._pairs = model, [pair[0] for pair in floating], [pair[1] for pair in floating], counters
        return self._pairs
