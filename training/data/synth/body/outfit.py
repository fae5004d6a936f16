"""What a whole body wears: a top with sleeves and a hem, trousers, shoes; lifted off a smoothed skin.

Where a garment ends is a signed distance at every vertex, drawn from the scene seed on the mean person, so that edges
are sharp between vertices and the same body can be dressed in anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.seeds import Array, Draw, linear
from ..core.tubes import rounded_solid
from ..person.actor import cloth_height
from ..person.head import SKIN
from ..person.scene import Clothes
from .asset import SHOE_COLUMNS, SHOE_ROWS, BodyAsset, between_neighbours
from .skeleton import BONE

_NOWHERE = -1.0
_TROUSERS = np.array([(0.10, 0.12, 0.20), (0.22, 0.28, 0.40), (0.06, 0.06, 0.07), (0.30, 0.30, 0.31),
                      (0.42, 0.36, 0.27), (0.20, 0.17, 0.13), (0.55, 0.52, 0.47)])  # fmt: skip


@dataclass(frozen=True)
class Outfit:
    """Lengths in metres on the mean person, colours in linear light."""

    clothes: Clothes
    """The top; its neckline, colours and pattern are a head's."""
    sleeve: float
    """Down the arm from the shoulder; the wrist is at about 0.5."""
    hem: float
    """How far the top hangs below the waist."""
    leg: float
    """Share of the leg that the trousers cover."""
    colour: Array
    """(3,) of the trousers."""
    shoes: Array
    """(3,)"""
    loose: Array
    """(2,) by how much top and trousers stand off the skin."""
    folds: Array
    """(3,) phases of the folds."""


def sample_outfit(seed: int, clothes: Clothes) -> Outfit:
    """The outfit of a scene's seed; `clothes` are the scene's."""
    draw = Draw(0x0F171, seed)
    sleeve = (draw.between(0.05, 0.09), draw.between(0.14, 0.26), draw.between(0.34, 0.44), draw.between(0.47, 0.53))
    leg = (draw.between(0.3, 0.5), draw.between(0.85, 1.0))
    colour = _TROUSERS[draw.pick(len(_TROUSERS))] * draw.between(0.7, 1.3) if draw.chance(0.8) else draw.colour(0.8)
    return Outfit(
        clothes, sleeve[draw.pick(4, (0.7, 2, 0.8, 3))], draw.between(0.03, 0.19), leg[int(draw.chance(0.8))],
        linear(np.clip(colour, 0.02, 0.9)), linear(draw.colour(0.4, 0.03, 0.6)),
        np.array([draw.between(0.004, 0.016), draw.between(0.004, 0.012)], np.float32),
        draw.generator.uniform(0, 6.28, 3).astype(np.float32),
    )  # fmt: skip


def garment_distances(asset: BodyAsset, outfit: Outfit) -> Tensor:
    """(M, 2) metres inside the top and the trousers; negative outside."""
    place = asset.figure.mean[: asset.figure.mesh_vertices]
    arm = asset.arms.sum(1)
    waist = asset.joints[BONE["waist"], 1] + 0.02
    hip, ankle = asset.joints[BONE["thigh_left"], 1], asset.joints[BONE["foot_left"], 1]
    neckline = torch.from_numpy(outfit.clothes.neckline).to(place.device)
    top = torch.minimum(cloth_height(place, neckline), torch.where(arm > 0.02, outfit.sleeve - asset.way, 1.0))
    top = torch.minimum(top, torch.where(arm > 0.5, 1.0, waist + outfit.hem - place[:, 1]))
    legs = torch.minimum(place[:, 1] - waist, hip + outfit.leg * (ankle + 0.03 - hip) - place[:, 1])
    legs = torch.where(arm > 0.5, _NOWHERE, legs)
    both = torch.stack([top, legs], 1)
    skin = (asset.figure.part[: len(both)] == SKIN) & (place[:, 1] > 0.1)
    return torch.where(skin[:, None], both, _NOWHERE)


def smoothed(asset: BodyAsset, mesh: Tensor, covered: Tensor) -> Tensor:
    """(M, 3) the mesh (M, 3) where it is covered, as cloth that spans hollows."""
    return between_neighbours(asset.neighbours, mesh, 0.5 * covered * (1 - 0.8 * asset.arms.sum(1)), 40)


def cloth_lift(outfit: Outfit, place: Tensor, distances: Tensor) -> Tensor:
    """(M,) metres by which cloth stands off the skin, folds included; places (M, 3) on the mean person."""
    x, y, z = place.unbind(1)
    a, b, c = (float(phase) for phase in outfit.folds)
    folds = torch.sin(70 * y + 25 * x + a) * torch.sin(31 * x - 22 * z + b) + 0.7 * torch.sin(48 * y - 40 * z + c)
    lift = torch.zeros_like(x)
    for loose, inside in zip(outfit.loose, distances.unbind(1), strict=True):
        edge = (inside / 0.004).clamp(0, 1)
        lift = torch.maximum(lift, edge * float(loose) * (1 + 0.18 * folds * (inside / 0.05).clamp(0, 1)))
    worn_over = (distances[:, 0] > 0) & (distances[:, 1] > 0)
    return lift + 0.005 * worn_over


def shoe_points(joints: Tensor) -> Tensor:
    """(S, 3) both shoes at rest, about ankles of joints (J, 3)."""
    leg = float((joints[BONE["foot_left"]] - joints[BONE["thigh_left"]]).norm()) / 0.8
    shape = rounded_solid(SHOE_ROWS, SHOE_COLUMNS, np.array([0.047, 0.062, 0.135]) * leg, (0.55, 0.75))
    shoe = torch.from_numpy(shape).to(joints.device) + torch.tensor([0.0, 0.035, -0.065], device=joints.device) * leg
    return torch.cat([shoe + joints[BONE[f"foot_{side}"]] for side in ("left", "right")])
