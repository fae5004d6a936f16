"""The mouth as a shutter: lips that part and meet, a chin that goes with them, and what is seen between the lips."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
DARK = 0.2
"""Light of the depth of a mouth, as a part of the lips'."""
_HIDDEN = 0.045
"""By how much more of its teeth an upper lip hides that hardly parts from the lower one than that of a smile."""
_RISE = 0.055
"""Farthest that a lip that rises slides over teeth."""
_FLESH = 0.68
"""Light of the tongue, likewise."""
_WET, _RIM = 0.62, 0.04
"""Light of the lower lip's inner side, likewise, and how far up it shows: else mouths look cut out of paper."""


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
        self._own = opening, float(self._left[0] - self._right[0]), chin - seam
        self._paint = _Paint(self.patch, lips, picture, painter)

    @property
    def opening(self) -> float:
        """How far it is open at rest, in the head's own frame."""
        return self._own[0]

    def __call__(self, picture: Pixels, face: Expression) -> Pixels:
        """The patch of `picture` with the mouth of `face`."""
        patch, face = self.patch, on_mouth(face, *self._own)
        x, u, line = self._columns(face)
        bow = (4 * u * (1 - u)) ** np.float32(_ROUND)
        upper, lower, *rims = self._lines(x)
        lower = np.maximum(upper, lower)
        opens = bow * ((face.lower_lip - face.upper_lip) / 2)
        bend = line + 4 * u * (1 - u) * ((face.upper_lip + face.lower_lip) / 2 - line)
        edge_up, edge_low = upper + bend - opens, lower + bend + opens
        meet = np.maximum(edge_up - edge_low, 0) / 2  # lips that would cross meet in the middle
        edge_up, edge_low = edge_up - meet, edge_low + meet
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

    def _columns(self, face: Expression) -> tuple[Pixels, Pixels, Pixels]:
        """For every pixel: where its column is in the source, where that lies between the corners (0 to 1), and how far
        the line between the corners moved down there.
        """
        moved_left, moved_right = np.clip(face.corners, -0.2, 0.2)
        (right, _), (left, _), middle = self._right, self._left, self._middle
        ends = ((moved_right, self._right), (moved_left, self._left))
        down_right, down_left = (_held(moved[1], _RAISED * float(end[1] - self._nose)) for moved, end in ends)
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
        above = stretch(patch.y, [(nose, nose), (top, rim_up), (np.maximum(edge_up, top), upper)])
        jaw = face.chin * smooth(1.15 - np.abs(x - self._middle) / 0.9)
        bottom = np.minimum(edge_low + (rim_low - lower) * thick_low, chin + jaw - 1e-3)
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


class _Paint:
    """What is seen between parted lips: the source's own teeth, else painted ones, before the dark; a tongue below."""

    def __init__(self, patch: Patch, lips: Lips, picture: Pixels, painter: Painter) -> None:
        self._patch = patch
        rim = [(lips.outer_upper + lips.inner_upper)[2:-2], (lips.outer_lower + lips.inner_lower)[2:-2]]
        x, y = (np.concatenate(rim) / 2).T.astype(np.float32)
        lip = np.median(patch.look(picture, x, y), axis=0)[:3]
        self._dark, self._tongue, self._lip = DARK * lip, _FLESH * lip, _WET * lip
        gap = float((lips.inner_lower - lips.inner_upper)[:, 1].max())
        # Lips slide over teeth that are not seen; those that are stay with them.
        self._closed = float(1 - smooth((gap - 0.02) / 0.07))
        self._teeth = Teeth(patch, lips.inner_upper, lips.inner_lower, picture, painter)

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
        above = gap - depth  # the lower lip
        mound = min(0.42 * widest, 0.15) * np.sqrt(arch)
        flesh = smooth((mound - above) / (0.8 * mound + 1e-3)) * smooth((widest - 0.05) / 0.12)
        flesh = flesh * (0.55 + 0.45 * smooth(above / 0.05))  # the lip's shadow
        result = np.ones((len(x), picture.shape[-1]), np.float32)
        deep = 0.5 + 0.5 * smooth(1 - above / (0.7 * gap))  # darkest behind the upper teeth
        dark = deep[:, None] * self._dark
        result[:, :3] = dark + flesh[:, None] * (self._tongue - dark)
        rim = np.sqrt(arch) * smooth(1 - above / _RIM)  # where the lower lip turns inwards
        result[:, :3] += 0.8 * rim[:, None] * (self._lip - result[:, :3])
        hidden = _HIDDEN * (1 - 0.6 * smooth((widest - 0.08) / 0.15))
        slid = self._closed * np.maximum(hidden + np.clip(top - upper, -_RISE, 0), 0)  # above it there are no teeth
        teeth = self._teeth(x, (upper + depth + slid).astype(np.float32))
        shadow = 1 - 0.25 * self._closed * (1 - smooth(depth / 0.05))  # the upper lip's
        result[:, :3] += teeth[:, 3:] * (teeth[:, :3] * shadow[:, None] - result[:, :3])
        own = lower - upper
        more = np.clip((gap - own) / 0.05, 0, 1)  # nothing is filled in where the mouth is as open as in the picture
        shown = smooth((own - 0.02) / 0.03) * smooth((own - depth) / ((0.15 * own + 0.01) * more + 1e-6))
        shown = 1 - (1 - shown) * more
        places = np.minimum(upper + depth, np.maximum(lower + (_EDGE - 1.3 * more) / self._patch.unit, upper))
        return result + shown[:, None] * (self._patch.look(picture, x, places.astype(np.float32)) - result)
