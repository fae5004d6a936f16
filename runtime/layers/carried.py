"""Where an expression takes places of a source: what its shutters do, forwards.

Shutters say of every pixel of a result where it is in the source. That is inverted here, column by column, for places
of which is known what they belong to: so it is exact where lips and lids meet, too.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.layers.anatomy import Shutters
from runtime.layers.expression import Expression, on_mouth
from runtime.layers.frames import Array, Pixels
from runtime.layers.mouth import _BELOW, _REACH, MouthShutter
from runtime.layers.shutters import _BROW, _FOREHEAD, EyeShutter, Patch

_COLUMNS, _ROWS = 96, 192
"""Places along a patch, and down it, at which it is looked what a shutter does."""
_FAR = 1e4
"""No height of a patch's frame lies as far."""
_LIPS = 0.12
"""How far from the line between the lips it matters of which of them a place is."""

Flags = NDArray[np.bool_]
Ends = tuple[Array, Array, Array]
Lines = tuple[Pixels, Pixels, Pixels, Pixels]
"""(C,) each: an opening's upper and lower edge in the source, and both in the result."""


@dataclass(frozen=True)
class Parts:
    """What places (N,) of a face belong to."""

    lower: Flags
    """Of the lower lip, or of what hangs on it: tells places near the line between the lips apart."""
    teeth: Flags
    """What is behind the lips."""
    balls: tuple[Flags, Flags]
    """The left eye and the right one."""


def carried(shutters: Shutters, places: Array, parts: Parts, face: Expression) -> Array:
    """(N, 2): where `places` (N, 2), pixels of the source's canvas, are when it has the expression `face`."""
    moved = np.array(places)
    if face.at_rest:
        return moved
    skin = ~(parts.teeth | parts.balls[0] | parts.balls[1])
    for index, (eye, width) in enumerate(shutters._eyes):
        opening, brow = float(face.lids[index]), float(face.brows[index]) / width
        moved[skin] += _lids(eye, places[skin], opening, brow)
        ball = parts.balls[index]
        moved[ball] += _ball(eye, places[ball], face.gaze[index])
    if shutters._mouth is not None:
        near = skin | parts.teeth
        moved[near] += _mouth(shutters._mouth, places[near], parts.lower[near], parts.teeth[near], face)
    return moved


def _local(patch: Patch, places: Array) -> tuple[Array, Array, Array]:
    """Places (N, 2) in a patch's frame, x and y, and how much the patch counts there (0 outside)."""
    x, y = ((places - patch._offset) @ np.linalg.inv(patch._linear.astype(np.float64)).T).T
    rows, columns = patch.place
    at = np.rint(places).astype(np.intp) - [columns.start, rows.start]
    within = ((at >= 0) & (at < [patch.inside.shape[1], patch.inside.shape[0]])).all(1)
    at = np.where(within[:, None], at, 0)
    return x, y, patch.inside[at[:, 1], at[:, 0]] * within


def _out(patch: Patch, right: Array, down: Array, share: Array) -> Array:
    """(N, 2) pixels, of ways in the patch's frame."""
    found: Array = (np.stack([right, down], 1) * share[:, None]) @ patch._linear.T
    return found


def _upright(y: Array, column: Array, seen: Array, last: Array, rows: Pixels, ends: Ends) -> Array:
    """(N,): in which height of a result the height `y` (N,) of the source is seen, in the columns `column` (N,),
    between whole ones. `seen` (R, C): heights in the source, which increase, of the `rows` (R,) of the result, and the
    `last` (C,) of them before an opening; `ends` (C,) each: the edge of an opening in the source and in the result, and
    the height in the result that nothing passes.
    """
    low = np.clip(np.floor(column).astype(np.intp), 0, seen.shape[1] - 2)
    share, found = column - low, []
    flat = (np.clip(seen, -_FAR / 3, _FAR / 3) + np.arange(seen.shape[1]) * _FAR).T.ravel()
    for at in (low, low + 1):
        line, edge, middle = (end[at] for end in ends)
        most = np.minimum(last[at], line)
        aim = np.minimum(y, most)
        k = np.searchsorted(flat, aim + at * _FAR, "right") - 1 - at * len(rows)
        k = np.clip(k, 0, len(rows) - 2)
        first, next_ = seen[k, at], seen[k + 1, at]
        part = np.clip((aim - first) / np.maximum(next_ - first, 1e-6), 0, 1)
        beyond = np.minimum(edge + np.maximum(y - line, 0), middle)
        found.append(np.where(y < most, rows[k] + part * (rows[k + 1] - rows[k]), beyond))
    return found[0] + share * (found[1] - found[0])


