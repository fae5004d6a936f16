"""The same photo and video, several ways, in one video side by side."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from checkpoints.errors import OptionError
from demo import words
from demo.studio import StoppedError, Studio, Take
from runtime.framing.framing import Framing
from runtime.media.names import shortened
from runtime.media.video import VideoInfo, exact_rate, probe, read_frames
from runtime.media.writer import VideoWriter
from runtime.progress import Progress
from runtime.values import Bytes

FEWEST, MOST = 2, 4
_BEST = ("relative", "disentangled", "absolute")
"""Driving modes, the surest first: copied poses bend a face that is built otherwise."""
_BAR = 28
"""Pixels of height for the words below each picture."""


@dataclass(frozen=True)
class Way:
    """A model of the page, and a driving mode."""

    model: str
    mode: str

    @property
    def label(self) -> str:
        """What a visitor reads."""
        return words.way(self.model, self.mode)


@dataclass(frozen=True)
class Comparison:
    """Several takes side by side."""

    path: Path
    """The video."""
    takes: dict[Way, Take]
    """The files of these are gone; their figures are what remains."""


def ways(studio: Studio) -> list[Way]:
    """Every way that the page offers."""
    return [Way(name, mode) for name in studio.shelf.names for _, mode in words.modes(studio.shelf.bundle(name))]


def first_choice(studio: Studio) -> list[Way]:
    """What is compared unless a visitor chooses: two models the usual way, of those that move what the first one does
    (faces, where it does not say), or, of one, the two ways that do best by unlike faces.
    """
    known, first = ways(studio), studio.shelf.names[0]
    by_mode = sorted(known, key=lambda way: _BEST.index(way.mode))
    wanted = ("", _moved(studio, first) or "face")
    alike = [name for name in studio.shelf.names if _moved(studio, name) in wanted]
    usual = [next(way for way in by_mode if way.model == name) for name in alike]
    if len(usual) < FEWEST:
        usual = [way for way in by_mode if way.model == first]
    return usual[:FEWEST]


def _moved(studio: Studio, name: str) -> str:
    """What a model moves."""
    return Framing.of(studio.shelf.bundle(name).framing).kind


def compare(
    studio: Studio, source: str, driving: str, chosen: Sequence[Way], folder: Path, *, visitor: str, report: Progress
) -> Comparison:
    """Animate the chosen ways one after another, and put them beside the video in a new folder in `folder`.

    Raises as `Studio.animate`, and `OptionError` for too few or too many ways. Nothing is left in `folder` then.
    """
    if not FEWEST <= len(chosen) <= MOST:
        raise OptionError(words.COMPARE_NUMBER.format(count=len(chosen)))
    takes: dict[Way, Take] = {}
    home: Path | None = None
    try:
        for index, way in enumerate(chosen):

            def all_in_all(done: int, total: int | None, index: int = index) -> None:
                report(done + index * (total or 0), total and total * len(chosen))

            takes[way] = studio.animate(
                source, driving, folder, visitor=visitor, report=all_in_all, model=way.model, mode=way.mode
            )
        home = studio.visitors.home(visitor, folder)
        path = home / f"{shortened(Path(source).stem, 200)}-compared.mp4"
        with studio.visitors.working(visitor) as stopped, studio.naming(driving):
            _join(path, probe(Path(driving), studio.reading), takes, stopped.is_set)
        return Comparison(path, takes)
    except BaseException:
        if home is not None:
            shutil.rmtree(home, ignore_errors=True)
        raise
    finally:
        for take in takes.values():
            shutil.rmtree(take.path.parent, ignore_errors=True)


def _join(path: Path, video: VideoInfo, takes: dict[Way, Take], stopped: Callable[[], bool]) -> None:
    """Write the driving video and the takes side by side, each under its name."""
    first = next(iter(takes.values()))
    rate = exact_rate(first.fps)
    side = probe(first.path).width
    streams: list[Iterator[Bytes]] = [read_frames(video, side, "crop", rate)]
    streams += [read_frames(probe(take.path), side, "crop", rate) for take in takes.values()]
    heads = np.hstack([_head(text, side) for text in (words.COMPARE_DRIVING, *(way.label for way in takes))])
    with ExitStack() as closing, VideoWriter(path, (heads.shape[1], side + _BAR), rate, video) as writer:
        for stream in streams:
            closing.callback(getattr(stream, "close", lambda: None))
        for frames in zip(*streams, strict=False):
            if stopped():
                raise StoppedError
            writer.write(np.vstack([np.hstack(frames), heads]))


def _head(text: str, width: int) -> Bytes:
    picture = Image.new("RGB", (width, _BAR), "#191411")
    ImageDraw.Draw(picture).text((8, 6), text, fill="#f3eadf", font=ImageFont.load_default(13))
    return np.asarray(picture)
