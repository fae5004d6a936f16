"""A video that is moved: its frames one after another, and where in each of them everybody is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

from PIL import Image

from checkpoints.errors import InputError
from runtime.framing.framer import Framer, Seat
from runtime.framing.search import search_faces
from runtime.motion.driving import Clip
from runtime.motion.shots import Shot, find_shots, first_samples
from runtime.sources.given import read_source

_LOOKED_AT = 16
"""Pictures of a folder that are looked at to frame it."""


@dataclass(frozen=True)
class Look:
    """One frame of a source that moves."""

    image: Image.Image
    """RGB, whole."""
    cut_out: bool
    """Whether parts of it were transparent."""
    seats: tuple[Seat, ...]
    """Where everybody is who is moved."""
    seen: tuple[bool, ...]
    """Whether they are there; else the square is where they were."""


class Footage:
    """The frames of a source that moves; may be iterated again and again. Each shot has one square for each person, as
    a driving video has: a square that trembled would make the result tremble.
    """

    def __init__(self, clip: Clip, framers: Sequence[Framer], filling: str) -> None:
        """Each of the `framers` chooses the squares of one person in the `clip` (see `Framer.of_source`); transparent
        parts have the colour `filling`. Raises `InputError` where there are fewer people, or the clip cannot be read.
        """
        self.clip, self._filling = clip, filling
        self._shots = [_shots(clip, framer) for framer in framers]
        self._framing = framers[0].framing

    @property
    def rate(self) -> Fraction:
        """Frames a second."""
        return self.clip.rate

    def first(self) -> Look | None:
        """The first frame of the first shot that shows everybody, or else of all; None where there is none."""
        begins = sorted({shot.first for shots in self._shots for shot in shots})
        for number in begins:
            shots = [[shot for shot in shots if shot.first <= number][-1] for shots in self._shots]
            if not any(math.isinf(shot.wait) for shot in shots):
                return self._look(number, shots)
        return self._look(0, [shots[0] for shots in self._shots])

    def _look(self, number: int, shots: Sequence[Shot]) -> Look | None:
        for image, cut_out in read_source(self.clip, self.clip.rate, self._filling, number):
            return Look(image, cut_out, self._seats(shots), _seen(shots))
        return None

    def __iter__(self) -> Iterator[Look]:
        begins = [{shot.first: shot for shot in shots} for shots in self._shots]
        present = [shots[0] for shots in self._shots]
        seats: tuple[Seat, ...] | None = None
        for number, (image, cut_out) in enumerate(read_source(self.clip, self.rate, self._filling)):
            if seats is None or any(number in known for known in begins):
                present = [known.get(number, shot) for known, shot in zip(begins, present, strict=True)]
                seats = self._seats(present)
            yield Look(image, cut_out, seats, _seen(present))

    def _seats(self, shots: Sequence[Shot]) -> tuple[Seat, ...]:
        """Of everybody who is seen in these shots, one of each."""
        faces = [None if shot.window is None else self._framing.face_in(shot.window) for shot in shots]
        return tuple(
            Seat(
                shot.window,
                faces[index],
                tuple(face for other, face in enumerate(faces) if other != index and face is not None),
            )
            for index, shot in enumerate(shots)
        )


def _seen(shots: Sequence[Shot]) -> tuple[bool, ...]:
    return tuple(not math.isinf(shot.wait) for shot in shots)


def count_people(clip: Clip) -> int:
    """How many faces a source that moves shows at most in its first seconds."""
    return max((len(search_faces(image, levels=2)) for image in first_pictures(clip)), default=0)


def _shots(clip: Clip, framer: Framer) -> tuple[Shot, ...]:
    if clip.video is not None and framer.framing.watches_faces:
        return find_shots(clip.video, clip.rate, framer)
    samples = first_pictures(clip)
    if not samples:
        raise InputError("The source has no frames; give another one.")
    return (Shot(window=framer.video(samples, samples[0].size if clip.video is None else clip.video.size)),)


def first_pictures(clip: Clip) -> list[Image.Image]:
    """Some of the first pictures, RGB, of what moves; none of recorded motion, nor of what can be read only once."""
    if iter(clip.pictures or ()) is clip.pictures:
        return []
    if clip.video is not None:
        return first_samples(clip.video, clip.rate)
    return [image for image, _ in islice(read_source(clip, clip.rate), _LOOKED_AT)]
