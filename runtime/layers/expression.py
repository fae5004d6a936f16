"""What a face does: how far mouth and eyes are open and where they look, apart from how the head is turned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from runtime.layers.frames import Array, bounded, head_frame

Named = Mapping[str, Array]

SIDES = ("left", "right")
"""Of the person."""
_SHUT, _WIDEST = 0.38, 1.15
"""Of its opening at rest: an eye is shut below the first, and opens up to the second."""
_LEAST_OPEN = 0.12
"""Opening in widths of the eye that an eye at rest has at least: who begins in the middle of a blink is not asleep."""
_OPEN = 1.25
"""Of what a detector finds of the lips' parting: its points lie on the lips, which narrow as they part."""
_CALM = 0.6
"""How much of their motion the corners of a mouth take over: they are found least well."""
_WIDE_MOUTH = 0.75
"""Farthest that lips part."""
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

    @property
    def at_rest(self) -> bool:
        """Whether nothing differs."""
        moved = (self.upper_lip, self.lower_lip, self.chin, *self.corners.flat, *self.brows, *self.gaze.flat)
        return not any(moved) and bool((self.lids == 1).all())


def expression(
    now: tuple[Named, Array], rest: tuple[Named, Array], strength: float = 1.0, weak_points: bool = True
) -> Expression:
    """What a face does that it does not at `rest`: each its named points, and `eyes` (2, 3) as `runtime.motion.modes`
    has them. `strength` 0 gives the face at rest; without `weak_points` the points have it already.
    """
    (points, eyes), (points_rest, eyes_rest) = ((each, bounded(seen)) for each, seen in (now, rest))
    strength = min(strength, _MOST)
    a, b = _own(points), _own(points_rest)

    def moved(name: str) -> Array:
        return (strength if weak_points else 1.0) * (a[name] - b[name])

    share = eyes[:, 0] / np.maximum(eyes_rest[:, 0], _LEAST_OPEN)
    lids = np.clip((share - _SHUT) / (1 - _SHUT), 0, _WIDEST)
    upper, lower = (float(moved(f"mouth.{lip}_lip")[1]) for lip in ("upper", "lower"))
    lower = upper + (_OPEN * (lower - upper) if lower > upper else lower - upper)
    return Expression(
        upper_lip=upper,
        lower_lip=min(lower, _WIDE_MOUTH),
        chin=min(float(moved("mouth.chin")[1]), _WIDE_MOUTH),
        corners=_CALM * np.stack([moved(f"mouth.corner_{side}") for side in SIDES]),
        lids=np.clip(1 + strength * (lids - 1), 0, _WIDEST),
        brows=np.array([moved(f"eye_{side}.brow")[1] for side in SIDES]),
        gaze=strength * (eyes[:, 1:] - eyes_rest[:, 1:]),
    )


def _own(points: Named) -> dict[str, Array]:
    """The points in their head's own frame."""
    frame = head_frame(points).inverse()
    return {name: frame(place) for name, place in points.items()}
