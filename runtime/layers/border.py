"""Beyond the photo's border: whoever is cut by it goes on, and so does what is behind, so that nothing ends where the
photo ends when a head rises or turns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.layers.backdrop import backdrop, spread
from runtime.layers.canvas import Canvas
from runtime.layers.frames import Affine, Array, Pixels
from runtime.values import Bytes

_SURE = 0.95
"""Alpha from which on a pixel has nothing of the backdrop's colour."""
_DEEP = 0.16
"""How far beyond the border clothes are mirrored, as a part of the side."""
_LOOK = 24
"""By which part of the canvas' side the outline is looked at before the border, to see where it leads."""
_STEEPEST = 1.5
"""Pixels along the border, for every pixel beyond it, by which an outline may move at most."""
_CLOSING = 0.35
"""... and by which it closes at least above the photo: heads are round."""
_SOFT = 3.0
"""Pixels that the soft end of an outline is wide."""

Slopes = tuple[float, float]
"""Least and largest way along the border, for every pixel beyond it, by which the person becomes wider."""
_DOWN: tuple[Slopes, Slopes] = ((0.0, _STEEPEST), (0.0, _STEEPEST))
"""Below a photo, at both ends of every stretch that the person fills: nobody becomes narrower there."""
_UP: tuple[Slopes, Slopes] = ((-_STEEPEST, -_CLOSING), (-_STEEPEST, -_CLOSING))
_BESIDE: tuple[Slopes, Slopes] = ((-_STEEPEST, 0.0), (0.0, _STEEPEST))
"""Beside it, upper and lower end: shoulders slope."""


@dataclass(frozen=True)
class Scene:
    """A canvas of c pixels a side taken apart, and complete."""

    picture: Bytes
    """uint8 (c, c, 3): as it is within the photo; beyond it what the layers make of it."""
    alpha: Pixels
    """f32 (c, c) in [0, 1]: the person."""
    plate: Pixels
    """f32 (c, c, 3): the backdrop."""


def complete(canvas: Canvas, alpha: Pixels, head: Affine, others: Pixels | None = None) -> Scene:
    """The scene of which `canvas` shows a part, `alpha` (c, c) being the person's in it, and `others` (c, c) that of
    other people, who stay where they are. `head`: from the head's own frame, so that no second face is mirrored at the
    border.
    """
    colours = canvas.picture.astype(np.float32)
    rows, columns = canvas.photo
    size = len(colours)
    seen = np.zeros((size, size), np.float32)
    seen[rows, columns] = 1
    plate = backdrop(colours, alpha if others is None else np.maximum(alpha, others), seen)
    if others is not None:
        plate += others[..., None] * (colours - plate)
    if seen.all():
        return Scene(canvas.picture, alpha, plate)
    at = np.ix_(_mirrored(rows, size), _mirrored(columns, size))
    # Clothes go on as their mirror image, and as what is next to that where a backdrop or a face would be mirrored.
    sure, inside = (alpha > _SURE).astype(np.float32), seen[..., None] > 0
    known = np.where(seen > 0, sure, (sure * (1 - _face(head, size)))[at] * _shallow(rows, columns, size))
    own = spread(colours[at], known) if known.any() else colours
    own = own + known[..., None] * (colours[at] - own)
    alpha = _continued(alpha, rows, columns)
    beyond = alpha[..., None] * own + (1 - alpha[..., None]) * plate[at]
    picture = np.where(inside, canvas.picture, np.clip(np.rint(beyond), 0, 255).astype(np.uint8))
    return Scene(picture, alpha, np.where(inside, plate, plate[at]))


def _face(head: Affine, size: int) -> Pixels:
    """(size, size): 1 where face and neck are."""
    at = np.arange(size, dtype=np.float64)
    x, y = np.moveaxis(head.inverse()(np.stack(np.meshgrid(at, at), -1)), -1, 0)
    return (np.hypot(x / 0.85, (y - 0.45) / 1.3) < 1).astype(np.float32)


def _shallow(rows: slice, columns: slice, size: int) -> Pixels:
    """(size, size): 1 in the photo, and less the farther beyond it: of a tie one sees no second one."""
    at = np.arange(size, dtype=np.float32)
    down, across = (np.maximum(within.start - at, at - within.stop + 1) / size for within in (rows, columns))
    depth = np.maximum(down[:, None], across[None])
    return np.clip((_DEEP - depth) / (_DEEP / 2), 0, 1)


