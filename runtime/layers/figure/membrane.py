"""What is behind a whole person, once a source: as a film of soap that is held by the backdrop around them.

Mirror images of the backdrop, as behind heads, meet in bodies, and what is only spread ends at their outline: both show
where somebody stood. A surface that bends as little as it can (Laplace's equation) goes on from the backdrop without a
step.
"""

from __future__ import annotations

import numpy as np

from runtime.layers.frames import Pixels
from runtime.layers.matte import WORK, box_blur, resized

_ROUNDS = 24
"""Rounds of relaxation at each of its sizes, from coarse to fine."""
_COARSE = 4
"""Side of the coarsest one in pixels."""


def membrane(canvas: Pixels, alpha: Pixels, seen: Pixels) -> Pixels:
    """What is behind a figure, f32 (c, c, 3): `canvas` where `alpha` (c, c) says that nobody is near, and `seen` (c, c)
    that there is a photo; elsewhere what is between that.
    """
    size = len(canvas)
    near = box_blur((alpha > 0.04).astype(np.float32), max(2, round(size / 90)))
    known = np.clip(1 - 40 * near, 0, 1) * seen
    if not (known > 0.5).any():
        return canvas.copy()
    levels = [_shrunk(canvas, known, min(size, WORK))]
    while len(levels[-1][1]) > _COARSE:
        levels.append(_shrunk(*levels[-1], len(levels[-1][1]) // 2))
    colours, weight = levels[-1]
    filled: Pixels = np.broadcast_to((colours * weight[..., None]).sum((0, 1)) / weight.sum(), colours.shape)
    for colours, weight in levels[::-1]:
        free = weight[..., None] < 0.5
        filled = np.where(free, resized(filled, len(weight)), colours)
        for _ in range(_ROUNDS):
            wide = np.pad(filled, ((1, 1), (1, 1), (0, 0)), mode="edge")
            between = (wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]) / 4
            filled = np.where(free, between, filled)
    found = resized(filled, size)
    return (found + known[..., None] * (canvas - found)).astype(np.float32)


def _shrunk(colours: Pixels, known: Pixels, side: int) -> tuple[Pixels, Pixels]:
    """What is `known` of `colours`, and how much of each cell is, with a smaller `side`."""
    weight = resized(known, side)
    return resized(colours * known[..., None], side) / np.maximum(weight, 1e-6)[..., None], weight
