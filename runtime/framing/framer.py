"""Framing: which square of a picture the model is shown, so that it sees heads as large as those it was trained on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from checkpoints.errors import BunrakuWarning, InputError, ModelError, OptionError
from runtime.framing.chosen import check_face
from runtime.framing.faces import Face
from runtime.framing.follow import follow
from runtime.framing.front import find_front
from runtime.framing.search import search_everywhere, search_faces
from runtime.framing.window import Window
from runtime.media.picture import Fit
from runtime.motion.modes import Motion
from runtime.values import Bytes, is_number

Crop = str | Sequence[float]
"""How a square is chosen: "auto" (around the face, or whatever the model was trained on), "points" (around the points
that the model itself finds), "center" (the largest in the middle), "off" (as `fit` says), or "x,y,w,h" in pixels of
the upright picture (as text or numbers): the square around that rectangle. For driving pictures also "follow": around
the face wherever it goes.
"""

_HEAD = 1.57
"""Height of a head, crown to chin, in sizes of the detector's box ..."""
_RISE = 0.24
"""... and by how much its middle lies above the box's (both measured on drawn heads and photos)."""

_SLACK = 0.15
"""Part of its side by which a square may move to stay in the picture, before the border must be repeated."""

_LOOKS = 3
"""How often a model looks again, each time more closely, for the square around its own points."""
_OUTLIERS = 0.05
"""Part of the points that may lie outside on each side."""
_STEADY = 0.03
"""Part of its side by which the square around the points may still change in the last look, where they mark
something: on textures and landscapes it wanders.
"""

_FEW = 4
"""Frames of a video that a model itself looks at, where no face is found."""

_MOST = 8
"""Longest side of a square set by hand, in longer sides of the picture."""


@dataclass(frozen=True)
class Framing:
    """How the pictures that a model was trained on are framed."""

    subject: str = "face"
    """"face"; "points" for whatever the model's own points mark; for anything else "auto" means "off"."""
    head: float = 0.6
    """Height of the head, crown to chin, as a part of the side."""
    closest: float = 0.86
    """The same where the picture is too small for that."""
    middle: float = 0.46
    """Where the middle of the head is, from the top, as a part of the side."""
    spread: float = 0.7
    """Larger side of the box around the model's points, as a part of the side; where a bundle does not say, that of
    faces-lite on portraits (0.70, deviation 0.03).
    """

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Framing:
        """From a bundle's description; unknown keys are left alone. Raises `ModelError` for impossible values."""
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        framing = cls(**known)
        numbers = (framing.head, framing.closest, framing.middle, framing.spread)
        sensible = all(is_number(value) and 0.05 <= value <= 2 for value in numbers)
        if not sensible or not isinstance(framing.subject, str):
            raise ModelError(f"The model's framing {known} is impossible; fetch or export the model again.")
        return framing

    def around(self, face: Face, size: tuple[int, int]) -> Window:
        """The square that shows `face` as in training, in a picture of `size` (width, height)."""
        x, y = self.aim(face)
        return self.settle(x, y, face.size * _HEAD / self.head, self.least(face), size)

    def face_in(self, window: Window) -> Face:
        """About the face that `window` shows as in training: what `around` would frame so."""
        size = window.side * self.head / _HEAD
        x, y = window.center
        y -= ((0.5 - self.middle) * _HEAD / self.head - _RISE) * size
        return Face(x - size / 2, y - size / 2, x + size / 2, y + size / 2, 1.0, ())

    def aim(self, face: Face) -> tuple[float, float]:
        """The middle of the square around `face`, wherever the picture ends."""
        x, y = face.center
        return x, y + ((0.5 - self.middle) * _HEAD / self.head - _RISE) * face.size

    def least(self, face: Face) -> float:
        """Side of the smallest square that may show `face`."""
        return face.size * _HEAD / max(self.head, self.closest)

    def settle(self, x: float, y: float, side: float, least: float, size: tuple[int, int]) -> Window:
        """The square of about that middle and side that shows as little as possible of what is outside the picture:
        it may be smaller, down to `least`, and somewhat out of the middle.
        """
        side = max(min(side, *size), least)
        shift = [_into(at - side / 2, side, length) for at, length in zip((x, y), size, strict=True)]
        return Window.around(x + shift[0], y + shift[1], side)


def check_crop(crop: Crop, name: str, *, follow: bool = False) -> str | Window:
    """What `crop` means: a word, or the square around the rectangle. Raises `OptionError` when it means nothing."""
    words = ("auto", "points", "center", "off", *(["follow"] if follow else []))
    if isinstance(crop, str) and crop in words:
        return crop
    try:
        left, top, width, height = (float(value) for value in (crop.split(",") if isinstance(crop, str) else crop))
        if not (np.isfinite([left, top, width, height]).all() and min(width, height) > 0):
            raise ValueError
    except (TypeError, ValueError) as error:
        raise OptionError(f'{name} is "{crop}"; choose {", ".join(words)}, or give x,y,w,h in pixels.') from error
    return Window.around(left + width / 2, top + height / 2, max(width, height))


