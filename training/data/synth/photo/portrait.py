"""A photograph as an actor: the fitted head, drawn to the photograph's own landmarks, in the frame's coordinates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.interpolate import RBFInterpolator
from torch import Tensor

from runtime.layers.mesh import OUTER_LOWER, OUTER_UPPER

from ..core.seeds import Array
from ..person.actor import Actor, build_actor
from ..person.beard import Beard
from ..person.contours import contour_vertices
from ..person.head import EYE_LEFT, EYE_RIGHT, SKIN, TEETH, HeadAsset
from ..person.identity import Identity
from ..person.performance import ACTIONS, Pose
from ..person.pose import NECK_SHARE, pose_vertices, project, rotation_matrices, to_camera
from ..person.scene import Camera, Scene
from .fit import DISTANCE, Fit, landmarks
from .seen import EYE_LIDS
from .study import Study, Unfit

_TRUSTED = 0.3
"""Landmarks that count less do not draw the mesh."""
_ROWS = {
    "lip_upper_outer": OUTER_UPPER,
    "lip_lower_outer": OUTER_LOWER,
    "brow_right": (46, 53, 52, 65, 55),
    "brow_left": (285, 295, 282, 283, 276),
}
"""Landmarks along lines of `contour_vertices`, from the person's right to the left. Those lines themselves are drawn
there: on drawn people the network finds lips thinner than they are. Of brows it is the lower row, as the network finds
them higher than photographs show them ...
"""
_IDLE = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 76, 62, 306, 292)
"""... and the upper one draws nothing, nor do those between the lips' outer corners and inner ones."""
_SMOOTHING = 1e-4
_RING, _REACH = 24, 1.05
"""Points about the face that stay where they are, and their distance from its middle, in distances of the eyes' outer
corners.
"""
_MOST_FOLDED = 0.01
"""Share of the face's area that may be turned over."""
_BLINKS = (ACTIONS.index("eyeBlinkLeft"), ACTIONS.index("eyeBlinkRight"))
_MARGINS = ((386, 374), (159, 145))
"""Landmarks in the middle of the upper and the lower lid, left and right."""
_DEEPER, _DEEPEST = 0.0012, 0.004
"""Metres by which eyeballs lie deeper than in drawn heads, lest they come through lids drawn to other eyes: at least,
at most ...
"""
_BEFORE = 0.0004
"""... and by which lids lie before them."""
_ASTRAY = 0.1
"""Most, in widths of an eye, that an eyeball is moved among its lids for its iris to lie on the photograph's."""
_INNER_LIPS = (13, 14)
"""Landmarks in the middle of the lips' inner edges."""
_BARED = 0.003
"""Metres between the lips from which on they show the upper teeth ..."""
_LONGEST = 0.008
"""... and by how much these may have to come down for it."""
_OVERLAP = 0.0006
"""Metres by which closed lids overlap."""


@dataclass(frozen=True)
class Crop:
    """The square of a photograph that a frame shows."""

    middle: Array
    """(2,) in the photograph's pixels."""
    half: float
    """Pixels from there to the centres of the frame's outermost ones."""

    def __call__(self, places: Array) -> Array:
        """Frame coordinates, [-1, 1] inside, of places (..., 2) in the photograph."""
        inside: Array = (places - self.middle) / self.half
        return inside


@dataclass(frozen=True)
class Portrait:
    """A photograph's person, ready to be moved."""

    actor: Actor
    rest: Pose
    """What reproduces the photograph."""
    shut: Array
    """(2,): the blink actions that just close the left and the right eye."""


def face_vertices(asset: HeadAsset) -> Tensor:
    """(M,) bool: the skin of the face, from the hairline to below the chin, ears left out; and what lies within."""
    mesh = asset.mesh_vertices
    place = asset.mean[:mesh]
    front = (place[:, 2] < 0.055) & (place[:, 1] > -0.078) & (place[:, 1] < 0.128)
    skin = (asset.part[:mesh] == SKIN) & front & (asset.skin_weights[:, 2] > 0.9) & (asset.masks[:, 2] < 0.3)
    inside = (asset.part[:mesh] != SKIN) | (asset.masks[:, 3] > 0.3)
    return skin | inside


def _rest(actor: Actor, fit: Fit) -> Pose:
    """The pose of the fit; the translation puts the point between the eyes before the camera."""
    angles = torch.from_numpy(fit.rotation).float()
    head_turn, neck_turn = rotation_matrices(angles), rotation_matrices(angles * NECK_SHARE)
    neck, head = actor.joints[0], actor.joints[1]
    shift = head_turn @ head - neck - neck_turn @ (head - neck)
    rows = (fit.rotation, shift.numpy(), fit.actions, fit.gaze)
    return Pose(*(np.asarray(row, np.float32)[None] for row in rows))


def _camera(actor: Actor, fit: Fit, crop: Crop) -> Camera:
    still = np.array([[0, 1, 0], [0, 1, 0]], np.float32)
    return Camera(
        distance=DISTANCE, head_width=fit.focal / crop.half * actor.size / (2 * DISTANCE),
        offset=crop(fit.offset).astype(np.float32), tilt=0.0, roll=0.0, drift=still, drift_roll=0.0,
    )  # fmt: skip