class _Grid(Patch):
    """A patch whose pixels are upright in its own frame."""

    def __init__(self, patch: Patch, low: tuple[float, float], high: tuple[float, float]) -> None:
        """The same part of the face as `patch`, from `low` to `high` (x, y) of its frame."""
        across, down = (np.linspace(a, b, n) for a, b, n in zip(low, high, (_COLUMNS, _ROWS), strict=True))
        self.x, self.y = (each.astype(np.float32) for each in np.meshgrid(across, down))
        self.inside = np.ones_like(self.x)
        self.unit = patch.unit


def _seen(heights: Pixels, upside: Flags) -> tuple[Array, Array]:
    """(R, C) and (C,): for the rows of the result above an opening what they show, increasing; and the last of it."""
    shown = np.where(upside, heights, -np.inf).max(0)
    return np.maximum.accumulate(np.where(upside, heights, shown + 1e3), 0).astype(np.float64), shown - 1e-6


def _inverted(heights: Pixels, rows: Pixels, lines: Lines, y: Array, column: Array, lower: Flags) -> Array:
    """(N,): heights of the result at which `y` (N,) is seen, above an opening, or below it where `lower` (N,)."""
    above, below, now_above, now_below = (line.astype(np.float64) for line in lines)
    middle = (now_above + now_below) / 2
    upside = rows[:, None] < middle
    found = np.empty_like(y)
    found[~lower] = _upright(y[~lower], column[~lower], *_seen(heights, upside), rows, (above, now_above, middle))
    ends = (-below, -now_below, -middle)
    turned = _seen(-heights[::-1], ~upside[::-1])
    found[lower] = -_upright(-y[lower], column[lower], *turned, -rows[::-1], ends)
    return found


def _mouth(shutter: MouthShutter, places: Array, lower: Flags, teeth: Flags, face: Expression) -> Array:
    """(N, 2): by how many pixels a mouth takes places along."""
    face = on_mouth(face, *shutter._own)
    x, y, share = _local(shutter.patch, places)
    grid = copy.copy(shutter)
    grid.patch = across = _Grid(
        shutter.patch,
        (shutter._middle - _REACH, shutter._nose - 0.08),
        (shutter._middle + _REACH, shutter._chin + _BELOW),
    )
    columns, _, _, (upper, lower_lip, *rims), edges = grid._edges(face)
    heights = grid._rows(face, columns, (upper, lower_lip), edges, rims)
    column = np.interp(x, columns[0], np.arange(_COLUMNS))
    at = np.arange(_COLUMNS)
    line = np.interp(column, at, ((upper + lower_lip) / 2)[0])
    beyond = (np.abs(y - line) > _LIPS) | (x < shutter._right[0]) | (x > shutter._left[0])
    lower = np.where(beyond & ~teeth, y > line, lower)
    right = np.interp(column, at, across.x[0]) - x
    lines = (upper[0], lower_lip[0], edges[0][0], edges[1][0])
    down = _inverted(heights, across.y[:, 0], lines, y, column, lower) - y
    if teeth.any():
        ways = [
            np.interp(column[teeth], at, (now - was)[0]) for now, was in zip(edges, (upper, lower_lip), strict=True)
        ]
        nothing = np.zeros_like(ways[0])
        slid = shutter._paint.slid(x[teeth], ways[0]) - shutter._paint.slid(x[teeth], nothing)
        down[teeth] = np.where(lower[teeth], ways[1], ways[0] - slid)
    return _out(shutter.patch, right, down, share)


def _lids(eye: EyeShutter, places: Array, opening: float, brow: float) -> Array:
    """(N, 2): by how many pixels lids and a brow take skin along."""
    patch = eye.patch
    x, y, share = _local(patch, places)
    grid = copy.copy(eye)
    grid.patch = across = _Grid(patch, (_BROW[0], eye._brow - _FOREHEAD - 0.1), (_BROW[1], 0.65))
    grid._lay(across.x)
    heights, target, rim = grid._heights(opening, brow, max(0.0, 1 - opening))
    column = np.interp(x, across.x[0], np.arange(_COLUMNS))
    middle = np.interp(column, np.arange(_COLUMNS), ((grid._upper + grid._lower) / 2)[0])
    lines = (grid._upper[0], grid._lower[0], target[0], rim[0])
    found = _inverted(heights, across.y[:, 0], lines, y, column, y > middle)
    return _out(patch, np.zeros_like(x), found - y, share)


def _ball(eye: EyeShutter, places: Array, gaze: Array) -> Array:
    """(N, 2): by how many pixels an eyeball turns, whose iris moves as a disc."""
    x, _, share = _local(eye.patch, places)
    look = eye._look
    right, down = look.bounded(gaze)
    low, high = look._low + right, look._high + right
    aim = [min(0.0, low - 0.02), low, high, max(1.0, high + 0.02)]
    way = np.interp(x, [0.0, look._low, look._high, 1.0], aim) - x
    return _out(eye.patch, way, np.asarray(down * look.near(x), np.float64), share)
