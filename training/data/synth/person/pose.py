"""Actors in a pose, projected to the frame."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..core.seeds import Array
from .actor import Actor
from .head import BEARD, EYE_LEFT, EYE_RIGHT, PROP, HeadAsset
from .performance import Pose

NECK_SHARE = 0.42
"""How much of the head's rotation the neck already makes."""


def rotation_matrices(angles: Tensor) -> Tensor:
    """(..., 3, 3) of yaw, pitch, roll (..., 3); roll is applied first. Signs as in `motion.Pose`."""
    (cy, cp, cr), (sy, sp, sr) = angles.cos().unbind(-1), angles.sin().unbind(-1)
    one, nil = torch.ones_like(cy), torch.zeros_like(cy)

    def matrix(*rows: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        return torch.stack([torch.stack(row, -1) for row in rows], -2)

    yaw = matrix((cy, nil, -sy), (nil, one, nil), (sy, nil, cy))
    pitch = matrix((one, nil, nil), (nil, cp, -sp), (nil, sp, cp))
    roll = matrix((cr, -sr, nil), (sr, cr, nil), (nil, nil, one))
    return yaw @ pitch @ roll


def move_faces(asset: HeadAsset, actors: list[Actor], pose: Pose) -> Tensor:
    """(N, V, 3) actors at rest but for the expression of their faces and where they look."""
    device, mesh = asset.mean.device, asset.mesh_vertices
    points = torch.stack([actor.neutral for actor in actors])
    joints = torch.stack([actor.joints for actor in actors])
    scale = torch.tensor([actor.action_scale for actor in actors], device=device)
    actions = torch.from_numpy(pose.actions).to(device) * scale[:, None]
    # Actor by actor: one product for all of them adds in an order that depends on how many they are.
    moved = torch.cat([row @ asset.actions for row in actions.split(1)]).view(len(actors), mesh, 3)
    points[:, :mesh] += moved
    points[:, asset.span(BEARD)] += moved[:, asset.beard_region]
    gaze = torch.from_numpy(pose.gaze).to(device)
    turn = rotation_matrices(torch.cat([gaze, torch.zeros_like(gaze[:, :1])], 1))
    part = asset.part
    for which, joint in ((EYE_LEFT, 2), (EYE_RIGHT, 3)):
        centre = joints[:, joint, None]
        eye = (part == which).nonzero().flatten()
        points[:, eye] = (points[:, eye] - centre) @ turn.transpose(1, 2) + centre
    return points


def pose_vertices(asset: HeadAsset, actors: list[Actor], pose: Pose) -> Tensor:
    """(N, V, 3) in metres, before the camera."""
    device = asset.mean.device
    points = move_faces(asset, actors, pose)
    joints = torch.stack([actor.joints for actor in actors])
    angles = torch.from_numpy(pose.rotation).to(device)
    head_turn, neck_turn = rotation_matrices(angles), rotation_matrices(angles * NECK_SHARE)
    neck, head = joints[:, 0, None], joints[:, 1, None]
    head_moved = neck + (head - neck) @ neck_turn.transpose(1, 2)
    by_head = (points - head) @ head_turn.transpose(1, 2) + head_moved
    by_neck = (points - neck) @ neck_turn.transpose(1, 2) + neck
    torso_share, neck_share, head_share = torch.stack([actor.weights for actor in actors]).split(1, -1)
    points = points * torso_share + by_neck * neck_share + by_head * head_share
    return points + torch.from_numpy(pose.translation).to(device)[:, None]


def place_props(asset: HeadAsset, points: Tensor, actors: list[Actor], times: Array) -> None:
    """Puts the props of N actors where they are at times (N,), into points (N, V, 3), in place."""
    span = asset.span(PROP)
    props = [(row, actor.scene.prop) for row, actor in enumerate(actors) if actor.scene.prop is not None]
    if not props:
        return
    moments = [prop.at(np.asarray(times[row : row + 1])) for row, prop in props]
    angles, places = (torch.from_numpy(np.concatenate(values)).to(points) for values in zip(*moments, strict=True))
    shapes = torch.stack([actors[row].neutral[span] for row, _ in props])
    rows = torch.tensor([row for row, _ in props], device=points.device)
    points[rows, span] = shapes @ rotation_matrices(angles).transpose(1, 2) + places[:, None]


def to_camera(points: Tensor, actors: list[Actor]) -> Tensor:
    """(N, V, 3) in the camera's frame: tilted about the head, moved away by the distance."""
    tilt = torch.tensor([[0.0, actor.scene.camera.tilt, 0.0] for actor in actors], device=points.device)
    distance = torch.tensor([[0.0, 0.0, actor.scene.camera.distance] for actor in actors], device=points.device)
    return points @ rotation_matrices(tilt).transpose(1, 2) + distance[:, None]


def project_points(points: Tensor, actors: list[Actor], background: Tensor) -> Tensor:
    """(N, P, 3): x and y in [-1, 1] of the frame, and inverse depth in 1/m.

    `points` (N, P, 3) in the camera's frame; `background` (N, 2, 3) from `Camera.background`: the camera's roll and
    drift move the person as they move the backdrop.
    """
    device = points.device
    cameras = [actor.scene.camera for actor in actors]
    focal = torch.tensor([2 * c.head_width * c.distance / a.size for c, a in zip(cameras, actors, strict=True)])
    offset = torch.stack([torch.from_numpy(c.offset) for c in cameras]).to(device)
    inverse = 1 / points[..., 2].clamp_min(0.05)
    flat = points[..., :2] * inverse[..., None] * focal.to(device)[:, None, None] + offset[:, None]
    flat = flat @ background[:, :, :2].transpose(1, 2) + background[:, None, :, 2]
    return torch.cat([flat, inverse[..., None]], -1)


def project(points: Tensor, actors: list[Actor], background: Tensor) -> Tensor:
    """(N, V, 3): vertices of actors as of `project_points`, with an inverse depth of 0 where one is not shown."""
    flat = project_points(points, actors, background)
    shown = torch.stack([actor.shown for actor in actors])
    return torch.cat([flat[..., :2], (flat[..., 2] * shown)[..., None]], -1)
