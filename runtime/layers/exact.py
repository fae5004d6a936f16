"""A model's flow, led through its own points.

A flow that a network blends out of candidates falls short of the points that it was blended for, by half a pixel of 256
and more where a face moves a lot; a viewer sees a face that lags behind. What is missing at the points is spread about
them.
"""

from __future__ import annotations

import numpy as np

from runtime.layers.frames import Array

_ROUNDS = 3
_FAINT = 0.05
"""Weight of nothing at all, against which that of points is held: far from all of them nothing is added."""


def through(flow: Array, at: Array, wanted: Array, reach: float) -> Array:
    """`flow` (f, f, 2), changed so that it is `wanted` (N, 2) at the places `at` (N, 2), in cells (x, y) from its first
    one. What is added runs out over a distance of `reach` cells (a Gaussian's deviation).
    """
    cells = np.arange(len(flow))
    inside = np.clip(at, 0, len(flow) - 1)
    low = np.minimum(inside.astype(np.intp), len(flow) - 2)
    hats = _hats(low, inside - low, len(flow))
    across, down = (np.exp(-((cells - each[:, None]) ** 2) / (2 * reach**2)) for each in at.T)
    weight = down.T @ across + _FAINT
    added = np.zeros_like(flow)
    for _ in range(_ROUNDS):
        missing = wanted - np.einsum("ny,yxc,nx->nc", hats[1], flow + added, hats[0], optimize=True)
        for axis in (0, 1):
            added[..., axis] += (down * missing[:, axis, None]).T @ across / weight
    return flow + added


def _hats(low: np.ndarray, rest: Array, cells: int) -> tuple[Array, Array]:
    """(N, f) twice: how much columns, and rows, count in a flow that is looked up between cells."""
    found = []
    for axis in (0, 1):
        hat = np.zeros((len(low), cells))
        rows = np.arange(len(low))
        hat[rows, low[:, axis]] = 1 - rest[:, axis]
        hat[rows, low[:, axis] + 1] = rest[:, axis]
        found.append(hat)
    return found[0], found[1]
