"""What a face does: how far mouth and eyes are open and where they look, apart from how the head is turned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from runtime.control.parts import Strengths
from runtime.layers import lips
from runtime.layers.frames import Array, bounded, head_frame
from runtime.layers.shutters import smooth
from runtime.layers.turn import Turn

Named = Mapping[str, Array]

SIDES = ("left", "right")
"""Of the person."""
_SHUT, _WIDEST = 0.16, 1.15
"""Opening in widths of the eye below which an eye is shut, and how far it opens, of its opening at rest."""
_SURELY, _POSSIBLY = 0.38, 0.52
"""Of its opening at rest: below the first an eye is shut, above the second it is not."""
_NARROWER = 0.6
"""Weight of the eye that is less open, where both are open by about as much."""
_WINK = (0.25, 0.5)
"""Differences of the eyes' openings, of what they are at rest: up to the first they are the detector's, from the second
on a wink.
"""
_VERGENCE = 0.3
"""How much of what irises do against each other counts: most of it is noise."""
_SIDEWAYS, _UPRIGHT = 1.85, 1.5
"""Of what is found of irises that turn aside, and up or down: the network that finds them holds back (see
docs/layers.md).
"""
_SEEN = (0.15, 0.6)
"""Of what it is at rest: an eye less open than the first does not tell where it looks, above the second it does."""
_LEAST_OPEN = 0.12
"""Opening in widths of the eye that an eye at rest has at least: who begins in the middle of a blink is not asleep."""
PARTED = 1.5
"""Of what a detector finds of the lips' parting: its points lie on the lips, which narrow as they part. Far apart they
are so by less: see `_ROOM`.
"""
_CHIN = 1.05
"""Of what is found of the chin's way."""
_WIDENED = (1.15, 1.0)
"""What is found of the corners' ways sideways, and up and down: the mesh makes little of smiles."""
_THICKNESS = (0.65, 1.4)
"""How thin and how thick lips become, of what they are at rest, ..."""
_THIN = 0.03
"""... and how thick they are at least."""
_CLOSED = 0.15
"""What a detector finds between the middles of closed lips."""
_SHOWN = (0.05, 0.12)
"""Opening of a mouth at rest, as it is found: up to the first its lips are together, from the second on it is open."""
_SLOWLY = 3.0
"""Openings of a smiling mouth over which it gives up its smile, as it opens."""
_NARROW, _GIVEN_UP, _OPENED = 0.53, 0.8, 0.12
"""Width of a mouth that does not smile; how much of what is beyond it a smile gives up that opens, and over which
opening.
"""
_SMILE = 0.16
"""How much wider than that a mouth is whose smile leaves nothing for a driver's to add."""
_LEAST_PARTED, _CLOSING = 0.06, (0.67, 2.33)
"""The driver's lips are parted at least by so much when they close, and another's close by so many times more, within
these.
"""
_JAW = 0.5
"""How much of the way of a lower lip that closes what is open at rest the chin goes."""
_ROOM = 0.8
"""Part of the length from lips to chin that the opening of a mouth comes near to, and never reaches."""
_CALM = 0.6
"""How much of their motion the corners of a mouth take over: they are found least well."""
_WIDE_MOUTH = 0.75
"""Farthest that lips part."""
_AS_DEEP = ("corner_left", "corner_right", "upper_lip", "lower_lip", "upper_lip", "lower_lip", "chin")
"""Points of a mouth that lie as deep as each of `runtime.layers.lips`' places."""
_MOST = 1e3
"""Strength beyond which nothing more happens to a face."""


@dataclass(frozen=True)
class Expression:
    """How a face differs from itself at rest. Lengths are in the head's own frame, whose unit is the distance of the
    outer corners of the eyes.
    """

    upper_lip: float
    """How far the upper lip moved down in its middle."""
    lower_lip: float
    chin: float
    corners: Array
    """(2, 2): (x, y) by which the left and right corner of the mouth moved."""
    lids: Array
    """(2,): opening of the left and right eye as a part of what it is at rest; 0 is shut."""
    brows: Array
    """(2,): how far the brows moved down."""
    gaze: Array
    """(2, 2): by how much the irises moved, in widths of the eye: towards the inner corner, and down."""
    parted: float | None = None
    """How far the lips of the driver are parted where its motion counts from; None where that is the face itself."""
    closed: float = 0.0
    """How much of what the mouth is open at rest closes before anything opens it."""
    relaxed: float = 0.0
    """How much of what is wide about a smile at rest it gives up."""
    thickness: Array = field(default_factory=lambda: np.ones(2))
    """(2,): how thick the upper and the lower lip are, of what they are at rest."""

    @property
    def at_rest(self) -> bool:
        """Whether nothing differs."""
        moved = (
            *(self.thickness - 1),
            self.upper_lip,
            self.lower_lip,
            self.chin,
            *self.corners.flat,
            *self.brows,
            *self.gaze.flat,
        )
        return not any((*moved, self.closed, self.relaxed)) and bool((self.lids == 1).all())

    def on_top_of(self, other: Expression) -> Expression:
        """Both at once: this one of a face that does what `other` does already."""
        return Expression(
            upper_lip=self.upper_lip + other.upper_lip,
            lower_lip=self.lower_lip + other.lower_lip,
            chin=self.chin + other.chin,
            corners=self.corners + other.corners,
            lids=np.clip(self.lids * other.lids, 0, _WIDEST),
            brows=self.brows + other.brows,
            gaze=self.gaze + other.gaze,
            parted=self.parted,
            closed=max(self.closed, other.closed),
            relaxed=max(self.relaxed, other.relaxed),
            thickness=np.clip(self.thickness * other.thickness, *_THICKNESS),
        )


