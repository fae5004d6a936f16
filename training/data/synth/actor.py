"""An actor: one identity dressed for one scene, as tensors that stay the same from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .bake import SKULL_CENTRE
from .hair import azimuths, hair_points, hair_skin_weights
from .head import EYE_LEFT, EYE_RIGHT, HAIR, HAIR_COLUMNS, HAIR_ROWS, LASHES, SKIN, TEETH, TONGUE, HeadAsset
from .identity import Identity
from .raster import vertex_normals
from .scene import Scene


@dataclass
class Actor:
    """V vertices: the mesh, then the hair."""

    neutral: Tensor
    """(V, 3) at rest."""
    joints: Tensor
    """(4, 3), see `head.JOINTS`."""
    size: float
    """Head width in metres."""
    action_scale: float
    """How much larger this face's features are than the mean's."""
    shown: Tensor
    """(V,) 1, or 0 for the hair of those who have none."""
    paint: Tensor
    """(V, 5): albedo (linear), how much hair is painted on the skin, how much beard."""
    identity: Identity
    scene: Scene


def canonical(asset: HeadAsset) -> Tensor:
    """(V, 4) what textures are drawn on, the same for everybody, and ambient occlusion.

    Skin, teeth, tongue: place on the mean head. Eyes: place relative to the eye's centre. Hair: azimuth in turns and
    the way from root (0) to tip (1).
    """
    mesh = asset.mesh_vertices
    place = asset.mean[:mesh].clone()
    place[asset.part[:mesh] == EYE_LEFT] -= asset.mean[-2]
    place[asset.part[:mesh] == EYE_RIGHT] -= asset.mean[-1]
    occlusion = asset.occlusion.clone()
    part = asset.part[:mesh]
    depth = (0.75 - (asset.mean[:mesh, 2] + 0.03) / 0.03).clamp(0.05, 0.8)
    within = (part == TEETH) | (part == TONGUE)
    occlusion[within] = depth[within]
    bag = asset.masks[:, 3] > 0.5
    occlusion[bag] = 0.22 * depth[bag]
    occlusion[part == TONGUE] = 0.6 * depth[part == TONGUE]
    occlusion[(part == EYE_LEFT) | (part == EYE_RIGHT)] = 0.95
    occlusion = torch.where(part == SKIN, 0.25 + 0.75 * occlusion, occlusion)
    turns = torch.linspace(0, 1, HAIR_COLUMNS, device=place.device).repeat(HAIR_ROWS)
    way = torch.linspace(0, 1, HAIR_ROWS, device=place.device).repeat_interleave(HAIR_COLUMNS)
    hair = torch.stack([turns, way, torch.zeros_like(way), 0.65 + 0.35 * way.clamp_max(0.7)], 1)
    return torch.cat([torch.cat([place, occlusion[:, None]], 1), hair])


def _skull_polar(asset: HeadAsset) -> tuple[Tensor, Tensor]:
    """(M,) azimuth and polar angle of the mesh's vertices about the mean skull's centre."""
    offset = asset.mean[: asset.mesh_vertices] - torch.tensor(SKULL_CENTRE, device=asset.mean.device)
    azimuth = torch.atan2(offset[:, 0], -offset[:, 2])
    return azimuth, torch.acos((-offset[:, 1] / offset.norm(dim=1)).clamp(-1, 1))


def _bump(value: Tensor, centre: float, width: float) -> Tensor:
    return torch.exp(-(((value - centre) / width) ** 2))


def _beard_mask(place: Tensor, kind: int) -> Tensor:
    """(M,) where a full beard, a goatee, a moustache or stubble grows, on the mean head."""
    x, y, z = place.abs().unbind(1)[0], place[:, 1], place[:, 2]
    upper_lip = _bump(y, 0.056, 0.007) * (x < 0.034) * (z < 0.01)
    chin = torch.sigmoid((y - 0.083) / 0.003) * torch.sigmoid((0.127 - y) / 0.004) * (z < 0.06)
    jaw = torch.sigmoid((y - (0.062 - 0.55 * (z - 0.02).clamp_min(0))) / 0.004) * torch.sigmoid((0.13 - y) / 0.004)
    jaw = jaw * torch.sigmoid((x - 0.032) / 0.004) * torch.sigmoid((0.078 - z) / 0.004)
    sides = _bump(x, 0.03, 0.006) * torch.sigmoid((y - 0.058) / 0.003) * (z < 0.01) * (y < 0.12)
    goatee = torch.maximum(torch.maximum(chin * torch.sigmoid((0.03 - x) / 0.003), sides), upper_lip)
    full = torch.maximum(torch.maximum(chin, jaw), torch.maximum(upper_lip, sides))
    return (full, goatee, upper_lip, full * 0.6)[kind].clamp(0, 1)


def _paint(asset: HeadAsset, who: Identity) -> Tensor:
    """(V, 5), see `Actor.paint`."""
    device, mesh = asset.mean.device, asset.mesh_vertices

    def colour(value: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(value, np.float32)).to(device)

    place, part = asset.mean[:mesh], asset.part[:mesh]
    lips, lids, ears, inside = asset.masks.unbind(1)
    x, y = place[:, 0].abs(), place[:, 1]
    front = torch.sigmoid((0.03 - place[:, 2]) / 0.01)
    red = (_bump(x, 0.038, 0.02) * _bump(y, 0.03, 0.02) + _bump(x, 0, 0.018) * _bump(y, 0.04, 0.014)) * front + ears
    albedo = colour(who.skin) * (1 + (colour(who.blood) - 1) * red.clamp(0, 1)[:, None])
    for mask, tint, strength in ((lips, who.lips, who.lip_strength), (lids, who.lid_colour, who.lid_strength)):
        share = (mask * strength)[:, None]
        albedo = albedo * (1 - share) + colour(tint) * share
    gums = torch.tensor([0.42, 0.13, 0.11], device=device)
    albedo = torch.where((inside > 0.3)[:, None], gums, albedo)
    fixed = {
        EYE_LEFT: who.sclera, EYE_RIGHT: who.sclera, TEETH: who.teeth,
        TONGUE: np.array([0.55, 0.2, 0.19]), LASHES: who.lashes,
    }  # fmt: skip
    for which, value in fixed.items():
        albedo[part == which] = colour(value)
    azimuth, polar = _skull_polar(asset)
    line = np.interp(azimuth.cpu().numpy(), azimuths(), who.hair.paint_line).astype(np.float32)
    scalp = torch.sigmoid((torch.from_numpy(line).to(device) - polar) / 0.035) * (1 - ears) * (part == SKIN)
    scalp = scalp * (torch.from_numpy(line).to(device) > 0)
    beard = _beard_mask(place, who.beard_kind) * who.beard * (part == SKIN) * (1 - lips) * (1 - inside)
    skin = torch.cat([albedo, scalp[:, None], beard[:, None]], 1)
    hair = torch.zeros(HAIR_ROWS * HAIR_COLUMNS, 5, device=device)
    hair[:, :3] = colour(who.hair_colour)
    return torch.cat([skin, hair])


def cloth_height(place: Tensor, neckline: Tensor) -> Tensor:
    """Metres below the garment's upper edge, (...,) from places (..., 3) on the mean body; positive is clothed."""
    height, depth, half_width = neckline.unbind(-1)
    front = torch.sigmoid((0.07 - place[..., 2]) / 0.01)
    v = depth * (1 - place[..., 0].abs() / half_width).clamp_min(0) * front
    return place[..., 1] - 0.10 * (place[..., 2] - 0.05).clamp(-0.1, 0.2) - height - v


