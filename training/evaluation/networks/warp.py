"""Cutting a turned and scaled square out of a picture, and taking points back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates

Floats = NDArray[np.floating]
Beyond = Literal["black", "edge"]


@dataclass(frozen=True)
class Similarity:
    """z -> turn * z + shift on points as complex numbers x + iy, in pixels with the first pixel's corner at 0."""

    turn: complex
    shift: complex

    @staticmethod
    def between(start: Floats, end: Floats) -> Similarity:
        """The one that takes points `start` (K, 2) nearest to `end` (K, 2), by least squares."""
        a, b = _complex(start), _complex(end)
        centred = a - a.mean()
        turn = np.vdot(centred, b - b.mean()) / max(np.vdot(centred, centred).real, 1e-12)
        return Similarity(complex(turn), complex(b.mean() - turn * a.mean()))

    def __call__(self, points: Floats) -> NDArray[np.float64]:
        """Points (..., 2) moved."""
        moved = self.turn * _complex(points) + self.shift
        return np.stack([moved.real, moved.imag], -1)

    @property
    def inverse(self) -> Similarity:
        """The way back."""
        return Similarity(1 / self.turn, -self.shift / self.turn)

    def cut(self, picture: NDArray[np.uint8], side: int, beyond: Beyond = "black") -> NDArray[np.uint8]:
        """What `picture` (H, W, 3) shows, moved by this map, as (side, side, 3), bilinear; `beyond` the picture lies
        black, or what its edge shows.
        """
        back = self.inverse
        if beyond == "edge":
            rows, columns = np.indices((side, side)) + 0.5
            places = back.turn * (columns + 1j * rows) + back.shift
            rows_columns = [places.imag - 0.5, places.real - 0.5]
            planes = [
                map_coordinates(picture[..., c].astype(np.float32), rows_columns, order=1, mode="nearest")
                for c in range(picture.shape[-1])
            ]
            return np.rint(np.stack(planes, -1)).astype(np.uint8)
        c, s, x, y = back.turn.real, back.turn.imag, back.shift.real, back.shift.imag
        moved = Image.fromarray(picture).transform(
            (side, side), Image.Transform.AFFINE, (c, -s, x, s, c, y), Image.Resampling.BILINEAR
        )
        return np.asarray(moved)


def _complex(points: Floats) -> NDArray[np.complex128]:
    return points[..., 0] + 1j * points[..., 1]
