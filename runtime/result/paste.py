"""Pasting back: the animated square returns to its place in the whole picture, with a seam that nobody sees."""

from __future__ import annotations

import warnings
from typing import Any

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
        seam: float | None = None,
    ) -> None:
        """`image` (RGB), and the `window` of it that is animated (None: the square that `fit` means).

        The result has the picture's size, or one at which the square has `side` pixels, or the size of another square's
        that is animated `beside` this one in the same picture; even (a last odd row or column is left out) and of at
        most `MAX_PIXELS`. `seam`: the width of all seams as a part of the square's side, where the model's pictures are
        made for one.
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
        self._seam = seam
        left, top, right, bottom = self._reach(window)
        self._corner, self._extent = (left, top), (right - left, bottom - top)
        self._mask = self._masked(np.full(4, FEATHER if seam is None else seam))

    def _reach(self, window: Window) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the part of the picture that the square changes."""
        if not window.angle:
            left, top, right, bottom = (int(value) for value in window.place(self.size, self.side).box)
            return left, top, right, bottom
        box = window.box
        starts = [min(max(int(np.floor(low)), 0), length - 1) for low, length in zip(box[:2], self.size, strict=True)]
        ends = [min(int(np.ceil(high)), length) for high, length in zip(box[2:], self.size, strict=True)]
        return starts[0], starts[1], max(ends[0], starts[0] + 1), max(ends[1], starts[1] + 1)

    def _masked(self, widths: NDArray[np.floating]) -> Image.Image:
        """How much the square counts where it lies, its seams being of these `widths` (left, top, right, bottom)."""
        (left, top), (width, height), window = self._corner, self._extent, self.window
        if window.angle:
            at = np.meshgrid(left + np.arange(width) + 0.5, top + np.arange(height) + 0.5)
            x, y = np.moveaxis(window.inward(np.stack(at, -1)), -1, 0)
            weight = _ramp(y, widths[1::2], self.seams[1::2]) * _ramp(x, widths[::2], self.seams[::2])
        else:
            across = (np.arange(left, left + width) + 0.5 - window.left) / window.side
            down = (np.arange(top, top + height) + 0.5 - window.top) / window.side
            free = self.seams
            weight = np.outer(_ramp(down, widths[1::2], free[1::2]), _ramp(across, widths[::2], free[::2]))
        levels = np.rint(255 * weight) if self._seam is None else np.floor(255 * weight)  # 0 in the outermost pixels
        return Image.fromarray(levels.astype(np.uint8))

    def narrow(self, edges: NDArray[np.bool_]) -> None:
        """From now on, these `edges` (left, top, right, bottom) have a narrow seam: nothing but a backdrop that stays
        lies at them, and a head that comes near is not to fade.
        """
        if self._seam is None:
            self._mask = self._masked(np.where(edges, NARROW, FEATHER))

    @property
    def seams(self) -> NDArray[np.bool_]:
        """(4,): which edges of the square (left, top, right, bottom) have more of the picture beyond them."""
        (width, height), window = self.size, self.window
        if window.angle:
            return np.ones(4, bool)
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
        return self.window.cut(self.base, target, replicate=False if self._bars else None)

    def __call__(self, frame: Bytes) -> Bytes:
        """The whole picture, uint8 (height, width, 3), with `frame`, uint8 (R, R, 3) of any R, in its place."""
        whole = self.base.copy()
        self.lay(whole, frame)
        return np.array(whole)

    def lay(self, whole: Image.Image, frame: Bytes, weight: Floats | None = None) -> None:
        """Lay `frame`, uint8 (R, R, 3) of any R, in its place onto the `whole` picture, of the `size`: everywhere, or
        only by the `weight`, f32 (R, R) in [0, 1].
        """
        mask = self._mask
        if weight is not None:
            share = self._placed(Image.fromarray(np.rint(255 * weight).astype(np.uint8)), Image.Resampling.BILINEAR)
            mask = ImageChops.multiply(mask, share)
        whole.paste(self._placed(Image.fromarray(frame), Image.Resampling.BICUBIC), self._corner, mask)

    def _placed(self, square: Image.Image, way: Image.Resampling) -> Image.Image:
        """The `square`, of any side, where it lies in the part of the picture that it changes."""
        if not self.window.angle:
            place = self.window.place(self.size, square.width)
            box = (place.column, place.row, place.column + place.width, place.row + place.height)
            return square.crop(box).resize(self._extent, way)
        if square.width > self.side:  # made smaller first, by all its pixels
            square = square.resize((self.side, self.side), way)
        rows = self.window.axes * (square.width / self.window.side)
        start = self.window.inward(np.array(self._corner, np.float64)) * square.width
        data = tuple(float(value) for row, first in zip(rows, start, strict=True) for value in (*row, first))
        return square.transform(self._extent, Image.Transform.AFFINE, data, way)


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


def _ramp(at: NDArray[Any], widths: NDArray[np.floating], free: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weight of the animated square at places `at` along one of its axes, in its sides: smoothly from 0 at its edges to
    1, within these `widths` at its beginning and its end.

    Where an edge is not `free`, the square reaching the end of the picture, there is nothing to blend with.
    """
    weight = np.ones(at.shape)
    for distance, width, fades in zip((at, 1 - at), widths, free, strict=True):
        if fades:
            t = np.clip(distance / width, 0, 1)
            weight = np.minimum(weight, t * t * (3 - 2 * t))
    return weight
