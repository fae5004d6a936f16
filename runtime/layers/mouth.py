"""The mouth as a shutter: lips that part and meet, a chin that goes with them, and what is seen between the lips."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from runtime.layers.expression import Expression, on_mouth
from runtime.layers.frames import Affine, Array, Pixels
from runtime.layers.shutters import _EDGE, Lines, Patch, smooth, stretch
from runtime.layers.teeth import Painter, Teeth, paint

_REACH = 0.95
"""Half the width of what moves with a mouth."""
_BELOW = 0.55
"""Over which length the chin's motion ends below it."""
_ROUND = 0.65
"""How an opening mouth is shaped: exponent of a parabola between its corners; their line bends as a parabola."""
_RAISED = 0.6
"""Part of the way to the nose's base that a corner of a mouth comes near to, as it rises, and never reaches."""
_SEAM = 0.014
"""How much of either lip is left out next to the line between closed ones."""
_OPENS = 1.2
"""How much farther lips part than what of it is dark: their inner sides are light."""
_DARK = 0.3
"""Light of the depth of a mouth, as a part of the lips'."""
_SHOWS, _HIDDEN = 0.022, (0.055, 0.09)
"""How much of its teeth an upper lip shows that has not moved and parts from the lower one; and by how much more it
hides of them than a smile's at least and at most. As it rises, it slides over them.
"""
_TOOTH, _SHADED, _CORNER = 0.9, 0.5, 0.7
"""Light of painted teeth, of what the network of teeth makes them; how much darker they are right below the upper lip,
and how much so at the corners.
"""
_FLESH, _HUE, _TONGUE, _WIDE = 0.74, 0.6, 0.7, (0.05, 0.16)
"""Light of the tongue, of that of the lips, and how much of its hue is theirs, not deeper; how high it lies, as a part
of the opening; and the openings from which on some of it is seen, and all.
"""
_WET, _SHADY, _RIM, _UNDER = 0.95, 0.7, 0.03, 0.016
"""Light of the lips' inner sides, likewise, and how far in one sees the lower and the upper one: else mouths looked cut
out of paper.
"""
_TEETH, _STEPS, _DARK_TO_LIP, _RISES = 0.4, 13, 0.4, (0.06, 0.2)
"""From how far down between parted lips the lower one's edge is looked for, in how many places; how far from the dark
to it that edge is; and by how much, of its light, it is lighter than the dark, to be surely none, and surely one.
"""
_WITHIN = 0.4
"""Where on the way from a lip's inner edge to its outer one its colour is looked at."""


@dataclass(frozen=True)
class Lips:
    """Edges of lips in the head's own frame: points (K, 2), from the corner on the person's right to the other one."""

    inner_upper: Array
    inner_lower: Array
    outer_upper: Array
    outer_lower: Array

    @staticmethod
    def between(right: Array, left: Array, upper: Array, lower: Array) -> Lips:
        """Closed lips by the corners of a mouth and the middles of its lips, each (2,)."""
        x = np.linspace(0, 1, 11)[:, None]
        bow = (4 * x * (1 - x)) ** 0.7
        line = right + x * (left - right)

        def through(middle: Array) -> Array:
            return line + bow * (np.asarray(middle) - (right + left) / 2) * (0, 1)

        seam = through((upper + lower) / 2)
        thick = np.array([0, max(float(lower[1] - upper[1]) / 2, 0.03)])
        return Lips(seam, seam, seam - bow * thick, seam + bow * thick)