class Subject:
    """Finds whatever a model moves by the model's own points."""

    def __init__(self, detect: Callable[[Bytes], Motion], resolution: int) -> None:
        """`detect`: from uint8 (1, R, R, 3) to motion, R being the `resolution`."""
        self._detect = detect
        self._resolution = resolution

    def around(self, images: Sequence[Image.Image], framing: Framing) -> Window:
        """One square in which the points of all `images`, of one size, are spread as in training."""
        return self._looks(images, framing)[-1]

    def found(self, images: Sequence[Image.Image], framing: Framing) -> Window:
        """The same where looking once more they would be framed about alike. Where the points wander, on animals and
        textures, only what the first look says of where they are, and the largest square there.
        """
        size = images[0].size
        first, *_, before, after = self._looks(images, framing, _LOOKS + 1)
        moved = max(*np.abs(np.subtract(before.center, after.center)), abs(before.side - after.side))
        if after.touches(size) and moved <= _STEADY * before.side:
            return after
        return framing.settle(*first.center, min(size), min(size), size)

    def _looks(self, images: Sequence[Image.Image], framing: Framing, count: int = _LOOKS) -> list[Window]:
        """The squares after so many looks, each seen in the one before."""
        size = images[0].size
        window = Window.around(size[0] / 2, size[1] / 2, max(size))
        windows = []
        for _ in range(count):
            found = np.concatenate([self._points(image, window) for image in images])
            low, high = np.quantile(found, [_OUTLIERS, 1 - _OUTLIERS], axis=0)
            side = max(float((high - low).max()) / framing.spread, window.side / 2)
            x, y = (low + high) / 2
            window = framing.settle(float(x), float(y), side, side / 2, size)
            windows.append(window)
        return windows

    def _points(self, image: Image.Image, window: Window) -> NDArray[np.float64]:
        """The points (K, 2) in pixels of `image`, as the model sees them in `window`."""
        square = window.cut(image, self._resolution)
        points = self._detect(square[None]).places[0].astype(np.float64)
        places = ((points + 1) / 2 * (self._resolution - 1) + 0.5) / self._resolution
        return places * window.side + np.array([window.left, window.top])


@dataclass(frozen=True)
class Seat:
    """Where somebody is in a picture to be moved."""

    window: Window | None
    """The square; None where `fit` decides."""
    face: Face | None = None
    """Theirs, where faces were looked for, and found."""
    others: tuple[Face, ...] = ()
    """Everybody else's."""


