"""Bones of a figure, from a model's named points: where they are in the source, and how each moves.

A figure is a trunk, a head on it, and limbs that hang from it, each a chain of bones. The trunk moves by the affine map
of its points, a head by a similarity about the neck, and limbs bone by bone: each begins where the one before it ends,
and takes from the points its direction and its length alone, so that nothing falls apart however badly a point is
found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from runtime.layers.frames import Affine, Array

Joint = Mapping[str, float]
"""Names of points of which a joint is a weighted mean, and their weights, which are 1 in all."""

TRUNK, HEAD = -1, -2
_STIFF = 1.0
"""How much a trunk's map is pulled towards a similarity."""
_SMALL, _LARGE, _LEAN = 0.6, 1.7, 0.5
"""Bounds of the scale of a trunk, and of how much its map may differ from a similarity: who turns round is not
followed.
"""
_SHORT, _LONG = 0.45, 1.4
"""Bounds of a bone's length in the result, in lengths of its own: what turns towards the camera is short."""
_DOWN = 0.3
"""Lengths of the trunk by which a knee is below the pelvis of somebody upright, at least."""
_HIDDEN = 0.25
"""Probability that a bone's end is seen, below which it is none."""
_LEAST = 0.12
"""Least length of a bone, in lengths of the trunk: shorter ones go with what they hang from."""


def placed(points: Mapping[str, Array], joint: Joint) -> Array:
    """(2,): where a `joint` is, by named points (2,)."""
    return np.sum([weight * points[name] for name, weight in joint.items()], axis=0, dtype=np.float64)


@dataclass(frozen=True)
class Limb:
    """A chain of bones."""

    name: str
    joints: tuple[Joint, ...]
    """From where it hangs to its end: one more than it has bones."""
    width: float
    """Half of its usual width, in lengths of the trunk."""
    before: bool = True
    """Whether it is seen before the trunk."""
    beyond: float = 0.0
    """By how much of its length the last bone goes on beyond its last joint."""
    posed: tuple[int, ...] = ()
    """Of people, numbers of its joints in the network of poses."""


@dataclass(frozen=True)
class Build:
    """What figures of one kind consist of."""

    trunk: tuple[str, ...]
    """Points that tell how it moves, ..."""
    neck: Joint
    """... its upper end, ..."""
    pelvis: Joint
    """... and its lower end."""
    head: tuple[str, ...]
    crown: Joint
    limbs: tuple[Limb, ...]
    """From the farthest to the nearest."""
    girth: float
    """Half of the trunk's usual width, in its lengths."""
    skull: float
    """Half of the head's usual width, in lengths from neck to crown."""
    outline: tuple[str, ...] = ()
    """Points at the ends of what the head bears."""
    people: bool = False
    """Whether they are people, whom networks know: their legs reach down from the pelvis; those that do not are
    guessed, the picture ends above them.
    """