class MouthShutter:
    """Lips, the cheeks' lower part and the chin. Its frame is the head's own, whose unit is the eyes' distance."""

    def __init__(
        self, frame: Affine, lips: Lips, nose: float, chin: float, picture: Pixels, painter: Painter = paint
    ) -> None:
        """`frame`: from the head's own frame to pixels of `picture` (size, size, C), RGB first; `nose` and `chin`:
        heights of the base of one and the tip of the other in that frame.
        """
        self._right, self._left = lips.inner_upper[0], lips.inner_upper[-1]
        middle = float(self._right[0] + self._left[0]) / 2
        self._nose, self._chin, self._middle = nose, chin, middle
        low, high = (middle - _REACH, nose - 0.08), (middle + _REACH, chin + _BELOW)
        self.patch = Patch(frame, low, high, len(picture))
        self._lines = Lines([lips.inner_upper, lips.inner_lower, lips.outer_upper, lips.outer_lower])
        opening = float((lips.inner_lower - lips.inner_upper)[:, 1].max())
        seam = float((lips.inner_lower + lips.inner_upper)[:, 1].mean()) / 2
        at = len(lips.inner_upper) // 2
        self._seam = float(lips.inner_upper[at, 1] + lips.inner_lower[at, 1]) / 2
        self._own = opening, float(self._left[0] - self._right[0]), chin - seam
        self._paint = _Paint(self.patch, lips, picture, painter)

    @property
    def opening(self) -> float:
        """How far it is open at rest, in the head's own frame."""
        return self._own[0]

    def __call__(self, picture: Pixels, face: Expression) -> Pixels:
        """The patch of `picture` with the mouth of `face`."""
        patch, face = self.patch, on_mouth(face, *self._own)
        x, u, bow, (upper, lower, *rims), (edge_up, edge_low) = self._edges(face)
        y = self._rows(face, x, (upper, lower), (edge_up, edge_low), rims)
        skin = patch.look(picture, patch.x + (x - patch.x) * patch.inside, patch.y + (y - patch.y) * patch.inside)
        gap = edge_low - edge_up
        hole = np.clip(np.minimum(patch.y - edge_up, edge_low - patch.y) * patch.unit + 0.5, 0, 1)
        hole = hole * np.clip(gap * patch.unit, 0, 1) * (bow > 0)
        seen = np.nonzero(hole)
        if len(seen[0]):
            at = [part[seen] for part in (x, u, patch.y, edge_up, gap, upper, lower)]
            skin[seen] += hole[seen][:, None] * (self._paint(picture, float(gap.max()), *at) - skin[seen])
        return skin

    def _edges(self, face: Expression) -> tuple[Pixels, Pixels, Pixels, list[Pixels], tuple[Pixels, Pixels]]:
        """For every pixel: where its column is in the source, where that lies between the corners (0 to 1), how much of
        an opening it has; the heights of the lips' inner and outer edges there, and of the inner ones as they are now.
        """
        x, u, line = self._columns(face)
        bow = (4 * u * (1 - u)) ** np.float32(_ROUND)
        upper, lower, *rims = self._lines(x)
        lower = np.maximum(upper, lower)
        opens = bow * (_OPENS * (face.lower_lip - face.upper_lip) / 2)
        bend = line + 4 * u * (1 - u) * ((face.upper_lip + face.lower_lip) / 2 - line)
        edge_up, edge_low = upper + bend - opens, lower + bend + opens
        meet = np.maximum(edge_up - edge_low, 0) / 2  # lips that would cross meet in the middle
        return x, u, bow, [upper, lower, *rims], (edge_up - meet, edge_low + meet)

    def _columns(self, face: Expression) -> tuple[Pixels, Pixels, Pixels]:
        """For every pixel: where its column is in the source, where that lies between the corners (0 to 1), and how far
        the line between the corners moved down there.
        """
        moved_left, moved_right = np.clip(face.corners, -0.2, 0.2)
        (right, _), (left, _), middle = self._right, self._left, self._middle
        ends = ((moved_right, self._right), (moved_left, self._left))
        # A smile that narrows unbends.
        narrow = min(1 + float(moved_left[0] - moved_right[0]) / max(self._own[1], 1e-3), 1.0)
        down_right, down_left = (
            _held(moved[1], _RAISED * float(end[1] - self._nose)) + (1 - narrow**2) * max(self._seam - float(end[1]), 0)
            for moved, end in ends
        )
        low, high = middle - _REACH, middle + _REACH
        after = (low, right + moved_right[0], left + moved_left[0], high)
        knots = [(np.float32(a), np.float32(b)) for a, b in zip(after, (low, right, left, high), strict=True)]
        x = stretch(self.patch.x, knots)
        u = np.clip((x - right) / max(left - right, 1e-3), 0, 1).astype(np.float32)
        beside = smooth(1 - np.maximum(right - x, x - left) / (_REACH - (left - right) / 2))
        return x, u, ((down_right * (1 - u) + down_left * u) * beside).astype(np.float32)

    def _rows(
        self,
        face: Expression,
        x: Pixels,
        before: tuple[Pixels, Pixels],
        after: tuple[Pixels, Pixels],
        rims: list[Pixels],
    ) -> Pixels:
        """Where every pixel's height is in the source: lips move as they are, the skin beside them is stretched."""
        patch, (outer_up, outer_low) = self.patch, rims
        (upper, lower), (edge_up, edge_low) = before, after
        nose, chin = np.full_like(x, self._nose), np.full_like(x, self._chin)
        rim_up = np.maximum(np.minimum(outer_up, upper - 0.01), nose + 1e-3)
        rim_low = np.minimum(np.maximum(outer_low, lower + 0.01), chin - 1e-3)
        thick_up, thick_low = face.thickness.astype(np.float32)
        top = np.maximum(edge_up + (rim_up - upper) * thick_up, nose + 1e-3)
        jaw = face.chin * smooth(1.15 - np.abs(x - self._middle) / 0.9)
        bottom = np.minimum(edge_low + (rim_low - lower) * thick_low, chin + jaw - 1e-3)
        # The line between closed lips is a shadow that is gone where they part.
        seam = self._paint.closed * _SEAM * np.clip((edge_low - edge_up - lower + upper) / 0.05, 0, 1)
        upper = np.maximum(upper - seam, np.minimum(rim_up + 0.004, upper))
        lower = np.minimum(lower + seam, np.maximum(rim_low - 0.004, lower))
        above = stretch(patch.y, [(nose, nose), (top, rim_up), (np.maximum(edge_up, top), upper)])
        below = stretch(patch.y, [(edge_low, lower), (bottom, rim_low), (chin + jaw, chin)])
        under = patch.y - jaw * smooth(1 - (patch.y - chin - jaw) / _BELOW)
        below = np.where(patch.y > chin + jaw, under, below)
        half = np.float32(
            _EDGE / patch.unit
        )  # where the hole covers skin by halves, the skin goes on for that half pixel
        upside = patch.y < (edge_up + edge_low) / 2
        return np.where(upside, np.minimum(above, upper + half), np.maximum(below, lower - half))


