"""An actor: one identity dressed for one scene, as tensors that stay the same from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.raster import vertex_normals
from ..core.strands import Strands, no_strands
from .bake import SKULL_CENTRE
from .beard import beard_mask, beard_offsets
from .bristles import beard_strands, brow_strands, lash_strands
from .glasses import fit, glasses_points
from .hair import azimuths, hair_points, hair_skin_weights, on_shoulders
from .hairdo import POINTS, grow_hair
from .head import (
    BEARD,
    EYE_LEFT,
    EYE_RIGHT,
    FRAME,
    HAIR,
    HAIR_COLUMNS,
    HAIR_ROWS,
    LASHES,
    LENS,
    PROP,
    SCALP_ROWS,
    SKIN,
    TEETH,
    TONGUE,
    HeadAsset,
)  # fmt: skip
from .identity import Identity
from .prop import PROP_VERTICES, prop_canonical
from .scene import Scene

_HEM = 0.024
"""Metres over which a garment leaves the skin: as wide as the mesh's triangles there, or its edge would be jagged."""


@dataclass
class Actor:
    """V vertices: the mesh, then hair, beard, glasses and prop (the last about its own centre)."""

    neutral: Tensor
    """(V, 3) at rest."""
    joints: Tensor
    """(4, 3), see `head.JOINTS`."""
    size: float
    """Head width in metres."""
    action_scale: float
    """How much larger this face's features are than the mean's."""
    weights: Tensor
    """(V, 3): how much torso, neck and head move a vertex."""
    shown: Tensor
    """(V,) 1, or 0 for what this actor has not: hair, beard, glasses, a prop."""
    paint: Tensor
    """(V, 6): albedo (linear), how much hair is painted on the skin (on hair: how much of a hairline it is), how much
    beard, how much lip.
    """
    identity: Identity
    scene: Scene
    strands: Strands
    """Hairs on the V vertices."""

    @property
    def clear_glass(self) -> bool:
        """Whether something is seen through lenses."""
        return self.identity.glasses is not None and not self.identity.glasses.dark


