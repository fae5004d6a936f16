"""Mouths and eyes as shutters: the source's own face with another expression, in its own pose.

Mouths and eyes are slits. A warp along one axis, column by column, opens and closes them at full resolution: lids come
down over an eyeball that stays, lips part, and what lies between them is filled. All of it happens in the source's own
picture, once a frame, before that is moved; nothing is trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from runtime.layers.eyes import Eye
from runtime.layers.frames import Affine, Array, Pixels

Place = tuple[slice, slice]
"""Rows and columns of a picture."""

_RISE, _WET = 0.14, 0.05
"""How far a lower lid rises to a shut eye, of the eye's opening; and how broad its wet, light edge is, which the upper
lid covers, in widths of the eye.
"""
_DIM, _SHADOW = 0.12, 0.35
"""How much darker the eyeball of a narrowed eye is, and how much more so right below the lid and its lashes."""
_UNFOLDED = 0.9
"""How much of the lid that unfolds is painted: the stretched fold alone is a shadow."""
_BELOW = 0.8
"""How much of its colour is that of the skin below the eye at its edge; above that it is that of the skin below the
brow.
"""
_SHADE = 0.42
"""Which of the skin's tones there: the quantile."""
_LIGHT = 0.85
"""How light it is at least up there, of the light of the skin below the eye."""
_HIGH = 0.36
"""How far above its edge a lid is painted: over its lashes."""
_COLUMNS = 25
"""Places along an eye where these are looked at."""
_FOLD = 0.4
"""Where a lid folds, on the way from its edge to the brow, ..."""
_DRAWN = 0.4
"""... and how much of the lid's way the fold goes."""
_BROW = (-0.75, 1.9)
"""From where to where a brow's motion is felt, ..."""
_FOREHEAD = 0.8
"""... and how far above it."""
_LIFT = (-0.3, 0.12)
"""How far a brow goes up and down, in widths of the eye."""
_ASIDE = (0.21, 0.77)
"""Where between the outer corner (0) and the inner one (1) the middle of an iris is that looks as far aside as eyes
do; ..."""
_UP_AND_DOWN = 0.08
"""... and how far it goes up and down, in widths of the eye."""
_HELD = 1.5
"""How much farther from the middle an iris is than its network, which holds back, finds it."""
_SCARCE, _PLENTY = (0.12, 0.24), (0.28, 0.4)
"""White on one side of an iris, in widths of the eye, up to which none of it is stretched when the iris moves away, and
from which on all of it is; how much the other side has from which on it lends, and from which on it lends all; ..."""
_LENT = 0.75
"""... which part of the other side's is taken: none of the inner corner; ..."""
_APPEARS = 0.06
"""... and over which way of the iris it appears."""
_EDGES = 0.3
"""How much of the white's height is left out, next to the lids, where it is stretched or lent: their edges are found a
pixel off.
"""
_LASHES, _LINE = 0.6, 0.025
"""Light of the lashes of a shut eye as a part of the skin's; and how broad their line is above its edge, of an eye's
width: below, where they hang over the cheek, it is twice as soft.
"""
_LID = 0.54
"""How far from an eye's middle its lid is painted, of its width."""
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
        # A share for every value, not one for every pixel: numpy is slow at rows of four.
        across, down = (
            np.repeat((at - low).astype(np.float32)[..., None], picture.shape[-1], -1)
            for at, low in ((column, left), (row, top))
        )
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


def joined(picture: Pixels, parts: Sequence[tuple[Place, Pixels]]) -> Iterator[tuple[Place, Pixels]]:
    """Patches of `picture` such that, where they overlap, the later one has what the earlier ones changed."""
    for index, (place, patch) in enumerate(parts):
        result = patch
        for other, earlier in parts[:index]:
            shared = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(place, other, strict=True))
            if all(side.start < side.stop for side in shared):
                here, there = (
                    tuple(slice(s.start - own.start, s.stop - own.start) for s, own in zip(shared, whose, strict=True))
                    for whose in (place, other)
                )
                result = result.copy() if result is patch else result
                result[here] += earlier[there] - picture[shared]
        yield place, result


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
        share = np.repeat((at - left).astype(np.float32)[..., None], self._table.shape[-1], -1)
        before = self._table.take(left, 0)
        found = before + share * (self._table.take(left + 1, 0) - before)
        return [np.ascontiguousarray(found[..., index]) for index in range(found.shape[-1])]