def _group(group: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{group}.{name}" for name in names)


def _mean(*names: str) -> Joint:
    return {name: 1 / len(names) for name in names}


def _leg(side: str) -> Limb:
    hip = _joint("leg", side, hip=0.4, inner=0.35, knee=-0.2)
    knee = _joint("leg", side, inner=0.4, knee=0.5, shin=0.1)
    return Limb(
        f"leg_{side}",
        ({**hip, f"belly.low_{side}": 0.45}, knee, _mean(f"leg_{side}.shin")),
        0.21,
        beyond=1.3,
        posed=(23, 25, 27) if side == "left" else (24, 26, 28),
    )


def _arm(side: str) -> Limb:
    # Points are on the skin, and bones within it: so these weights tell where a network of poses sees the joints.
    shoulder = _joint("arm", side, shoulder=0.85, inner=0.55, elbow=-0.5)
    elbow = _joint("arm", side, inner=0.25, elbow=0.4, forearm=0.5)
    wrist = _joint("hand", side, wrist=0.4, knuckle=0.35)
    return Limb(
        f"arm_{side}",
        (
            {**shoulder, "chest.pit": 0.1},
            {**elbow, f"hand_{side}.knuckle": -0.15},
            {**wrist, f"arm_{side}.forearm": 0.25},
            _mean(f"hand_{side}.index", f"hand_{side}.little"),
        ),
        0.16,
        beyond=0.3,
        posed=(11, 13, 15, 19) if side == "left" else (12, 14, 16, 20),
    )


def _joint(group: str, side: str, **weights: float) -> Joint:
    return {f"{group}_{side}.{name}": weight for name, weight in weights.items()}


def _drawn_limb(name: str, width: float, before: bool) -> Limb:
    middle = _mean(f"{name}.middle_front", f"{name}.middle_back")
    root, end, tip = (_mean(f"{name}.{end}") for end in ("root", "end", "tip"))
    return Limb(name, (root, middle, end, tip), width, before)


BODY = Build(
    trunk=(
        *_group("chest", "pit", "left", "right", "middle", "low"),
        *_group("belly", "navel", "side_left", "side_right", "low_left", "low_right"),
        *_group("arm_left", "shoulder"),
        *_group("arm_right", "shoulder"),
    ),
    neck=_mean("chest.pit"),
    pelvis=_mean("belly.low_left", "belly.low_right"),
    head=_group("face", "nose", "chin", "brow_left", "brow_right", "forehead"),
    crown=_mean("face.forehead"),
    limbs=(_leg("left"), _leg("right"), _arm("left"), _arm("right")),
    girth=0.34,
    skull=0.6,
    people=True,
)
"""People, by the points of `training.data.synth.body.points`."""
DRAWN = Build(
    trunk=(
        *_group("chest", "neck", "front", "back", "middle", "top"),
        *_group("belly", "middle", "front", "back", "hip_front", "hip_back"),
    ),
    neck=_mean("chest.neck", "head.chin"),
    pelvis=_mean("belly.hip_front", "belly.hip_back"),
    head=(*_group("head", "middle", "top", "chin", "front", "back"), "face.eye_near", "face.snout"),
    crown=_mean("head.top"),
    limbs=(
        Limb("tail", (_mean("tail.root"), _mean("tail.middle"), _mean("tail.tip")), 0.16, before=False),
        _drawn_limb("arm_far", 0.16, False),
        _drawn_limb("leg_far", 0.2, False),
        _drawn_limb("leg_near", 0.2, True),
        _drawn_limb("arm_near", 0.16, True),
    ),
    girth=0.45,
    skull=0.6,
    outline=("head.front", "head.back", "face.snout", "ears.near_tip", "ears.far_tip", "ears.hat"),
)
"""Drawn people and creatures, by the points of `training.data.synth.cartoon.figure`."""
BUILDS = (BODY, DRAWN)


def build_of(names: Mapping[str, int]) -> Build | None:
    """What figures consist of whose points have these `names`; None where these tell of no figure."""
    for build in BUILDS:
        joints = [joint for limb in build.limbs for joint in limb.joints]
        needed = {*build.trunk, *build.head, *build.neck, *build.pelvis, *build.crown}
        if needed.union(*joints) <= names.keys():
            return build
    return None


@dataclass(frozen=True)
class Bone:
    """One bone in a source, in pixels of its canvas."""

    start: Array
    """(2,)."""
    end: Array
    """(2,)."""
    above: int
    """Number of the bone that it hangs from; 0 is the trunk, and hangs from itself."""
    limb: int
    """Number of its limb in the build; or `TRUNK`, or `HEAD`."""
    usual: float
    """Half of its usual width."""
    reach: float
    """How far from it what belongs to it may be, at least: a head has ears and a snout."""

    @property
    def length(self) -> float:
        """In pixels."""
        return float(np.hypot(*(self.end - self.start)))

    @property
    def is_trunk(self) -> bool:
        """Whether all others hang from it."""
        return self.limb == TRUNK

    def along(self, places: Array) -> Array:
        """(...,): how far along it `places` (..., 2) are, from 0 to 1 and beyond."""
        way = self.end - self.start
        found: Array = ((places - self.start) @ way) / max(float(way @ way), 1e-9)
        return found

    def away(self, places: Array) -> Array:
        """(...,): how far from it `places` (..., 2) are, in pixels."""
        nearest = self.start + np.clip(self.along(places), 0, 1)[..., None] * (self.end - self.start)
        far: Array = np.hypot(*np.moveaxis(places - nearest, -1, 0))
        return far


class Skeleton:
    """The bones of one source: the trunk first, the head second, then limbs from their roots outwards."""

    def __init__(
        self, build: Build, names: Mapping[str, int], points: Array, seen: Array, posed: Array | None = None
    ) -> None:
        """`points` (K, 2) of the source in pixels of its canvas; `seen` (4,): left, top, right and bottom of what the
        photo shows there; `posed` (33,): the probability that the network of poses sees each of its joints there. A
        bone that ends beyond, or is not seen, is none: it goes with what it hangs from.
        """
        self._posed = posed
        self.build, self._names, self.points = build, names, points
        neck, pelvis, crown = (self._at(points, joint) for joint in (build.neck, build.pelvis, build.crown))
        self.scale = max(float(np.hypot(*(neck - pelvis))), 1.0)
        """Length of the trunk."""
        head = max(float(np.hypot(*(crown - neck))), 1.0)
        self.bones = [
            Bone(neck, pelvis, 0, TRUNK, build.girth * self.scale, build.girth * self.scale),
            Bone(neck, crown, 0, HEAD, build.skull * head, build.skull * head),
        ]
        outline = np.array([points[names[name]] for name in build.outline])
        farthest = float(self.bones[1].away(outline).max()) if len(outline) else 0.0
        self.bones[1] = replace(self.bones[1], reach=max(self.bones[1].reach, farthest))
        self.borne: list[tuple[int, Bone]] = []
        """Bones that are none, and the numbers of those that they go with: what is near to them goes with these, too.
        """
        self._joints: list[tuple[Joint, Joint] | None] = [None, None]
        for number, limb in enumerate(build.limbs):
            self._add(number, limb, points, seen)

    def _add(self, number: int, limb: Limb, points: Array, seen: Array) -> None:
        above, margin = 0, 0.02 * float(np.min(seen[2:] - seen[:2]))
        for index, (first, second) in enumerate(zip(limb.joints, limb.joints[1:], strict=False)):
            start, end = self._at(points, first), self._at(points, second)
            last = index == len(limb.joints) - 2
            if self.build.people and index == 0 and limb.name.startswith("leg") and self._along(end) < _DOWN:
                return
            bone = Bone(start, end, above, number, limb.width * self.scale, limb.width * self.scale)
            beyond = (end < seen[:2] + margin).any() or (end > seen[2:] - margin).any()
            if beyond or (self._posed is not None and limb.posed and self._posed[limb.posed[index + 1]] < _HIDDEN):
                self.borne.append((above, bone))
                return
            if np.hypot(*(end - start)) < _LEAST * self.scale:
                if last:
                    return
                continue
            if last:
                bone = replace(bone, end=end + limb.beyond * (end - start))
            self.bones.append(bone)
            self._joints.append((first, second))
            above = len(self.bones) - 1

    def _at(self, points: Array, joint: Joint) -> Array:
        return placed({name: points[self._names[name]] for name in joint}, joint)

    def _along(self, place: Array) -> float:
        """How far down from the pelvis a `place` (2,) is along the trunk, in its lengths."""
        trunk = self.bones[0]
        return float((place - trunk.end) @ (trunk.end - trunk.start)) / self.scale**2

    def maps(self, driven: Array) -> list[Affine]:
        """For every bone the map from where it is in the result to where it is in the source. `driven` (K, 2): the
        points in the result.
        """
        chosen = [[self._names[name] for name in names] for names in (self.build.trunk, self.build.head)]
        trunk = _sound(self.points[chosen[0]], driven[chosen[0]])
        ends = [trunk(self.bones[0].end)]
        maps = [trunk.inverse()]
        neck = self.bones[1].start
        before, after = (
            np.concatenate([points[chosen[1]], np.repeat(at[None], 3, 0)])
            for points, at in ((self.points, neck), (driven, trunk(neck)))
        )
        turned = _bounded(Affine.similarity(before, after))
        head = Affine(turned.linear, trunk(neck) - turned.linear @ neck)
        maps.append(head.inverse())
        ends.append(head(self.bones[1].end))
        for bone, joints in list(zip(self.bones, self._joints, strict=True))[2:]:
            assert joints is not None
            first, second = joints
            start = trunk(bone.start) if bone.above == 0 else ends[bone.above]
            way = self._at(driven, second) - self._at(driven, first)
            own = self._at(self.points, second) - self._at(self.points, first)
            moved = _turned(own, way)
            ends.append(start + moved @ (bone.end - bone.start))
            maps.append(Affine(moved, start - moved @ bone.start).inverse())
        return maps


def _sound(before: Array, after: Array) -> Affine:
    """The map of a trunk whose points (K, 2) are moved from `before` to `after`."""
    rigid = _bounded(Affine.similarity(before, after))
    mapped = Affine.fit(before, after, _STIFF)
    lean = np.abs(mapped.linear - rigid.linear).max()
    linear = rigid.linear + min(1.0, _LEAN / max(float(lean), 1e-6)) * (mapped.linear - rigid.linear)
    return Affine(linear, after.mean(0) - linear @ before.mean(0))


def _bounded(turned: Affine) -> Affine:
    """A similarity with its scale in bounds, about the origin."""
    scale = float(np.sqrt(max(np.linalg.det(turned.linear), 1e-9)))
    return Affine(turned.linear * float(np.clip(scale, _SMALL, _LARGE)) / scale, turned.offset)


def _turned(own: Array, way: Array) -> Array:
    """(2, 2): the map that turns a bone from `own` (2,) to `way` and makes it as long, but no wider."""
    lengths = [max(float(np.hypot(*each)), 1e-6) for each in (own, way)]
    along, there = own / lengths[0], way / lengths[1]
    ratio = float(np.clip(lengths[1] / lengths[0], _SHORT, _LONG))
    frame, target = (np.array([[x, -y], [y, x]]) for x, y in (along, there))
    result: Array = target @ np.diag([ratio, 1.0]) @ frame.T
    return result