def _controls(asset: HeadAsset, flat: Array, aim: Array) -> tuple[Array, Array]:
    """(C, 2) each: places on a head whose vertices are at `flat` (M, 2), and where a photograph with the landmarks
    `aim` (468, 2) shows them: trusted landmarks, and the lines of `_ROWS`.
    """
    marks, lines = landmarks(asset), contour_vertices(asset)
    free = marks.trust > _TRUSTED
    free[[*_IDLE, *(mark for row in _ROWS.values() for mark in row)]] = False
    vertices, aims = [], []
    for name, row in _ROWS.items():
        at, along = asset.mean[lines[name], 0].double().numpy(), marks.mean[list(row), 0]
        if name.startswith("lip"):  # corner to corner
            at = np.interp(at, at[[0, -1]], along[[0, -1]])
        vertices.append(lines[name].numpy())
        aims.append(np.stack([np.interp(at, along, aim[list(row), axis]) for axis in (0, 1)], 1))
    once = np.unique(np.concatenate(vertices), return_index=True)
    return np.concatenate([marks.of(flat)[free], flat[once[0]]]), np.concatenate(
        [aim[free], np.concatenate(aims)[once[1]]]
    )


def _drawn_over(asset: HeadAsset, flat: Array, study: Study, crop: Crop) -> Array:
    """(M, 2): by how much vertices at `flat` (M, 2) of the frame move so that landmarks lie where they were seen."""
    marks, mesh = landmarks(asset), asset.mesh_vertices
    aim = crop(study.seen.mesh)
    places, seen = _controls(asset, flat[:mesh], aim)
    scale = study.seen.scale / crop.half
    angle = np.arange(_RING) * (2 * np.pi / _RING)
    ring = places.mean(0) + _REACH * scale * np.stack([np.sin(angle), np.cos(angle)], 1)
    before = np.concatenate([places, ring]) / scale
    moved = np.concatenate([seen - places, np.zeros_like(ring)])
    near = np.linalg.norm(flat[:mesh] / scale - before[-_RING:].mean(0), axis=1) < _REACH
    shift = np.zeros((mesh, 2))
    shift[near] = RBFInterpolator(before, moved, smoothing=_SMOOTHING)(flat[:mesh][near] / scale)
    off = aim - marks.of(flat[:mesh])
    names = ("iris_left", "iris_right")
    for part, lids, eye, name in zip((EYE_LEFT, EYE_RIGHT), EYE_LIDS, study.seen.eyes, names, strict=True):
        by = off[list(lids)].mean(0)  # eyeballs stay balls
        more = crop(eye.iris) - flat[contour_vertices(asset)[name].numpy()].mean(0) - by
        most = _ASTRAY * eye.width / crop.half
        shift[(asset.part[:mesh] == part).numpy()] = by + more * min(1.0, most / max(float(np.hypot(*more)), 1e-9))
    return shift


def _folded(asset: HeadAsset, before: Tensor, after: Tensor) -> float:
    """Share of the face's area in `before` (M, 2) that is turned over in `after` (M, 2)."""
    skin = asset.triangles[asset.triangle_part == SKIN]
    skin = skin[(face_vertices(asset) & (asset.masks[:, 3] < 0.3))[skin].all(1)]

    def areas(flat: Tensor) -> Tensor:
        a, b, c = flat[skin].unbind(1)
        return (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]

    old, new = areas(before), areas(after)
    return float(old[(old > 0) & (new < 0)].sum() / old.clamp_min(0).sum())


def unposed(asset: HeadAsset, actor: Actor, pose: Pose, points: Tensor, weights: Tensor) -> Tensor:
    """(N, 3) at rest but for expression and gaze, of places (N, 3) before the camera in a pose; `weights` (N, 3) of
    torso, neck and head.
    """
    angles = torch.from_numpy(pose.rotation[0])
    head_turn, neck_turn = rotation_matrices(angles), rotation_matrices(angles * NECK_SHARE)
    neck, head = actor.joints[0], actor.joints[1]
    turns = torch.stack([torch.eye(3), neck_turn, head_turn])
    moved = neck + neck_turn @ (head - neck)
    shifts = torch.stack([torch.zeros(3), neck - neck_turn @ neck, moved - head_turn @ head])
    linear, shift = torch.einsum("nk,kij->nij", weights, turns), weights @ shifts
    away = points - torch.tensor([0.0, 0.0, DISTANCE]) - torch.from_numpy(pose.translation[0]) - shift
    return torch.linalg.solve(linear, away[..., None])[..., 0]


