"""A folder that is watched: what is put there is moved as soon as it is complete."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from checkpoints.errors import BunrakuError, BunrakuWarning
from runtime.many.batch import Outcome, key_of, run_batch, telling, worker
from runtime.many.pairs import Job

EVERY = 2.0
"""Seconds from one look to the next."""

_LONG_AGO = 10.0
"""Seconds after which a file that has not changed is complete, when it is seen for the first time."""

State = tuple[int, int] | None
"""Size and time of a file; None where it cannot be looked at."""


def keep_watch(
    look: Callable[[], Sequence[Job]],
    folder: Path,
    options: Mapping[str, Any],
    report: Callable[[Outcome], object],
    until: Callable[[], bool] = lambda: False,
    every: float = EVERY,
) -> None:
    """Do all jobs that `look` finds into `folder`, and, `every` so many seconds, those that have come since, until
    `until` says so; `report` is told what becomes of each. What is still being written waits until it stays as it is
    from one look to the next; what fails is tried again when its files have changed.

    Raises a `BunrakuError` where the first look finds nothing that can be used, or the model or an option is at fault;
    later looks that fail are only warned of.
    """
    do = worker(folder, options)
    tried: set[str] = set()
    before: dict[str, State] = {}
    jobs = look()
    while True:
        now = {path: _state(path) for job in jobs for path in (job.source, job.driving)}
        ready = [job for job in jobs if all(_settled(path, now, before) for path in (job.source, job.driving))]
        new = [job for job in ready if key_of(job, options) not in tried]
        before = now
        if new:
            for job in new:
                tried.add(key_of(job, options))
            run_batch(new, folder, options, lambda jobs, *_: telling(map(do, jobs), report))
        if until():
            return
        if not new:
            time.sleep(every)
        try:
            jobs = look()
        except BunrakuError as error:
            warnings.warn(f"{error} It is looked at again.", BunrakuWarning, stacklevel=2)


def _state(path: str) -> State:
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return None
    return stat.st_size, stat.st_mtime_ns


def _settled(path: str, now: Mapping[str, State], before: Mapping[str, State]) -> bool:
    """Whether a file is complete, as far as can be told: as it was in the last look, or long before."""
    state = now[path]
    if state is None:
        return False
    return before.get(path) == state or time.time() - state[1] / 1e9 > _LONG_AGO