def _held(moved: float, room: float) -> float:
    """How far down what has `room` above it moves: what rises farther than by half of that comes near to all of it."""
    half = max(room / 2, 1e-3)
    return -half + half * math.expm1((moved + half) / half) if moved < -half else moved


def _tones(patch: Patch, picture: Pixels, lip: Array) -> Lines:
    """Red, green and blue along the line `lip` (K, 2), each the mean of three places."""
    x, y = lip.T.astype(np.float32)
    seen = patch.look(picture, x, y)[:, :3]
    wide = np.concatenate([seen[:1], seen, seen[-1:]])
    return Lines([np.stack([lip[:, 0], tone], 1) for tone in ((wide[:-2] + seen + wide[2:]) / 3).T])


def _ended(lips: Lips, patch: Patch, picture: Pixels) -> Lips:
    """`lips` with the lower one's inner edge where in `picture` it is lighter than the dark under the teeth. Edges of
    parted lips are spread evenly, and what of a lip lies between them would hang from the teeth.
    """
    upper, lower = lips.inner_upper, lips.inner_lower
    way = np.linspace(_TEETH, 1, _STEPS)
    y = upper[:, 1, None] + way * (lower - upper)[:, 1, None]
    x = np.broadcast_to(upper[:, :1], y.shape)
    light = patch.look(picture, x.astype(np.float32), y.astype(np.float32))[..., :3].mean(-1)
    least, last = light.min(1), light[:, -1]
    dark = light <= (least + _DARK_TO_LIP * (last - least))[:, None]
    end = way[_STEPS - 1 - dark[:, ::-1].argmax(1)]
    low, high = _RISES
    sure = smooth(((last - least) / np.maximum(last, 1) - low) / (high - low))
    end = 1 - sure * smooth((lower - upper)[:, 1] / 0.04 - 0.5) * (1 - end)
    end[1:-1] = (end[:-2] + end[1:-1] + end[2:]) / 3
    heights = upper[:, 1] + end * (lower - upper)[:, 1]
    return replace(lips, inner_lower=np.stack([lower[:, 0], heights], 1))


