"""Mouths and eyes as shutters: the source's own face with another expression, in its own pose.

Mouths and eyes are slits. A warp along one axis, column by column, opens and closes them at full resolution: lids come
down over an eyeball that stays, lips part, and what lies between them is filled. All of it happens in the source's own
picture, once a frame, before that is moved; nothing is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from runtime.layers.eyes import Eye
from runtime.layers.frames import Affine, Array, Pixels

_OVER = 0.05
"""How far a shut upper lid reaches over the lower one, whose edge is wet and light; in widths of the eye."""
_UNFOLDED = 0.7
"""How much of the lid that unfolds has the colour of the skin below the eye: the stretched fold alone is a shadow."""
_LASHES = 0.4
"""Light of the lashes of a shut eye as a part of the skin's."""
_TABLE = 1024
"""Places along lines of which a table is kept."""
_EDGE = 0.6
"""Pixels by which skin goes on under the soft edge of an opening."""


def smooth(x: Pixels | float) -> Pixels:
    """0 up to 0, 1 from 1 on, smoothly in between."""
    inside = np.clip(x, 0, 1).astype(np.float32, copy=False)
    return inside * inside * (3 - 2 * inside)


class Patch:
    """A rectangle of a picture in a frame of its own."""

    def __init__(self, frame: Affine, low: tuple[float, float], high: tuple[float, float], size: int) -> None:
        """`frame`: from the part's frame to pixels of pictures of `size` a side; `low` and `high` (x, y) in the
        frame.
        """
        corners = frame(np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])]))
        first = np.clip(np.floor(corners.min(0)).astype(int), 0, size - 2)
        last = np.clip(np.ceil(corners.max(0)).astype(int) + 1, first + 1, size)
        self.place = (slice(first[1], last[1]), slice(first[0], last[0]))
        """Rows and columns of the picture."""
        columns, rows = np.meshgrid(np.arange(first[0], last[0]), np.arange(first[1], last[1]))
        local = frame.inverse()(np.stack([columns, rows], -1).astype(np.float64))
        self.unit = float(np.sqrt(abs(np.linalg.det(frame.linear))))
        """Pixels of the frame's unit."""
        self.x, self.y = (np.ascontiguousarray(local[..., axis], np.float32) for axis in (0, 1))
        """(h, w): the pixels' places in the frame."""
        over = np.maximum(np.array(low) - local, local - np.array(high)).max(-1)
        self.inside = smooth(-over / (0.12 * (high[0] - low[0])))
        """(h, w): 1 well inside, falling to 0 at the border."""
        self._linear, self._offset = frame.linear.astype(np.float32), frame.offset.astype(np.float32)
        self._size = size

    def look(self, picture: Pixels, x: Pixels, y: Pixels) -> Pixels:
        """(..., C): `picture` (size, size, C) at places (x, y) of the frame, linearly; its border is repeated."""
        ((a, b), (c, d)), (e, f), most = self._linear, self._offset, self._size - 1.001
        column, row = np.clip(a * x + b * y + e, 0, most), np.clip(c * x + d * y + f, 0, most)
        left, top = column.astype(np.int32), row.astype(np.int32)
        across, down = (column - left)[..., None], (row - top)[..., None]
        flat = picture.reshape(-1, picture.shape[-1])
        at = top * self._size + left
        upper, lower = flat.take(at, 0), flat.take(at + self._size, 0)
        upper += across * (flat.take(at + 1, 0) - upper)
        lower += across * (flat.take(at + self._size + 1, 0) - lower)
        return upper + down * (lower - upper)


def stretch(y: Pixels, knots: Sequence[tuple[Pixels | np.float32, Pixels | np.float32]]) -> Pixels:
    """Piecewise linear map of `y` that takes the first of each of the `knots` to its second; beyond them as at the
    ends.
    """
    moved = knots[0][1] - knots[0][0]
    for (start, before), (end, after) in pairwise(knots):
        share = np.clip((y - start) / np.maximum(end - start, 1e-6), 0, 1)
        moved = moved + ((after - end) - (before - start)) * share
    return y + moved


def height(line: Array, x: Pixels) -> Pixels:
    """Of the line through the points `line` (K, 2) at `x`; beyond its ends that of the ends."""
    order = np.argsort(line[:, 0])
    return np.interp(x, line[order, 0], line[order, 1]).astype(np.float32)


class Lines:
    """Heights of lines at any place along them, from a table: a thousandth of their length is near enough."""

    def __init__(self, lines: Sequence[Array]) -> None:
        """`lines` (K, 2) each; beyond its ends a line is as high as there."""
        ends = np.concatenate(lines)[:, 0]
        self._first, last = float(ends.min()), float(ends.max())
        places = np.linspace(self._first, last, _TABLE)
        self._steps = (_TABLE - 1) / max(last - self._first, 1e-6)
        self._table = np.stack([height(line, places) for line in lines], -1)

    def __call__(self, x: Pixels) -> list[Pixels]:
        """The height of each line at `x`."""
        at = np.clip((x - self._first) * self._steps, 0, _TABLE - 1.001)
        left = at.astype(np.int32)
        share = (at - left)[..., None]
        before = self._table.take(left, 0)
        found = before + share * (self._table.take(left + 1, 0) - before)
        return [np.ascontiguousarray(found[..., index]) for index in range(found.shape[-1])]