def _mirrored(within: slice, size: int) -> NDArray[np.intp]:
    """(size,): for every row, or column, the one `within` the photo that it mirrors."""
    inside = np.arange(within.start, within.stop)
    return np.pad(inside, (within.start, size - within.stop), mode="symmetric")


def _continued(alpha: Pixels, rows: slice, columns: slice) -> Pixels:
    """`alpha` (c, c) with the outline going on beyond `rows` and `columns` of the photo the way it leads there."""
    size = len(alpha)
    part = alpha[rows, columns]
    look = max(2, size // _LOOK)
    below, above = (
        _grown(each, count, look, slopes, is_round)
        for each, count, slopes, is_round in (
            (part, size - rows.stop, _DOWN, False),
            (part[::-1], rows.start, _UP, True),
        )
    )
    part = np.concatenate([above[::-1], part, below])
    right, left = (
        _grown(each, count, look, _BESIDE)
        for each, count in ((part.T, size - columns.stop), (part.T[::-1], columns.start))
    )
    return np.ascontiguousarray(np.concatenate([left[::-1].T, part, right.T], 1))


def _grown(part: Pixels, count: int, look: int, slopes: tuple[Slopes, Slopes], is_round: bool = False) -> Pixels:
    """(count, w): what comes after the last row of `part` (h, w). With `is_round` every stretch of the person that has
    two ends closes in an arc, as heads do.
    """
    last = part[-1]
    starts, ends = (_crossings(last, side) for side in (1, -1))
    before = part[max(0, len(part) - 1 - look)]
    way: list[tuple[float, float]] = []
    for side, found, (least, most) in ((-1, starts, slopes[0]), (1, ends, slopes[1])):
        known = _crossings(before, -side)
        for place in found:
            near = known[np.abs(known - place) <= 2 * look] if len(known) else known
            slope = side * (place - near[np.abs(near - place).argmin()]) / look if len(near) else 0.0
            way.append((float(place), side * float(np.clip(slope, least, most))))
    at = np.arange(len(last), dtype=np.float64)
    if not way:
        return np.repeat(last[None], count, 0)
    places, steps = np.array(sorted(way)).T
    half = _halves(last, places) if is_round else np.zeros(len(places))
    out = []
    for step in range(1, count + 1):
        within = _arc(half, np.abs(steps), step)
        moved = places + np.where(half > 0, np.sign(steps) * within, step * steps)
        row = _shifted(last, at, places, moved)
        closed = (half > 0) & (within >= half)
        for middle, reach in zip(moved[closed], half[closed], strict=True):
            row[np.abs(at - middle) <= reach + _SOFT] = 0  # else its soft ends would be a line
        out.append(row)
    return np.array(out, np.float32).reshape(count, len(last))


def _halves(row: Pixels, places: Array) -> Array:
    """(N,): half the width of the stretch of the person in `row` (w,) that begins or ends at each of `places`, which
    are in order; 0 for one that has no other end.
    """
    half = np.zeros(len(places))
    first = int(row[0] > 0.5)  # the end of a stretch that began before
    for start in range(first, len(places) - 1, 2):
        half[start : start + 2] = (places[start + 1] - places[start]) / 2
    return half


def _arc(half: Array, slope: Array, step: int) -> Array:
    """(N,): how far within a stretch of width 2 `half` its ends are, `step` pixels on, on the circle that its ends are
    on and which begins with that `slope`.
    """
    down = slope * half
    return half - np.sqrt(np.maximum(half**2 + down**2 - (down + step) ** 2, 0))


def _shifted(row: Pixels, at: Array, places: Array, moved: Array) -> Pixels:
    """`row` (w,) with what is at `places` brought to where they are `moved`."""
    moved = np.maximum.accumulate(moved)
    look = at + np.interp(at, moved, places - moved)
    return np.interp(look, at, row)


def _crossings(row: Pixels, side: int) -> Array:
    """Where along `row` (w,) alpha rises (`side` 1), or falls (-1), through a half."""
    inside = row > 0.5
    first = np.flatnonzero(inside[1:] & ~inside[:-1] if side > 0 else inside[:-1] & ~inside[1:])
    a, b = row[first], row[first + 1]
    return first + (0.5 - a) / np.where(a == b, 1, b - a)
