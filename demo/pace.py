"""How long models take on this machine: measured once for each, and kept; and what that means for who waits."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from dataclasses import dataclass

import numpy as np

from checkpoints.bundle import Bundle
from checkpoints.card import speed
from runtime import Engine
from runtime.graphs.cores import available_cores
from runtime.graphs.gpu import user_cache
from runtime.graphs.kept import RUNTIME, SWITCH, processor

FINEST = 512
"""Side in pixels from which on results are the finest there are."""
SLOW = 1.0
"""Seconds a frame from which on a model is called slow."""
_MOST = 200
"""Measured models of which is kept."""


@dataclass(frozen=True)
class Estimate:
    """How long an animation will take, by what was measured on this machine."""

    frames: int
    pace: float
    """Seconds a frame."""
    looking: float = 0.0
    """Seconds before the first one."""
    finest: bool = False
    """Whether the model gives the best quality that the page has."""

    @property
    def seconds(self) -> float:
        """For all of it."""
        return self.looking + self.frames * self.pace

    def left(self, done: int, total: int | None, elapsed: float) -> float:
        """Seconds that are left with so many frames `done` of `total` (None: as many as were expected) in the seconds
        `elapsed`: by these, as soon as there are any.
        """
        if not done:
            return max(self.seconds - elapsed, 0.0)
        return max((total or self.frames) - done, 0) * elapsed / done


def is_heavy(bundle: Bundle) -> bool:
    """Whether a frame is a lot of work, so that a first one tells enough."""
    return speed(bundle) == "heavy"


def is_finest(bundle: Bundle) -> bool:
    """Whether its pictures are the finest that the page has, at their cost."""
    return is_heavy(bundle) and bundle.side_out >= FINEST


def measured(engine: Engine) -> float:
    """Seconds a frame, of two calls with as many frames as the engine takes at once, the first of which also plans
    memory; of a heavy model, one frame, once.
    """
    count, calls = (1, 1) if is_heavy(engine.bundle) else (engine.batch, 2)
    blank = np.zeros((count, engine.resolution, engine.resolution, 3), np.uint8)
    source = engine.encode(blank[:1])
    seconds = 0.0
    for _ in range(calls):
        started = time.perf_counter()
        engine.render(source, engine.detect(blank))
        seconds = time.perf_counter() - started
    return seconds / count


class Paces:
    """Seconds a frame of the models of one device, as last measured. Safe to share between threads."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}
        self._lock = threading.Lock()

    def known(self, bundle: Bundle, device: str) -> float | None:
        """What was measured, here or when the page was open before; None where nothing was."""
        key = _key(bundle, device)
        with self._lock:
            return self._known.get(key) or _kept().get(key)

    def record(self, bundle: Bundle, device: str, pace: float) -> None:
        """Remember that of a model, for the next time, too, where it takes long to measure."""
        key = _key(bundle, device)
        with self._lock:
            self._known[key] = pace
            if pace >= SLOW:
                _keep({**_kept(), key: pace})


def _key(bundle: Bundle, device: str) -> str:
    """A model's graphs, on this machine."""
    named = hashlib.sha256()
    graphs = sorted(graph.sha256 for graph in bundle.graphs.values())
    for word in (*graphs, device, RUNTIME, processor(), str(available_cores())):
        named.update(f"\0{word}".encode())
    return named.hexdigest()


def _kept() -> dict[str, float]:
    """What earlier pages measured; nothing where that cannot be read."""
    if os.environ.get(SWITCH) == "0":
        return {}
    with contextlib.suppress(OSError, ValueError, RuntimeError, AttributeError):
        found = json.loads((user_cache() / "paces.json").read_text(encoding="utf-8"))
        return {key: float(pace) for key, pace in found.items() if isinstance(pace, float | int) and pace > 0}
    return {}


def _keep(paces: dict[str, float]) -> None:
    if os.environ.get(SWITCH) == "0":
        return
    with contextlib.suppress(OSError, RuntimeError):
        folder = user_cache()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = folder / f".paces-{os.getpid()}"
        aside.write_text(json.dumps(dict(list(paces.items())[-_MOST:])), encoding="utf-8")
        aside.replace(folder / "paces.json")
