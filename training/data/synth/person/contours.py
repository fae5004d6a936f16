"""Lines of a face as vertices: brows, lids, irises, lips, ordered; what `Truth.screen` says of them is their truth.

    flat = frames.truth.screen[:, contour_vertices(asset)["upper_lid_left"]]  # (N, P, 3): x, y, inverse depth

They follow shape, expression and pose as every vertex does, and are in all shards, those of earlier versions as well:
`screen` holds all vertices, and with them their depth (1 / inverse depth, metres).
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from .head import EYE_LEFT, EYE_RIGHT, SKIN, HeadAsset
from .performance import ACTIONS

# Name -> places (x, y) on the mean head in centimetres, x to the person's left, y down; left ones are mirrored below.
_LINES: dict[str, tuple[tuple[float, float], ...]] = {
    "upper_lid_left": ((1.82, 0.18), (2.1, -0.02), (2.35, -0.15), (2.73, -0.27), (3.15, -0.33), (3.48, -0.28),
                       (3.81, -0.21), (4.07, -0.12), (4.28, 0.01), (4.37, 0.12)),
    "lower_lid_left": ((1.82, 0.2), (2.11, 0.44), (2.45, 0.53), (2.79, 0.57), (3.13, 0.58), (3.49, 0.57),
                       (3.86, 0.5), (4.04, 0.41), (4.18, 0.32), (4.34, 0.21)),
    "brow_left": ((1.4, -1.85), (2.2, -2.15), (3.0, -2.3), (3.8, -2.3), (4.6, -2.05), (5.1, -1.75)),
}  # fmt: skip
_IRIS = 0.43
"""Sine of the angle at the eye's centre up to which an average iris reaches."""
_LIPS = 12
"""Points of each lip's line."""
IRIS_POINTS = 8


@lru_cache(maxsize=4)
def contour_vertices(asset: HeadAsset) -> dict[str, Tensor]:
    """Vertices (P,) int64 of every line: ends first and last; irises around, from the person's left downwards."""
    mesh = asset.mesh_vertices
    mean, part = asset.mean[:mesh].cpu(), asset.part[:mesh].cpu()
    found = {}
    for name, places in _LINES.items():
        for side, sign in (("left", 1), ("right", -1)):
            found[name.replace("left", side)] = _nearest(mean, part == SKIN, [(sign * x, y) for x, y in places])
    opened = asset.actions.view(len(ACTIONS), mesh, 3)[ACTIONS.index("jawOpen"), :, 1].cpu()
    found |= _lip_lines(mean, (part == SKIN) & (asset.masks[:, 0].cpu() > 0.3), opened > 0.5 * opened.max())
    for side, which, joint in (("left", EYE_LEFT, -2), ("right", EYE_RIGHT, -1)):
        found[f"iris_{side}"] = _iris(mean, (part == which).nonzero().flatten(), asset.mean[joint].cpu())
    return {name: index.to(asset.mean.device) for name, index in found.items()}


def _nearest(mean: Tensor, among: Tensor, places: list[tuple[float, float]]) -> Tensor:
    """Of the vertices `among` (M,) the frontmost near each place."""
    index = among.nonzero().flatten()
    offset = mean[index, None, :2] * 100 - torch.tensor(places)
    return index[(offset.norm(dim=2) + 4 * mean[index, 2:]).argmin(0)]


def _lip_lines(mean: Tensor, lips: Tensor, lower: Tensor) -> dict[str, Tensor]:
    """Outer edges of both lips, and the inner ones, where they touch: from one corner to the other, which all share.

    `lower` (M,) bool: what moves with the jaw.
    """
    index = lips.nonzero().flatten()
    at = mean[index]
    wide = float(at[:, 0].abs().max())
    middle = float(at[at[:, 0].abs() > 0.9 * wide, 1].mean())
    lines: dict[str, list[int]] = {
        "lip_upper_outer": [],
        "lip_upper_inner": [],
        "lip_lower_inner": [],
        "lip_lower_outer": [],
    }
    for x in torch.linspace(-0.98 * wide, 0.98 * wide, _LIPS):
        near = (at[:, 0] - x).abs() < 0.0035
        for upper, outer, inner in (
            (True, "lip_upper_outer", "lip_upper_inner"),
            (False, "lip_lower_outer", "lip_lower_inner"),
        ):
            half = near & (lower[index] != upper)
            chosen = half.nonzero().flatten() if bool(half.any()) else (at[:, 0] - x).abs().argsort()[:1]
            height = (middle - at[chosen, 1]).abs() - 0.5 * (at[chosen, 0] - x).abs()
            lines[outer].append(int(index[chosen[height.argmax()]]))
            lines[inner].append(int(index[chosen[(-(height) + 0.5 * at[chosen, 2].clamp_max(0)).argmax()]]))
    first, last = int(index[at[:, 0].argmin()]), int(index[at[:, 0].argmax()])
    lines = {name: [first, *line[1:-1], last] for name, line in lines.items()}
    return {name: torch.tensor(line) for name, line in lines.items()}


def _iris(mean: Tensor, eye: Tensor, centre: Tensor) -> Tensor:
    """Vertices nearest to the iris' border."""
    way = torch.nn.functional.normalize(mean[eye] - centre, dim=1)
    angle = (torch.arange(IRIS_POINTS) + 0.5) * (2 * torch.pi / IRIS_POINTS)
    aim = torch.stack([_IRIS * angle.cos(), _IRIS * angle.sin(), torch.full_like(angle, -((1 - _IRIS**2) ** 0.5))], 1)
    return eye[(way @ aim.T).argmax(0)]