class Look:
    """How one eyeball is seen that turns: x from the eye's outer corner (0) to the inner one (1), y down."""

    def __init__(self, iris: float, radius: float, upper: Array, lower: Array) -> None:
        """`iris`: x of its middle, as it is found; its `radius`; `upper`, `lower` (K, 2): the lids' edges."""
        self._middle, self._radius = (
            float(np.clip(0.5 + _HELD * (iris - 0.5), 0.1, 0.9)),
            float(np.clip(radius, 0.05, 0.3)),
        )
        self._low, self._high = max(self._middle - self._radius, 0.05), min(self._middle + self._radius, 0.95)
        self._lids = Lines([upper, lower])
        white = self._low, 1 - self._high
        self._lends = [
            float(smooth((_SCARCE[1] - own) / np.ptp(_SCARCE)) * smooth((other - _PLENTY[0]) / np.ptp(_PLENTY)))
            for own, other in (white, white[::-1])
        ]
        """How much of what appears on the outer and on the inner side is the other side's white."""

    def bounded(self, gaze: Array) -> tuple[float, float]:
        """By how much the iris moves inwards and down: as `gaze` (2,) says, and no farther than eyes turn."""
        outwards, inwards = (end - self._middle for end in _ASIDE)
        right = float(np.clip(gaze[0], min(outwards, 0.0), max(inwards, 0.0)))
        return right, float(np.clip(gaze[1], -_UP_AND_DOWN, _UP_AND_DOWN))

    def near(self, x: Pixels) -> Pixels:
        """How much what is at `x` of the eye at rest goes up and down with the iris."""
        return np.exp(-(((x - self._middle) / (1.3 * self._radius)) ** 2))

    def aside(self, x: Pixels, way: Pixels, y: Pixels, right: float, margin: float) -> tuple[Pixels, Pixels]:
        """Where to look for what is at (x, y), which is `way` of the way from the upper lid to the lower one, once the
        iris has moved by `right`: it moves as a disc and goes on behind the corners, the white is stretched beside it.
        `margin`: how far from the lids is no skin.
        """
        low, high = self._low + right, self._high + right
        knots = [min(0.0, low - 0.02), low, high, max(1.0, high + 0.02)]
        place = np.interp(x, knots, [0.0, self._low, self._high, 1.0]).astype(np.float32)
        upper, lower = self._lids(place)
        row = y + smooth(np.maximum(low - x, x - high) / 0.1) * (_inner(way, right, upper, lower) - y)
        return place, np.clip(row, upper + margin, np.maximum(lower - margin, upper + margin))

    def lends(self, right: float) -> float:
        """How much of what appears as the iris moves by `right` is the other side's white."""
        return self._lends[0 if right > 0 else 1]

    def lent(self, x: Pixels, way: Pixels, right: float) -> tuple[tuple[Pixels, Pixels], Pixels]:
        """Where to look for the white that appears as the iris moves by `right` on a side that has little of it, the
        other side's mirrored; and how much it counts (n,). Arguments as of `aside`.
        """
        if right > 0:
            edge = max(self._low + right, 1e-3)
            share, other = (edge - x) / edge, 1 - self._high
            place = self._high + _LENT * np.clip(share, 0, 1) * other
        else:
            edge = max(1 - self._high - right, 1e-3)
            share = (x - 1 + edge) / edge
            place = self._low * (1 - _LENT * np.clip(share, 0, 1))
        lends = self.lends(right) * smooth(abs(right) / _APPEARS)
        place = place.astype(np.float32)
        return (place, _inner(way, right, *self._lids(place))), (lends * smooth(share / 0.15)).astype(np.float32)


def _inner(way: Pixels, right: float, upper: Pixels, lower: Pixels) -> Pixels:
    """`way` from the lid at `upper` to that at `lower`, but not on their edges once an iris moves by `right`."""
    inner = 1 - _EDGES * smooth(abs(right) / _APPEARS)
    return 0.5 * (upper + lower) + inner * (np.clip(way, 0, 1) - 0.5) * (lower - upper)


def _lifted(above: Pixels, below: Pixels) -> Pixels:
    """(K,): how much the tones (K, C) `above` an eye give way to those `below` it: a brow, a fold or make-up is no lid
    that unfolds.
    """
    light, wanted = above[:, :3].mean(1), below[:, :3].mean(1)
    return np.clip((_LIGHT * wanted - light) / np.maximum(wanted - light, 1), 0, 1)


