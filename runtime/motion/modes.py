"""Sparse motion in numpy, and the driving modes that turn a driving frame's motion into the one to render.

The same for every family of models: all the engine knows of a motion are its points and, where the family has
them, a 2x2 linear part and a covariance a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from checkpoints.contract import MODES
from checkpoints.errors import OptionError
from runtime.values import Floats, is_number


@dataclass(frozen=True)
class Motion:
    """Motion parameters of T frames (or V views). Coordinates are (x, y) in [-1, 1], y down."""

    points: Floats
    """(T, K, 2)."""
    jacobians: Floats | None = None
    """(T, K, 2, 2), row = output coordinate; None in families without a linear part."""
    covariances: Floats | None = None
    """(T, K, 2, 2); handed through untouched by every mode."""
    eyes: Floats | None = None
    """(T, 2, 3), the person's left and right eye: opening, and where the iris is seen from the middle of the corners
    (towards the inner corner, and down), all in widths of the eye; None where nobody looked. Handed through likewise.
    """

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, frames: slice) -> Motion:
        """A slice of frames; it stays a batch."""
        return Motion(*(None if part is None else part[frames] for part in self._parts()))  # type: ignore[arg-type]

    def _parts(self) -> tuple[Floats | None, ...]:
        return self.points, self.jacobians, self.covariances, self.eyes

    @staticmethod
    def concatenate(motions: Sequence[Motion]) -> Motion:
        """One motion of all frames in order; all must have the same parts."""
        parts = zip(*(motion._parts() for motion in motions), strict=True)
        return Motion(*(None if part[0] is None else np.concatenate(part) for part in parts))  # type: ignore[arg-type]


def absolute(source: Motion, driving: Motion, *, strength: float = 1.0) -> Motion:
    """The driving motion as it is ("standard" mode).

    `strength` moves along the straight line from the source's own pose (0) to the driving one (1) and beyond.
    `source` holds one frame, `driving` any number.
    """
    if strength == 1.0:
        return driving
    points = source.points + strength * (driving.points - source.points)
    jacobians = driving.jacobians
    if jacobians is not None and source.jacobians is not None:
        jacobians = source.jacobians + np.float32(strength) * (jacobians - source.jacobians)
    return replace(driving, points=_float32(points), jacobians=jacobians)


def relative(
    source: Motion, driving: Motion, reference: Motion, *, strength: float = 1.0, adapt_scale: bool = True
) -> Motion:
    """The source's pose, moved as the driving frame has moved since the reference frame.

    p = p_S + s a (p_t - p_0) and J = (I + s (J_t J_0^-1 - I)) J_S (FOMM, supplement A.3, with `strength` s;
    s = 1 gives J_t J_0^-1 J_S). With `adapt_scale`, a = sqrt(area of the convex hull of p_S / the same of
    p_0), so that a large face makes a small one move less. `source` and `reference` hold one frame each,
    `driving` any number.
    """
    scale = strength * (movement_scale(source.points[0], reference.points[0]) if adapt_scale else 1.0)
    points = source.points + scale * (driving.points - reference.points)
    jacobians = driving.jacobians
    if jacobians is not None and source.jacobians is not None and reference.jacobians is not None:
        moved = jacobians.astype(np.float64) @ _inverse(reference.jacobians)
        unit = np.eye(2)
        jacobians = _float32((unit + strength * (moved - unit)) @ source.jacobians)
    return replace(driving, points=_float32(points), jacobians=jacobians)


def best_frame(source: Motion, driving: Motion) -> int:
    """The frame of `driving` (T frames) whose pose is most like that of `source` (one frame).

    Poses are compared where and as large as they are not: points are centred and divided by the square root of
    their convex hull's area (as FOMM's demonstration does with face landmarks).
    """
    aim = _normalised(source.points[0])
    return int(np.argmin([((_normalised(points) - aim) ** 2).sum() for points in driving.points]))


def _normalised(points: Floats) -> NDArray[np.float64]:
    centered = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    return centered / np.sqrt(max(hull_area(centered), 1e-8))


def movement_scale(source: Floats, reference: Floats) -> float:
    """Square root of the ratio of the convex hulls' areas of two point sets (K, 2); 1 where either has no
    area.
    """
    area, reference_area = hull_area(source), hull_area(reference)
    if min(area, reference_area) < 1e-8:  # fewer than three points, or all on one line
        return 1.0
    return float(np.sqrt(area / reference_area))


def hull_area(points: NDArray[np.floating]) -> float:
    """Area of the convex hull of `points` (K, 2), by Andrew's monotone chain; 0 for fewer than three."""
    ordered = sorted({(float(x), float(y)) for x, y in points})
    if len(ordered) < 3:
        return 0.0
    hull = _chain(ordered)[:-1] + _chain(ordered[::-1])[:-1]
    x, y = np.array(hull).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def _chain(ordered: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The lower hull of points sorted by x (the upper one, of points sorted backwards)."""
    chain: list[tuple[float, float]] = []
    for x, y in ordered:
        while len(chain) > 1:
            (ax, ay), (bx, by) = chain[-2:]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                break
            chain.pop()
        chain.append((x, y))
    return chain


def _inverse(matrices: Floats) -> NDArray[np.float64]:
    """Inverse of (..., 2, 2); a singular matrix, which no trained detector gives, is nudged instead of
    raising.
    """
    a, b, c, d = np.moveaxis(matrices.reshape(*matrices.shape[:-2], 4).astype(np.float64), -1, 0)
    determinant = a * d - b * c
    determinant = np.where(np.abs(determinant) < 1e-12, np.copysign(1e-12, determinant), determinant)
    adjugate = np.stack([d, -b, -c, a], axis=-1).reshape(matrices.shape)
    return adjugate / determinant[..., None, None]


def _float32(values: NDArray[np.floating]) -> Floats:
    return values.astype(np.float32, copy=False)


def check_mode(mode: str) -> None:
    """Raises `OptionError` unless `mode` is a driving mode."""
    if mode not in MODES:
        raise OptionError(f'There is no mode "{mode}"; choose one of {", ".join(MODES)}.')


def check_strength(strength: float) -> None:
    """Raises `OptionError` unless `strength` is a finite number of 0 or more."""
    if not (is_number(strength) and strength >= 0):
        raise OptionError(f"strength is {strength}; it must be a number of 0 or more (1 leaves the motion as it is).")
