"""A drawn head fitted to the landmarks of a photograph: shape, expression, gaze, pose and camera.

Alternates between the pose (Gauss-Newton) and shape with expression (ridge regression in units of standard deviations,
actions kept in [0, 1]), as of Blanz and Vetter 1999 with landmarks alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from ..core.seeds import Array
from ..person.head import EYE_LEFT, EYE_RIGHT, HeadAsset
from ..person.performance import ACTIONS
from ..person.pose import rotation_matrices
from .seen import EYE_LIDS, LIDS, OUTLINE, Seen

ASSET = Path(__file__).parents[1] / "assets" / "landmarks.safetensors"
DISTANCE = 1.3
"""Metres from the camera to the eyes."""
_ROUNDS = 5
_NOISE = 0.012
"""Deviation of a landmark, in distances of the eyes' outer corners."""
_SHAPE, _ACTION = 1.0, 1.5
"""Inverse deviations of shape coefficients and of actions."""
_NEVER = ("eyeLook", "tongue", "mouthClose", "cheekPuff")
"""Actions that landmarks do not show."""
_YAW, _PITCH = np.radians(32), np.radians(20)
_SPREAD = 0.006
"""Metres by which a landmark may vary among drawn people and count fully."""


@dataclass(frozen=True)
class Fit:
    """A drawn head as it lies over a photograph."""

    coefficients: Array
    """(K,) shape, in standard deviations."""
    actions: Array
    """(52,) in [0, 1], as of `Pose.actions`."""
    rotation: Array
    """(3,) yaw, pitch, roll, as of `Pose.rotation`."""
    gaze: Array
    """(2,) as of `Pose.gaze`."""
    focal: float
    """Pixels of the photograph, at `DISTANCE` 1."""
    offset: Array
    """(2,): where the point between the eyes lies, in pixels of the photograph."""
    error: float
    """Root mean square distance of landmarks from the fitted head's, in distances of the eyes' outer corners."""

    @property
    def angles(self) -> Array:
        """(3,) in degrees."""
        return np.degrees(self.rotation)


@dataclass(frozen=True)
class Landmarks:
    """The 468 landmarks on the drawn head."""

    corner: Array
    """(468, 3) vertices."""
    weights: Array
    """(468, 3) of these."""
    trust: Array
    """(468,): how much each counts."""
    mean: Array
    """(468, 3) metres."""
    basis: Array
    """(K, 468, 3)."""
    actions: Array
    """(52, 468, 3)."""

    def of(self, points: Array) -> Array:
        """(..., 468, C) of vertices (..., V, C)."""
        found: Array = (points[..., self.corner, :] * self.weights[..., None]).sum(-2)
        return found


@cache
def landmarks(asset: HeadAsset) -> Landmarks:
    """The landmarks of an asset, on the CPU."""
    raw = load_file(ASSET)
    corner, weights = raw["corner"].long().numpy(), raw["weights"].double().numpy()
    trust = 1 / (1 + (raw["spread"].double().numpy() / _SPREAD) ** 2)
    trust[list(OUTLINE)] *= 0.25
    trust[list(LIDS)] *= 1.5
    mesh = asset.mesh_vertices

    def pick(values: torch.Tensor) -> Array:
        picked: Array = (values.double().numpy()[..., corner, :] * weights[..., None]).sum(-2)
        return picked

    basis = pick(asset.basis.view(len(asset.basis), -1, 3))
    return Landmarks(corner, weights, trust, pick(asset.mean[:mesh]), basis, pick(asset.actions.view(-1, mesh, 3)))


def rotation(angles: Array) -> Array:
    """(3, 3) of yaw, pitch and roll."""
    matrix: Array = rotation_matrices(torch.from_numpy(np.asarray(angles, np.float64))).numpy()
    return matrix


def _project(pose: Array, points: Array) -> Array:
    """(N, 2) of points (N, 3) by yaw, pitch, roll, focal length and offset (6,)."""
    seen = points @ rotation(pose[:3]).T
    flat: Array = pose[3] * seen[:, :2] / (DISTANCE + seen[:, 2:]) + pose[4:]
    return flat


def _turn(pose: Array, points: Array, aim: Array, weight: Array) -> Array:
    """`pose` (6,) after a few steps of Gauss-Newton towards `aim` (N, 2)."""
    steps = np.array([1e-4, 1e-4, 1e-4, 1e-3 * pose[3], 1e-2, 1e-2])
    for _ in range(2):
        now = _project(pose, points)
        moved = [(_project(pose + step, points) - now).ravel() / step.sum() for step in np.diag(steps)]
        jacobian = np.stack(moved, 1) * weight[:, None]
        pose = pose + np.linalg.lstsq(jacobian, (aim - now).ravel() * weight, rcond=None)[0]
    return pose


