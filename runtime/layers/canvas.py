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

    @staticmethod
    def around(square: Bytes, image: Image.Image, window: Window | None) -> Canvas:
        """`square`, uint8 (n, n, 3), is the `window` of `image`; without one its border is repeated."""
        size = len(square)
        margin = size // 4 if size <= 1024 else size // 8
        if window is None:
            return Canvas(np.pad(square, ((margin, margin), (margin, margin), (0, 0)), mode="edge"), margin)
        more = window.side * margin / size
        wide = Window(window.left - more, window.top - more, window.side + 2 * more)
        picture = wide.cut(image, size + 2 * margin).copy()
        picture[margin : margin + size, margin : margin + size] = square  # as it is, not as it is resampled
        return Canvas(picture, margin)

    @property
    def inner(self) -> slice:
        """Rows, and columns, of the square."""
        return slice(self.margin, len(self.picture) - self.margin)

    def places(self, points: NDArray[np.floating], resolution: int) -> Array:
        """Pixels (..., 2) of `points` in [-1, 1] of a model of that `resolution`."""
        inside = ((points.astype(np.float64) + 1) / 2 * (resolution - 1) + 0.5) / resolution
        return inside * (len(self.picture) - 2 * self.margin) + self.margin - 0.5
