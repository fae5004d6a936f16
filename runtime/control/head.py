"""A head in space behind named points in the plane: how they move when it turns, and what of their motion is its own.

The drawn people's mean head (`export/assets/head.py`) tells how deep each named point lies. Seen from afar, by a scaled
orthographic camera, a turn is then linear in (x, y, z) of the points of the very face that is to be moved.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from runtime.control.parts import PARTS, Strengths, part_of
from runtime.control.pose import CONTROLS
from runtime.layers import solid
from runtime.layers.expression import SIDES, Expression
from runtime.layers.frames import Array, bounded
from runtime.layers.solid import drawn
from runtime.motion.kinds import inverse
from runtime.values import Floats

_OUTLINE = ("skull.", "jaw.angle", "cheek_left.side", "cheek_right.side")
_FACE, _SHALLOW, _NEARER = -2.0, 0.5, 0.7
"""Depth of the face in centimetres; how much of theirs behind it points at a head's outline have when it turns, whose
outline is then made of others; and of the joints' depth. With all of it chins shear off (docs/control.md).
"""
_MOST = 1e3
"""Strength beyond which nothing more happens."""
_NEVER = 1e-6
"""Ridge that keeps a fit to points that coincide from raising."""
_OPENS = 1.5
"""Of the lips' way in the drawn head: how far they part in a picture (`runtime.layers.expression`)."""
_GAZE = (0.15, 0.07)
"""Farthest that irises move across and down, in widths of the eye."""
_FOLLOWS = 0.25
"""How much an upper lid comes down over an eye that looks down."""
_WIDER = 0.15
"""By how much wide eyes are more open."""


class Head:
    """The head in a source picture whose points have names."""

    def __init__(self, names: Mapping[str, int], places: Floats) -> None:
        """`places` (K, 2): of the source's points, of which `names` names some or all, in [-1, 1]."""
        known = drawn()
        self._places = bounded(places)
        behind = solid.Head({name: self._places[index] for name, index in names.items()})
        self._known = [names[name] for name in behind.names]
        """Numbers of the points that the drawn head has, too; the others move as its trunk does."""
        self._drawn, self._rows = known, [known.names[name] for name in behind.names]
        self._parts = np.array(["head"] * len(places), dtype=object)
        self._parts[list(names.values())] = [part_of(name) for name in names]
        self._middle = behind.middle
        self._offset: Array = behind.camera(behind.middle)
        self._scale = behind.camera.scale
        """Of a centimetre, in the picture's units."""
        self._turn = behind.camera.turn
        """(3, 3): from the drawn head's frame to the camera's."""
        self._depth = np.zeros(len(places))
        self._depth[self._known] = behind.depths
        self._solid = np.concatenate([self._places, self._shallow()[:, None]], 1)
        self._solve = self._solver(behind.weights)

    def _shallow(self) -> Array:
        """(K,): the points' depths for turning."""
        points = np.array(self._drawn.points)
        outline = [at for name, at in self._drawn.names.items() if name.startswith(_OUTLINE)]
        points[outline, 2] = _FACE + _SHALLOW * (points[outline, 2] - _FACE)
        depth = np.array(self._depth)
        depth[self._known] = self._scale * (points[self._rows] - self._middle) @ self._turn[2]
        return depth

    def _solver(self, weights: Array) -> Array:
        """(4, K'): finds from the known points' places the map (x, y, z, 1) -> (x, y) that the head makes."""
        design, heavy = self._design()[self._known], weights[:, None]
        solver = np.linalg.solve(design.T @ (heavy * design) + _NEVER * np.eye(4), (heavy * design).T)
        return np.asarray(solver, np.float64)

    def _design(self) -> Array:
        """(K, 4): the source's points in space, about their middle, and 1; lengths of about 1."""
        size = 10 * self._scale
        flat = (self._places - self._offset) / size
        return np.concatenate([flat, self._depth[:, None] / size, np.ones((len(flat), 1))], 1)

    def weigh(self, driven: Floats, strengths: Strengths) -> Floats:
        """The points `driven` (T, K, 2), each part of whose motion since the source is taken over by its strength.

        The head's is what its stiff points do as a whole, by the map that fits them best; what points of a face's parts
        do beyond it is theirs, in the head's own frame.
        """
        moved = bounded(driven)
        strengths = Strengths(**{part: min(getattr(strengths, part), _MOST) for part in PARTS})
        design = self._design()
        maps = np.einsum("ck,tkd->tcd", self._solve, moved[:, self._known])  # (T, 4, 2)
        by_head = np.einsum("kc,tcd->tkd", design, maps)
        size = 10 * self._scale
        linear = maps[:, :2].transpose(0, 2, 1) / size
        kept = np.eye(2) + strengths.head * (linear - np.eye(2))
        there = self._places + strengths.head * (by_head - self._places)
        own = np.einsum("tij,tkj->tki", kept @ inverse(linear), moved - by_head)
        shares = np.array([getattr(strengths, part) for part in self._parts])[:, None]
        inside = there + shares * own
        plain = self._places + strengths.head * (moved - self._places)
        return bounded(np.where((self._parts == "head")[:, None], plain, inside)).astype(np.float32)

    def posed(self, values: Floats) -> Floats:
        """(T, K, 2): the source's points in the poses `values` (T, N), by the values of `CONTROLS`."""
        mean, known, rows = self._drawn, self._known, self._rows
        angles = np.radians([1.0, -1.0, 1.0]) * values[:, :3].astype(np.float64)
        turns = self._turned(angles)
        necks = self._turned(mean.neck_share * angles)
        joints = self._scale * (mean.joints * (1, 1, _NEARER) - self._middle) @ self._turn.T
        neck, head = joints + np.append(self._offset, 0.0)
        moves = np.einsum("tm,mpd->tpd", _moves_of(values), np.stack(list(mean.moves.values()))[:, rows])
        points = np.repeat(self._solid[None], len(values), 0)
        points[:, known] += self._scale * moves @ self._turn.T
        moved_head = neck + np.einsum("tij,j->ti", necks, head - neck)
        by_head = np.einsum("tij,tkj->tki", turns, points - head) + moved_head[:, None]
        by_neck = np.einsum("tij,tkj->tki", necks, points - neck) + neck
        weights = np.zeros((len(self._solid), 3))
        weights[:, 0] = 1.0
        weights[known] = mean.weights[rows]
        weights = weights / weights.sum(1, keepdims=True)
        still, on_neck, on_head = (weights[:, index, None] for index in range(3))
        return (still * points + on_neck * by_neck + on_head * by_head)[..., :2].astype(np.float32)

    def _turned(self, angles: Array) -> Array:
        """(T, 3, 3): turns by yaw, pitch (down) and roll (T, 3) in radians about the head's own axes, in the camera's
        frame.
        """
        return self._turn @ rotations(angles) @ self._turn.T


