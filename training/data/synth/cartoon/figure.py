"""Cartoon figures as layers of capsules: every part is an axis that bends and a width along it, on one fixed grid.

A person, a cat, a bird and a blob differ in lengths, widths and colours only, so topology and named points are the
same for all. Coordinates are in units of the figure's height, x forward (where it faces), y down.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..core.seeds import Array
from ..core.tubes import grid_triangles

PARTS = (
    "tail", "arm_far", "hand_far", "leg_far", "foot_far", "ear_far", "hair_back", "neck", "body", "leg_near",
    "foot_near", "head", "ear_near", "hair", "snout", "nose", "mouth", "eye_far", "pupil_far", "eye_near",
    "pupil_near", "hat", "arm_near", "hand_near",
)  # fmt: skip
"""From the farthest layer to the nearest."""
INDEX = {name: index for index, name in enumerate(PARTS)}
AXIS = 9
"""Places along a part's axis."""
_CAP = 7
_RINGS = (0.0, 0.4, 0.75, 0.92, 1.0)
_COLUMNS = 2 * AXIS + 2 * (_CAP - 2)
PART_VERTICES = len(_RINGS) * _COLUMNS
FIGURE_VERTICES = len(PARTS) * PART_VERTICES
_NEAREST, _LAYER, _SLOPE = 2.0, 0.05, 0.02
"""Metres: depth of the nearest layer, between layers, and along one part (so that it may overlap itself)."""


def _around() -> tuple[Array, Array]:
    """For each column: its place along the axis (0 to 1), and the angle from the axis' normal towards its end."""
    side, cap = np.linspace(0, 1, AXIS), np.linspace(0, np.pi, _CAP)[1:-1]
    place = np.concatenate([side, np.ones(_CAP - 2), side[::-1], np.zeros(_CAP - 2)])
    angle = np.concatenate([np.zeros(AXIS), cap, np.full(AXIS, np.pi), np.pi + cap])
    return place, angle


def figure_triangles() -> Tensor:
    """(T, 3) over FIGURE_VERTICES; meant to be seen from both sides, since figures turn round."""
    part = grid_triangles(len(_RINGS), _COLUMNS, True)
    return torch.cat([part + index * PART_VERTICES for index in range(len(PARTS))])


def triangle_parts() -> Tensor:
    """(T,) index into PARTS of every triangle."""
    return figure_triangles()[:, 0] // PART_VERTICES


def inverse_depths() -> Array:
    """(FIGURE_VERTICES,) 1/m."""
    place, _ = _around()
    along = np.tile(place, len(_RINGS))
    layers = _NEAREST + _LAYER * np.arange(len(PARTS))[::-1]
    return (1 / (layers[:, None] - _SLOPE * along)).reshape(-1).astype(np.float32)


def capsules(axes: Array, widths: Array) -> Array:
    """(P, PART_VERTICES, 2) the grids of parts with axes (P, AXIS, 2) and half widths (P, AXIS) along them."""
    place, angle = _around()
    index = np.round(place * (AXIS - 1)).astype(int)
    tangent = np.gradient(axes, axis=1)
    tangent /= np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-9
    normal = np.stack([-tangent[..., 1], tangent[..., 0]], -1)
    outward = normal[:, index] * np.cos(angle)[:, None] + tangent[:, index] * np.sin(angle)[:, None]
    reach = outward * widths[:, index, None]
    rings = axes[:, None, index] + reach[:, None] * np.array(_RINGS)[:, None, None]
    return rings.reshape(len(axes), PART_VERTICES, 2)


def local_places(lengths: Array, widths: Array) -> Array:
    """(P, PART_VERTICES, 4): along and across a part, distance from its edge (figure units), share of its axis."""
    place, angle = _around()
    index = np.round(place * (AXIS - 1)).astype(int)
    ring = np.array(_RINGS)[:, None]
    reach = widths[:, None, index]
    along = place * lengths[:, None, None] + ring * reach * np.where(np.sin(angle) ** 2 > 1e-6, np.sin(angle), 0)
    across, edge = ring * reach * np.cos(angle), (1 - ring) * reach
    share = np.broadcast_to(place, edge.shape)
    return np.stack([along, across, edge, share], -1).reshape(len(lengths), PART_VERTICES, 4).astype(np.float32)


def _vertex(part: str, place: float, side: int) -> int:
    """The vertex on a part at a share of its axis; side -1 and 1 are its edges, 0 the axis, 2 the rounded end."""
    column = round(place * (AXIS - 1))
    if side == 2:
        column = AXIS + (_CAP - 2) // 2
    elif side < 0:
        column = 2 * AXIS + _CAP - 3 - column
    ring = 0 if side == 0 else len(_RINGS) - 2
    return INDEX[part] * PART_VERTICES + ring * _COLUMNS + column


def _limb(name: str, end: str) -> dict[str, tuple[str, float, int]]:
    return {
        "root": (name, 0.1, 0), "middle_front": (name, 0.5, -1), "middle_back": (name, 0.5, 1),
        "end": (name, 1.0, 0), "tip": (end, 1.0, 2),
    }  # fmt: skip


_POINTS: dict[str, dict[str, tuple[str, float, int]]] = {
    "head": {"middle": ("head", 0.5, 0), "top": ("head", 1.0, 2), "chin": ("head", 0.0, 0),
             "front": ("head", 0.5, 1), "back": ("head", 0.5, -1)},
    "face": {"eye_near": ("eye_near", 0.5, 0), "eye_far": ("eye_far", 0.5, 0), "snout": ("snout", 1.0, 2),
             "mouth_front": ("mouth", 1.0, 0), "mouth_back": ("mouth", 0.0, 0)},
    "ears": {"near_root": ("ear_near", 0.0, 0), "near_tip": ("ear_near", 1.0, 2), "far_root": ("ear_far", 0.0, 0),
             "far_tip": ("ear_far", 1.0, 2), "hat": ("hat", 1.0, 2)},
    "chest": {"neck": ("body", 1.0, 0), "front": ("body", 0.8, 1), "back": ("body", 0.8, -1),
              "middle": ("body", 0.7, 0), "top": ("body", 1.0, 2)},
    "belly": {"middle": ("body", 0.3, 0), "front": ("body", 0.4, 1), "back": ("body", 0.4, -1),
              "hip_front": ("body", 0.0, 1), "hip_back": ("body", 0.0, -1)},
    "arm_near": _limb("arm_near", "hand_near"),
    "arm_far": _limb("arm_far", "hand_far"),
    "leg_near": _limb("leg_near", "foot_near"),
    "leg_far": _limb("leg_far", "foot_far"),
    "tail": {"root": ("tail", 0.0, 0), "middle": ("tail", 0.5, 0), "upper": ("tail", 0.5, 1),
             "end": ("tail", 0.9, 0), "tip": ("tail", 1.0, 2)},
}  # fmt: skip
FIGURE_POINTS: tuple[str, ...] = tuple(f"{group}.{name}" for group, five in _POINTS.items() for name in five)
"""Fifty names "group.point"; points 5k to 5k+4 are group k."""


def figure_point_vertices() -> Tensor:
    """(50,) vertex index of every point."""
    return torch.tensor([_vertex(*place) for five in _POINTS.values() for place in five.values()])
