"""Joint angles to rotations of bones, and bodies moved by them."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..person.pose import NECK_SHARE, rotation_matrices
from .gesture import BodyPose
from .skeleton import BONE, BONES, FINGERS, bone_transforms, skin

_SPREAD = (0.35, 0.10, 0.0, -0.09, -0.2)
"""Radians by which thumb to little finger lean towards the thumb's side in a spread hand."""
_KNUCKLES = (1.25, 1.6, 1.1)
"""Radians by which the joints of a finger are bent in a fist, from the palm outwards; the thumb has less."""
_THUMB = (0.55, 0.6, 0.9)
_SPINE_SHARES = {"waist": 0.3, "chest": 0.4, "collar": 0.3}
_TWIST_ABOVE, _TWIST_BELOW = 0.35, 0.5
"""How much of an upper arm's and a forearm's turn about themselves their upper halves already make."""


def axis_rotation(axis: Tensor, angle: Tensor) -> Tensor:
    """(..., 3, 3) rotations by `angle` (...) about unit vectors `axis` (..., 3), right-handed."""
    x, y, z = axis.unbind(-1)
    nil = torch.zeros_like(x)
    cross = torch.stack([nil, -z, y, z, nil, -x, -y, x, nil], -1).unflatten(-1, (3, 3))
    sin, cos = angle.sin()[..., None, None], angle.cos()[..., None, None]
    return torch.eye(3, device=axis.device) + sin * cross + (1 - cos) * (cross @ cross)


def _globe(elevation: Tensor, plane: Tensor) -> Tensor:
    """(..., 3, 3) what lifts a hanging left arm, without turning it about itself."""
    _, down, away = torch.eye(3, device=plane.device)
    turned = axis_rotation(down.expand(*plane.shape, 3), plane)
    lifted = axis_rotation(away.expand(*plane.shape, 3), -elevation)
    return turned @ lifted @ turned.transpose(-1, -2)


def _arm_rotations(joints: dict[str, Tensor], arms: Tensor, fingers: Tensor, room: Tensor) -> dict[str, Tensor]:
    """(B, 3, 3) of every bone of left arms with `joints` (B, 3) at rest; `arms` (B, 7), `fingers` (B, 6).

    `room` (B, 2): angles by which low arms keep aside, and bent ones before, so that they do not enter the trunk.
    """
    elevation, plane, roll, elbow, pronation, wrist, wrist_side = arms.unbind(-1)
    device = arms.device
    across, down, away = (axis.expand(len(arms), 3) for axis in torch.eye(3, device=device))
    upper = functional.normalize(joints["forearm"] - joints["upper_arm"], dim=-1)
    lower = functional.normalize(joints["hand"] - joints["forearm"], dim=-1)
    rest = _globe(torch.acos(upper[:, 1].clamp(-1, 1)), torch.atan2(-upper[:, 2], upper[:, 0]))
    # A shoulder follows an arm that is lifted high.
    shrug = axis_rotation(away, -0.3 * (elevation - math.radians(50)).clamp(0, 2))
    low_arm = (1 - elevation / math.radians(60)).clamp(0, 1)
    folded = ((elbow - math.radians(45)) / math.radians(35)).clamp(0, 1)
    folded = folded * (1 - elevation / math.radians(80)).clamp(0, 1)
    aside, before = axis_rotation(away, -room[:, 0] * low_arm), axis_rotation(across, -room[:, 1] * folded)
    target = shrug.transpose(1, 2) @ aside @ before @ _globe(elevation, plane)
    back = rest.transpose(1, 2)
    high, low = (axis_rotation(down, roll * share) for share in (_TWIST_ABOVE, 1 - _TWIST_ABOVE))
    hinge = (rest @ -across[..., None])[..., 0]
    bent = torch.acos((upper * lower).sum(-1).clamp(-1, 1))
    twist = axis_rotation(lower, pronation * _TWIST_BELOW), axis_rotation(lower, pronation * (1 - _TWIST_BELOW))
    palm_bend = axis_rotation((rest @ away[..., None])[..., 0], wrist)
    found = {
        "clavicle": shrug,
        "upper_arm": target @ high @ back,
        "upper_arm_low": rest @ low @ back,
        "forearm": axis_rotation(hinge, elbow - bent),
        "forearm_low": twist[0],
        "hand": twist[1] @ palm_bend @ axis_rotation(hinge, wrist_side),
    }
    wide = joints["index_1"] - joints["hand"], joints["little_1"] - joints["hand"]
    palm = functional.normalize(torch.linalg.cross(wide[1], wide[0]), dim=-1)
    inward = functional.normalize(joints["little_1"] - joints["index_1"], dim=-1)
    for number, finger in enumerate(FINGERS):
        ways = [joints[f"{finger}_{i + 1}"] - joints[f"{finger}_{i}"] for i in (1, 2)]
        for joint in (1, 2, 3):
            along = functional.normalize(ways[min(joint, 2) - 1], dim=-1)
            target_way = palm if finger != "thumb" else 0.45 * palm + 0.9 * inward
            axis = functional.normalize(torch.linalg.cross(along, target_way), dim=-1)
            most = (_THUMB if finger == "thumb" else _KNUCKLES)[joint - 1]
            turn = axis_rotation(axis, fingers[:, number] * most)
            if joint == 1:
                turn = turn @ axis_rotation(palm, _SPREAD[number] * fingers[:, 5])
            found[f"{finger}_{joint}"] = turn
    return found


