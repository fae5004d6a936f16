"""Fifty named points on a whole body: ten groups of five, one group for each spline of a model with ten.

Each is the skin vertex nearest to a place said relative to the mean person's joints, so it follows shape and pose; on
clothed parts it is the cloth's surface.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..person.head import SKIN
from ..person.points import POINT_NAMES, point_vertices
from .asset import BodyAsset
from .skeleton import ARM_DOWN, BONE, turn_arms

# Name -> bone, the next bone and the share of the way to it, and an offset in centimetres (outwards, down, back).
_Place = tuple[str, str, str, float, tuple[float, float, float]]
_ARM: tuple[_Place, ...] = (
    ("shoulder", "upper_arm", "forearm", 0.15, (4, -5, 0)), ("outer", "upper_arm", "forearm", 0.6, (4, -4, 0)),
    ("inner", "upper_arm", "forearm", 0.6, (-3, 4, 0)), ("elbow", "upper_arm", "forearm", 1.0, (0, 0, 5)),
    ("forearm", "forearm", "hand", 0.55, (2, -2, -3)),
)  # fmt: skip
_HAND: tuple[_Place, ...] = (
    ("wrist", "forearm", "hand", 1.0, (1.5, -2, 0)), ("thumb", "thumb_2", "thumb_3", 1.7, (0, 0, 0)),
    ("index", "index_2", "index_3", 1.7, (0, 0, 0)), ("knuckle", "hand", "middle_1", 1.0, (1.5, -1.5, 0)),
    ("little", "little_2", "little_3", 1.7, (0, 0, 0)),
)  # fmt: skip
_LEG: tuple[_Place, ...] = (
    ("hip", "thigh", "shin", 0.1, (9, 0, 0)), ("front", "thigh", "shin", 0.5, (0, 0, -8)),
    ("inner", "thigh", "shin", 0.5, (-7, 0, 0)), ("knee", "thigh", "shin", 1.0, (0, 0, -6)),
    ("shin", "shin", "foot", 0.5, (3, 0, -5)),
)  # fmt: skip
_CENTRE: dict[str, tuple[_Place, ...]] = {
    "chest": (
        ("pit", "collar", "collar", 0, (0, -2, -30)), ("left", "collar", "collar", 0, (9, 10, -30)),
        ("right", "collar", "collar", 0, (-9, 10, -30)), ("middle", "collar", "collar", 0, (0, 10, -30)),
        ("low", "chest", "chest", 0, (0, 0, -30)),
    ),
    "belly": (
        ("navel", "waist", "waist", 0, (0, 0, -30)), ("side_left", "waist", "waist", 0, (30, 0, 0)),
        ("side_right", "waist", "waist", 0, (-30, 0, 0)), ("low_left", "hips", "hips", 0, (8, 0, -30)),
        ("low_right", "hips", "hips", 0, (-8, 0, -30)),
    ),
    "back": (
        ("nape", "neck", "neck", 0, (0, 0, 30)), ("left", "collar", "collar", 0, (9, 8, 30)),
        ("right", "collar", "collar", 0, (-9, 8, 30)), ("middle", "chest", "chest", 0, (0, 0, 30)),
        ("low", "waist", "waist", 0, (0, 3, 30)),
    ),
}  # fmt: skip
_FACE = {"nose": "nose.tip", "chin": "mouth.chin", "brow_left": "eye_left.brow", "brow_right": "eye_right.brow",
         "forehead": "forehead.centre"}  # fmt: skip
"""Five of a head's points."""
_LIMBS = (("arm", _ARM), ("hand", _HAND), ("leg", _LEG))
BODY_POINTS: tuple[str, ...] = (
    *(f"face.{name}" for name in _FACE),
    *(f"{group}.{place[0]}" for group, five in _CENTRE.items() for place in five),
    *(f"{limb}_{side}.{place[0]}" for limb, five in _LIMBS for side in ("left", "right") for place in five),
)
"""Fifty names "group.point"; points 5k to 5k+4 are group k."""


def body_point_vertices(asset: BodyAsset) -> Tensor:
    """(50,) vertex index of every point."""
    mesh, joints = asset.figure.mesh_vertices, asset.joints
    shoulders = joints[None, [BONE["upper_arm_left"], BONE["upper_arm_right"]]]
    body = turn_arms(asset.figure.mean[None, :mesh], asset.arms, shoulders, -ARM_DOWN)[0]
    skin = (asset.figure.part[:mesh] == SKIN) & (asset.figure.masks[:, 3] < 0.3)
    trunk = skin & (asset.arms.sum(1) < 0.05)

    def nearest(place: _Place, side: str) -> int:
        _, first, second, share, offset = place
        start, end = (joints[BONE[f"{bone}_{side}" if side else bone]] for bone in (first, second))
        out = torch.tensor(offset, device=joints.device) / 100
        sides = torch.tensor([-1.0 if side == "right" else 1.0, 1.0, 1.0], device=joints.device)
        goal = torch.lerp(start, end, share)
        far = out.abs() > 0.2  # the outermost skin that way
        away = body - goal - torch.where(far, 0.0, out * sides)
        cost = away[:, ~far].norm(dim=1) - 0.2 * (away * out.sign() * far).sum(1)
        return int(torch.where(trunk if not side else skin, cost, torch.inf).argmin())

    face = point_vertices(asset.figure)
    found = [int(face[POINT_NAMES.index(name)]) for name in _FACE.values()]
    found += [nearest(place, "") for five in _CENTRE.values() for place in five]
    found += [nearest(place, side) for _, five in _LIMBS for side in ("left", "right") for place in five]
    return torch.tensor(found, device=joints.device)
