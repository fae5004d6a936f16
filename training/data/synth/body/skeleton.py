"""A person's skeleton: the bones that move, how rotations run down them, and linear blend skinning.

The left arm's bones come first in their group; a right bone's rotation is the mirror image of a left one's. Lengths
in metres, x to the person's left, y down, z away from the camera when the person faces it. At rest all bones have the
same axes as the person, so a bone's rotation is about the person's axes as its parent has turned them.
"""

from __future__ import annotations

import torch
from torch import Tensor

ARM_DOWN = 0.75
"""Radians from MakeHuman's half raised arms, in which bodies are bound, to hanging ones, in which heads are stored."""
FINGERS = ("thumb", "index", "middle", "ring", "little")
_SPINE = ("hips", "waist", "chest", "collar", "neck", "head")
_ARM = ("clavicle", "upper_arm", "upper_arm_low", "forearm", "forearm_low", "hand")
_LEG = ("thigh", "shin", "foot")
_SIDE = (*_ARM, *(f"{finger}_{joint}" for finger in FINGERS for joint in (1, 2, 3)), *_LEG)
BONES: tuple[str, ...] = (*_SPINE, *(f"{name}_left" for name in _SIDE), *(f"{name}_right" for name in _SIDE))
BONE = {name: index for index, name in enumerate(BONES)}


def _parent(name: str) -> str | None:
    stem, _, side = name.rpartition("_")
    if name in _SPINE:
        return _SPINE[_SPINE.index(name) - 1] if name != "hips" else None
    if stem in ("clavicle", "thigh"):
        return "collar" if stem == "clavicle" else "hips"
    if stem in _ARM or stem in _LEG:
        chain = _ARM if stem in _ARM else _LEG
        return f"{chain[chain.index(stem) - 1]}_{side}"
    finger, joint = stem.split("_")
    return f"{finger}_{int(joint) - 1}_{side}" if joint != "1" else f"hand_{side}"


PARENTS: tuple[int, ...] = tuple(-1 if (p := _parent(name)) is None else BONE[p] for name in BONES)


def bones_below(*roots: str) -> list[int]:
    """Indices of the named bones and all that hang on them."""
    inside = {BONE[root] for root in roots}
    for bone, parent in enumerate(PARENTS):
        if parent in inside:
            inside.add(bone)
    return sorted(inside)


def _levels() -> list[tuple[list[int], list[int]]]:
    """Bones and their parents, by distance from the hips."""
    depth = [0] * len(BONES)
    for bone, parent in enumerate(PARENTS):
        depth[bone] = depth[parent] + 1 if parent >= 0 else 0
    levels = [[b for b in range(len(BONES)) if depth[b] == d] for d in range(1, max(depth) + 1)]
    return [(bones, [PARENTS[b] for b in bones]) for bones in levels]


_LEVELS = _levels()


def bone_transforms(rest: Tensor, rotations: Tensor) -> Tensor:
    """(N, J, 3, 4) what each bone does to a point at rest.

    `rest` (N, J, 3) joints at rest, `rotations` (N, J, 3, 3) of each bone about its joint. The hips' joint stays.
    """
    turned, place = rotations.clone(), rest.clone()
    for bones, parents in _LEVELS:  # whole levels at once: eleven steps for any number of people
        turned[:, bones] = turned[:, parents] @ rotations[:, bones]
        arm = (rest[:, bones] - rest[:, parents])[..., None]
        place[:, bones] = place[:, parents] + (turned[:, parents] @ arm)[..., 0]
    shift = place - (turned @ rest[..., None])[..., 0]
    return torch.cat([turned, shift[..., None]], -1)


def skin(points: Tensor, transforms: Tensor, weights: Tensor) -> Tensor:
    """(N, V, 3) points (N, V, 3) moved by transforms (N, J, 3, 4) in shares of weights (V, J) or (N, V, J)."""
    blended = (weights @ transforms.flatten(2)).unflatten(-1, (3, 4))
    return (blended[..., :3] @ points[..., None])[..., 0] + blended[..., 3]


def arm_weights(weights: Tensor) -> Tensor:
    """(V, 2) how much of a vertex with bone weights (V, J) belongs to the left and to the right arm."""
    return torch.stack([weights[:, bones_below(f"upper_arm_{side}")].sum(1) for side in ("left", "right")], 1)


def turn_arms(points: Tensor, arms: Tensor, shoulders: Tensor, angle: float) -> Tensor:
    """Both arms of points (N, V, 3) turned about the shoulders (N, 2, 3) in the frontal plane; positive lowers them.

    `arms` (V, 2) as of `arm_weights`: what belongs to an arm in part turns in part, so that nothing collapses.
    """
    for side, sign in ((0, angle), (1, -angle)):
        turn = arms[:, side] * sign
        x, y, z = (points - shoulders[:, side, None]).unbind(-1)
        turned = torch.stack([x * turn.cos() - y * turn.sin(), x * turn.sin() + y * turn.cos(), z], -1)
        points = turned + shoulders[:, side, None]
    return points