EVERYTHING = Strengths()


@dataclass(frozen=True)
class Seen:
    """A face at one moment."""

    points: Named
    eyes: Array
    """(2, 3): as `runtime.motion.modes.Motion.eyes`."""
    lips: Array | None = None
    """(7, 2): as `Motion.lips`; None where nobody looked: then points tell, which know less."""
    head: Named | None = None
    """The points where the lips were seen; None: these `points`."""


def expression(now: Seen, rest: Seen, strengths: Strengths = EVERYTHING, counted: bool = True) -> Expression:
    """What a face does `now` that it does not at `rest`. `strengths`: of each part's motion; without any the face is at
    rest. `counted`: whether `rest` is another face's, whose motion counts from there.
    """
    eyes, eyes_rest = bounded(now.eyes), bounded(rest.eyes)
    mouth, lids_by, brows, gaze = (
        min(value, _MOST) for value in (strengths.mouth, strengths.eyes, strengths.brows, strengths.gaze)
    )
    b, turn = _own(rest.points), Turn(now.points, rest.points)
    a = _unturned(_own(now.points), b, turn)
    if now.lips is None or rest.lips is None:
        part = _mouth_by_points(a, b, mouth, counted)
    else:
        lips_rest = bounded(rest.lips)
        turn = turn if now.head is None else Turn(now.head, rest.points)
        part = _mouth_by_lips(_lips_unturned(bounded(now.lips), lips_rest, turn), lips_rest, mouth, counted)
    lids = _lids(eyes[:, 0], eyes_rest[:, 0])
    return replace(
        part,
        lids=np.clip(1 + lids_by * (lids - 1), 0, _WIDEST),
        brows=brows * np.array([(a[name] - b[name])[1] for name in (f"eye_{side}.brow" for side in SIDES)]),
        gaze=gaze * _gaze(eyes[:, 1:] - eyes_rest[:, 1:], lids),
    )


def _unturned(now: Mapping[str, Array], rest: Mapping[str, Array], turn: Turn) -> dict[str, Array]:
    """Points in the head's own frame `now`, those of mouth and brows less what the `turn` does to them."""
    names = [name for name in turn.names if name.startswith("mouth.") or name.endswith(".brow")]
    ways = turn.way(np.array([rest[name] for name in names]), names)
    found = dict(now) | {name: now[name] - way for name, way in zip(names, ways, strict=True)}
    corners = [f"mouth.corner_{side}" for side in SIDES]
    aside = sum(found[name][0] - rest[name][0] for name in corners) / 2 * turn.sideways(rest["mouth.chin"])
    return found | {name: found[name] - np.array([aside, 0.0]) for name in corners}


def _lips_unturned(now: Array, rest: Array, turn: Turn) -> Array:
    """Lips (7, 2) `now`, less what the `turn` does to them."""
    found = now - turn.way(rest, [f"mouth.{name}" for name in _AS_DEEP])
    corners = [lips.LEFT, lips.RIGHT]
    found[corners, 0] -= turn.sideways(rest[lips.TIP]) * (found[corners, 0] - rest[corners, 0]).mean()
    return found


def _mouth_by_lips(now: Array, rest: Array, strength: float, counted: bool) -> Expression:
    """What a mouth does, by its lips (7, 2)."""
    moved, at_rest = strength * (now - rest), lips.apart(rest)
    opens = min(strength * lips.opened(now, rest), _WIDE_MOUTH)
    seam = float(moved[[lips.UPPER, lips.LOWER], 1].mean())
    thick = [
        np.maximum(
            [each[lips.UPPER, 1] - each[lips.RIM_UPPER, 1], each[lips.RIM_LOWER, 1] - each[lips.LOWER, 1]], _THIN
        )
        for each in (now, rest)
    ]
    return Expression(
        upper_lip=seam - opens / 2,
        lower_lip=seam + opens / 2,
        chin=min(_CHIN * float(moved[lips.TIP, 1]), _WIDE_MOUTH),
        corners=np.array(_WIDENED) * moved[[lips.LEFT, lips.RIGHT]],
        lids=np.ones(2),
        brows=np.zeros(2),
        gaze=np.zeros((2, 2)),
        parted=at_rest if counted else None,
        thickness=np.clip(1 + strength * (thick[0] / thick[1] - 1), *_THICKNESS),
    )


