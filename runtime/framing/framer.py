"""Framing: which square of a picture the model is shown, so that it sees heads as large as those it was trained on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from checkpoints.errors import BunrakuWarning, InputError, OptionError
from runtime.framing.chosen import check_face
from runtime.framing.faces import Face
from runtime.framing.follow import follow
from runtime.framing.framing import Framing
from runtime.framing.front import find_front
from runtime.framing.outline import Geometry, outline_of
from runtime.framing.search import search_everywhere, search_faces
from runtime.framing.window import Window
from runtime.graphs.sessions import keep_borrowed
from runtime.media.picture import Fit
from runtime.motion.modes import Motion
from runtime.values import Bytes

__all__ = ["Crop", "Framer", "Framing", "Seat", "Subject", "check_crop"]

Crop = str | Sequence[float]
"""How a square is chosen: "auto" (around the face, or whatever the model was trained on), "points" (around the points
that the model itself finds), "center" (the largest in the middle), "off" (as `fit` says), or "x,y,w,h" in pixels of
the upright picture (as text or numbers): the square around that rectangle. For driving pictures also "follow": around
the face wherever it goes.
"""

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
        if isinstance(crop, Window):
            return replace(crop, manner=self.framing.manner)
        if crop not in ("auto", "follow") or self.framing.watches_faces:
            return crop
        return "points" if self.framing.subject == "points" and self._subject is not None else "off"

    def source(self, image: Image.Image) -> Window | None:
        """The square of a picture to be moved; None where `fit` decides."""
        return self.seat(image).window

    def seat(self, image: Image.Image) -> Seat:
        """Where the one who is moved is in a picture."""
        if self.crop == "points" and self._subject is not None:
            return Seat(self.framing.made(self._subject.around([image], self.framing)))
        if self.crop != "auto":
            return Seat(self._by_hand(self.crop, image.size))
        if self.framing.subject == "front":
            if self.face is not None:
                raise OptionError(f"face is {self.face}, but the model moves animals, not people; use crop.")
            return Seat(self._without_face([image], "the picture", "crop=x,y,w,h"))
        faces = search_everywhere(image)
        if not faces and self.face is None:
            return Seat(self._without_face([image], "the picture", "crop=x,y,w,h"))
        if self.face is None and len(faces) > 1:
            _warn(
                f"{len(faces)} faces were found in the picture; the largest is taken. Choose another with face=2, or "
                "move them all with face=all."
            )
        return self.seat_of(image, faces, self.face or 1)

    def seat_of(self, image: Image.Image, faces: Sequence[Face], number: int) -> Seat:
        """The seat of face `number` (from 1 on) of all `faces` in `image`. Raises `InputError` where it has fewer."""
        if number > len(faces):
            raise InputError(f"face is {number}, but {len(faces)} were found in the picture; choose another.")
        others = tuple(face for index, face in enumerate(faces, 1) if index != number)
        return Seat(self._around(image, faces[number - 1], self.framing.source), faces[number - 1], others)

    def _around(self, image: Image.Image, face: Face, geometry: Geometry | None) -> Window:
        if geometry is None:
            return self.framing.made(self.framing.around(face, image.size))
        return geometry.around(outline_of(image, face), self.framing.manner).snapped()

    @property
    def _geometry(self) -> Geometry | None:
        """By which a video's squares are cut."""
        return self.framing.source if self.is_source else self.framing.driving

    def followed(self, image: Image.Image, face: Face) -> Window:
        """The square around `face` in one of many driving pictures."""
        return self._around(image, face, self._geometry)

    def search(self, image: Image.Image) -> list[Face]:
        """The faces in a picture of a video by which its square is chosen, the largest first."""
        if self.is_source and self.framing.subject == "front":
            return []
        return search_faces(image, levels=2)

    def driving(self, samples: Sequence[Image.Image], near: Face | None = None) -> Window | None:
        """One square for a whole video, from a few of its frames: as large as one around the face, and so much larger
        and placed such that the face stays in it. None where `fit` decides. One person's face, of several: see
        `follow`, which is given `near`.
        """
        size = samples[0].size
        if self.driving_crop == "points" and self._subject is not None:
            return self.framing.made(self._subject.around(samples, self.framing))
        if not self.looks_for_faces:
            return self.fixed(size)
        return self.choose([self.search(image) for image in samples], samples, near)

    def choose(
        self,
        found: Sequence[list[Face]],
        images: Sequence[Image.Image],
        near: Face | None = None,
        what: str | None = None,
    ) -> Window | None:
        """The same from the faces that were `found` in each of the `images`, all of one size; `what` they are called
        where they show none.
        """
        followed = zip(images, follow(found, self.driving_face, near), strict=True)
        seen = [(image, face) for image, face in followed if face is not None]
        if not seen:
            return self._without_face(images, what or self.video_name, "crop" if self.is_source else "driving_crop")
        return self.around_all(seen)

    @property
    def looks_for_faces(self) -> bool:
        """Whether the square of driving pictures depends on the faces in them."""
        return self.driving_crop in ("auto", "follow")

    def fixed(self, size: tuple[int, int]) -> Window | None:
        """The square of driving pictures of `size` (width, height) that does not depend on what they show; None where
        `fit` decides.
        """
        return self._by_hand(self.driving_crop, size)

    def around_all(self, seen: Sequence[tuple[Image.Image, Face]]) -> Window:
        """The square around one person's faces in each of some pictures, all of one size."""
        geometry = self._geometry
        if geometry is not None:
            with keep_borrowed():
                outlines = [outline_of(image, face) for image, face in seen]
            return geometry.around_all(outlines, self.framing.manner).snapped()
        return self.around_heads([face for _, face in seen], seen[0][0].size)

    def around_heads(self, faces: Sequence[Face], size: tuple[int, int]) -> Window:
        """The same by their heads, in pictures of `size` (width, height)."""
        aims = np.array([self.framing.aim(face) for face in faces])
        low, high = aims.min(axis=0), aims.max(axis=0)
        usual = sorted(faces, key=lambda face: face.size)[len(faces) // 2]
        side = self.framing.side(usual) + float((high - low).max())
        x, y = (low + high) / 2
        return self.framing.made(self.framing.settle(float(x), float(y), side, self.framing.least(usual), size))

    def _without_face(self, images: Sequence[Image.Image], what: str, option: str) -> Window | None:
        """Animals, statues and drawings: what stands in front, else what the model's own points mark; what `fit` means
        where it has none.
        """
        few = images[:: max(1, len(images) // _FEW)]
        if self.framing.subject == "front" and option.startswith("crop"):
            return self._in_front(few, what, option)
        window, taken = find_front(few), "what stands in front is taken"
        if window is None and self._subject is not None:
            window, taken = self._subject.found(few, self.framing), "what the model's own points mark is taken"
        elif window is None:
            taken = "its middle is taken"
        of_source = option.startswith("crop") and self.framing.kind == "face"
        other = " A model of what is no face may do better: model=auto." if of_source else ""
        _warn(f"No face was found in {what}; {taken}. Choose the part with {option}.{other}")
        return None if window is None else self.framing.made(window)

    def _in_front(self, images: Sequence[Image.Image], what: str, option: str) -> Window:
        """Of a source that is no person's face."""
        window = find_front(images)
        if window is None:
            _warn(f"Nothing stands in front in {what}; its middle is taken. Choose the part with {option}.")
        return self.framing.made(window or Window.centered(images[0].size))

    def _by_hand(self, crop: str | Window, size: tuple[int, int]) -> Window | None:
        if isinstance(crop, Window):
            if not crop.touches(size) or crop.side > _MOST * max(size):
                said = f"The crop does not fit a picture of {size[0]}x{size[1]} pixels; choose a part of it."
                raise OptionError(said)
            return crop.snapped()
        return self.framing.made(Window.centered(size)) if crop == "center" else None

    def video(self, samples: Sequence[Image.Image], size: tuple[int, int]) -> Window | None:
        """The same for a video of `size` (width, height), whose `samples` may be smaller."""
        if not self.looks_for_faces and self.driving_crop != "points":
            return self.fixed(size)
        window = self.driving(samples)
        return None if window is None else window.scaled(size[0] / samples[0].width).snapped()


def _warn(message: str) -> None:
    warnings.warn(message, BunrakuWarning, stacklevel=4)
