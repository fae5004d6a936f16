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
    x, y = (inside - low).T
    column, row = low.T
    across, down = (np.exp(-((cells - each[:, None]) ** 2) / (2 * reach**2)) for each in at.T)
    weight = down.T @ across + _FAINT
    led = flow.transpose(2, 0, 1).copy()
    for _ in range(_ROUNDS):
        above = led[:, row, column] * (1 - x) + led[:, row, column + 1] * x
        below = led[:, row + 1, column] * (1 - x) + led[:, row + 1, column + 1] * x
        missing = wanted.T - (above * (1 - y) + below * y)
        led += (missing[:, None] * down.T) @ across / weight
    return np.ascontiguousarray(led.transpose(1, 2, 0))
