"""What is behind the person, completed once a source."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runtime.layers.frames import Array, Pixels
from runtime.layers.matte import WORK, box_blur, resized

_STEPS = 128
"""Cells along a side in which the nearest place of the backdrop is looked for."""
_CALM = 4
"""Cells over which its direction is averaged."""
_DEEP = 0.14
"""How far behind the outline its mirror image reaches, as a part of the side."""
_CELLS = 64
"""Cells along a side to which its trend is fitted."""
_RIDGE = 1.0
"""How much a backdrop's trend is held back, in cells of `_CELLS`."""
_REFITS, _STRANGE = 8, 12.0
"""How often it is fitted, and the difference, in 1/255, from which on a place counts for less than half: to the trend,
and of what is mirrored, if it differs by so much from what lies beside the outline.
"""


def backdrop(canvas: Pixels, alpha: Pixels, seen: Pixels, *, mirrors: bool = True) -> Pixels:
    """What is behind the person, f32 (c, c, 3): `canvas` where `alpha` (c, c) says that nobody is near, and `seen` (c,
    c) that there is a photo; behind the outline its mirror image, which keeps stripes and grain, and farther in what is
    around, spread from coarse to fine. Without `mirrors` that alone: limbs are so thin that mirror images of both their
    sides meet in them.
    """
    size = len(canvas)
    near = box_blur((alpha > 0.04).astype(np.float32), max(2, round(size / 90)))
    known = np.clip(1 - 40 * near, 0, 1) * seen
    if not (known > 0.5).any():
        return canvas.copy()
    trend = trend_of(canvas, known)
    rest = canvas - trend
    # What is strange stays near where it is: a flag's red is not spread behind a head.
    filled = spread(rest, known / (1 + np.square(rest).sum(-1) / _STRANGE**2))
    if mirrors:
        # Nothing but the backdrop in what is mirrored: at its soft ends the person would be seen.
        mirrored, weight = _mirrored(filled + known[..., None] * (rest - filled), known)
        filled += weight[..., None] * (mirrored - filled)
    filled = np.clip(trend + filled, 0, 255)
    return (filled + known[..., None] * (canvas - filled)).astype(np.float32)


def trend_of(canvas: Pixels, known: Pixels) -> Pixels:
    """(c, c, 3): how colours of the backdrop change across the picture, as polynomials of second degree fitted to what
    is `known`, within the range of that: light that falls off goes on behind the person as it is, not as its mirror
    image.
    """
    weight = resized(known, _CELLS).reshape(-1, 1).astype(np.float64)
    colours = resized(canvas * known[..., None], _CELLS).reshape(-1, 3) / np.maximum(weight, 1e-6)
    terms, trust = _polynomial(_CELLS), weight
    for _ in range(_REFITS):
        held = _RIDGE * np.diag([0, 1, 1, 1, 1, 1])
        fitted = np.linalg.solve(terms.T @ (trust * terms) + held, terms.T @ (trust * colours))
        wrong = np.square(terms @ fitted - colours).sum(1, keepdims=True)
        trust = weight / (1 + wrong / _STRANGE**2)
    sure = colours[weight[:, 0] > 0.5]
    low, high = (sure.min(0), sure.max(0)) if len(sure) else (0, 255)
    trend = np.clip(_polynomial(len(canvas)) @ fitted, low, high)
    return trend.reshape(canvas.shape).astype(np.float32)


def _polynomial(size: int) -> Array:
    """(size * size, 6): 1, x, y and their products at the places of pixels in [-1, 1]."""
    at = (2 * np.arange(size) + 1) / size - 1
    x, y = (each.reshape(-1) for each in np.meshgrid(at, at))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)


def spread(canvas: Pixels, known: Pixels) -> Pixels:
    """What is `known` of the `canvas` in all of it, from coarse to fine."""
    work = min(len(canvas), WORK)
    levels = [(resized(canvas * known[..., None], work), resized(known, work))]
    while len(levels[-1][1]) > 2:
        colour, weight = levels[-1]
        half = len(weight) // 2
        levels.append((resized(colour, half), resized(weight, half)))
    colour, weight = levels[-1]
    filled: Pixels = colour / np.maximum(weight, 1e-4)[..., None]
    for colour, weight in levels[-2::-1]:
        coarse = box_blur(resized(filled, len(weight)), 1)
        filled = colour + np.clip(1 - weight, 0, 1)[..., None] * coarse
    return resized(filled, len(canvas))


def _mirrored(canvas: Pixels, known: Pixels) -> tuple[Pixels, Pixels]:
    """The mirror image of what is `known`, at its edge, f32 (c, c, 3), and how much it counts, (c, c)."""
    size = len(canvas)
    coarse = resized(known, _STEPS) > 0.99
    if not coarse.any():
        return canvas, np.zeros_like(known)
    y, x = np.mgrid[:_STEPS, :_STEPS]
    rows, columns = _nearest(coarse)
    scale = size / _STEPS
    way = np.stack([columns - x, rows - y], -1).astype(np.float32)
    far = np.hypot(way[..., 0], way[..., 1])
    # The way's direction is calmed: an outline's small teeth would throw long rays.
    calm = box_blur(box_blur(way, _CALM), _CALM)
    calm = resized(calm, size)
    calm = calm / np.maximum(np.hypot(calm[..., 0], calm[..., 1]), 1e-3)[..., None]
    offset = calm * (resized(far, size) * scale)[..., None]
    there, edge = _pixels(2 * offset), _pixels(offset)
    depth = np.hypot(offset[..., 0], offset[..., 1]) / size
    weight = known[there] * np.clip((_DEEP - depth) / (_DEEP / 2), 0, 1)
    little = max(1, round(size / 128))
    # What lies beside the outline goes on, what lies beyond that, a flag or a picture's frame, is not seen twice.
    soft = box_blur(canvas, 2 * little)
    beside = box_blur(soft[edge], 2 * little)
    unlike = np.square(soft[there] - beside).mean(-1)
    like = box_blur((1 / (1 + unlike / _STRANGE**2)).astype(np.float32), little)
    return beside + like[..., None] * (canvas[there] - beside), box_blur(weight.astype(np.float32), little)


def _pixels(offset: Pixels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pixels that are by `offset` (c, c, 2) from each."""
    size = len(offset)
    at = np.arange(size, dtype=np.float32)
    column, row = np.clip(at[None] + offset[..., 0], 0, size - 1), np.clip(at[:, None] + offset[..., 1], 0, size - 1)
    return np.rint(row).astype(np.intp), np.rint(column).astype(np.intp)


def _nearest(known: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the pixel of `known` (n, n) that is nearest to each, nearly (jump flooding, Rong and Tan
    2006).
    """
    size = len(known)
    y, x = np.mgrid[:size, :size]
    far = np.int64(10**6)
    rows, columns = np.where(known, y, far), np.where(known, x, far)
    step = size // 2
    while step:
        for down in (-step, 0, step):
            for across in (-step, 0, step):
                to = np.s_[max(0, -down) : size - max(0, down), max(0, -across) : size - max(0, across)]
                by = np.s_[max(0, down) : size + min(0, down), max(0, across) : size + min(0, across)]
                r, c = rows[by], columns[by]
                nearer = (r - y[to]) ** 2 + (c - x[to]) ** 2 < (rows[to] - y[to]) ** 2 + (columns[to] - x[to]) ** 2
                rows[to], columns[to] = np.where(nearer, r, rows[to]), np.where(nearer, c, columns[to])
        step //= 2
    return rows, columns
