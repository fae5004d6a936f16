"""What is not the face - hair, ears, neck, clothes - as a sheet with the depth of the fitted head.

The sheet is a lattice in the place of the drawn people's hair, so that shards of photographs and of drawn people have
the same vertices: each row a line of the picture, its columns from one outline of the person to the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ..core.backdrop import EXTENT
from ..core.raster import hits, interpolate, rasterise
from ..core.seeds import Array
from ..person.head import HAIR_COLUMNS, HAIR_ROWS, SKIN, HeadAsset
from .portrait import face_vertices

Flags = NDArray[np.bool_]

_CELLS = 96
"""Of the map of depths, along [-EXTENT, EXTENT]."""
_BAND = (0.09, 0.04, 0.015)
"""How far the sheet goes on beyond the outline, in the frame's units: the picture's soft edge, which has no truth."""
_TWIG = 1 / 50
"""Half the thickness, as a share of the canvas' side, of what is no part of a person's outline."""
_LOWEST = 1.45
_BEHIND = 0.0015
"""Metres of the sheet behind the skin that it continues."""
_SLOPE = 0.9
"""Metres further behind per metre farther inside the face."""
_HIDDEN = 0.022
"""Metres inside the face from which on there is no sheet."""
_FOLLOW = 0.03
"""Metres from the face over which its expressions run out."""


@dataclass(frozen=True)
class Sheet:
    """L lattice points at rest, in the order of the drawn people's hair."""

    points: Tensor
    """(L, 3) before the camera."""
    weights: Tensor
    """(L, 3) of torso, neck and head."""
    shown: Tensor
    """(L,) bool: part of the picture."""
    true: Tensor
    """(L,) bool: part of the person, within its outline."""
    leader: Tensor
    """(L,) vertex of the face whose expressions a point follows ..."""
    follows: Tensor
    """(L,) ... and how much."""


def _extents(alpha: Array) -> tuple[Array, Array]:
    """Frame coordinates of the first and the last column that show the person, in each row of alpha (E, E); or NaN."""
    reach = round(len(alpha) * _TWIG)
    # What hangs on the person by a twig is of the backdrop.
    solid = ndimage.binary_opening(np.pad(alpha > 0.5, reach, mode="edge"), iterations=reach)[
        reach:-reach, reach:-reach
    ]
    parts, count = ndimage.label(solid)
    if count > 1:
        solid = parts == 1 + np.bincount(parts[parts > 0] - 1).argmax()
    places = np.linspace(-EXTENT, EXTENT, len(alpha))
    some = solid.any(1)
    first, last = solid.argmax(1), len(alpha) - 1 - solid[:, ::-1].argmax(1)
    return np.where(some, places[first], np.nan), np.where(some, places[last], np.nan)


def _lattice(alpha: Array) -> tuple[Array, Flags, Flags]:
    """Places (ROWS, COLUMNS, 2) in the frame, which are shown, and which lie within the outline."""
    rows = np.linspace(-EXTENT, EXTENT, len(alpha))
    left, right = _extents(alpha)
    some = ~np.isnan(left)
    top = float(rows[some].min())
    y = np.concatenate([[top - 2 * _BAND[0], top - _BAND[1]], np.linspace(top, _LOWEST, HAIR_ROWS - 2)])
    ends = [np.interp(y, rows[some], ndimage.gaussian_filter1d(side[some], 1.0)) for side in (left, right)]
    inner = np.linspace(0, 1, HAIR_COLUMNS - 2 * len(_BAND))
    x = ends[0][:, None] + inner * (ends[1] - ends[0])[:, None]
    before, after = (ends[0][:, None] - np.array(_BAND)), (ends[1][:, None] + np.array(_BAND[::-1]))
    x = np.concatenate([before, x, after], 1)
    places = np.stack([x, np.broadcast_to(y[:, None], x.shape)], -1)
    shown, true = np.ones(x.shape, bool), np.zeros(x.shape, bool)
    shown[0] = False  # the drawn hair's cap hangs on this row
    true[2:, len(_BAND) : -len(_BAND)] = True
    return places, shown, true