class Framer:
    """Chooses the squares of one model's pictures and driving frames."""

    def __init__(
        self,
        framing: Framing,
        fit: Fit,
        crop: Crop,
        driving_crop: Crop,
        face: int | None,
        subject: Subject | None = None,
        driving_face: int | None = None,
        *,
        of_source: bool = False,
    ) -> None:
        """`face` counts from the largest (1) on, in the picture to be moved, and `driving_face` in the first driving
        picture that shows so many; `subject` finds the model's own points. `of_source`: what is called driving is the
        source, a video: see `Framer.of_source`. Raises `OptionError`.
        """
        self.is_source = of_source
        """Whether what it frames is the video that is moved."""
        check_face(face)
        check_face(driving_face, "driving_face")
        self.fit = fit
        self._subject = subject
        self.framing = framing
        self.face = face
        self.driving_face = driving_face
        self.crop = self._meant(check_crop(crop, "crop"))
        self.driving_crop = self._meant(check_crop(driving_crop, "driving_crop", follow=True))

    def of_source(self, face: int | None) -> Framer:
        """Chooses the squares of a video that is moved, of whose people number `face` is meant, as this one does those
        of driving videos.
        """
        crop = self.crop if isinstance(self.crop, str) else (self.crop.left, self.crop.top, *2 * (self.crop.side,))
        return Framer(self.framing, self.fit, "auto", crop, None, self._subject, face, of_source=True)

    @property
    def video_name(self) -> str:
        """What errors call the video."""
        return "the source video" if self.is_source else "the driving video"

    @property
    def face_option(self) -> str:
        """The option that chooses one of several people in the video."""
        return "face" if self.is_source else "driving_face"

    def _meant(self, crop: str | Window) -> str | Window:
        if crop == "points" and self._subject is None:
            raise OptionError("The model has no points to frame its pictures by; choose another crop.")
        if crop not in ("auto", "follow") or self.framing.subject == "face":
            return crop
        return "points" if self.framing.subject == "points" and self._subject is not None else "off"

    def source(self, image: Image.Image) -> Window | None:
        """The square of a picture to be moved; None where `fit` decides."""
        return self.seat(image).window

    def seat(self, image: Image.Image) -> Seat:
        """Where the one who is moved is in a picture."""
        if self.crop == "points" and self._subject is not None:
            return Seat(self._subject.around([image], self.framing).snapped())
        if self.crop != "auto":
            return Seat(_by_hand(self.crop, image.size))
        faces = search_everywhere(image)
        if not faces and self.face is None:
            return Seat(self._without_face([image], "the picture", "crop=x,y,w,h"))
        if self.face is None and len(faces) > 1:
            _warn(
                f"{len(faces)} faces were found in the picture; the largest is taken. Choose another with face=2, or "
                "move them all with face=all."
            )
        return self.seat_of(image.size, faces, self.face or 1)

    def seat_of(self, size: tuple[int, int], faces: Sequence[Face], number: int) -> Seat:
        """The seat of face `number` (from 1 on) of all `faces` in a picture of `size` (width, height). Raises
        `InputError` where there are fewer.
        """
        if number > len(faces):
            raise InputError(f"face is {number}, but {len(faces)} were found in the picture; choose another.")
        others = tuple(face for index, face in enumerate(faces, 1) if index != number)
        return Seat(self.framing.around(faces[number - 1], size).snapped(), faces[number - 1], others)

    def driving(self, samples: Sequence[Image.Image], near: Face | None = None) -> Window | None:
        """One square for a whole video, from a few of its frames: as large as one around the face, and so much larger
        and placed such that the face stays in it. None where `fit` decides. One person's face, of several: see
        `follow`, which is given `near`.
        """
        size = samples[0].size
        if self.driving_crop == "points" and self._subject is not None:
            return self._subject.around(samples, self.framing).snapped()
        if not self.looks_for_faces:
            return self.fixed(size)
        return self.choose([search_faces(image, levels=2) for image in samples], samples, near)

    def choose(
        self, found: Sequence[list[Face]], images: Sequence[Image.Image], near: Face | None = None
    ) -> Window | None:
        """The same from the faces that were `found` in each of the `images`, all of one size."""
        size = images[0].size
        faces = [face for face in follow(found, self.driving_face, near) if face is not None]
        if not faces:
            return self._without_face(images, self.video_name, "crop" if self.is_source else "driving_crop")
        return self.around_all(faces, size)

    @property
    def looks_for_faces(self) -> bool:
        """Whether the square of driving pictures depends on the faces in them."""
        return self.driving_crop in ("auto", "follow")

    def fixed(self, size: tuple[int, int]) -> Window | None:
        """The square of driving pictures of `size` (width, height) that does not depend on what they show; None where
        `fit` decides.
        """
        return _by_hand(self.driving_crop, size)

    def around_all(self, faces: Sequence[Face], size: tuple[int, int]) -> Window:
        """The square around one person's `faces` in pictures of `size` (width, height)."""
        aims = np.array([self.framing.aim(face) for face in faces])
        low, high = aims.min(axis=0), aims.max(axis=0)
        usual = sorted(faces, key=lambda face: face.size)[len(faces) // 2]
        side = usual.size * _HEAD / self.framing.head + float((high - low).max())
        x, y = (low + high) / 2
        return self.framing.settle(float(x), float(y), side, self.framing.least(usual), size).snapped()

    def _without_face(self, images: Sequence[Image.Image], what: str, option: str) -> Window | None:
        """Animals, statues and drawings: what stands in front, else what the model's own points mark; what `fit` means
        where it has none.
        """
        few = images[:: max(1, len(images) // _FEW)]
        window, taken = find_front(few), "what stands in front is taken"
        if window is None and self._subject is not None:
            window, taken = self._subject.found(few, self.framing), "what the model's own points mark is taken"
        elif window is None:
            taken = "its middle is taken"
        _warn(f"No face was found in {what}; {taken}. Choose the part with {option}.")
        return None if window is None else window.snapped()

    def video(self, samples: Sequence[Image.Image], size: tuple[int, int]) -> Window | None:
        """The same for a video of `size` (width, height), whose `samples` may be smaller."""
        if not self.looks_for_faces and self.driving_crop != "points":
            return self.fixed(size)
        window = self.driving(samples)
        return None if window is None else window.scaled(size[0] / samples[0].width).snapped()


def _by_hand(crop: str | Window, size: tuple[int, int]) -> Window | None:
    if isinstance(crop, Window):
        if not crop.touches(size) or crop.side > _MOST * max(size):
            raise OptionError(f"The crop does not fit a picture of {size[0]}x{size[1]} pixels; choose a part of it.")
        return crop.snapped()
    return Window.centered(size).snapped() if crop == "center" else None


def _warn(message: str) -> None:
    warnings.warn(message, BunrakuWarning, stacklevel=4)


def _into(low: float, side: float, length: int) -> float:
    """By how much to move a stretch of `side` that begins at `low`, so that less of it leaves a picture of `length`."""
    first, last = sorted((0.0, length - side))
    wanted = min(max(low, first), last) - low
    return min(max(wanted, -_SLACK * side), _SLACK * side)