def build_actor(asset: HeadAsset, who: Identity, scene: Scene) -> Actor:
    """Shape, hair, paint and clothes of one identity in one scene."""
    device, mesh = asset.mean.device, asset.mesh_vertices
    coefficients = torch.from_numpy(who.coefficients).to(device)
    person = asset.mean + (coefficients @ asset.basis).view(-1, 3)
    body, joints = person[:mesh], person[mesh:]
    teeth = (asset.part[:mesh] == TEETH).nonzero().flatten()
    middle = body[teeth].mean(0)
    narrower = torch.tensor([0.86, 1.0, 0.9], device=device)  # MakeHuman's arch pierces narrow jaws
    body[teeth] = middle + (body[teeth] - middle) * narrower
    skull = (body[asset.skull_index] * asset.skull_weights[..., None]).sum(2)[:, : asset.skull_index.shape[1] // 2]
    hair = hair_points(asset, body, who.hair)
    garment = cloth_height(asset.mean[:mesh], torch.from_numpy(scene.clothes.neckline).to(device))
    lift = scene.clothes.lift * (garment / 0.004).clamp(0, 1)
    lift = lift + scene.clothes.collar * _bump(garment, 0.006, 0.008)
    normals = vertex_normals(body[None], asset.triangles[asset.triangle_part != HAIR])[0]
    body = body + normals * (lift * (asset.part[:mesh] == SKIN) * (garment > 0))[:, None]
    shown = torch.ones(mesh + len(hair), device=device)
    shown[mesh:] = 0.0 if who.hair.bald else 1.0
    width = float(skull[..., 0].max() - skull[..., 0].min())
    eyes_apart = float((joints[2] - joints[3]).norm())
    return Actor(torch.cat([body, hair]), joints, width, eyes_apart / 0.061, shown, _paint(asset, who), who, scene)


def full_skin_weights(asset: HeadAsset) -> Tensor:
    """(V, 3) of torso, neck and head, hair included."""
    return torch.cat([asset.skin_weights, hair_skin_weights(asset.mean.device)])


__all__ = ["Actor", "build_actor", "canonical", "cloth_height", "full_skin_weights"]
