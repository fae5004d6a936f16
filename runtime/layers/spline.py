"""A thin-plate spline through noisy point pairs: the smoothest map that leads near to all of them (Wahba 1990)."""

from __future__ import annotations

import numpy as np

from runtime.layers.frames import Affine, Array


class ThinPlate:
    """A map of the plane: an affine one, and what bends it. Far from its points it goes on as it leads there."""

    def __init__(self, before: Array, after: Array, base: Affine, ease: float) -> None:
        """From points (K, 2) near to points (K, 2), beside what `base` maps; the more `ease`, the straighter. What
        `ease` does depends on neither the points' number nor their unit.
        """
        self._base = base
        self._middle = before.mean(0)
        self._unit = max(float(np.sqrt(((before - self._middle) ** 2).sum(1).mean())), 1e-6)
        self._knots = (before - self._middle) / self._unit
        count = len(before)
        system = np.zeros((count + 3, count + 3))
        system[:count, :count] = _bent(self._knots, self._knots) + ease * np.eye(count)
        system[:count, count:] = _straight(self._knots)
        system[count:, :count] = system[:count, count:].T
        # Points on one line, or on one spot, leave a turn open: then it is none.
        system[count:, count:] = -1e-9 * np.eye(3)
        missing = np.concatenate([(after - base(before)) / self._unit, np.zeros((3, 2))])
        self._weights = np.linalg.solve(system, missing)

    def __call__(self, points: Array) -> Array:
        """Where `points` (..., 2) are led."""
        places = (points.reshape(-1, 2) - self._middle) / self._unit
        terms = np.concatenate([_bent(places, self._knots), _straight(places)], 1)
        return self._base(points) + (self._unit * (terms @ self._weights)).reshape(points.shape)


def _bent(places: Array, knots: Array) -> Array:
    """(N, K): r^2 log r of the distances of `places` (N, 2) to `knots` (K, 2)."""
    x, y = (np.subtract.outer(places[:, axis], knots[:, axis]).astype(np.float32) for axis in (0, 1))
    squares = x * x + y * y
    return (0.5 * squares * np.log(squares + np.float32(1e-9))).astype(np.float64)


def _straight(places: Array) -> Array:
    """(N, 3): 1, x and y."""
    return np.concatenate([np.ones((len(places), 1)), places], 1)
