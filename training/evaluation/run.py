"""Runs every model over every case and keeps what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from checkpoints.errors import InputError
from training.evaluation.cases import ANIMATION, RECONSTRUCTION, Data
from training.evaluation.measure import VERSION, Reference, Rulers, measure
from training.evaluation.movers import Moved, Mover
from training.evaluation.store import Key, Store

TASKS = (RECONSTRUCTION, ANIMATION)
TRUE = "truth"
"""Model name under which the true frames' features are kept."""


@dataclass(frozen=True)
class Plan:
    """What is evaluated, and how."""

    movers: Sequence[Mover]
    data: Data
    rulers: Rulers
    mode: str = "relative"
    """Driving mode of the animation; reconstruction is absolute."""
    setting: str = ""
    """Size and frames, as part of the results' key."""
    limit: int | None = None
    """At most so many cases of each task."""
    tasks: tuple[str, ...] = TASKS

    def names(self, task: str) -> list[str]:
        """The cases of a task."""
        return self.data.names(task)[: self.limit] if task in self.tasks else []

    def key(self, model: str, task: str, case: str) -> Key:
        """Where the result of a model for a case is kept."""
        setting = f"{self.data.name}; {self.setting}; {', '.join(self.rulers.names)}; metrics {VERSION}"
        return Key(model, task, self.mode if task == ANIMATION else "absolute", setting, case)


def move(mover: Mover, task: str, mode: str, source: NDArray[np.uint8], driving: NDArray[np.uint8]) -> Moved:
    """The source moved, as the task wants it."""
    return mover.reconstruct(source, driving) if task == RECONSTRUCTION else mover.animate(source, driving, mode)


def run(plan: Plan, store: Store, progress: bool = True) -> None:
    """Measure what `store` does not have yet. Raises `InputError` when there is nothing to measure."""
    cases = [(task, name) for task in TASKS for name in plan.names(task)]
    if not cases:
        raise InputError(f"{plan.data.name}: holds no case to evaluate; give more clips or more people")
    for task, name in tqdm(cases, unit=" cases", disable=not progress):
        _run_case(plan, store, task, name)


def _run_case(plan: Plan, store: Store, task: str, name: str) -> None:
    wanted = [network.name for network in plan.rulers.features]
    missing = [m for m in plan.movers if not store.has(plan.key(m.identity, task, name), wanted)]
    true_key = plan.key(TRUE, task, name)
    if not missing and (not wanted or store.has(true_key, wanted)):
        return
    reference = Reference(task, plan.data.load(task, name), plan.rulers)
    if wanted and not store.has(true_key, wanted):
        store.put(true_key, {}, reference.features)
    for mover in missing:
        moved = move(mover, task, plan.mode, reference.case.source, reference.case.driving)
        # Detectors and windows want plain arrays; the bounds give views.
        moved = replace(moved, frames=np.ascontiguousarray(moved.frames))
        features = {network.name: network(moved.frames) for network in plan.rulers.features}
        store.put(plan.key(mover.identity, task, name), measure(reference, moved), features)
