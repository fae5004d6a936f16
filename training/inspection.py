"""Looks at a run from outside: losses on held-out data, pictures. What is trained goes on as if nobody had looked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from training.config import Stage
from training.data.augment import PairAugment
from training.data.pairs import PairDataset, Sample, batches, set_stage
from training.models.base import MotionModel
from training.objectives import Objective, Schedule

BATCHES, BATCH = 8, 8
"""Of held-out pairs in an evaluation, and pairs in one of them at most."""


def held_out_losses(objective: Objective, model: MotionModel, test: PairDataset, stage: Stage) -> dict[str, float]:
    """Every weighted loss of `stage` with `model` in place of the objective's, on the first pairs of `test`."""
    sums: dict[str, float] = {}
    held_out = _unchanged(test, stage, min(stage.batch, BATCH), BATCHES, model)
    trained, augment = objective.model, objective.augment
    with _at_rest(model):
        objective.model, objective.augment = model, None
        try:
            for batch in held_out:
                for name, value in objective(batch, Schedule(1e9, 0)).items():
                    sums[name] = sums.get(name, 0.0) + float(value) / len(held_out)
        finally:
            objective.model, objective.augment = trained, augment
    return sums


def drawn(model: MotionModel, data: PairDataset, stage: Stage) -> np.ndarray:
    """Pictures of `model` on the first pairs of `data`: uint8 (H, W, 3), see `training.draw`."""
    from training.draw import grid

    (batch,) = _unchanged(data, stage, 4, 1, model)
    with _at_rest(model):
        return grid(model, batch)


@contextmanager
def _at_rest(model: MotionModel) -> Iterator[None]:
    """`model` as it is used; afterwards it trains on as before."""
    modes = {name: child.training for name, child in model.named_children()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for name, child in model.named_children():
            child.train(modes[name])


def _unchanged(data: PairDataset, stage: Stage, batch: int, count: int, model: MotionModel) -> list[Sample]:
    """The first `count` batches of `data` as the stage sees them, not augmented, where `model` is."""
    set_stage(data.source, stage)
    quiet, device = PairAugment.none(), next(model.parameters()).device
    each_batch = batches(data, batch, 0, count)
    return [quiet({name: value.to(device) for name, value in each.items()}) for each in each_batch]
