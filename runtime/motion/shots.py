"""The shots of a driving video: from cut to cut one square around one person, and from when on that person is seen."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
from PIL import Image

from checkpoints.errors import BunrakuWarning, InputError
from runtime.framing.faces import Face
from runtime.framing.follow import THUMB, contrast, find_cuts, follow
from runtime.framing.framer import Framer
from runtime.framing.window import Window
from runtime.media.video import VideoInfo, read_whole

LONGEST = 1280
"""Longer side in pixels of frames of which more than the model's square is needed."""
PATIENCE = 5.0
"""Seconds for which a stream waits for a face."""
FAINT = 12.0
"""A face of less contrast than that (levels of 255) is not seen well, ..."""
_HALF = 0.5
"""... nor one of less than half the contrast that it usually has."""

_LOOK = (Fraction(4), 4.0)
"""Frames a second, and seconds, of a shot's beginning that are looked at to frame it."""
_LATER = Fraction(2)
"""Frames a second of what follows where nobody is seen there."""


@dataclass(frozen=True)
class Shot:
    """What is shown from one cut to the next."""

    first: int = 0
    """Number of its first frame."""
    window: Window | None = None
    """The square that the model is shown; None where each picture is cut by itself, or all that `fit` means is."""
    wait: float = 0.0
    """Frames after which its motion counts at the latest; `math.inf` where nobody is seen."""
    contrast: float = FAINT
    """Of a face that is seen well, at least (levels of 255)."""


@dataclass(frozen=True)
class _Looked:
    """What was seen at the beginning of a shot."""

    first: int
    images: list[Image.Image]
    numbers: list[int]
    """Of those frames, in the shot."""
    found: list[list[Face]]


def find_shots(video: VideoInfo, rate: Fraction, framer: Framer) -> tuple[Shot, ...]:
    """The shots of `video` as read at that `rate`, for a model of faces. Raises `InputError` where it cannot be read,
    or has fewer faces than are asked for.
    """
    total, cuts = _cuts(video, rate)
    looked = [_look(video, rate, first, last, framer) for first, last in pairwise([0, *cuts, total])]
    if not any(any(look.found) for look in looked):
        # This says so, or knows what else to do.
        window = None if framer.driving_crop == "follow" else framer.video(looked[0].images, video.size)
        return tuple(Shot(look.first, window) for look in looked)
    _say_faces(looked, framer)
    shots: list[Shot] = []
    near: Face | None = None
    for look in looked:
        faces = follow(look.found, framer.driving_face, near)
        seen = [(index, face) for index, face in enumerate(faces) if face is not None]
        if not seen:
            shots.append(Shot(look.first, shots[-1].window if shots else None, math.inf))
            continue
        near = seen[-1][1]
        shots.append(_shot(look, seen, framer, video))
    seen_in = sum(not math.isinf(shot.wait) for shot in shots)
    if seen_in > 1 and not framer.is_source:
        times = "a cut" if seen_in == 2 else f"{seen_in - 1} cuts"
        _warn(f"The driving video has {times}; the motion starts anew after each.")
    return tuple(_with_windows(shots))


def _with_windows(shots: Sequence[Shot]) -> Iterator[Shot]:
    """Shots without anybody show what the next one shows, lest the first square be another one than the rest."""
    window = next((shot.window for shot in shots if not math.isinf(shot.wait)), None)
    for shot in shots:
        window = window if math.isinf(shot.wait) else shot.window
        yield replace(shot, window=window)


def _shot(look: _Looked, seen: Sequence[tuple[int, Face]], framer: Framer, video: VideoInfo) -> Shot:
    contrasts = [contrast(np.asarray(look.images[index]), face) for index, face in seen]
    least = max(FAINT, _HALF * float(np.median(contrasts)))
    well = [index for (index, _), value in zip(seen, contrasts, strict=True) if value >= least]
    index = well[0] if well else seen[0][0]
    window = framer.fixed(video.size)
    if framer.looks_for_faces:
        factor = video.size[0] / look.images[0].width
        window = framer.around_all([(look.images[index], face) for index, face in seen]).scaled(factor).snapped()
    elif framer.driving_crop == "points":
        window = framer.video(look.images, video.size)
    return Shot(look.first, window, look.numbers[index], least)


def _cuts(video: VideoInfo, rate: Fraction) -> tuple[int, list[int]]:
    """How many frames there are, and the numbers of those with which another shot begins."""
    count = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal count
        for frame in read_whole(video, THUMB, rate, watch=False):
            count += 1
            yield frame

    cuts = list(find_cuts(counted()))
    return count, cuts


def _look(video: VideoInfo, rate: Fraction, first: int, last: int, framer: Framer) -> _Looked:
    """Look at the first seconds of a shot, or at the first ones that show a face."""
    often, seconds = _LOOK
    step = max(1, round(rate / often))
    length = max(step, round(rate * Fraction(seconds)))
    looked = _Looked(first, [], [], [])
    for begin in range(first, last, length):
        every = step if begin == first else max(step, round(rate / _LATER))
        images = list(_samples(video, rate, begin, min(begin + length, last), every))
        found = [framer.search(image) for image in images]
        if not looked.images or any(found):
            numbers = [begin - first + every * index for index in range(len(images))]
            looked = _Looked(first, images, numbers, found)
        if any(found):
            break
    return looked


def _samples(video: VideoInfo, rate: Fraction, first: int, last: int, step: int) -> Iterator[Image.Image]:
    base = video.part(rate).start
    part = replace(video, start=float((base + first) / rate), end=float((base + last) / rate))
    return map(Image.fromarray, read_whole(part, LONGEST, rate, every=step, watch=False))


def first_samples(video: VideoInfo, rate: Fraction) -> list[Image.Image]:
    """Some frames of the first seconds that are read of `video`."""
    often, seconds = _LOOK
    step = max(1, round(rate / often))
    return list(_samples(video, rate, 0, min(max(step, round(rate * Fraction(seconds))), video.count(rate)), step))


def _say_faces(looked: Sequence[_Looked], framer: Framer) -> None:
    most = max(len(faces) for look in looked for faces in look.found)
    wanted = framer.driving_face
    if wanted is not None and wanted > most:
        said = f"{framer.face_option} is {wanted}, but {most} were found in {framer.video_name}; choose another."
        raise InputError(said)
    if wanted is None and most > 1:
        _warn(
            f"{most} faces were found in {framer.video_name}; the largest is followed. Choose another with "
            f"{framer.face_option}=2."
        )


def _warn(message: str) -> None:
    warnings.warn(message, BunrakuWarning, stacklevel=4)
