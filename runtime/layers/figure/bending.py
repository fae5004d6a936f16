"""How the sprites of bones bend next to their joints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runtime.layers.figure.skeleton import Bone
from runtime.layers.frames import Affine, Array, Pixels
from runtime.layers.shutters import smooth

_JOINT = 0.4
"""Part of a bone's length over which it gives way to its neighbour."""
_WIDEST = 1.4
"""Most by which a joint is wider in the source than in the result, or narrower."""
_ROUNDS = 2
"""Rounds in which the place in the source is found that is bent to where a result shows it."""


class Bending:
    """Of one figure's bones."""

    def __init__(self, bones: Sequence[Bone]) -> None:
        self._bones = bones
        self._below: dict[int, int] = {}
        """The bone that hangs from each, of those in limbs."""
        for index, bone in enumerate(bones):
            if bone.above:
                self._below[bone.above] = index

    def __call__(self, index: int, places: Array, maps: Sequence[Affine]) -> Array:
        """(h, w, 2): where in the source that of the bone `index` is which is seen at `places` (h, w, 2) of the result,
        by every bone's map from there to the source.
        """
        bone = self._bones[index]
        own = look = maps[index](places)
        if bone.is_trunk:
            return look
        below = self._below.get(index)
        for _ in range(_ROUNDS):
            along = bone.along(look)
            # At its root a limb is what it hangs from; at its joints both bones are half of it.
            share: Pixels = (1.0 if bone.above == 0 else 0.5) * smooth(1 - along / _JOINT)
            above = maps[bone.above]
            mitre = 1.0 if bone.above == 0 else self._mitre(bone.above, index, maps)
            look = _between(maps[index], above, bone.start, places, share, mitre)
            if below is not None:
                share = 0.5 * smooth(1 - (1 - along) / _JOINT)
                mitre = self._mitre(index, below, maps)
                look = look + _between(maps[index], maps[below], bone.end, places, share, mitre) - own
        return look

    def _mitre(self, first: int, second: int, maps: Sequence[Affine]) -> float:
        """By how much a joint is wider in the source than in the result, where both are as wide as the cut between two
        straight pieces: elbows that are bent are wide, and have a knob when they are drawn straight as they are.
        """
        own, other = (self._bones[each].end - self._bones[each].start for each in (first, second))
        moved = _cut(np.linalg.inv(maps[first].linear) @ own, np.linalg.inv(maps[second].linear) @ other)
        return float(np.clip(moved / _cut(own, other), 1 / _WIDEST, _WIDEST))


def _cut(first: Array, second: Array) -> float:
    """The cosine of half the angle by which a joint is bent between two ways (2,); of right angles at most."""
    cos = float(first @ second) / max(float(np.hypot(*first) * np.hypot(*second)), 1e-9)
    return float(np.sqrt((1 + max(cos, 0.0)) / 2))


def _between(own: Affine, other: Affine, joint: Array, places: Array, share: Pixels, mitre: float) -> Array:
    """(h, w, 2): what a map between two makes of `places` (h, w, 2): the `share` (h, w) of the way from `own` to
    `other`, which agree at the `joint` (2,) of the source. They are turned about it: a mean of two maps would make what
    bends small. `mitre`: how much wider the source is there, where the share is a half.
    """
    way = places - own.inverse()(joint)
    turn = other.linear @ np.linalg.inv(own.linear)
    angle = float(np.arctan2(turn[1, 0] - turn[0, 1], turn[0, 0] + turn[1, 1]))
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    way = way * (mitre ** (2 * np.minimum(share, 0.5)))[..., None]
    mixed = way @ own.linear.T + share[..., None] * (way @ (back @ other.linear - own.linear).T)
    cos, sin = np.cos(share * angle), np.sin(share * angle)
    x, y = mixed[..., 0], mixed[..., 1]
    result: Array = joint + np.stack([cos * x - sin * y, sin * x + cos * y], -1)
    return result