def rotations(angles: Array) -> Array:
    """(T, 3, 3) of yaw, pitch and roll (T, 3) in radians: roll first, then pitch, then yaw."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(angles).T, np.sin(angles).T
    one, nil = np.ones_like(cy), np.zeros_like(cy)

    def matrix(*numbers: Array) -> Array:
        return np.stack(numbers, -1).reshape(-1, 3, 3)

    yaw = matrix(cy, nil, -sy, nil, one, nil, sy, nil, cy)
    pitch = matrix(one, nil, nil, nil, cp, -sp, nil, sp, cp)
    roll = matrix(cr, -sr, nil, sr, cr, nil, nil, nil, one)
    return yaw @ pitch @ roll


def _moves_of(values: Floats) -> Array:
    """(T, M): how much of each of the drawn head's movements is made, in their order."""
    at = dict(zip(CONTROLS, values.T.astype(np.float64), strict=True))
    lids = _lids(values)
    made = {
        "open": at["mouth"].clip(0),
        "smile": at["smile"].clip(0),
        "frown": (-at["smile"]).clip(0),
        "pucker": at["pucker"],
        "shut_left": (1 - lids[:, 0]).clip(0),
        "shut_right": (1 - lids[:, 1]).clip(0),
        "wide": at["eyes"].clip(0),
        "brows_up": at["brows"].clip(0),
        "brows_down": (-at["brows"]).clip(0),
    }
    return np.stack([made[name] for name in drawn().moves], 1)


def _lids(values: Floats) -> Array:
    """(T, 2): opening of the person's left and right eye as a part of what it is in the picture."""
    at = dict(zip(CONTROLS, values.T.astype(np.float64), strict=True))
    both = 1 + np.where(at["eyes"] < 0, at["eyes"], _WIDER * at["eyes"])
    both = both * (1 + _FOLLOWS * at["gaze_y"].clip(-1, 0))
    return np.stack([both * (1 - at["wink"].clip(0)), both * (1 - (-at["wink"]).clip(0))], 1)


def expressions(values: Floats) -> list[Expression]:
    """What the face does in each of the poses `values` (T, N)."""
    known, lids = drawn(), _lids(values)
    moves = np.einsum("tm,mpd->tpd", _moves_of(values), np.stack(list(known.moves.values()))) / known.unit

    def at(name: str) -> Array:
        return moves[:, known.names[name], :2]

    upper, lower = at("mouth.upper_lip")[:, 1], at("mouth.lower_lip")[:, 1]
    lower = upper + _OPENS * (lower - upper)
    corners = np.stack([at(f"mouth.corner_{side}") for side in SIDES], 1)
    brows = np.stack([at(f"eye_{side}.brow")[:, 1] for side in SIDES], 1)
    named = dict(zip(CONTROLS, values.T.astype(np.float64), strict=True))
    across, down = _GAZE[0] * named["gaze_x"], -_GAZE[1] * named["gaze_y"]
    # The picture's right is away from the nose for the person's left eye, and towards it for the right one.
    gaze = np.stack([np.stack([-across, down], 1), np.stack([across, down], 1)], 1)
    shut = (-named["mouth"]).clip(0)
    return [
        Expression(
            float(upper[t]), float(lower[t]), float(at("mouth.chin")[t, 1]), corners[t], lids[t], brows[t], gaze[t],
            parted=0.0,  # as of a driver whose lips were together: nothing is added to a smile
            closed=float(shut[t]),
        )
        for t in range(len(values))
    ]  # fmt: skip
