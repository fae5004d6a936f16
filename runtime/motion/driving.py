"""What drives: a video, pictures or recorded motion, read as motion, a batch of frames at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterable, Iterator, Sized
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from PIL import Image

from checkpoints.errors import InputError, OptionError
from runtime.framing.framer import Cutter, Framer
from runtime.framing.window import Window
from runtime.many.pipeline import prefetch
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.picture import Picture, check_file
from runtime.media.video import VideoInfo, probe, read_frames, read_whole
from runtime.motion.file import SUFFIX, MotionFile, load_motion
from runtime.motion.modes import Motion, best_frame
from runtime.values import Bytes, is_number, is_whole

if TYPE_CHECKING:
    from runtime.engine import Engine

Reference = Literal["first", "best"] | int
"""The driving frame that the relative mode counts the motion from."""

_LOOK = (Fraction(4), 4.0)
"""Frames a second, and seconds, of a video's beginning that are looked at to frame it."""

_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")
"""Which files of a folder are frames."""
_LATEST = 1e9
"""Seconds; no video plays so late, and what is far beyond cannot be told to ffmpeg."""
_WORDS = re.compile(r"(\d+)")

_MAX_LOOP = 10_000
_LONGEST = 1280
"""Longer side in pixels of frames of which more than the model's square is needed."""


@dataclass(frozen=True)
class Clip:
    """An opened source of motion."""

    rate: Fraction
    """Frames a second."""
    total: int | None
    """How many frames there will be, where that is known."""
    video: VideoInfo | None = None
    pictures: Iterable[Picture] | None = None
    motion: MotionFile | None = None
    """One of the three is there."""
    limits: Limits = DEFAULT_LIMITS
    """Under which it is read."""


def open_clip(
    driving: str | os.PathLike[str] | Iterable[Picture],
    rate: Fraction | None = None,
    limits: Limits = DEFAULT_LIMITS,
    start: float = 0.0,
    end: float | None = None,
) -> Clip:
    """Look at what drives, to be read at `rate` (by default its own; 25 for pictures), from the second `start` to
    `end`. A folder stands for the pictures in it, in the order of their names (2 before 10).

    Raises `InputError` when it cannot be read or is beyond the `limits`, `OptionError` when a motion file is to have
    another rate, or nothing lies between start and end.
    """
    check_span(start, end)
    if isinstance(driving, str | os.PathLike) and Path(driving).is_dir():
        driving = folder_pictures(Path(driving))
    if isinstance(driving, str | os.PathLike):
        path = Path(driving)
        if path.suffix.lower() == SUFFIX:
            check_file(path)
            limits.check_bytes(path)
            recorded = load_motion(path)
            limits.check_seconds(path, float(len(recorded.motion) / recorded.rate))
            if rate not in (None, recorded.rate):
                raise OptionError(
                    f"{path} was recorded at {float(recorded.rate):g} fps and plays at that; leave fps out."
                )
            part = recorded.motion[_frames(start, end, recorded.rate)]
            if not len(part):
                raise _nothing_left(path, start)
            return Clip(recorded.rate, len(part), motion=replace(recorded, motion=part), limits=limits)
        video = probe(path, limits)
        video = replace(video, start=start, end=end)
        rate = rate or video.rate
        if video.part(rate).start >= max(1, round(video.duration * rate)):
            raise _nothing_left(path, start)
        return Clip(rate, video.count(rate), video, limits=limits)
    if not isinstance(driving, Iterable):
        raise InputError(f"The driving frames are {type(driving).__name__}; give a video file or many pictures.")
    rate = rate or Fraction(25)
    if start or end is not None:
        frames = _frames(start, end, rate)
        one_pass = iter(driving) is driving
        driving = islice(driving, frames.start, frames.stop) if one_pass else _Part(driving, frames)
    total = len(driving) if isinstance(driving, Sized) else None
    return Clip(rate, total, pictures=driving, limits=limits)


def check_span(start: float, end: float | None) -> None:
    """Raises `OptionError` unless the second `start` lies before `end`, and both in any video's time."""
    for name, value in {"start": start, "end": start if end is None else end}.items():
        if not (is_number(value) and -_LATEST <= value <= _LATEST):
            raise OptionError(f"{name} is {value}; it must be a number of seconds below {_LATEST:.0f}.")
    if not (start >= 0 and (end is None or start < end)):
        raise OptionError(f"From second {start} to {end} there is nothing; start must be 0 or more and before end.")


