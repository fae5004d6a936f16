"""Which part of a photo will move: shown before anything is computed, and moved by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from checkpoints.bundle import Bundle
from checkpoints.errors import BunrakuError
from demo import notices
from demo.studio import without_folders
from runtime.framing.chosen import Faces, check_faces
from runtime.framing.framer import Framer, Framing
from runtime.framing.search import search_faces
from runtime.framing.window import Window
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.picture import Fit, read_image
from runtime.values import Bytes

BY_HAND = "hand"
"""Beside "auto", "center" and "off" of `runtime.framing.framer.Crop`: the square is where the visitor has put it."""

SHOWN = 480
"""Longer side, in pixels, of the photo as shown."""
_DIM = 0.35
_LINE = "#e8714e"


@dataclass(frozen=True)
class Place:
    """A square by its middle and side, for people: in percent of the photo's width, height and longer side."""

    across: float
    down: float
    size: float

    @classmethod
    def of(cls, window: Window, photo: tuple[int, int]) -> Place:
        """Where `window` lies in a photo of (width, height)."""
        x, y = window.center
        percent = 100 * x / photo[0], 100 * y / photo[1], 100 * window.side / max(photo)
        return cls(*(round(value, 1) for value in percent))

    def window(self, photo: tuple[int, int]) -> Window:
        """The square in pixels of a photo of (width, height)."""
        side = max(self.size / 100 * max(photo), 1.0)
        return Window.around(self.across / 100 * photo[0], self.down / 100 * photo[1], side).snapped()


@dataclass(frozen=True)
class Preview:
    """What will be moved."""

    picture: Bytes
    """uint8 (H, W, 3): the photo, all dark that is left out."""
    place: Place
    crop: str
    """For `runtime.animate`."""
    notices: tuple[str, ...]


def preview(
    photo: str,
    bundle: Bundle,
    how: str,
    place: Place,
    fit: Fit = "crop",
    face: Faces | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Preview:
    """The part of the file `photo` that `bundle` will be shown: `how` is a word of `runtime.framing.framer.Crop`, or
    `BY_HAND` for the square `place`.

    Of several faces each has its square. Raises `InputError` when the photo cannot be read or has too few faces,
    `OptionError` when the square lies outside.
    """
    try:
        image = read_image(photo, None, limits)
        crop = how
        if how == BY_HAND:
            window = place.window(image.size)
            crop = ",".join(f"{value:.0f}" for value in (window.left, window.top, window.side, window.side))
        with notices.heard() as said:
            framing = Framing.of(bundle.framing)
            check_faces(face)
            found = [
                Framer(framing, fit, crop, "off", number).source(image) for number in _numbers(face, image, framing)
            ]
    except BunrakuError as error:
        raise type(error)(without_folders(str(error), photo)) from error
    usual = Window.centered(image.size) if fit == "crop" else _whole(image.size)
    windows = [window or usual for window in found]
    return Preview(_drawn(image, windows), Place.of(windows[0], image.size), crop, tuple(said))


def _numbers(face: Faces | None, image: Image.Image, framing: Framing) -> list[int | None]:
    """Which faces of the `image` are meant."""
    if face is None or isinstance(face, int):
        return [face]
    if not isinstance(face, str):
        return list(face)
    count = len(search_faces(image, levels=2)) if framing.subject == "face" else 0
    return list(range(1, count + 1)) or [None]


def pointed(photo: str, at: tuple[float, float], place: Place, limits: Limits = DEFAULT_LIMITS) -> Place:
    """`place` with its middle at the pixel `at` of the photo as shown. Raises `InputError`."""
    width, height = _shown(read_image(photo, SHOWN, limits).size)
    return Place(round(100 * at[0] / width, 1), round(100 * at[1] / height, 1), place.size)


def _whole(size: tuple[int, int]) -> Window:
    return Window.around(size[0] / 2, size[1] / 2, max(size))


def _shown(size: tuple[int, int]) -> tuple[int, int]:
    factor = SHOWN / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _drawn(image: Image.Image, windows: Sequence[Window]) -> Bytes:
    """The photo, small, with the squares' outlines, and darker around them."""
    small = image.resize(_shown(image.size), Image.Resampling.BILINEAR, reducing_gap=2.0)
    factor = small.width / image.width
    pixels = np.asarray(small).astype(np.float32)
    light = Image.new("L", small.size, round(255 * _DIM))
    shapes = [_shape(window, factor, small.size) for window in windows]
    for shape in shapes:
        ImageDraw.Draw(light).polygon(shape, fill=255)
    shown = Image.fromarray((pixels * (np.asarray(light, np.float32) / 255)[..., None]).astype(np.uint8))
    for shape in shapes:
        ImageDraw.Draw(shown).polygon(shape, outline=_LINE, width=3)
    return np.asarray(shown)


def _shape(window: Window, factor: float, size: tuple[int, int]) -> list[tuple[float, float]]:
    """The corners of `window` in the photo as shown, `factor` times as large and of `size` (width, height); one that is
    upright ends where the photo does, so that all of its outline is seen.
    """
    corners = np.rint(window.corners * factor)
    if not window.angle:
        corners = np.clip(corners, 0, np.array(size) - 1)
    return [(float(x), float(y)) for x, y in corners]
