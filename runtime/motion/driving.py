"""What drives: a video, pictures or recorded motion, read as motion, a batch of frames at a time."""

from __future__ import annotations

import math
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
from checkpoints.parameters import TAKES
from runtime.control.pose import is_track, resampled
from runtime.control.templates import near_template, template_file
from runtime.framing.cutter import Cutter
from runtime.framing.framer import Framer
from runtime.framing.search import search_faces
from runtime.framing.window import Window
from runtime.many.pipeline import prefetch
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.picture import Picture, check_file, one_or_many, read_image
from runtime.media.picture import square as fit_square
from runtime.media.span import frames_between
from runtime.media.streams import list_streams
from runtime.media.video import VideoInfo, probe, read_frames, read_whole
from runtime.motion.file import MotionFile, is_motion, load_motion
from runtime.motion.modes import Motion, best_frame
from runtime.motion.shots import LONGEST, PATIENCE, Shot, find_shots, first_samples
from runtime.motion.takes import Takes, as_array
from runtime.motion.watched import Watch
from runtime.values import Bytes, is_number, is_whole

if TYPE_CHECKING:
    from runtime.engine import Engine

Reference = Literal["first", "best"] | int
"""The driving frame that the relative mode counts the motion from."""

FRAMES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")
"""Which files of a folder are frames."""
_LATEST = 1e9
"""Seconds; no video plays so late, and what is far beyond cannot be told to ffmpeg."""
_WORDS = re.compile(r"(\d+)")


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
    driving: str | os.PathLike[str] | Picture | Iterable[Picture],
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
    driving = one_or_many(driving)
    if isinstance(driving, str | os.PathLike):
        driving = template_file(driving) or driving
    if isinstance(driving, str | os.PathLike) and os.fspath(driving) and Path(driving).is_dir():
        driving = folder_pictures(Path(driving))
    if isinstance(driving, str | os.PathLike):
        path = Path(driving)
        if not os.fspath(driving):
            raise InputError("The name of what drives is empty; give a video file.")
        if meant := near_template(path):
            raise InputError(f'{path} does not exist; did you mean the template "{meant}"?')
        if is_motion(path):
            return _open_motion(path, rate, limits, start, end)
        video = _open_video(path, limits)
        if video is not None:
            ends = [second for second in (end, video.end) if second is not None]
            video = replace(video, start=start, end=min(ends, default=None))
            rate = rate or video.rate
            if video.part(rate).start >= video.whole(rate):
                raise _nothing_left(path, start)
            return Clip(rate, video.count(rate), video, limits=limits)
        if round(start * (rate or 25)) > 0:
            raise _nothing_left(path, start)
        driving = [path]
    if isinstance(driving, bytes | bytearray | memoryview) or not isinstance(driving, Iterable):
        raise InputError(f"The driving frames are {type(driving).__name__}; give a video file or many pictures.")
    rate = rate or Fraction(25)
    if start or end is not None:
        length = float(len(driving) / rate) if isinstance(driving, Sized) else math.inf
        frames = frames_between(start, end, rate, length)
        one_pass = iter(driving) is driving
        driving = islice(driving, frames.start, frames.stop) if one_pass else _Part(driving, frames)
    total = len(driving) if isinstance(driving, Sized) else None
    return Clip(rate, total, pictures=driving, limits=limits)


def _open_motion(path: Path, rate: Fraction | None, limits: Limits, start: float, end: float | None) -> Clip:
    check_file(path)
    limits.check_bytes(path)
    recorded = load_motion(path)
    recorded = replace(recorded, whole=recorded.motion)
    if is_track(recorded.motion) and rate is not None and rate != recorded.rate:
        moved = resampled(recorded.motion, float(recorded.rate), float(rate))
        recorded = replace(recorded, motion=moved, rate=rate)
    if rate not in (None, recorded.rate):
        raise OptionError(f"{path} was recorded at {float(recorded.rate):g} fps and plays at that; leave fps out.")
    length = float(len(recorded.motion) / recorded.rate)
    limits.check_seconds(path, length)
    part = recorded.motion[frames_between(start, end, recorded.rate, length)]
    if not len(part):
        raise _nothing_left(path, start)
    return Clip(recorded.rate, len(part), motion=replace(recorded, motion=part), limits=limits)