def _mouth_by_points(now: Named, rest: Named, strength: float, counted: bool) -> Expression:
    """What a mouth does, by points in the head's own frame."""

    def moved(name: str) -> Array:
        return strength * (now[name] - rest[name])

    upper, lower = (float(moved(f"mouth.{lip}_lip")[1]) for lip in ("upper", "lower"))
    lower = upper + (PARTED * (lower - upper) if lower > upper or counted else lower - upper)
    return Expression(
        upper_lip=upper,
        lower_lip=min(lower, _WIDE_MOUTH),
        chin=min(float(moved("mouth.chin")[1]), _WIDE_MOUTH),
        corners=_CALM * np.stack([moved(f"mouth.corner_{side}") for side in SIDES]),
        lids=np.ones(2),
        brows=np.zeros(2),
        gaze=np.zeros((2, 2)),
        parted=PARTED * max(_gap(rest) - _CLOSED, 0.0) if counted else None,
    )


def _lids(opening: Array, at_rest: Array) -> Array:
    """(2,): how far the eyes are open, of what they are at rest. Lids move together, but for a wink."""
    at_rest = np.maximum(at_rest, _LEAST_OPEN)
    share, shut = opening / at_rest, np.clip(_SHUT / at_rest, _SURELY, _POSSIBLY)
    lids = np.clip((share - shut) / (1 - shut), 0, _WIDEST)
    together = _NARROWER * lids.min() + (1 - _NARROWER) * lids.max()
    low, high = _WINK
    return together + smooth((np.ptp(share) - low) / (high - low)) * (lids - together)


def _gaze(moved: Array, lids: Array) -> Array:
    """(2, 2): where the eyes look, of what their irises `moved` (2, 2). Eyes turn together: up and down by the same,
    one towards the inner corner, the other away from it by as much.
    """
    low, high = _SEEN
    known = smooth((float(lids.mean()) - low) / (high - low))
    across, down = moved[:, 0], _UPRIGHT * float(moved[:, 1].mean())
    right = _SIDEWAYS * float(across[0] - across[1]) / 2
    inward = _VERGENCE * float(across[0] + across[1]) / 2
    return known * np.array([[inward + right, down], [inward - right, down]])


def on_mouth(face: Expression, opening: float, width: float, length: float) -> Expression:
    """What `face` is on a mouth that is open by `opening` at rest, `width` wide, and so far (`length`) from its chin.

    A driver's opening is not added to a smile: the farther it opens, the more the mouth is open as the driver's is. Nor
    is a driver's smile: the more a mouth smiles, the less is left for it to do. What closes, closes in proportion. At
    rest nothing differs, and it grows smoothly from there.
    """
    opening = max(opening, 0.0)
    shut = face.closed * opening
    parted = face.lower_lip - face.upper_lip
    smile = (1 - face.relaxed) * max(width - _NARROW, 0.0) / 2
    given_up = face.relaxed * max(width - _NARROW, 0.0) / 2
    opens = parted
    own = opening - shut if face.parted is not None else 0.0
    if face.parted is not None and parted < 0:
        opens = parted * float(np.clip(own / max(face.parted, _LEAST_PARTED), *_CLOSING))
    elif face.parted is not None:
        beyond = max(shown(own) - face.parted, 1e-6)
        opens = parted + beyond * math.expm1(-parted / (_SLOWLY * beyond))
        given_up += _GIVEN_UP * smile * -math.expm1(-parted / _OPENED)
    corners = face.corners
    if face.parted is not None:
        corners = _smiling(corners, 1 - min(2 * smile / _SMILE, 1.0))
    if given_up:
        corners = corners + given_up * np.array([[-1.0, 0.0], [1.0, 0.0]])
    if opens > 0:
        room = max(_ROOM * length, 1e-6)
        opens = -room * math.exp(-own / room) * math.expm1(-opens / room)
    upper, chin = face.upper_lip, face.chin
    if parted > opens > 0:  # all of a mouth that cannot open as wide goes a shorter way, or else it becomes a dome
        chin, upper = chin * opens / parted, upper * opens / parted
        down = corners[:, 1].mean()
        corners = corners + np.array([0.0, max(down, 0.0) * (opens / parted - 1)])
    return replace(face, upper_lip=upper, lower_lip=upper + opens - shut, chin=chin - _JAW * shut, corners=corners)


def _smiling(corners: Array, share: float) -> Array:
    """`corners` that widen a mouth and rise by that `share` alone."""
    (left, left_down), (right, right_down) = corners
    aside = (1 - share) * max(float(left - right), 0.0) / 2
    down = (1 - share) * min(float(left_down + right_down) / 2, 0.0)
    return np.array([[left - aside, left_down - down], [right + aside, right_down - down]])


def shown(opening: float) -> float:
    """How much of a mouth's `opening` at rest one sees: lips that are together are found a little apart, too."""
    low, high = _SHOWN
    return max(opening, 0.0) * float(smooth((opening - low) / (high - low)))


def _gap(own: Named) -> float:
    """Distance of the lips' points."""
    return float(own["mouth.lower_lip"][1] - own["mouth.upper_lip"][1])


def _own(points: Named) -> dict[str, Array]:
    """The points in their head's own frame."""
    frame = head_frame(points).inverse()
    return dict(zip(points, frame(np.array(list(points.values()))), strict=True))