def canonical(asset: HeadAsset) -> Tensor:
    """(V, 4) what textures are drawn on, the same for everybody, and ambient occlusion.

    Skin, teeth, tongue: place on the mean head. Eyes: place relative to the eye's centre. Hair: azimuth in turns and
    the way from root (0) to tip (1). Beard: across and down the face, in the hair's units. Props: `prop_canonical`.
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
    occlusion[part == TEETH] = 0.25 + 0.9 * depth[part == TEETH]
    bag = asset.masks[:, 3] > 0.5
    occlusion[bag] = 0.22 * depth[bag]
    occlusion[part == TONGUE] = 0.6 * depth[part == TONGUE]
    occlusion[(part == EYE_LEFT) | (part == EYE_RIGHT)] = 0.95
    occlusion = torch.where(part == SKIN, 0.25 + 0.75 * occlusion, occlusion)
    turns = torch.linspace(0, 1, HAIR_COLUMNS, device=place.device).repeat(HAIR_ROWS)
    way = torch.linspace(0, 1, HAIR_ROWS, device=place.device).repeat_interleave(HAIR_COLUMNS)
    hair = torch.stack([turns, way, torch.zeros_like(way), 0.65 + 0.35 * way.clamp_max(0.7)], 1)
    under = asset.mean[asset.beard_region]
    beard = torch.stack([under[:, 0] * 3, under[:, 1] * 10, under[:, 2], torch.full_like(under[:, 0], 0.8)], 1)
    glasses = torch.tensor([0.0, 0.0, 0.0, 0.9], device=place.device).expand(
        asset.span(LENS).stop - asset.span(FRAME).start, 4
    )
    prop = torch.nn.functional.pad(prop_canonical().to(place), (0, 1), value=0.9)
    return torch.cat([torch.cat([place, occlusion[:, None]], 1), hair, beard, glasses, prop])


def _skull_polar(asset: HeadAsset) -> tuple[Tensor, Tensor]:
    """(M,) azimuth and polar angle of the mesh's vertices about the mean skull's centre."""
    offset = asset.mean[: asset.mesh_vertices] - torch.tensor(SKULL_CENTRE, device=asset.mean.device)
    azimuth = torch.atan2(offset[:, 0], -offset[:, 2])
    return azimuth, torch.acos((-offset[:, 1] / offset.norm(dim=1)).clamp(-1, 1))


def _bump(value: Tensor, centre: float, width: float) -> Tensor:
    return torch.exp(-(((value - centre) / width) ** 2))


def _paint(asset: HeadAsset, who: Identity, scene: Scene) -> Tensor:
    """(V, 6), see `Actor.paint`."""
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
    scalp = torch.sigmoid((torch.from_numpy(line).to(device) - polar) / 0.05) * (1 - ears) * (part == SKIN)
    scalp = scalp * (torch.from_numpy(line).to(device) > 0)
    beard = beard_mask(place, who.beard_kind) * who.beard * (part == SKIN) * (1 - lips) * (1 - inside)
    mouth = lips * (part == SKIN) * (1 - inside)
    skin = torch.cat([albedo, scalp[:, None], beard[:, None], mouth[:, None]], 1)
    worn = torch.zeros(len(asset.part) - mesh, 6, device=device)
    colours = {HAIR: who.hair_colour, BEARD: who.beard_colour}
    if who.glasses:
        colours |= {FRAME: who.glasses.colour, LENS: who.glasses.lens}
    if scene.prop:
        colours[PROP] = who.skin if scene.prop.own else scene.prop.colours[0]
    for which, value in colours.items():
        span = asset.span(which)
        worn[span.start - mesh : span.stop - mesh, :3] = colour(value)
    span = asset.span(HAIR)
    rooted = torch.zeros(HAIR_ROWS, HAIR_COLUMNS, device=device)
    rooted[SCALP_ROWS - 1] = torch.from_numpy(who.hair.thickness[:, -1] < 0).to(rooted)
    worn[span.start - mesh : span.stop - mesh, 3] = rooted.flatten()
    return torch.cat([skin, worn])


def cloth_height(place: Tensor, neckline: Tensor) -> Tensor:
    """Metres below the garment's upper edge, (...,) from places (..., 3) on the mean body; positive is clothed."""
    height, depth, half_width = neckline.unbind(-1)
    front = torch.sigmoid((0.07 - place[..., 2]) / 0.01)
    v = depth * (1 - place[..., 0].abs() / half_width).clamp_min(0) * front
    return place[..., 1] - 0.10 * (place[..., 2] - 0.05).clamp(-0.1, 0.2) - height - v