def _reshape(pose: Array, marks: Landmarks, aim: Array, weight: Array, free: Array) -> tuple[Array, Array]:
    """Coefficients (K,) and actions (52,) that bring the landmarks to `aim` (468, 2) in a pose; `weight` (936,)."""
    turned, shapes = rotation(pose[:3]), len(marks.basis)
    depth = DISTANCE + (marks.mean @ turned.T)[:, 2:]

    def seen(points: Array) -> Array:
        flat: Array = ((points @ turned.T)[..., :2] / depth * pose[3]).reshape(*points.shape[:-2], -1)
        return flat

    usable = np.concatenate([np.ones(shapes, bool), free])
    columns = np.concatenate([seen(marks.basis), seen(marks.actions)]).T * weight[:, None]
    rest = ((aim - pose[4:]).ravel() - seen(marks.mean)) * weight
    prior = np.concatenate([np.full(shapes, _SHAPE), np.full(len(free), _ACTION)])
    found = np.zeros(len(usable))
    for _ in range(4):  # actions that would leave [0, 1] stay at its end
        part = columns[:, usable]
        left = rest - columns[:, ~usable] @ found[~usable]
        found[usable] = np.linalg.solve(part.T @ part + np.diag(prior[usable] ** 2), part.T @ left)
        beyond = usable & (np.arange(len(found)) >= shapes) & ((found < 0) | (found > 1))
        if not beyond.any():
            break
        found[beyond] = found[beyond].clip(0, 1)
        usable &= ~beyond
    return found[:shapes], found[shapes:].clip(0, 1)


def _gaze(asset: HeadAsset, seen: Seen, pose: Array, person: Array, off: Array) -> Array:
    """(2,) yaw and pitch of both eyes: where the irises lie before the balls' centres.

    `person` (V + 4, 3): the head at rest, joints last; `off` (468, 2): by how many pixels landmarks are off.
    """
    turned, ahead = rotation(pose[:3]), []
    for joint, part, lids, eye in zip((-2, -1), (EYE_LEFT, EYE_RIGHT), EYE_LIDS, seen.eyes, strict=True):
        centre = person[joint]
        ball = person[:-4][(asset.part[: asset.mesh_vertices] == part).numpy()]
        radius = float(np.linalg.norm(ball - centre, axis=1).max())
        depth = DISTANCE + float((turned @ centre)[2]) - radius
        middle = _project(pose, centre[None])[0] + off[list(lids)].mean(0)
        x, y = np.clip((eye.iris - middle) / pose[3] * depth / radius, -0.6, 0.6)
        ahead.append(turned.T @ np.array([x, y, -np.sqrt(1 - x * x - y * y)]))
    x, y, z = np.mean(ahead, 0)
    angles = np.array([np.arctan2(x, -z), np.arctan2(y, np.hypot(x, z))])
    return np.clip(angles, [-_YAW, -_PITCH], [_YAW, _PITCH])


def fit_head(asset: HeadAsset, seen: Seen) -> Fit:
    """The drawn head that lies over a face."""
    marks, aim, scale = landmarks(asset), seen.mesh, seen.scale
    weight = np.repeat(np.sqrt(marks.trust) / (_NOISE * scale), 2)
    across = seen.mesh[263] - seen.mesh[33]
    roll = float(np.arctan2(across[1], across[0]))
    middle = (seen.mesh[263] + seen.mesh[33]) / 2
    pose: Array = np.array([0, 0, roll, scale / 0.092 * DISTANCE, *middle])
    free = np.array([not name.startswith(_NEVER) for name in ACTIONS])
    coefficients: Array = np.zeros(len(marks.basis))
    actions: Array = np.zeros(len(ACTIONS))
    for _ in range(_ROUNDS):
        points = marks.mean + np.tensordot(coefficients, marks.basis, 1) + np.tensordot(actions, marks.actions, 1)
        pose = _turn(pose, points, aim, weight)
        coefficients, actions = _reshape(pose, marks, aim, weight, free)
    points = marks.mean + np.tensordot(coefficients, marks.basis, 1) + np.tensordot(actions, marks.actions, 1)
    off = aim - _project(pose, points)
    error = float(np.sqrt(((off**2).sum(1) * marks.trust).sum() / marks.trust.sum()) / scale)
    person = asset.mean.numpy() + (coefficients @ asset.basis.numpy()).reshape(-1, 3)
    gaze = _gaze(asset, seen, pose, person, off)
    return Fit(coefficients, actions, pose[:3], gaze, float(pose[3]), pose[4:], error)