class _Paint:
    """What is seen between parted lips: the source's own teeth, else painted ones, before the dark; a tongue below."""

    def __init__(self, patch: Patch, lips: Lips, picture: Pixels, painter: Painter) -> None:
        self._patch = patch
        rim = [(lips.outer_upper + lips.inner_upper)[2:-2], (lips.outer_lower + lips.inner_lower)[2:-2]]
        x, y = (np.concatenate(rim) / 2).T.astype(np.float32)
        lip = np.median(patch.look(picture, x, y), axis=0)[:3]
        # What comes out of a mouth was thrown back in there more than once: each time its hue is deeper.
        deep = lip * lip / max(float(lip.max()), 1.0)
        self._dark, self._tongue = _DARK * deep, _FLESH * (_HUE * lip + (1 - _HUE) * deep)
        self._upper, self._lower = (
            _tones(patch, picture, inner + _WITHIN * (outer - inner))
            for inner, outer in ((lips.inner_upper, lips.outer_upper), (lips.inner_lower, lips.outer_lower))
        )
        gap = float((lips.inner_lower - lips.inner_upper)[:, 1].max())
        self.closed = float(1 - smooth((gap - 0.02) / 0.07))
        """How much the mouth is a closed one, whose lips slide over teeth that are not seen; those that are stay with
        them.
        """
        self._taken = (1 - self.closed) * gap
        """How much of an opening the source's own teeth take."""
        edge = _ended(lips, patch, picture).inner_lower
        self._edge = Lines([edge])
        self._teeth = Teeth(patch, lips.inner_upper, edge, picture, painter)
        self._hidden = float(np.clip(self._teeth.length - _SHOWS, *_HIDDEN))

    def __call__(
        self,
        picture: Pixels,
        widest: float,
        x: Pixels,
        u: Pixels,
        y: Pixels,
        top: Pixels,
        gap: Pixels,
        upper: Pixels,
        lower: Pixels,
    ) -> Pixels:
        """(n, C) for n pixels between lips that are `widest` apart at most: at (x, y), `u` from corner to corner, below
        the upper lip's edge `top` by less than `gap`. What the source shows between its own lips, from `upper` to
        `lower`, is kept, and so is the way in which it hangs from the upper lip.
        """
        depth, gap = y - top, np.maximum(gap, 1e-3)
        arch = np.clip(4 * u * (1 - u), 0, 1)
        result = np.ones((len(x), picture.shape[-1]), np.float32)
        result[:, :3] = self._depth(widest, gap - depth, gap, arch)
        _turned(result, smooth(1 - (gap - depth) / _RIM), self._lower, _WET, x)
        teeth = self._teeth(x, (upper + depth + self.slid(x, top - upper)).astype(np.float32))
        shade = _TOOTH * (1 - _SHADED * (1 - smooth(depth / 0.06))) * (1 - _CORNER * (1 - smooth(arch / 0.7)))
        light = 1 - self.closed * (1 - shade)
        result[:, :3] += teeth[:, 3:] * (teeth[:, :3] * light[:, None] - result[:, :3])
        _turned(result, self.closed * smooth(1 - depth / _UNDER), self._upper, _SHADY, x)
        # Nothing is filled in where the mouth is as open as in the picture.
        more = np.clip((gap - lower + upper) / 0.05, 0, 1)
        lower = lower - more * np.maximum(lower - self._edge(x)[0], 0)
        own = lower - upper
        shown = smooth((own - 0.02) / 0.03) * smooth((own - depth) / ((0.15 * own + 0.01) * more + 1e-6))
        shown = 1 - (1 - shown) * more
        places = np.minimum(upper + depth, np.maximum(lower + (_EDGE - 1.3 * more) / self._patch.unit, upper))
        return result + shown[:, None] * (self._patch.look(picture, x, places.astype(np.float32)) - result)

    def slid(self, x: Pixels, moved: Pixels) -> Pixels:
        """(n,): by how much teeth at `x` are hidden that hang from an upper lip whose edge there `moved` down: lips go,
        teeth stay.
        """
        hidden = self._hidden * self._teeth.beside(x)
        return np.asarray(self.closed * np.clip(hidden + moved, 0, 2 * hidden))

    def _depth(self, widest: float, above: Pixels, gap: Pixels, arch: Pixels) -> Pixels:
        """(n, 3): what is seen behind the teeth, so far `above` the lower lip: the dark, darkest behind upper teeth
        and in the corners, and before it the tongue where the mouth is open wide.
        """
        dark = (0.4 + 0.6 * smooth(1 - above / (0.8 * gap))) * (0.5 + 0.5 * arch)
        result = dark[:, None] * self._dark
        low, high = _WIDE
        free = max(widest - self._taken, 0)
        up = above / (_TONGUE * free * arch + 1e-3)
        tongue = smooth((arch - 0.15) / 0.6) * smooth((free - low) / (high - low)) * smooth((1.1 - up) / 0.75)
        light = (0.8 + 0.2 * smooth(up / 0.55)) * (0.6 + 0.4 * arch)  # it rises out of the lower lip's shadow
        return result + tongue[:, None] * (light[:, None] * self._tongue - result)


def _turned(inside: Pixels, share: Pixels, lip: Lines, light: float, x: Pixels) -> None:
    """Lay the inner side of a `lip` over what is `inside` (n, C), as much as `share` (n,) says, at `x` along it."""
    at = np.nonzero(share)[0]
    inside[at, :3] += share[at, None] * (light * np.stack(lip(x[at]), -1) - inside[at, :3])