def build_actor(asset: HeadAsset, who: Identity, scene: Scene, garment: Tensor | None = None) -> Actor:
    """Shape, hair, paint and clothes of one identity in one scene.

    `garment` (M,): metres inside the edge of what lies on the mesh, by default the scene's garment on a torso.
    """
    device, mesh = asset.mean.device, asset.mesh_vertices
    coefficients = torch.from_numpy(who.coefficients).to(device)
    person = asset.mean + (coefficients @ asset.basis).view(-1, 3)
    body, joints = person[:mesh], person[mesh:]
    teeth = (asset.part[:mesh] == TEETH).nonzero().flatten()
    middle = body[teeth].mean(0)
    narrower = torch.tensor([0.86, 1.0, 0.9], device=device)  # MakeHuman's arch pierces narrow jaws
    body[teeth] = middle + (body[teeth] - middle) * narrower
    skull = (body[asset.skull_index] * asset.skull_weights[..., None]).sum(2)[:, : asset.skull_index.shape[1] // 2]
    if garment is None:
        garment = cloth_height(asset.mean[:mesh], torch.from_numpy(scene.clothes.neckline).to(device))
    lift = scene.clothes.lift * (0.5 + garment / _HEM).clamp(0, 1) + scene.clothes.collar * _bump(
        garment, 0.01, 0.5 * _HEM
    )
    normals = vertex_normals(body[None], asset.triangles[asset.triangle_part <= LASHES])[0]
    hair = on_shoulders(asset, hair_points(asset, body, who.hair), body, normals)
    region = asset.beard_region
    bare = asset.masks[region, 0] + asset.masks[region, 3]
    beard = body[region] + beard_offsets(asset.mean[region], normals[region], bare, who.beard_shape, who.beard_kind)
    body = body + normals * (lift * (asset.part[:mesh] == SKIN))[:, None]
    things = torch.cat([hair, beard, _glasses(asset, body, joints, who), _prop(scene).to(device)])
    width = float(skull[..., 0].max() - skull[..., 0].min())
    eyes_apart = float((joints[2] - joints[3]).norm())
    paint, shown, weights = _paint(asset, who, scene), _shown(asset, who, scene), _skin_weights(asset, who)
    hairs = _strands(asset, hair, body, normals, who)
    return Actor(torch.cat([body, things]), joints, width, eyes_apart / 0.061, weights, shown, paint, who, scene, hairs)


def _hair(asset: HeadAsset, hair: Tensor, who: Identity) -> Strands:
    """Hair over its grid (HAIR_ROWS * C, 3) at rest."""
    style = who.hair
    bare = style.paint_line < 0 if style.kind == "bald" else np.zeros(HAIR_COLUMNS, bool)
    if who.comb is None or bare.all():
        return no_strands(POINTS).to(hair.device)
    grid = hair.view(HAIR_ROWS, HAIR_COLUMNS, 3).cpu().numpy()
    first = asset.span(HAIR).start
    length = np.zeros_like(style.length) if style.bald else style.length
    grown = grow_hair(grid, who.comb, style.thickness, length, bare, first, who.hair_colour, who.streaks)
    return grown.to(hair.device)


def _strands(asset: HeadAsset, hair: Tensor, body: Tensor, normals: Tensor, who: Identity) -> Strands:
    """All hairs; `body` (M, 3) at rest with its normals."""
    lashes = lash_strands(asset, who, POINTS, float(who.lashes.mean() < 0.05))
    brow = brow_strands(asset, who, body, normals, POINTS)
    parts = [_hair(asset, hair, who), brow, lashes]
    if who.beard > 0:
        parts.append(beard_strands(asset, who, body, normals, POINTS))
    return Strands.join(parts)


def _glasses(asset: HeadAsset, body: Tensor, joints: Tensor, who: Identity) -> Tensor:
    """(G, 3), all in one place for those who wear none."""
    if who.glasses is None:
        return torch.zeros(asset.span(LENS).stop - asset.span(FRAME).start, 3, device=body.device)
    mesh = asset.mesh_vertices
    skin = (asset.part[:mesh] == SKIN) & (asset.masks[:, 3] < 0.3)
    face = fit(body, asset.mean[:mesh], skin, asset.masks[:, 2], joints[2:4])
    return torch.from_numpy(glasses_points(who.glasses, face)).to(body.device)


def _prop(scene: Scene) -> Tensor:
    return torch.from_numpy(scene.prop.points) if scene.prop else torch.zeros(PROP_VERTICES, 3)


def _shown(asset: HeadAsset, who: Identity, scene: Scene) -> Tensor:
    """(V,), see `Actor.shown`; clear lenses are no surface of the truth, nor are lashes: they are hairs."""
    shown = (asset.part != LASHES).float()
    shown[asset.span(HAIR)] = 0.0 if who.hair.bald else 1.0
    shown[asset.span(BEARD)] = float(who.beard_shape.thickness > 0)
    shown[asset.span(FRAME)] = float(who.glasses is not None)
    shown[asset.span(LENS)] = float(who.glasses is not None and who.glasses.dark)
    shown[asset.span(PROP)] = torch.from_numpy(scene.prop.shown).to(shown) if scene.prop else 0.0
    return shown


def _skin_weights(asset: HeadAsset, who: Identity) -> Tensor:
    """(V, 3) of torso, neck and head, with hair, beard and glasses; 0 for props, which nothing of the person moves."""
    device = asset.mean.device
    worn = torch.tensor([0.0, 0.0, 1.0], device=device).expand(asset.span(LENS).stop - asset.span(FRAME).start, 3)
    beard = asset.skin_weights[asset.beard_region]
    prop = torch.zeros(PROP_VERTICES, 3, device=device)
    return torch.cat([asset.skin_weights, hair_skin_weights(who.hair, device), beard, worn, prop])


__all__ = ["Actor", "build_actor", "canonical", "cloth_height"]