class EyeShutter:
    """One eye with its lids and brow. Its frame: x from the outer corner (0) to the inner one (1), y down."""

    def __init__(self, eye: Eye, brow: Array, picture: Pixels) -> None:
        """`eye` and the middle of its `brow` (2,) in pixels of `picture` (size, size, C)."""
        outer, inner = eye.upper[0], eye.upper[-1]
        across = inner - outer
        down = np.array([-across[1], across[0]]) * (1 if across[0] > 0 else -1)
        frame = Affine(np.stack([across, down], 1), outer)
        back = frame.inverse()
        upper, lower = back(eye.upper), back(eye.lower)
        self._brow = min(float(back(brow)[1]), float(upper[:, 1].min()) - 0.3)
        self.patch = Patch(frame, (_BROW[0], self._brow - _FOREHEAD - 0.1), (_BROW[1], 0.65), len(picture))
        x, self._edges = self.patch.x, (upper, lower)
        self._lay(x)
        self._between = ((x > 0) & (x < 1)).astype(np.float32)
        self._along = smooth(x / 0.2) * smooth((1 - x) / 0.2) * self.patch.inside
        self._look = Look(float(back(eye.iris)[0]), eye.radius / eye.width, upper, lower)
        far = np.maximum(self._upper - self.patch.y - _HIGH, self.patch.y - self._lower - 0.4)
        self._lid = np.nonzero((far < 0) & (np.abs(x - 0.5) < _LID))
        """Pixels where a lid may be seen that has unfolded, or its lashes."""
        self._skin = self._skins(picture, upper, lower)

    def _skins(self, picture: Pixels, upper: Array, lower: Array) -> list[Pixels]:
        """(n, C) each: what the skin looks like above and below the eye, in the columns of the lid's n pixels."""
        places = np.linspace(-0.1, 1.1, _COLUMNS)
        around = places[:, None] + np.linspace(-0.12, 0.12, 5)
        below = height(lower, around)[..., None] + np.linspace(0.14, 0.34, 6)
        top, room = height(upper, around)[..., None], np.float32(0.5 * (upper[:, 1].min() - self._brow))
        above = top - np.linspace(0.5 * room, room, 4)
        tones = [
            np.quantile(self.patch.look(picture, np.broadcast_to(around[..., None], y.shape), y), _SHADE, axis=(1, 2))
            for y in (above, below)
        ]
        tones[0] += _lifted(*tones)[:, None] * (tones[1] - tones[0])
        x = self.patch.x[self._lid]
        return [np.stack([np.interp(x, places, line) for line in tone.T], -1).astype(np.float32) for tone in tones]

    def _lay(self, x: Pixels) -> None:
        """Lines of the eye in the columns `x`."""
        upper, lower = self._edges
        self._upper = height(upper, x)
        self._lower = np.maximum(height(lower, x), self._upper)
        self._near = np.clip((self._lower - self._upper) / 0.1, 0, 1)
        self._with_brow = smooth((x - _BROW[0]) / 0.5) * smooth((_BROW[1] - x) / 0.9)

    def __call__(self, picture: Pixels, opening: float, brow: float, gaze: Array) -> Pixels:
        """The patch of `picture` (size, size, C): an eye that is open by so much of what it is there, its brow moved
        down by `brow` and its iris by `gaze` (2,), in widths of the eye.
        """
        patch, shut = self.patch, max(0.0, 1 - opening)
        y, target, rim = self._heights(opening, brow, shut)
        skin = patch.look(picture, patch.x, patch.y + (y - patch.y) * patch.inside)
        if shut:
            self._unfold(picture, skin, target, shut)
        covered = np.clip(np.minimum(patch.y - target, rim - patch.y) * patch.unit + 0.5, 0, 1)
        covered = covered * np.clip((rim - target) * patch.unit, 0, 1) * self._between
        seen = np.nonzero(covered)
        if len(seen[0]):
            ball = self._eyeball(picture, seen, target[seen], gaze)
            if shut:
                shadow = smooth(1 - (patch.y - target)[seen] / 0.16)
                ball[:, :3] *= (1 - min(1.0, 2 * shut) * (_DIM + _SHADOW * shadow))[:, None]
            skin[seen] += covered[seen][:, None] * (ball - skin[seen])
        return skin

    def _heights(self, opening: float, brow: float, shut: float) -> tuple[Pixels, Pixels, Pixels]:
        """Where the height of every pixel of skin is in the source, and the edges of the upper and the lower lid."""
        patch, upper, lower = self.patch, self._upper, self._lower
        rim = lower - np.float32(_RISE * shut) * (lower - upper)
        target = rim - opening * (lower - upper)
        y = self._rows(target, float(np.clip(brow, *_LIFT)))
        # A shut eye shows no half pixel of itself, nor the wet edge of its lower lid.
        half = np.float32(_EDGE / patch.unit) * (1 - 2 * shut * self._near)
        under = stretch(patch.y, [(rim, lower + np.float32(_WET * shut) * self._near), (lower + 0.35, lower + 0.35)])
        y = np.where(patch.y < (target + rim) / 2, np.minimum(y, upper + half), np.maximum(under, lower - half))
        return y, target, rim

    def _rows(self, target: Pixels, lift: float) -> Pixels:
        """Where the height of every pixel above the eye is in the source, the lid's edge at `target` and the brow moved
        down by `lift`. The lid folds below the brow, whose skin hardly moves with it.
        """
        upper, brow = self._upper, np.full_like(self._upper, self._brow)
        top, fold = brow - _FOREHEAD, upper + np.maximum(_FOLD * (brow - upper), -0.12)
        moved = lift * self._with_brow
        folded = np.minimum(fold + 0.5 * moved + _DRAWN * (target - upper), target - 0.02)
        raised = np.minimum(brow + moved, folded - 0.02)
        return stretch(self.patch.y, [(top, top), (raised, brow), (folded, fold), (target, upper)])

    def _unfold(self, picture: Pixels, skin: Pixels, target: Pixels, shut: float) -> None:
        """Paint onto `skin` the lid that has unfolded down to its edge `target`, and lashes along that."""
        patch, at = self.patch, self._lid
        each = (patch.x, patch.y, self._upper, self._lower, target, self._along, patch.inside)
        x, y, upper, lower, edge, along, inside = (values[at] for values in each)
        length = np.maximum(edge - upper + _HIGH, 1e-3)
        way = (y - upper + _HIGH) / length
        above, below = self._skin
        grain = patch.look(picture, x, lower + 0.16 + 0.35 * (edge - y)) - below
        tone = above + (_BELOW * np.clip(way, 0, 1))[:, None] * (below - above)
        tone += np.clip(0.6 * grain, -0.06 * tone, 0.06 * tone)
        tone[:, :3] *= (1 + 0.05 * np.sin(np.pi * np.clip(way, 0, 1)) - 0.14 * (1 - along))[:, None]
        lid = smooth(way * length / 0.2) * smooth((edge - y) / 0.06 + 0.5) * (lower > upper) * inside
        lid *= smooth((shut - 0.05) / 0.4) * smooth((_LID - np.abs(x - 0.5)) / 0.16)
        painted = skin[at]
        painted += (_UNFOLDED * lid)[:, None] * (tone - painted)
        width = np.where(y > edge, 2.0, 1.0).astype(np.float32) * np.float32(_LINE + 0.4 / patch.unit)
        line = np.exp(-(((y - edge) / width) ** 2)) * along
        painted[:, :3] *= 1 - ((1 - _LASHES) * min(1.0, 2 * shut) * line)[:, None]
        skin[at] = painted

    def _eyeball(self, picture: Pixels, at: tuple[NDArray[np.intp], ...], target: Pixels, gaze: Array) -> Pixels:
        """(n, C): what shows between the lids in the n pixels `at`: an iris that moves as a disc, the white beside it
        stretched and squeezed.
        """
        patch, upper, lower = self.patch, self._upper[at], self._lower[at]
        x, y = patch.x[at], patch.y[at]
        # Wider open than in the picture: what it shows is stretched.
        wider = lower - (lower - y) * (lower - upper) / np.maximum(lower - target, 1e-6)
        y = np.where(target < upper, wider, y)
        right, down = self._look.bounded(gaze)
        margin = _EDGE / patch.unit
        if down:
            # What the lids hide in the picture is not shown: the edge of what they leave is repeated.
            edge = min(margin, 4 * abs(down))
            y = np.clip(y - down * self._look.near(x - right), upper + edge, np.maximum(lower - edge, upper + edge))
        if not right:
            return patch.look(picture, x, y)
        way = (y - upper) / np.maximum(lower - upper, 1e-3)
        found = patch.look(picture, *self._look.aside(x, way, y, right, margin))
        if self._look.lends(right):
            white, share = self._look.lent(x, way, right)
            found += share[:, None] * (patch.look(picture, *white) - found)
        return found
