"""An identity in an outfit: a body at rest, arms half raised, as tensors that stay the same from frame to frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..core.raster import vertex_normals
from ..person.actor import Actor, build_actor, canonical
from ..person.head import HAIR, LASHES, LENS, PROP, SKIN
from ..person.identity import Identity
from ..person.scene import Scene
from .asset import BodyAsset
from .outfit import Outfit, cloth_lift, garment_distances, shoe_points, smoothed
from .skeleton import ARM_DOWN, BONE, turn_arms

_HANGING, _DEEP = math.radians(8), 0.115
"""Where an average person's arms hang, and how far such a chest stands out before the shoulders (metres)."""


@dataclass
class BodyActor(Actor):
    """`weights` are (V, J) of the bones; `paint` (V, 8) also has metres inside the top and inside the trousers."""

    rest: Tensor
    """(J, 3) joints with half raised arms."""
    room: Tensor
    """(2,) see `pose.body_rotations`."""
    outfit: Outfit


def body_canonical(asset: BodyAsset) -> Tensor:
    """(V, 4), as of `actor.canonical`."""
    shoe = torch.tensor([0.0, 0.0, 0.0, 0.8], device=asset.joints.device)
    return torch.cat([canonical(asset.figure), shoe.expand(asset.shoes.stop - asset.shoes.start, 4)])


def _room(asset: BodyAsset, body: Tensor, rest: Tensor) -> Tensor:
    """(2,) angles by which this body (M, 3) needs its arms farther aside and farther before it than a slim one."""
    shoulder, elbow, wrist = (rest[BONE[f"{name}_left"]] for name in ("upper_arm", "forearm", "hand"))
    trunk = body[(asset.figure.part[: len(body)] == SKIN) & (asset.arms.sum(1) < 0.3)]
    trunk = trunk[(trunk[:, 1] > shoulder[1] + 0.12) & (trunk[:, 1] < rest[BONE["thigh_left"], 1] + 0.08)]
    reach = float((elbow - shoulder).norm() + (wrist - elbow).norm())
    wide = (trunk[:, 0].abs() + 0.055 - shoulder[0]) / (trunk[:, 1] - shoulder[1]).clamp(0.5 * reach, 1.1 * reach)
    aside = torch.asin(wide.clamp(-0.5, 0.7)).amax() - _HANGING
    deep = (shoulder[2] - trunk[:, 2].amin() - _DEEP) / (0.6 * reach)
    return torch.stack([aside, torch.asin(deep.clamp(-0.5, 0.7))]).clamp_min(0)


def _bone_weights(asset: BodyAsset, actor: Actor) -> Tensor:
    """(V, J): the mesh's own; what is worn goes with the collar, neck and head as its head weights say."""
    figure, mesh = asset.figure, asset.figure.mesh_vertices
    weights = asset.weights.new_zeros(len(figure.part), asset.weights.shape[1])
    weights[:mesh] = asset.weights
    worn = slice(figure.span(HAIR).start, figure.span(PROP).stop)
    for column, bone in enumerate(("collar", "neck", "head")):
        weights[worn, BONE[bone]] = actor.weights[worn, column]
    beard = slice(figure.span(HAIR).stop, figure.span(LENS - 1).start)
    weights[beard] = asset.weights[figure.beard_region]
    first, second = torch.arange(asset.shoes.start, asset.shoes.stop, device=weights.device).chunk(2)
    weights[first, BONE["foot_left"]] = 1
    weights[second, BONE["foot_right"]] = 1
    return weights


def build_body(asset: BodyAsset, who: Identity, scene: Scene, outfit: Outfit) -> BodyActor:
    """Shape, hair, paint and clothes of one identity in one scene; `scene` has no prop."""
    figure, mesh = asset.figure, asset.figure.mesh_vertices
    device = asset.joints.device
    base = build_actor(figure, who, scene, torch.full((mesh,), -1.0, device=device))
    coefficients = torch.from_numpy(who.coefficients).to(device)
    rest = asset.joints + (coefficients @ asset.joint_basis).view(-1, 3)
    shoulders = rest[None, [BONE["upper_arm_left"], BONE["upper_arm_right"]]]
    neutral = torch.cat([base.neutral, shoe_points(rest)])
    body = turn_arms(neutral[None, :mesh], asset.arms, shoulders, -ARM_DOWN)[0]
    distances = garment_distances(asset, outfit)
    covered = (distances.amax(1) / 0.01).clamp(0, 1)
    cloth = smoothed(asset, body, covered)
    own = figure.triangles[(figure.triangle_part <= LASHES) & (figure.triangles < mesh).all(1)]
    normals = functional.normalize(vertex_normals(cloth[None], own)[0], dim=1)
    neutral[:mesh] = cloth + normals * cloth_lift(outfit, figure.mean[:mesh], distances)[:, None]
    away = torch.full((len(figure.part) - mesh, 2), -1.0, device=device)
    paint = torch.cat([base.paint, torch.cat([distances, away])], 1)
    paint[asset.shoes, :3] = torch.from_numpy(outfit.shoes).to(paint)
    values = vars(base) | {"neutral": neutral, "paint": paint, "weights": _bone_weights(asset, base)}
    return BodyActor(**values, rest=rest, room=_room(asset, neutral[:mesh], rest), outfit=outfit)
