"""Frames of reference: of a head, from its named points, and least-squares maps between point sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.values import Bytes

Array = NDArray[np.float64]
"""Coordinates."""
Pixels = NDArray[np.floating[Any]]
"""Values of pixels, mostly float32."""

TEMPLATE = {
    "eye_left.inner": (0.165, 0.02),
    "eye_left.outer": (0.5, 0.0),
    "eye_right.inner": (-0.165, 0.02),
    "eye_right.outer": (-0.5, 0.0),
    "nose.bridge": (0.0, 0.035),
    "nose.base": (0.0, 0.579),
}
"""Points of a head that expressions do not move, in the head's own frame: the distance of the outer corners of the eyes
is 1, x points to the person's left, y down.
"""

_FAR = 1e6
"""No picture's places lie beyond, in pixels or otherwise."""
_FLAT = 1e-12
_PULL = 0.025
"""How much a frame that follows a turned head is held to be a similarity, of what its points say."""


def bounded(values: NDArray[np.floating]) -> Array:
    """`values`, none of them beyond all pictures or no number: a motion file, or a model, may say anything."""
    return np.clip(np.nan_to_num(values.astype(np.float64)), -_FAR, _FAR)


@dataclass(frozen=True)
class Affine:
    """x -> linear x + offset, for points (..., 2)."""

    linear: Array
    """(2, 2)."""
    offset: Array
    """(2,)."""

    def __call__(self, points: Array) -> Array:
        if points.ndim < 3 or points.dtype != np.float64 or not points.flags.c_contiguous:
            return points @ self.linear.T + self.offset
        # Of a whole field of points as complex numbers, in less than half of the time.
        (a, b), (c, d) = self.linear
        places = points.view(np.complex128)
        found = complex(a + d, c - b) / 2 * places + complex(a - d, c + b) / 2 * places.conj()
        found += complex(*self.offset)
        return found.view(np.float64)

    def inverse(self) -> Affine:
        """The map back; one that has none, which points that coincide make, is nudged instead of raising."""
        (a, b), (c, d) = self.linear
        determinant = a * d - b * c
        if abs(determinant) < _FLAT:
            determinant = np.copysign(_FLAT, determinant)
        back = np.array([[d, -b], [-c, a]]) / determinant
        return Affine(back, -(back @ self.offset))

    def cut(self, image: Image.Image, side: int) -> Bytes:
        """uint8 (side, side, 3): what `image` shows where this map takes the pixels of a square."""
        rows = np.concatenate([self.linear, self.offset[:, None]], 1).reshape(-1)
        places = tuple(float(value) for value in rows)
        return np.asarray(image.transform((side, side), Image.Transform.AFFINE, places, Image.Resampling.BILINEAR))

    @staticmethod
    def fit(before: Array, after: Array, stiffness: float = 0.0) -> Affine:
        """The least-squares map from points (K, 2) to points (K, 2). `stiffness` pulls its linear part towards that of
        the best similarity, as if so many times more points said so.
        """
        similar = Affine.similarity(before, after)
        x, y = before - before.mean(0), after - after.mean(0)
        spread = x.T @ x
        pull = stiffness * np.trace(spread) / 2 * np.eye(2)
        linear = np.linalg.solve(spread + pull + 1e-9 * np.eye(2), x.T @ y + pull @ similar.linear.T).T
        return Affine(linear, after.mean(0) - linear @ before.mean(0))

    @staticmethod
    def similarity(before: Array, after: Array) -> Affine:
        """The least-squares turn, scale and shift from points (K, 2) to points (K, 2)."""
        x, y = ((each - each.mean(0)) @ np.array([1, 1j]) for each in (before, after))
        turn = np.vdot(x, y) / max(np.vdot(x, x).real, 1e-12)
        linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
        return Affine(linear, after.mean(0) - linear @ before.mean(0))


def head_frame(points: Mapping[str, Array], *, rigid: bool = False) -> Affine:
    """From the head's own frame (see `TEMPLATE`) to where named `points` (2,) lie. With `rigid` a similarity; else
    turned heads are seen foreshortened, which the frame follows.
    """
    middle, about, length, solving = _template()
    aim = np.array([points[name] for name in TEMPLATE])
    across = about.T @ aim
    # As `Affine.similarity` and `fit` find them, several times faster: all of the template is known.
    turn, skew = (across[0, 0] + across[1, 1]) / length, (across[0, 1] - across[1, 0]) / length
    linear = np.array([[turn, -skew], [skew, turn]])
    if not rigid:
        linear = (solving @ (across + _PULL * length * linear.T)).T
    return Affine(linear, aim.sum(0) / len(aim) - linear @ middle)


@cache
def _template() -> tuple[Array, Array, float, Array]:
    """The template's middle (2,), its points (6, 2) from there, the sum of their squares, and what solves for a map of
    them that is held to be a similarity (2, 2).
    """
    places = np.array(list(TEMPLATE.values()))
    middle = places.sum(0) / len(places)
    about = places - middle
    length = float((about**2).sum())
    return middle, about, length, np.asarray(np.linalg.inv(about.T @ about + _PULL * length * np.eye(2)), np.float64)