def pose_portrait(asset: HeadAsset, study: Study, who: Identity, scene: Scene, crop: Crop) -> Portrait:
    """The actor that lies over the photograph in the frame of `crop`. `who` and `scene` give it colours within.

    Raises `Unfit` when the face would fold.
    """
    plain = replace(
        who, coefficients=study.fit.coefficients.astype(np.float32), glasses=None, beard=0.0,
        beard_shape=Beard(0.0, 0.0), hair=replace(who.hair, bald=True), liner=0.0,
    )  # fmt: skip
    actor = build_actor(asset, plain, replace(scene, prop=None))
    actor = replace(actor, action_scale=1.0, scene=replace(scene, prop=None, camera=_camera(actor, study.fit, crop)))
    rest, mesh = _rest(actor, study.fit), asset.mesh_vertices
    posed = to_camera(pose_vertices(asset, [actor], rest), [actor])
    flat = project(posed, [actor], torch.eye(3)[None, :2])[0, :mesh, :2]
    shift = torch.from_numpy(_drawn_over(asset, flat.double().numpy(), study, crop)).float()
    if _folded(asset, flat, flat + shift) > _MOST_FOLDED:
        raise Unfit("the mesh folds")
    place = posed[0, :mesh].clone()
    place[:, :2] += shift * place[:, 2:] / (study.fit.focal / crop.half)
    weights = actor.weights[:mesh]
    now, was = (unposed(asset, actor, rest, points, weights) for points in (place, posed[0, :mesh]))
    neutral, joints = actor.neutral.clone(), actor.joints.clone()
    neutral[:mesh] += now - was
    turn = rotation_matrices(torch.from_numpy(np.append(rest.gaze[0], np.float32(0))))
    for part, joint in ((EYE_LEFT, 2), (EYE_RIGHT, 3)):
        ball = asset.part[:mesh] == part
        joints[joint] += (now - was)[ball].mean(0)
        deeper = _deeper(asset, now, joints[joint], part)
        now[ball] += torch.tensor([0.0, 0.0, deeper])
        joints[joint, 2] += deeper
        neutral[:mesh][ball] = (now[ball] - joints[joint]) @ turn + joints[joint]
    _bare_teeth(asset, neutral, study.fit.actions)
    actor = replace(actor, neutral=neutral, joints=joints)
    return Portrait(actor, rest, _shut(asset, neutral[:mesh]))


def _deeper(asset: HeadAsset, now: Tensor, centre: Tensor, part: int) -> float:
    """Metres by which an eyeball has to lie deeper for all lids of `now` (M, 3) to lie before it; `centre` (3,)."""
    mesh, joint = asset.mesh_vertices, asset.mean[-2 if part == EYE_LEFT else -1]
    ball = asset.part[:mesh] == part
    radius = float((asset.mean[:mesh][ball] - joint).norm(dim=1).max())

    def before(place: Tensor, middle: Tensor) -> Tensor:
        """(M,): by how much places lie before the ball's surface; infinite where it is not behind them."""
        off = place - middle
        square = radius**2 - (off[:, :2] ** 2).sum(1)
        return torch.where(square > 0.1 * radius**2, -off[:, 2] - square.clamp_min(0).sqrt(), torch.inf)

    lids = (asset.part[:mesh] == SKIN) & (before(asset.mean[:mesh], joint) > _BEFORE) & (asset.mean[:mesh, 2] < 0.02)
    least = before(now, centre)[lids].quantile(0.01)
    return float((_BEFORE - least).clamp(_DEEPER, _DEEPEST))


def _bare_teeth(asset: HeadAsset, neutral: Tensor, actions: Array) -> None:
    """Moves the upper teeth of `neutral` (V, 3), in place, to where a smile of these `actions` (52,) shows them."""
    mesh, marks = asset.mesh_vertices, landmarks(asset)
    moves = asset.actions.view(-1, mesh, 3)
    upper = (asset.part[:mesh] == TEETH) & (moves[ACTIONS.index("jawOpen")].norm(dim=1) < 1e-3)
    smile = neutral[:mesh] + torch.tensordot(torch.from_numpy(actions).float(), moves, 1)
    lips = torch.from_numpy(marks.of(smile.double().numpy())[list(_INNER_LIPS), 1]).float()
    gap = float(lips[1] - lips[0])
    if gap < _BARED:
        return
    front = smile[upper]
    edge = float(front[front[:, 2] < front[:, 2].min() + 0.012, 1].max())
    neutral[:mesh][upper] += torch.tensor([0.0, min(max(float(lips[0]) + 0.85 * gap - edge, 0.0), _LONGEST), 0.0])


def _shut(asset: HeadAsset, neutral: Tensor) -> Array:
    """(2,), see `Portrait.shut`."""
    marks = landmarks(asset)
    places = marks.of(neutral.double().numpy())
    amounts = []
    for blink, (upper, lower) in zip(_BLINKS, _MARGINS, strict=True):
        gap = places[lower, 1] - places[upper, 1] + _OVERLAP
        closing = marks.actions[blink][upper, 1] - marks.actions[blink][lower, 1]
        amounts.append(gap / closing)
    return np.clip(np.array(amounts, np.float32), 0.3, 1.6)


__all__ = ["Crop", "Portrait", "face_vertices", "pose_portrait", "unposed"]
