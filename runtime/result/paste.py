"""Pasting back: the animated square returns to its place in the whole picture, with a seam that nobody sees."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from checkpoints.errors import BunrakuWarning
from runtime.framing.window import Window
from runtime.media.picture import Fit
from runtime.values import Bytes, Floats

MAX_PIXELS = 3840 * 2400
"""Larger pictures are made smaller: no player shows such videos, and each frame of them costs its pixels."""

FEATHER, NARROW = 0.12, 0.02
"""Widths of a seam as parts of the square's side."""


class Paste:
    """Puts animated squares back into one picture."""

    def __init__(
        self,
        image: Image.Image,
        window: Window | None,
        fit: Fit = "crop",
        side: int | None = None,
        beside: Paste | None = None,
    ) -> None:
        """`image` (RGB), and the `window` of it that is animated (None: the square that `fit` means).

        The result has the picture's size, or one at which the square has `side` pixels, or the size of another square's
        that is animated `beside` this one in the same picture; even (a last odd row or column is left out) and of at
        most `MAX_PIXELS`.
        """
        self._bars = window is None and fit == "pad"
        window = window or (Window.centered(image.size) if fit == "crop" else _all_of(image.size))
        if beside is None:
            self.factor = _factor(image, window, side)
            """By which the picture was made larger, or smaller."""
            whole = image if self.factor == 1 else _resized(image, self.factor)
            self.size = (whole.width - whole.width % 2, whole.height - whole.height % 2)
            """(width, height) of the results."""
            self.base = whole.crop((0, 0, *self.size))
            """The whole picture as it is before it is animated."""
        else:
            self.factor, self.size, self.base = beside.factor, beside.size, beside.base
        self.window = window = window.scaled(self.factor).snapped()
        """The square of it that is animated."""
        left, top, right, bottom = (int(value) for value in window.place(self.size, self.side).box)
        self._corner, self._extent = (left, top), (right - left, bottom - top)
        self._mask = self._masked(np.full(4, FEATHER))

    def _masked(self, widths: NDArray[np.floating]) -> Image.Image:
        """How much the square counts where it lies, its seams being of these `widths` (left, top, right, bottom)."""
        (left, top), (width, height), window = self._corner, self._extent, self.window
        across = _ramp(window.left, window.side, left, left + width, self.size[0], widths[::2])
        down = _ramp(window.top, window.side, top, top + height, self.size[1], widths[1::2])
        return Image.fromarray(np.rint(255 * np.outer(down, across)).astype(np.uint8))

    def narrow(self, edges: NDArray[np.bool_]) -> None:
        """From now on, these `edges` (left, top, right, bottom) have a narrow seam: nothing but a backdrop that stays
        lies at them, and a head that comes near is not to fade.
        """
        self._mask = self._masked(np.where(edges, NARROW, FEATHER))

    @property
    def seams(self) -> NDArray[np.bool_]:
        """(4,): which edges of the square (left, top, right, bottom) have more of the picture beyond them."""
        (width, height), window = self.size, self.window
        low, high = (
            (window.left > 0, window.top > 0),
            (window.left + window.side < width, window.top + window.side < height),
        )
        return np.array([*low, *high])

    @property
    def side(self) -> int:
        """Pixels of the result along a side of the animated square."""
        return int(self.window.side)

    @property
    def whole(self) -> Bytes:
        """The whole picture as it is before it is animated: uint8 (height, width, 3)."""
        return np.array(self.base)

    def cut(self, target: int) -> Bytes:
        """The square as it is before it is animated: uint8 (target, target, 3)."""
        return self.window.cut(self.base, target, replicate=not self._bars)

    def __call__(self, frame: Bytes) -> Bytes:
        """The whole picture, uint8 (height, width, 3), with `frame`, uint8 (R, R, 3) of any R, in its place."""
        whole = self.base.copy()
        self.lay(whole, frame)
        return np.array(whole)

    def lay(self, whole: Image.Image, frame: Bytes, weight: Floats | None = None) -> None:
        """Lay `frame`, uint8 (R, R, 3) of any R, in its place onto the `whole` picture, of the `size`: everywhere, or
        only by the `weight`, f32 (R, R) in [0, 1].
        """
        place = self.window.place(self.size, len(frame))
        part = (slice(place.row, place.row + place.height), slice(place.column, place.column + place.width))
        mask = self._mask
        if weight is not None:
            share = Image.fromarray(np.rint(255 * weight[part]).astype(np.uint8))
            mask = ImageChops.multiply(mask, share.resize(self._extent, Image.Resampling.BILINEAR))
        whole.paste(Image.fromarray(frame[part]).resize(self._extent, Image.Resampling.BICUBIC), self._corner, mask)


def _factor(image: Image.Image, window: Window, side: int | None) -> float:
    """By how much `image` becomes larger for its `window` to have `side` pixels, within `MAX_PIXELS`."""
    wanted = 1.0 if side is None else side / window.side
    factor = min(wanted, (MAX_PIXELS / (image.width * image.height)) ** 0.5)
    if factor < wanted:
        width, height = (int(length * factor) for length in image.size)
        said = f"The picture has {image.width}x{image.height} pixels; the result is made {width}x{height}."
        warnings.warn(said, BunrakuWarning, stacklevel=3)
    return factor


def _resized(image: Image.Image, factor: float) -> Image.Image:
    width, height = (max(2, int(length * factor)) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _all_of(size: tuple[int, int]) -> Window:
    """The square that bars make of a picture."""
    return Window.around(size[0] / 2, size[1] / 2, max(size))


def _ramp(
    low: float, side: float, start: int, end: int, length: int, widths: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Weight of the animated square at the pixels `start` to `end` of an axis: smoothly from 0 at its edges to 1,
    within these `widths` at its beginning and its end.

    Where the square reaches the end of the picture (`length`) there is nothing to blend with, and the weight is 1.
    """
    at = np.arange(start, end) + 0.5
    weight = np.ones(end - start)
    ends = (at - low, low > 0), (low + side - at, low + side < length)
    for (distance, free), width in zip(ends, widths * side, strict=True):
        if free:
            t = np.clip(distance / width, 0, 1)
            weight = np.minimum(weight, t * t * (3 - 2 * t))
    return weight