def _open_video(path: Path, limits: Limits) -> VideoInfo | None:
    """What is known of the video `path`; None for a single picture, which is read as pictures are: upright, in its
    colours, of whatever kind. Raises `InputError` for what is neither.
    """
    try:
        video = probe(path, limits)
    except InputError:
        check_file(path)
        stream = list_streams(path, limits).best("video")
        if (stream is not None and len(stream.times) > 1) or not _is_picture(path, limits):
            raise
        return None
    return None if video.frames == 1 and _is_picture(path, limits) else video


def _is_picture(path: Path, limits: Limits) -> bool:
    try:
        read_image(path, limits=limits)
    except InputError:
        return False
    return True


def check_span(start: float, end: float | None) -> None:
    """Raises `OptionError` unless the second `start` lies before `end`, and both in any video's time."""
    for name, value in {"start": start, "end": start if end is None else end}.items():
        if not (is_number(value) and -_LATEST <= value <= _LATEST):
            raise OptionError(f"{name} is {value!r}; it must be a number of seconds below {_LATEST:.0f}.")
    if not (start >= 0 and (end is None or start < end)):
        raise OptionError(f"From second {start} to {end} there is nothing; start must be 0 or more and before end.")


def folder_pictures(folder: Path) -> list[Path]:
    """The pictures in `folder`, in the order of their names (2 before 10). Raises `InputError` when there is none."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in FRAMES and not path.name.startswith(".")]
    if not found:
        raise InputError(f"The folder {folder} holds no pictures ({', '.join(FRAMES)}); give another one.")
    return sorted(found, key=as_counted)


def as_counted(path: Path) -> list[int | str]:
    """By this, names sort as people count: 2 before 10."""
    return [int(word) if word.isdecimal() else word for word in _WORDS.split(path.name)]


class _Part:
    """Some of many pictures, however often they are looked at."""

    def __init__(self, pictures: Iterable[Picture], frames: slice) -> None:
        self._pictures, self._frames = pictures, frames

    def __iter__(self) -> Iterator[Picture]:
        return islice(self._pictures, self._frames.start, self._frames.stop)


def _nothing_left(path: Path, start: float) -> OptionError:
    return OptionError(f"{path} ends before second {start:g}; start earlier.")


@dataclass(frozen=True)
class Framed:
    """A source of motion, and the squares of it that the model is shown."""

    clip: Clip
    framer: Framer
    shots: tuple[Shot, ...] = ()
    """Of a whole video; none where the `framer` cuts each picture by itself."""
    patience: float = math.inf
    """Frames for which pictures wait for a face."""

    @property
    def window(self) -> Window | None:
        """The square of a video's first shot; None where there is none, or all that `fit` means is shown."""
        return self.shots[0].window if self.shots else None

    @property
    def watched(self) -> bool:
        """Whether motion counts only from when on a face is seen."""
        return self.framer.framing.watches_faces


def frame_clip(clip: Clip, framer: Framer) -> Framed:
    """Decide which squares of `clip` are shown, and where its shots begin: a video is looked through, once. Raises
    `InputError` where the video cannot be read.
    """
    if clip.motion is not None:
        return Framed(clip, framer)
    if clip.video is None:
        return Framed(clip, framer, patience=_patience(clip, framer))
    if framer.framing.watches_faces:
        return Framed(clip, framer, find_shots(clip.video, clip.rate, framer))
    if framer.driving_crop in ("off", "follow"):
        return Framed(clip, framer, (Shot(),))
    samples = first_samples(clip.video, clip.rate)
    return Framed(clip, framer, (Shot(window=framer.video(samples, clip.video.size)),))


def _patience(clip: Clip, framer: Framer) -> float:
    """Frames for which a face is waited for in pictures: none where the first ones, if they can be looked at twice,
    show no face at all.
    """
    most = PATIENCE * float(clip.rate)
    pictures = clip.pictures
    if not framer.framing.watches_faces or pictures is None or iter(pictures) is pictures:
        return most
    images = (read_image(picture, limits=clip.limits) for picture in islice(pictures, round(most)))
    return most if any(search_faces(image, levels=2) for image in images) else 0.0


