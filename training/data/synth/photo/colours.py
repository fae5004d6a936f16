"""The colours of a photograph's surface: what it shows of each vertex, and what stands in where it shows nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from runtime.framing.window import Window
from runtime.layers.matte import backdrop, find_person, matte
from runtime.values import Bytes

from ..core.backdrop import EXTENT
from ..core.raster import hits, rasterise, vertex_normals
from ..core.seeds import Array, linear
from ..person.actor import Actor
from ..person.head import SKIN, TEETH, TONGUE, HeadAsset
from .portrait import Crop
from .study import Unfit

SIDE = 384
"""Pixels of the canvas' side, which covers [-EXTENT, EXTENT] of the frame."""
_LOOK = 192
"""Samples a side in which visibility at rest is found."""
_SLACK = 0.003
_SPREADING = 60
"""Steps by which colours are carried over the mesh to where the photograph shows nothing."""
_CANVAS_MARGIN = SIDE // 6


@dataclass(frozen=True)
class Canvas:
    """A photograph around the frame, in linear light; C = SIDE."""

    picture: Tensor
    """(3, C, C)."""
    own: Tensor
    """(4, C, C): the person's colours times alpha, and alpha."""
    plate: Tensor
    """(3, C, C): the backdrop, completed behind the person."""

    @property
    def alpha(self) -> Array:
        """(C, C)."""
        found: Array = self.own[3].numpy()
        return found


def open_canvas(picture: Bytes, crop: Crop, face: Array) -> Canvas:
    """The surroundings of the frame of `crop` in `picture`, uint8 (H, W, 3), whose face is at `face` (2,).

    Raises `Unfit` when no person is found there.
    """
    wide = 2 * EXTENT * crop.half * SIDE / (SIDE - 1)
    window = Window.around(float(crop.middle[0]), float(crop.middle[1]), wide)
    canvas = window.cut(Image.fromarray(picture), SIDE)
    inner = slice(_CANVAS_MARGIN, SIDE - _CANVAS_MARGIN)
    person = find_person(canvas, inner, (crop(face) / EXTENT + 1) * ((SIDE - 1) / 2))
    if person is None:
        raise Unfit("no person")
    colours = canvas.astype(np.float32)
    alpha = matte(colours, person)
    plate = linear(backdrop(colours, alpha).clip(0, 255) / 255)
    light = linear(colours / 255)
    own = np.concatenate([light - (1 - alpha[..., None]) * plate, alpha[..., None]], -1)
    tensors = (torch.from_numpy(np.ascontiguousarray(value.transpose(2, 0, 1))) for value in (light, own, plate))
    return Canvas(*tensors)


@dataclass(frozen=True)
class Coat:
    """What covers the V vertices of an actor; colours are linear light."""

    place: Tensor
    """(V, 2) in the photograph's frame."""
    sure: Tensor
    """(V,) in [0, 1]: how much the photograph's own colour there counts."""
    instead: Tensor
    """(V, 3): what counts otherwise."""
    light: Tensor
    """(3,): what a white surface would have."""
    grey: bool
    """Whether the photograph has no colours."""


def look_up(texture: Tensor, places: Tensor) -> Tensor:
    """(P, C) of a canvas' texture (C, S, S) at places (P, 2) of the frame."""
    grid = (places / EXTENT)[None, None]
    return functional.grid_sample(texture[None], grid, padding_mode="border", align_corners=True)[0, :, 0].T


