"""What the page does, without the page: animate for many visitors with one opened model, and stop when told."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checkpoints.errors import BunrakuError, InputError
from demo.limits import Limits
from runtime import Engine, animate
from runtime.animate import Progress
from runtime.engine import DEFAULT_MODEL
from runtime.sessions import Device
from runtime.video import probe


class StoppedError(Exception):
    """The visitor has stopped the animation; nothing of it is left."""


@dataclass(frozen=True)
class Take:
    """One finished animation."""

    path: Path
    """The video; the only file in its folder."""
    frames: int
    fps: float
    """Frames a second when played."""
    seconds: float
    """What it took to make."""


class Studio:
    """One opened model and the animations that are under way. Safe to share between threads."""

    def __init__(self, model: str | Path = DEFAULT_MODEL, *, device: Device = "auto", limits: Limits | None = None):
        """Open `model` on `device` (see `runtime.Engine`); raises `ModelError` when either is not to be had."""
        self.engine = Engine(model, device=device)
        self.limits = limits or Limits()
        self._running: dict[str, set[threading.Event]] = defaultdict(set)
        self._lock = threading.Lock()

    def animate(
        self, source: str | None, driving: str | None, folder: Path, *, visitor: str, report: Progress, **options: Any
    ) -> Take:
        """Move the picture file `source` as the video file `driving` moves; `options` are `runtime.animate`'s.

        The result goes into a new folder in `folder`, under a name that nobody can guess. `visitor` is whom
        `stop` stops; `report` is told the number of frames done and, where it is known, of all.

        Raises `StoppedError`, or a `BunrakuError` whose message names the files as the visitor knows them.
        Nothing is left in `folder` then.
        """
        if not source:
            raise InputError("There is no photo yet; drop one into the first field.")
        if not driving:
            raise InputError("There is no video yet; drop one into the second field, or take the example.")
        home = folder / secrets.token_hex(16)
        try:
            most = self._most_frames(Path(driving))
            home.mkdir(parents=True)
            path = home / f"{Path(source).stem}-bunraku.mp4"
            started = time.perf_counter()
            with self._stoppable(visitor) as stopped:

                def watch(done: int, total: int | None) -> None:
                    if stopped.is_set():
                        raise StoppedError
                    if done > most:  # only now known: some containers do not say how long they are
                        raise self._too_long(driving)
                    report(done, total)

                animation = animate(source, driving, model=self.engine, output=path, progress=watch, **options)
            return Take(path, len(animation), animation.fps, time.perf_counter() - started)
        except BaseException as error:
            shutil.rmtree(home, ignore_errors=True)
            if isinstance(error, BunrakuError):
                raise type(error)(_without_folders(str(error), source, driving)) from error
            raise

    def stop(self, visitor: str) -> int:
        """Stop what `visitor` has under way, after the frames now being computed; returns how many that was."""
        with self._lock:
            running = list(self._running.get(visitor, ()))
        for stopped in running:
            stopped.set()
        return len(running)

    @contextmanager
    def _stoppable(self, visitor: str) -> Iterator[threading.Event]:
        stopped = threading.Event()
        with self._lock:
            self._running[visitor].add(stopped)
        try:
            yield stopped
        finally:
            with self._lock:
                self._running[visitor].discard(stopped)
                if not self._running[visitor]:
                    del self._running[visitor]

    def _most_frames(self, driving: Path) -> float:
        """How many frames of `driving` may be animated; raises `InputError` when it is known to have more."""
        if not self.limits.seconds:
            return float("inf")
        video = probe(driving)
        most = float(self.limits.seconds * video.rate)
        if video.frames is not None and video.frames > most + 1:  # durations are rounded
            raise self._too_long(driving)
        return most + 1

    def _too_long(self, driving: str | Path) -> InputError:
        return InputError(f"{driving} is longer than {self.limits.seconds} seconds; cut it shorter.")


def _without_folders(message: str, *files: str | None) -> str:
    """`message` with the names that visitors gave their files, not where those lie on this machine."""
    for file in filter(None, files):
        message = message.replace(str(file), Path(file).name)
    return message