def read_motion(framed: Framed, engine: Engine, *, expression: bool = False) -> Generator[Motion, None, None]:
    """The motion of a clip in batches of the engine's sizes, decoded ahead in another thread, with the takes it is of;
    with `expression` also what eyes and lips do (`Engine.detect`).

    Raises `InputError` when there is no frame, and when recorded motion is of another model.
    """
    batch, recorded = engine.batch, framed.clip.motion
    if recorded is not None:
        recorded.check(engine.bundle)
        for start in range(0, len(recorded.motion), batch):
            yield recorded.motion[start : start + batch]
        return
    found, watch = False, Watch(engine)
    # What is not told by points is found while those of the next frames are.
    with prefetch(_detected(framed, engine, watch, expression=expression), depth=2) as ready:
        for squares, numbers, seen in ready:
            found = True
            motion = watch.completed(seen, squares, numbers, expression=expression)
            yield motion.with_arrays({TAKES: as_array(numbers)}) if framed.watched else motion
    if not found:
        raise InputError("The driving frames are empty; give at least one.")


def _detected(
    framed: Framed, engine: Engine, watch: Watch, *, expression: bool
) -> Iterator[tuple[Bytes, list[int], Motion]]:
    """Batches of frames (B, R, R, 3), the takes they are of, and what `watch` detects in them."""
    takes = Takes(float(framed.clip.rate), watch=framed.watched)
    size = engine.first_watched if expression else engine.first_batch
    with prefetch(read_shown(framed, engine.resolution), depth=2 * engine.batch) as ready:
        while shown := list(islice(ready, size)):
            size = engine.batch
            numbers = [takes(square, begins) for square, begins in shown]
            squares = np.stack([square for square, _ in shown])
            yield squares, numbers, watch.seen(squares, expression=expression)


def read_squares(framed: Framed, size: int) -> Iterator[Bytes]:
    """The driving frames in the square of a model of `size` pixels: uint8 (size, size, 3) each."""
    for square, _ in read_shown(framed, size):
        yield square


def read_shown(framed: Framed, size: int) -> Iterator[tuple[Bytes, Shot | None]]:
    """The same, each with the shot that begins with it, if any does."""
    clip, framer = framed.clip, framed.framer
    cutter = Cutter(framer, size, float(clip.rate), clip.limits)
    begins = {shot.first: shot for shot in framed.shots}
    if clip.video is None:
        waits = Shot(wait=framed.patience)
        for picture in () if clip.pictures is None else clip.pictures:
            square = cutter(picture)
            yield square, waits if cutter.begins else None
    elif framer.driving_crop == "follow":
        for number, frame in enumerate(read_whole(clip.video, LONGEST, clip.rate)):
            if number in begins:
                cutter.cut()
            yield cutter(frame, watch=False), begins.get(number)
    elif len({shot.window for shot in framed.shots}) > 1:
        yield from _cut_anew(framed, size)
    else:
        frames = read_frames(clip.video, size, framer.fit, clip.rate, framed.window)
        yield from ((frame, begins.get(number)) for number, frame in enumerate(frames))


def _cut_anew(framed: Framed, size: int) -> Iterator[tuple[Bytes, Shot | None]]:
    """The frames of a video whose shots have squares of their own."""
    video = framed.clip.video
    if video is None:
        return
    begins = {shot.first: shot for shot in framed.shots}
    shot = framed.shots[0]
    for number, frame in enumerate(read_whole(video, LONGEST, framed.clip.rate)):
        shot = begins.get(number, shot)
        image = Image.fromarray(frame)
        if shot.window is None:
            square = fit_square(image, size, framed.framer.fit)
        else:
            square = shot.window.scaled(image.width / video.size[0]).cut(image, size)
        yield square, begins.get(number)


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
    if name != "best":
        return 0
    takes = driving.takes
    shown = np.arange(len(driving)) if takes is None or not takes.any() else np.flatnonzero(takes)
    parts = driving.with_arrays({name: array[shown] for name, array in driving.arrays.items()})
    return int(shown[best_frame(source, parts)])
