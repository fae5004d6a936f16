"""What the page does, without the page: animate for many visitors with models opened once, and stop when told."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import runtime.media.limits
from checkpoints.errors import BunrakuError, InputError, OptionError
from demo import notices, words
from demo.faults import Faults
from demo.limits import Limits
from demo.pace import Estimate, is_finest
from demo.samples import Samples
from demo.shelf import Shelf
from demo.visitors import Visitors
from runtime import Engine, animate
from runtime.auto import AUTO
from runtime.engine import DEFAULT_MODEL
from runtime.graphs.sessions import Device
from runtime.media.names import shortened
from runtime.motion.driving import open_clip
from runtime.progress import Progress

KINDS = (".mp4", ".webm", ".gif", ".webp")
"""The kinds of file that a visitor may choose among ..."""
PICTURES = (".gif", ".webp")
"""... and those of them that are pictures to a browser, not videos."""

_LOOKING = 1.5
"""Seconds, about, in which the faces are found and the writing begins."""


class StoppedError(Exception):
    """The visitor has stopped the animation; nothing of it is left."""


@dataclass(frozen=True)
class Take:
    """One finished animation."""

    path: Path
    """The file; the only one in its folder."""
    frames: int
    fps: float
    """Frames a second when played."""
    seconds: float
    """What it took to make."""
    notices: tuple[str, ...] = ()
    """Sentences that the visitor should read."""


class Studio:
    """Opened models and the animations that are under way. Safe to share between threads."""

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *more: str | Path,
        device: Device = "auto",
        limits: Limits | None = None,
        samples: Samples | None = None,
    ):
        """Open `model` on `device` (see `runtime.Engine`) and offer `more`; raises `ModelError` when one of them or
        the device is not to be had. `samples` are the page's examples, by default the bundled ones.
        """
        self.limits = limits or Limits()
        self.samples = Samples.bundled() if samples is None else samples
        self.shelf = Shelf([model, *more], device, self.limits.open_models)
        self.visitors = Visitors()
        self.faults = Faults()

    @property
    def reading(self) -> runtime.media.limits.Limits:
        """What the engine refuses to read."""
        return runtime.media.limits.Limits(pixels=self.limits.megapixels * 1e6)

    @property
    def engine(self) -> Engine:
        """The model that is used unless another one is asked for."""
        return self.shelf.engine()

    def animate(
        self,
        source: str | None,
        driving: str | None,
        folder: Path,
        *,
        visitor: str,
        report: Progress,
        views: Sequence[str] = (),
        drivings: Sequence[str] = (),
        model: str | None = None,
        kind: str = ".mp4",
        **options: Any,
    ) -> Take:
        """Move the picture file `source` as the video file `driving` moves; `options` are `runtime.animate`'s.

        `views` are more pictures for models that fuse several, `drivings` more videos, for further faces. The result, a
        file of that `kind`, goes into a new folder in `folder`, under a name that nobody can guess. `visitor` is whom
        `stop` stops; `report` is told the number of frames done and, where it is known, of all.

        Raises `StoppedError`, or a `BunrakuError` whose message names the files as the visitor knows them.
        Nothing is left in `folder` then.
        """
        source, driving = self.pair(source, driving)
        driving = self.samples.movement(driving, self.visitors.spared)
        if kind not in KINDS:
            raise OptionError(f'A result cannot be a "{kind}" file; choose one of {", ".join(KINDS)}.')
        home: Path | None = None
        try:
            most = max(self.most_frames(each) for each in (driving, *drivings))
            engine = self.shelf.chooser() if model == AUTO else self.shelf.engine(model)
            home = self.visitors.home(visitor, folder)
            path = home / f"{shortened(Path(source).stem, 200)}-bunraku{kind}"
            started = time.perf_counter()
            with self.visitors.working(visitor) as stopped, notices.heard() as said:

                def watch(done: int, total: int | None) -> None:
                    if stopped.is_set():
                        raise StoppedError
                    if done > most:  # only now known: some containers do not say how long they are
                        raise self._too_long(driving)
                    report(done, total)

                pictures, common = [source, *views], {"model": engine, "limits": self.reading, **options}
                animation = animate(pictures, driving, drivings=drivings, output=path, progress=watch, **common)
            seconds = time.perf_counter() - started
            if model != AUTO:  # which was chosen is not known here
                self.shelf.record(model, seconds, len(animation))
            return Take(path, len(animation), animation.fps, seconds, tuple(said))
        except BaseException as error:
            if home is not None:
                shutil.rmtree(home, ignore_errors=True)
            if isinstance(error, BunrakuError):
                raise type(error)(without_folders(str(error), source, driving, *drivings, *views)) from error
            raise

    def stop(self, visitor: str) -> int:
        """Stop what `visitor` has under way, after the frames now being computed; returns how many that was."""
        return self.visitors.stop(visitor)

    def estimate(self, driving: str, model: str | None = None, *, measure: bool = True) -> Estimate | None:
        """How long it takes to follow `driving`; None where the video does not say how long it is, or, unless it is to
        `measure` that, how fast the model is here is not known. Raises `InputError` when it cannot be used.
        """
        driving = self.samples.movement(driving, self.visitors.spared)
        with self.naming(driving):
            self.most_frames(driving)
            frames = open_clip(driving, limits=self.reading).total
        pace = self.shelf.pace(model) if measure and frames is not None else self.shelf.known_pace(model)
        if frames is None or pace is None:
            return None
        return Estimate(frames, pace, _LOOKING, is_finest(self.shelf.bundle(model)))

    @staticmethod
    @contextmanager
    def naming(*files: str) -> Iterator[None]:
        """Errors name the `files` as the visitor knows them, not where they lie on this machine."""
        try:
            yield
        except BunrakuError as error:
            raise type(error)(without_folders(str(error), *files)) from error

    def most_frames(self, driving: str) -> float:
        """How many frames of `driving` may be animated; raises `InputError` when it is known to have more."""
        if not self.limits.seconds:
            return float("inf")
        clip = open_clip(driving, limits=self.reading)
        most = float(self.limits.seconds * clip.rate)
        if clip.total is not None and clip.total > most + 1:  # durations are rounded
            raise self._too_long(driving)
        return most + 1

    def _too_long(self, driving: str | Path) -> InputError:
        return InputError(f"{driving} is longer than {self.limits.seconds} seconds; cut it shorter.")

    @staticmethod
    def pair(source: str | None, driving: str | None) -> tuple[str, str]:
        """Both, or an `InputError` that asks for the one that is missing."""
        if not source:
            raise InputError(words.NO_PHOTO)
        if not driving:
            raise InputError(words.NO_VIDEO)
        return source, driving


def without_folders(message: str, *files: str | None) -> str:
    """`message` with the names that visitors gave their files, not where those lie on this machine."""
    for file in filter(None, files):
        message = message.replace(str(file), Path(file).name)
    return message