class EyeShutter:
    """One eye with its lids and brow. Its frame: x from the outer corner (0) to the inner one (1), y down."""

    def __init__(self, eye: Eye, brow: Array, size: int) -> None:
        """`eye` and the middle of its `brow` (2,) in pixels of pictures of `size` a side."""
        outer, inner = eye.upper[0], eye.upper[-1]
        across = inner - outer
        down = np.array([-across[1], across[0]]) * (1 if across[0] > 0 else -1)
        frame = Affine(np.stack([across, down], 1), outer)
        back = frame.inverse()
        upper, lower = back(eye.upper), back(eye.lower)
        self._brow = min(float(back(brow)[1]), float(upper[:, 1].min()) - 0.3)
        self.patch = Patch(frame, (-0.35, self._brow - 0.55), (1.35, 0.65), size)
        x = self.patch.x
        self._upper = height(upper, x)
        self._lower = np.maximum(height(lower, x), self._upper)
        self._fade = smooth((x + 0.35) / 0.35) * smooth((1.35 - x) / 0.35) * self.patch.inside
        self._between = ((x > 0) & (x < 1)).astype(np.float32)
        self._along = smooth(x / 0.2) * smooth((1 - x) / 0.2) * self.patch.inside
        self._iris = back(eye.iris)
        self._radius = min(eye.radius / eye.width, 0.3)

    def __call__(self, picture: Pixels, opening: float, brow: float, gaze: Array) -> Pixels:
        """The patch of `picture` (size, size, C): an eye that is open by so much of what it is there, its brow moved
        down by `brow` and its iris by `gaze` (2,), in widths of the eye.
        """
        patch, upper, lower = self.patch, self._upper, self._lower
        shut = max(0.0, 1 - opening)
        target = lower + _OVER * shut * np.minimum((lower - upper) / 0.1, 1) - opening * (lower - upper)
        lid = np.full_like(upper, self._brow)
        raised = lid + float(np.clip(brow, -0.35, 0.25)) * self._fade
        y = stretch(patch.y, [(lid - 0.5, lid - 0.5), (raised, lid), (np.maximum(target, raised), upper)])
        # A shut eye shows no half pixel of itself.
        half = np.float32(_EDGE / patch.unit * (1 - 2 * shut))
        under = np.maximum(patch.y, lower - half + _OVER * shut)
        y = np.where(patch.y < (target + lower) / 2, np.minimum(y, upper + half), under)
        skin = patch.look(picture, patch.x, patch.y + (y - patch.y) * self._fade)
        if shut:
            self._unfold(picture, skin, target, shut)
        covered = np.clip(np.minimum(patch.y - target, lower - patch.y) * patch.unit + 0.5, 0, 1)
        covered = covered * np.clip((lower - target) * patch.unit, 0, 1) * self._between
        return skin + covered[..., None] * (self._eyeball(picture, target, gaze) - skin)

    def _unfold(self, picture: Pixels, skin: Pixels, target: Pixels, shut: float) -> None:
        """Paint onto `skin` a lid that is as light as the skin below the eye, and lashes along its edge `target`."""
        patch, upper, lower = self.patch, self._upper, self._lower
        below = patch.look(picture, patch.x, lower + 0.16 + 0.35 * (target - patch.y))
        lid = smooth((patch.y - upper + 0.06) / 0.12) * smooth((target - patch.y) / 0.06 + 0.5) * (lower > upper)
        skin += (_UNFOLDED * shut * lid * patch.inside)[..., None] * (below - skin)
        width = 0.035 + 0.6 / patch.unit
        line = np.exp(-(((patch.y - target) / width) ** 2)) * self._along
        skin[..., :3] *= 1 - ((1 - _LASHES) * min(1.0, 2 * shut) * line)[..., None]

    def _eyeball(self, picture: Pixels, target: Pixels, gaze: Array) -> Pixels:
        """What shows between the lids: an iris that moves as a disc, the white beside it stretched and squeezed."""
        patch, upper, lower = self.patch, self._upper, self._lower
        middle, radius = float(self._iris[0]), self._radius
        right, down = float(np.clip(gaze[0], -0.16, 0.16)), float(np.clip(gaze[1], -0.08, 0.08))
        low, high = max(middle - radius, 0.05), min(middle + radius, 0.95)
        x = patch.x
        if right:
            knots = [0.0, max(low + right, 0.02), min(high + right, 0.98), 1.0]
            x = np.interp(x, knots, [0.0, low, high, 1.0]).astype(np.float32)
        # Wider open than in the picture: what it shows is stretched.
        wider = lower - (lower - patch.y) * (lower - upper) / np.maximum(lower - target, 1e-6)
        y = np.where(target < upper, wider, patch.y)
        if down:
            near = np.exp(-(((patch.x - middle - right) / (1.3 * radius)) ** 2))
            # What the lids hide in the picture is not shown: the edge of what they leave is repeated.
            margin = min(_EDGE / patch.unit, 4 * abs(down))
            y = np.clip(y - down * near, upper + margin, np.maximum(lower - margin, upper + margin))
        return patch.look(picture, x, y)