def _seen(asset: HeadAsset, points: Tensor, screen: Tensor) -> Tensor:
    """(M,) in [0, 1]: how well the vertices of the mesh are seen at rest: in front, and facing the camera."""
    mesh = asset.mesh_vertices
    at = screen[None, :mesh].clone()
    at[..., :2] = (at[..., :2] + 1) * ((_LOOK - 1) / 2)
    inner = asset.triangles[(asset.triangles < mesh).all(1)]
    both = torch.ones(len(inner), dtype=torch.bool)
    buffer = rasterise(at, inner, both, _LOOK, _LOOK)
    found = hits(buffer, at, inner)
    depth = torch.full((_LOOK * _LOOK,), 1e3)
    depth[found.sample] = (points[:mesh, 2][inner[found.triangle]] * found.weights).sum(1)
    nearest = -functional.max_pool2d(-depth.view(1, 1, _LOOK, _LOOK), 3, 1, 1).flatten()
    nearest = torch.maximum(nearest, depth - 0.02)
    cell = at[0, :, :2].round().long()
    within = ((cell >= 0) & (cell < _LOOK)).all(1)
    cell = cell.clamp(0, _LOOK - 1)
    front = (points[:mesh, 2] < nearest[cell[:, 1] * _LOOK + cell[:, 0]] + _SLACK) & within
    normals = vertex_normals(points[None, :mesh], inner)[0]
    facing = (-(normals * functional.normalize(points[:mesh], dim=1)).sum(1) - 0.15) / 0.3
    return front * facing.clamp(0, 1)


def _spread(asset: HeadAsset, colour: Tensor, sure: Tensor) -> Tensor:
    """(M, 3): colours (M, 3) carried over the skin's edges from where they are `sure` (M,) to where they are not."""
    skin = asset.triangles[asset.triangle_part == SKIN]
    edges = torch.cat([skin[:, [0, 1]], skin[:, [1, 2]], skin[:, [2, 0]]])
    edges = torch.cat([edges, edges.flip(1)])
    held = torch.cat([colour * sure[:, None], sure[:, None]], 1)
    value = held.clone()
    degree = torch.zeros(len(colour)).index_add_(0, edges[:, 0], torch.ones(len(edges))).clamp_min(1)
    graph = torch.sparse_coo_tensor(edges.T, 1 / degree[edges[:, 0]], (len(colour),) * 2).coalesce()
    for _ in range(_SPREADING):
        value = held + (1 - sure[:, None]) * (graph @ value)
    return value[:, :3] / value[:, 3:].clamp_min(1e-6)


def dress(asset: HeadAsset, actor: Actor, canvas: Canvas, points: Tensor, screen: Tensor, shades: Tensor) -> Coat:
    """The coat of an actor that lies over the photograph: `points` (V, 3) before the camera, `screen` (V, 3) projected.

    `shades` (V,) is how much of the sky a vertex sees.
    """
    mesh = asset.mesh_vertices
    place = screen[:, :2].clone()
    colour = look_up(canvas.picture, place)
    sure = torch.ones(len(place))
    solid = ((look_up(canvas.own[3:], place)[:, 0] - 0.6) / 0.3).clamp(0, 1)
    sure[:mesh] = (_seen(asset, points, screen) * solid[:mesh]).clamp_min(1e-4)
    part = asset.part[:mesh]
    face = (part == SKIN) & (asset.masks[:, 3] < 0.3) & (sure[:mesh] > 0.8)
    bright = colour[:mesh][face] @ torch.tensor([0.2126, 0.7152, 0.0722])
    grey = bool((colour[:mesh][face].amax(1) - colour[:mesh][face].amin(1)).mean() < 0.03 * float(bright.mean()))
    level = 0.5 * float(bright.quantile(0.9)) + 0.22
    light = torch.full((3,), level / 0.62)
    instead = actor.paint[:, :3] * (shades[:, None] * light)
    if grey:
        instead = instead.mean(1, keepdim=True).expand(-1, 3).clone()
    outer = (part == SKIN) & (asset.masks[:, 3] < 0.3)
    spread = _spread(asset, colour[:mesh], sure[:mesh])
    instead[:mesh][outer] = spread[outer]
    inner = (part == TEETH) | (part == TONGUE)
    sure[:mesh][inner] *= 0.999
    return Coat(place, sure, instead, light, grey)