def body_rotations(rest: Tensor, room: Tensor, pose: BodyPose, head: Tensor) -> Tensor:
    """(N, J, 3, 3) of all bones; `rest` (N, J, 3) joints, `room` (N, 2), `head` (N, 3) its yaw, pitch and roll."""
    device, count = rest.device, len(rest)
    arms, fingers, spine, turn, legs = (torch.from_numpy(getattr(pose, f.name)).to(device) for f in fields(pose)[:5])
    rotations = torch.eye(3, device=device).repeat(count, len(BONES), 1, 1)
    rotations[:, BONE["hips"]] = rotation_matrices(turn)
    for name, share in _SPINE_SHARES.items():
        rotations[:, BONE[name]] = rotation_matrices(spine * share)
    neck = rotation_matrices(head * NECK_SHARE)
    rotations[:, BONE["neck"]] = neck
    rotations[:, BONE["head"]] = neck.transpose(1, 2) @ rotation_matrices(head)
    mirror = torch.tensor([-1.0, 1.0, 1.0], device=device)
    flip = mirror[:, None] * mirror
    stems = [name.removesuffix("_left") for name in BONES if name.endswith("_left")]
    left, right = ([BONE[f"{stem}_{side}"] for stem in stems] for side in ("left", "right"))
    both = torch.cat([rest[:, left], rest[:, right] * mirror])  # right arms are posed as left ones in a mirror
    joints = dict(zip(stems, both.unbind(1), strict=True))
    arms, fingers, legs = (values.transpose(0, 1).flatten(0, 1) for values in (arms, fingers, legs))
    found = _arm_rotations(joints, arms, fingers, room.repeat(2, 1))
    across = torch.tensor([1.0, 0.0, 0.0], device=device).expand(2 * count, 3)
    thigh, knee = legs.unbind(-1)
    found |= {"thigh": axis_rotation(across, -thigh), "shin": axis_rotation(across, knee)}
    found["foot"] = axis_rotation(across, 0.6 * (thigh - knee))
    for stem, turned in found.items():
        rotations[:, BONE[f"{stem}_left"]] = turned[:count]
        rotations[:, BONE[f"{stem}_right"]] = turned[count:] * flip
    return rotations


def move_bodies(points: Tensor, rest: Tensor, room: Tensor, weights: Tensor, pose: BodyPose, head: Tensor) -> Tensor:
    """(N, V, 3) of points (N, V, 3) at rest, with bone weights (N, V, J); the rest as of `body_rotations`."""
    leg = (rest[:, BONE["foot_left"]] - rest[:, BONE["thigh_left"]]).norm(dim=-1)
    shift = torch.from_numpy(pose.shift).to(points.device) * leg[:, None]
    return skin(points, bone_transforms(rest, body_rotations(rest, room, pose, head)), weights) + shift[:, None]


def join_poses(poses: list[BodyPose]) -> BodyPose:
    """One after the other."""
    return BodyPose(*(np.concatenate([getattr(pose, f.name) for pose in poses]) for f in fields(BodyPose)))
