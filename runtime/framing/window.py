"""A square part of a picture: cut out to the model's size, and where its pixels go back to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.values import Bytes

_FINEST = 4096
"""Most pixels along a side that a turned square is read with before it is made smaller."""

Places = NDArray[np.float64]
"""Points (..., 2), (x, y)."""


@dataclass(frozen=True)
class Manner:
    """How squares are cut out: as the pictures were that a model was trained on."""

    black: bool = False
    """What lies outside of a picture is black; else its border is repeated."""
    area: bool = False
    """Pictures are made smaller by the mean of areas, and larger linearly; else by cubic filters."""


USUAL = Manner()


@dataclass(frozen=True)
class Placement:
    """Which part of the picture a window shows, and where in the square that part lies; all else is outside."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom in the picture, in pixels."""
    column: int
    row: int
    width: int
    height: int
    """Where in the square, in its pixels."""


@dataclass(frozen=True)
class Window:
    """A square in the pixels of an upright picture; it may leave the picture, and may be turned about its middle."""

    left: float
    top: float
    side: float
    """All three before it is turned."""
    angle: float = 0.0
    """Radians by which it is turned clockwise, as seen."""
    manner: Manner = USUAL
    """How it is cut out."""

    @staticmethod
    def centered(size: tuple[int, int]) -> Window:
        """The largest square in the middle of a picture of `size` (width, height)."""
        side = min(size)
        return Window((size[0] - side) / 2, (size[1] - side) / 2, side)

    @staticmethod
    def around(x: float, y: float, side: float) -> Window:
        """The square of that side whose middle is (x, y)."""
        return Window(x - side / 2, y - side / 2, side)

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of its middle."""
        return self.left + self.side / 2, self.top + self.side / 2

    @property
    def axes(self) -> Places:
        """(2, 2): the directions in the picture of its rows (to the right) and of its columns (down), one a row."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cos, sin], [-sin, cos]])

    def inward(self, points: Places) -> Places:
        """Places (..., 2) in it, in its sides from its left upper corner, of `points` of the picture."""
        return (points - np.array(self.center)) @ self.axes.T / self.side + 0.5

    def outward(self, places: Places) -> Places:
        """The way back: points of the picture."""
        return (places - 0.5) @ self.axes * self.side + np.array(self.center)

    @property
    def corners(self) -> Places:
        """(4, 2): its corners in the picture, from the left upper one clockwise."""
        return self.outward(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the smallest upright rectangle around it."""
        if not self.angle:
            return self.left, self.top, self.left + self.side, self.top + self.side
        low, high = self.corners.min(axis=0), self.corners.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def snapped(self) -> Window:
        """The same in whole pixels."""
        side = max(1, round(self.side))
        x, y = self.center
        return replace(self, left=round(x - side / 2), top=round(y - side / 2), side=side)

    def scaled(self, factor: float) -> Window:
        """The same part of the picture when that is resized by `factor`."""
        return replace(self, left=self.left * factor, top=self.top * factor, side=self.side * factor)

    def widened(self, more: float) -> Window:
        """The same with so many pixels more on each side."""
        return replace(self, left=self.left - more, top=self.top - more, side=self.side + 2 * more)

    def touches(self, size: tuple[int, int]) -> bool:
        """Whether any pixel of a picture of `size` (width, height) lies in it (in its `box`, where it is turned)."""
        left, top, right, bottom = self.box
        return left < size[0] and top < size[1] and right > 0 and bottom > 0

    def inside(self, size: tuple[int, int], least: float) -> Window:
        """The largest square in it that shows nothing outside of a picture of `size` (width, height), as near to its
        middle as may be; but never less than the part `least` of its side.
        """
        if self.angle:
            return self._inside_turned(size, least)
        reach = [min(length, low + self.side) for low, length in zip((self.left, self.top), size, strict=True)]
        spans = [(max(0.0, low), high) for low, high in zip((self.left, self.top), reach, strict=True)]
        side = max(min(high - low for low, high in spans), least * self.side)
        x, y = (_clamp(at - side / 2, low, high - side) for at, (low, high) in zip(self.center, spans, strict=True))
        most = self.side - side
        x, y = _clamp(x, self.left, self.left + most), _clamp(y, self.top, self.top + most)
        return replace(self, left=x, top=y, side=side)

    def _inside_turned(self, size: tuple[int, int], least: float) -> Window:
        """The same for a turned square: where a middle near its own lets it be largest."""
        spread = float(np.abs(self.axes).sum(axis=1).max())  # of its box, in its sides
        steps = np.linspace(-0.5, 0.5, 33)
        middles = self.outward(np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2) + 0.5)
        away = np.abs(self.inward(middles) - 0.5).max(axis=1)
        edges = np.minimum(middles, np.array(size) - middles).min(axis=1)
        sides = np.minimum(2 * edges / spread, (1 - 2 * away) * self.side)
        best = sides.max()
        near = np.flatnonzero(sides >= best - 1e-6)
        x, y = middles[near[away[near].argmin()]] if best > least * self.side else self.center
        return replace(self.around(float(x), float(y), max(float(best), least * self.side)), angle=self.angle)

    def place(self, size: tuple[int, int], target: int) -> Placement:
        """Where a picture of `size` (width, height) lies when this window is cut to `target` pixels a side.

        The window must touch the picture, and be upright. Edges are rounded to pixels of the square.
        """
        if self.angle:
            raise ValueError("a turned square shows no rectangle of the picture")
        starts, ends, box = [], [], []
        for low, length in zip((self.left, self.top), size, strict=True):
            first, last = max(0.0, low), min(float(length), low + self.side)
            start = min(round((first - low) / self.side * target), target - 1)
            starts.append(start)
            ends.append(max(start + 1, round((last - low) / self.side * target)))
            box.append((first, last))
        (x0, x1), (y0, y1) = box
        return Placement((x0, y0, x1, y1), starts[0], starts[1], ends[0] - starts[0], ends[1] - starts[1])

    def cut(self, image: Image.Image, target: int, *, replicate: bool | None = None) -> Bytes:
        """This part of `image` (RGB) as uint8 (target, target, 3).

        Outside of the picture its border is repeated, or all is black, as its manner says unless `replicate` does.
        """
        replicate = not self.manner.black if replicate is None else replicate
        if self.angle:
            return self._cut_turned(image, target, replicate=replicate)
        place = self.place(image.size, target)
        shape, box = (place.width, place.height), place.box
        if self.manner.area:
            smaller = self.side > target
            kept = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
            part = np.array(image.resize(shape, kept, box=box))
        else:
            # Going down a long way, a box filter takes the first steps: as good to the eye, and many times faster.
            part = np.array(image.resize(shape, Image.Resampling.BICUBIC, box=box, reducing_gap=3.0))
        return fill(part, place, target, replicate=replicate)

    def _cut_turned(self, image: Image.Image, target: int, *, replicate: bool) -> Bytes:
        """The same where it is turned: read linearly at least as finely as the picture is, and then made smaller."""
        finer = max(1, min(int(np.ceil(self.side / target)), _FINEST // target))
        side, origin = finer * target, np.zeros(2)
        if replicate:
            image, origin = _continued(image, self.box)
        columns = self.axes.T * (self.side / side)
        start = self.corners[0] - origin
        places = (*columns[0], start[0], *columns[1], start[1])
        data = tuple(float(value) for value in places)
        found = image.transform((side, side), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
        return np.array(found if finer == 1 else found.reduce(finer))


def fill(part: Bytes, place: Placement, target: int, *, replicate: bool = True) -> Bytes:
    """`part`, uint8 (place.height, place.width, 3), with what lies outside of the picture: its border repeated,
    or black.
    """
    after = (target - place.row - place.height, target - place.column - place.width)
    if not (place.row or place.column or any(after)):
        return part
    margins = ((place.row, after[0]), (place.column, after[1]), (0, 0))
    return np.pad(part, margins, mode="edge" if replicate else "constant")


def _continued(image: Image.Image, box: tuple[float, float, float, float]) -> tuple[Image.Image, Places]:
    """The part of `image` around the `box`, beyond its border with what is at it, and where (x, y) it begins."""
    low = [int(np.floor(value)) - 1 for value in box[:2]]
    high = [int(np.ceil(value)) + 1 for value in box[2:]]
    inner = [(_whole(low[i], n - 1), _whole(high[i], n, 1)) for i, n in enumerate(image.size)]
    (left, right), (top, bottom) = inner
    part = np.asarray(image.crop((left, top, max(right, left + 1), max(bottom, top + 1))))
    margins = [
        (max(0, start - first), max(0, last - end)) for (start, end), first, last in zip(inner, low, high, strict=True)
    ]
    return Image.fromarray(np.pad(part, (margins[1], margins[0], (0, 0)), mode="edge")), np.array(low, np.float64)


def _whole(value: int, most: int, least: int = 0) -> int:
    return min(max(value, least), most)


def _clamp(value: float, low: float, high: float) -> float:
    """`value` in between; `high` where there is no between."""
    return min(max(value, low), high)
