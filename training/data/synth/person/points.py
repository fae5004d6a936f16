"""Fifty named surface points: ten groups of five, one group for each spline of a model with ten.

Each point is the vertex of the skin nearest to a place on the mean head, so it follows shape, expression and pose.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .head import SKIN, HeadAsset

# Name -> (x, y, z) on the mean head in centimetres (x to the person's left, y down, z away); z None: the frontmost
# skin there; the sides are mirrored below.
_PLACES: dict[str, tuple[tuple[str, float, float, float | None], ...]] = {
    "mouth": (
        ("corner_left", 2.4, 7.2, None), ("corner_right", -2.4, 7.2, None), ("upper_lip", 0, 6.4, None),
        ("lower_lip", 0, 8.1, None), ("chin", 0, 10.4, None),
    ),
    "eye_left": (
        ("inner", 1.5, 0.35, None), ("outer", 4.85, 0.1, None), ("upper_lid", 3.1, -0.55, None),
        ("lower_lid", 3.1, 0.75, None), ("brow", 3.3, -2.1, None),
    ),
    "eye_right": (),
    "nose": (
        ("bridge", 0, 0.4, None), ("tip", 0, 3.9, None), ("wing_left", 1.75, 4.1, None),
        ("wing_right", -1.75, 4.1, None), ("base", 0, 5.3, None),
    ),
    "cheek_left": (
        ("below_eye", 3.2, 2.6, None), ("bone", 5.8, 2.2, None), ("beside_nose", 2.6, 5.0, None),
        ("beside_mouth", 4.4, 7.0, None), ("side", 6.9, 3.5, None),
    ),
    "cheek_right": (),
    "jaw": (
        ("angle_left", 5.9, 7.6, 5.5), ("middle_left", 4.4, 10.0, 2.5), ("tip", 0, 11.6, -1.2),
        ("middle_right", -4.4, 10.0, 2.5), ("angle_right", -5.9, 7.6, 5.5),
    ),
    "forehead": (
        ("centre", 0, -3.8, None), ("hairline", 0, -6.8, None), ("left", 3.6, -5.0, None),
        ("right", -3.6, -5.0, None), ("between_brows", 0, -1.6, None),
    ),
    "skull": (
        ("crown", 0, -11.7, 7.5), ("top_left", 4.9, -10.0, 7.5), ("top_right", -4.9, -10.0, 7.5),
        ("side_left", 7.4, -3.5, 8.0), ("side_right", -7.4, -3.5, 8.0),
    ),
    "neck": (
        ("pit", 0, 18.5, None), ("side_left", 5.3, 14.0, 9.0), ("side_right", -5.3, 14.0, 9.0),
        ("shoulder_left", 14.0, 20.5, 10.5), ("shoulder_right", -14.0, 20.5, 10.5),
    ),
}  # fmt: skip
for _name in ("eye", "cheek"):
    _PLACES[_name + "_right"] = tuple((n, -x, y, z) for n, x, y, z in _PLACES[_name + "_left"])

POINT_NAMES: tuple[str, ...] = tuple(f"{group}.{name}" for group, five in _PLACES.items() for name, *_ in five)
"""Fifty names "group.point"; points 5k to 5k+4 are group k."""


def point_vertices(asset: HeadAsset) -> Tensor:
    """(50,) vertex index of every point."""
    mean = asset.mean[: asset.mesh_vertices].cpu()
    skin = (asset.part[: asset.mesh_vertices].cpu() == SKIN) & (asset.masks[:, 3].cpu() < 0.3)
    found = []
    for five in _PLACES.values():
        for _, x, y, z in five:
            offset = mean * 100 - torch.tensor([x, y, 0.0 if z is None else z])
            # Of the skin near a frontal place the frontmost counts: depth is a weak second criterion.
            cost = offset[:, :2].norm(dim=1) + 0.05 * offset[:, 2] if z is None else offset.norm(dim=1)
            found.append(int(torch.where(skin, cost, torch.full_like(cost, 1e9)).argmin()))
    return torch.tensor(found, device=asset.mean.device)