def _maps(asset: HeadAsset, posed: Tensor, screen: Tensor) -> tuple[Array, Array, Array]:
    """Depth (C, C) in metres, weights (C, C, 3), and metres inside the face (C, C; negative: outside), spread from the
    skin to all of the picture.
    """
    mesh = asset.mesh_vertices
    skin = asset.triangles[asset.triangle_part == SKIN]
    face = face_vertices(asset) & (asset.masks[:, 3] < 0.3)
    at = screen[None, :mesh].clone()
    at[..., :2] = (at[..., :2] / EXTENT + 1) * ((_CELLS - 1) / 2)
    found = hits(rasterise(at, skin, torch.ones(len(skin), dtype=torch.bool), _CELLS, _CELLS), at, skin)
    values = torch.cat([posed[:mesh, 2:], asset.skin_weights, face.float()[:, None]], 1)
    table = np.zeros((_CELLS * _CELLS, 5))
    table[found.sample.numpy()] = interpolate(values, skin[found.triangle], found.weights).numpy()
    known = np.zeros(_CELLS * _CELLS, bool)
    known[found.sample.numpy()] = True
    solid = known.reshape(_CELLS, _CELLS)
    rows, columns = ndimage.distance_transform_edt(~solid, return_distances=False, return_indices=True)
    spread = table.reshape(_CELLS, _CELLS, 5)[rows, columns]
    depth = np.where(solid, spread[..., 0], ndimage.gaussian_filter(spread[..., 0], 3))
    weights = ndimage.gaussian_filter(spread[..., 1:4], (4, 3, 0))
    inside = ndimage.binary_fill_holes(solid & (spread[..., 4] > 0.5))  # no sheet in eyes and mouths
    far = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    return ndimage.gaussian_filter(depth, 0.7), weights, far * (2 * EXTENT / (_CELLS - 1))


def _look(values: Array, places: Array) -> Array:
    """Values (..., C) of a map (C, C) at places (..., 2) of the frame."""
    at = (places[..., ::-1] / EXTENT + 1) * ((_CELLS - 1) / 2)
    found: Array = ndimage.map_coordinates(values, np.moveaxis(at, -1, 0), order=1, mode="nearest")
    return found


def make_sheet(asset: HeadAsset, alpha: Array, posed: Tensor, screen: Tensor, focal: float, offset: Array) -> Sheet:
    """The sheet of a person whose matte is `alpha` (E, E) over [-EXTENT, EXTENT] of the frame.

    `posed` (V, 3): the fitted head before the camera, `screen` (V, 3) the same as `focal` and `offset` (2,) project it.
    """
    places, shown, true = _lattice(alpha)
    depth, weights, inside = _maps(asset, posed, screen)
    metres = float(posed[:, 2].mean()) / focal
    within = _look(inside, places) * metres
    z = _look(depth, places) + _BEHIND + _SLOPE * within.clip(0)
    x = (places - offset) / focal * z[..., None]
    shown = shown & (within < _HIDDEN)
    mesh = asset.mesh_vertices
    face = (face_vertices(asset) & (asset.part[:mesh] == SKIN) & (asset.masks[:, 3] < 0.3)).nonzero().flatten()
    flat = torch.from_numpy(places.reshape(-1, 2)).float()
    leader = face[torch.cdist(flat, screen[face, :2]).argmin(1)]
    share = np.stack([_look(weights[..., k], places) for k in range(3)], -1)
    share /= share.sum(-1, keepdims=True)
    follows = np.clip(1 + within / _FOLLOW, 0, 1)

    def flatten(values: Array | Flags) -> Tensor:
        return torch.from_numpy(values.reshape(len(flat), *values.shape[2:]).astype(np.float32))

    points = flatten(np.concatenate([x, z[..., None]], -1))
    return Sheet(points, flatten(share), flatten(shown) > 0, flatten(shown & true) > 0, leader, flatten(follows))
