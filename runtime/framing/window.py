"""A square part of a picture: cut out to the model's size, and where its pixels go back to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from runtime.values import Bytes


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
    """A square in the pixels of an upright picture; it may leave the picture."""

    left: float
    top: float
    side: float

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

    def snapped(self) -> Window:
        """The same in whole pixels."""
        side = max(1, round(self.side))
        x, y = self.center
        return Window(round(x - side / 2), round(y - side / 2), side)

    def scaled(self, factor: float) -> Window:
        """The same part of the picture when that is resized by `factor`."""
        return Window(self.left * factor, self.top * factor, self.side * factor)

    def touches(self, size: tuple[int, int]) -> bool:
        """Whether any pixel of a picture of `size` (width, height) lies in it."""
        reach_x, reach_y = self.left + self.side, self.top + self.side
        return self.left < size[0] and self.top < size[1] and reach_x > 0 and reach_y > 0

    def inside(self, size: tuple[int, int], least: float) -> Window:
        """The largest square in it that shows nothing outside of a picture of `size` (width, height), as near to its
        middle as may be; but never less than the part `least` of its side.
        """
        reach = [min(length, low + self.side) for low, length in zip((self.left, self.top), size, strict=True)]
        spans = [(max(0.0, low), high) for low, high in zip((self.left, self.top), reach, strict=True)]
        side = max(min(high - low for low, high in spans), least * self.side)
        x, y = (_clamp(at - side / 2, low, high - side) for at, (low, high) in zip(self.center, spans, strict=True))
        most = self.side - side
        return Window(_clamp(x, self.left, self.left + most), _clamp(y, self.top, self.top + most), side)

    def place(self, size: tuple[int, int], target: int) -> Placement:
        """Where a picture of `size` (width, height) lies when this window is cut to `target` pixels a side.

        The window must touch the picture. Edges are rounded to pixels of the square.
        """
        starts, ends, box = [], [], []
        for low, length in zip((self.left, self.top), size, strict=True):
            first, last = max(0.0, low), min(float(length), low + self.side)
            start = min(round((first - low) / self.side * target), target - 1)
            starts.append(start)
            ends.append(max(start + 1, round((last - low) / self.side * target)))
            box.append((first, last))
        (x0, x1), (y0, y1) = box
        return Placement((x0, y0, x1, y1), starts[0], starts[1], ends[0] - starts[0], ends[1] - starts[1])

    def cut(self, image: Image.Image, target: int, *, replicate: bool = True) -> Bytes:
        """This part of `image` (RGB) as uint8 (target, target, 3).

        Outside of the picture its border is repeated, or all is black without `replicate`.
        """
        place = self.place(image.size, target)
        # Going down a long way, a box filter takes the first steps: as good to the eye, and many times faster.
        part = np.array(
            image.resize((place.width, place.height), Image.Resampling.BICUBIC, box=place.box, reducing_gap=3.0)
        )
        return fill(part, place, target, replicate=replicate)


def fill(part: Bytes, place: Placement, target: int, *, replicate: bool = True) -> Bytes:
    """`part`, uint8 (place.height, place.width, 3), with what lies outside of the picture: its border repeated,
    or black.
    """
    after = (target - place.row - place.height, target - place.column - place.width)
    if not (place.row or place.column or any(after)):
        return part
    margins = ((place.row, after[0]), (place.column, after[1]), (0, 0))
    return np.pad(part, margins, mode="edge" if replicate else "constant")


def _clamp(value: float, low: float, high: float) -> float:
    """`value` in between; `high` where there is no between."""
    return min(max(value, low), high)