def folder_pictures(folder: Path) -> list[Path]:
    """The pictures in `folder`, in the order of their names (2 before 10). Raises `InputError` when there is none."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in _PICTURES and not path.name.startswith(".")]
    if not found:
        raise InputError(f"The folder {folder} holds no pictures ({', '.join(_PICTURES)}); give another one.")
    return sorted(found, key=_as_counted)


def _as_counted(path: Path) -> list[int | str]:
    """By this, names sort as people count: 2 before 10."""
    return [int(word) if word.isdecimal() else word for word in _WORDS.split(path.name)]


class _Part:
    """Some of many pictures, however often they are looked at."""

    def __init__(self, pictures: Iterable[Picture], frames: slice) -> None:
        self._pictures, self._frames = pictures, frames

    def __iter__(self) -> Iterator[Picture]:
        return islice(self._pictures, self._frames.start, self._frames.stop)


def _frames(start: float, end: float | None, rate: Fraction) -> slice:
    return slice(round(start * rate), None if end is None else max(round(start * rate) + 1, round(end * rate)))


def _nothing_left(path: Path, start: float) -> OptionError:
    return OptionError(f"{path} ends before second {start:g}; start earlier.")


def check_loop(loop: int) -> None:
    """Raises `OptionError` unless `loop` is a number of times."""
    if not (is_whole(loop) and 1 <= loop <= _MAX_LOOP):
        raise OptionError(f"loop is {loop}; it must be a whole number from 1 to {_MAX_LOOP}.")


@dataclass(frozen=True)
class Framed:
    """A source of motion, and the square of it that the model is shown."""

    clip: Clip
    framer: Framer
    window: Window | None = None
    """Of a whole video; None where the `framer` cuts each picture by itself, or all that `fit` means is shown."""


def frame_clip(clip: Clip, framer: Framer) -> Framed:
    """Decide which square of `clip` is shown: a video's first seconds are looked at, once. Raises `InputError` where
    the video cannot be read.
    """
    if clip.video is None or clip.motion is not None or framer.driving_crop in ("off", "follow"):
        return Framed(clip, framer)
    return Framed(clip, framer, framer.video(_samples(clip, clip.video), clip.video.size))


def read_motion(framed: Framed, engine: Engine, *, eyes: bool = False) -> Generator[Motion, None, None]:
    """The motion of a clip in batches of the engine's size, decoded ahead in another thread; with `eyes` also what
    these do (`Engine.detect`).

    Raises `InputError` when there is no frame, and when recorded motion is of another model.
    """
    batch, recorded = engine.batch, framed.clip.motion
    if recorded is not None:
        recorded.check(engine.bundle)
        for start in range(0, len(recorded.motion), batch):
            yield recorded.motion[start : start + batch]
        return
    found = False
    with prefetch(read_squares(framed, engine.resolution), depth=2 * batch) as ready:
        while squares := list(islice(ready, batch)):
            found = True
            yield engine.detect(np.stack(squares), eyes=eyes)
    if not found:
        raise InputError("The driving frames are empty; give at least one.")


def read_squares(framed: Framed, size: int) -> Iterator[Bytes]:
    """The driving frames in the square of a model of `size` pixels: uint8 (size, size, 3) each."""
    clip, framer = framed.clip, framed.framer
    cutter = Cutter(framer, size, float(clip.rate), clip.limits)
    if clip.video is None:
        yield from map(cutter, clip.pictures or ())
    elif framer.driving_crop == "follow":
        yield from map(cutter, read_whole(clip.video, _LONGEST, clip.rate))
    else:
        yield from read_frames(clip.video, size, framer.fit, clip.rate, framed.window)


def _samples(clip: Clip, video: VideoInfo) -> list[Image.Image]:
    rate, seconds = _LOOK
    frames = read_whole(video, _LONGEST, clip.rate, seconds, max(1, round(clip.rate / rate)))
    return [Image.fromarray(frame) for frame in frames]


def read_reference(word: str) -> Reference:
    """What a word on the command line means; whether it means anything, `check_reference` knows."""
    return int(word) if word.isdecimal() else cast(Reference, word)


def check_reference(reference: Reference) -> None:
    """Raises `OptionError` unless `reference` is a word for a frame, or its number."""
    number = isinstance(reference, int) and is_whole(reference) and reference >= 0
    if not number and reference not in ("first", "best"):
        raise OptionError(f'reference is "{reference}"; choose first, best or the number of a frame from 0 on.')


def reference_of(source: Motion, driving: Motion, reference: Reference) -> Motion:
    """The motion of the reference frame, out of all frames of `driving`. Raises `OptionError` when there is none."""
    number = reference if isinstance(reference, int) else _named_frame(source, driving, reference)
    if number >= len(driving):
        raise OptionError(f"reference is {number}, but the last driving frame is {len(driving) - 1}; choose another.")
    return driving[number : number + 1]


def _named_frame(source: Motion, driving: Motion, name: str) -> int:
    return best_frame(source, driving) if name == "best" else 0
