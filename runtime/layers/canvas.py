"""The square that is moved, with what the picture shows around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.framing.window import Window
from runtime.layers.frames import Array
from runtime.values import Bytes


@dataclass(frozen=True)
class Canvas:
    """The square that is moved with what the picture shows around it, so that nothing ends at the square's edge."""

    picture: Bytes
    """uint8 (c, c, 3)."""
    margin: int
    """Pixels around the square."""
    photo: tuple[slice, slice]
    """Rows and columns that the photo itself shows; beyond them its border is repeated. All of them where the square is
    turned.
    """

    @staticmethod
    def around(square: Bytes, image: Image.Image, window: Window | None) -> Canvas:
        """`square`, uint8 (n, n, 3), is the `window` of `image`; without one, all that is known."""
        size = len(square)
        margin = size // 4 if size <= 1024 else size // 8
        inner = slice(margin, margin + size)
        if window is None:
            picture = np.pad(square, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
            return Canvas(picture, margin, (inner, inner))
        wide = window.widened(window.side * margin / size)
        picture = wide.cut(image, size + 2 * margin).copy()
        picture[inner, inner] = square  # as it is, not as it is resampled
        if window.angle:  # what the photo shows is no rectangle then
            return Canvas(picture, margin, (slice(0, len(picture)), slice(0, len(picture))))
        near, far = window.place(image.size, size), wide.place(image.size, len(picture))
        starts = (far.row, near.row, far.height, near.height), (far.column, near.column, far.width, near.width)
        return Canvas(picture, margin, (_within(*starts[0], margin, size), _within(*starts[1], margin, size)))

    @property
    def inner(self) -> slice:
        """Rows, and columns, of the square."""
        return slice(self.margin, len(self.picture) - self.margin)

    def places(self, points: NDArray[np.floating], resolution: int) -> Array:
        """Pixels (..., 2) of `points` in [-1, 1] of a model of that `resolution`."""
        inside = ((points.astype(np.float64) + 1) / 2 * (resolution - 1) + 0.5) / resolution
        return inside * (len(self.picture) - 2 * self.margin) + self.margin - 0.5


def _within(first: int, nearer: int, length: int, near: int, margin: int, size: int) -> slice:
    """Pixels of the canvas that are the photo's, by what it shows (`first`, `length`) and what the square does
    (`nearer`, `near`): both are rounded on their own.
    """
    start = first if nearer == 0 else max(first, margin + nearer)
    end = first + length if nearer + near == size else min(first + length, margin + nearer + near)
    return slice(start, end)
