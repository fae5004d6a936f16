"""Clear lenses, drawn over the finished samples: a tint and reflections. They hide nothing, so the truth has none."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..core.raster import Hits, hits, rasterise, vertex_normals
from .actor import Actor
from .head import LENS, HeadAsset
from .lighting import reflections
from .shade import Looks


def glass_over(
    layer: Tensor, actors: list[Actor], points: Tensor, screen: Tensor, below: Hits, asset: HeadAsset, looks: Looks
) -> None:
    """Changes samples `layer` (N * S * S, 4), in linear light with coverage, in place.

    `points` (N, V, 3) in the camera's frame, `screen` (N, V, 3) in samples, `below` what is drawn already.
    """
    count = len(actors)
    side = int((len(layer) // count) ** 0.5)
    chosen = (asset.triangle_part == LENS).nonzero().flatten()
    worn = torch.tensor([float(actor.clear_glass) for actor in actors], device=layer.device)
    glass = screen.clone()
    span = asset.span(LENS)
    glass[:, span, 2] = worn[:, None] / points[:, span, 2].clamp_min(0.05)
    triangles = asset.triangles[chosen]
    buffer = rasterise(glass, triangles, torch.ones(len(triangles), dtype=torch.bool, device=layer.device), side, side)
    found = hits(buffer, glass, triangles)
    if not len(found.sample):
        return
    corner = triangles[found.triangle] + (found.frame * points.shape[1])[:, None]
    place = (points.reshape(-1, 3)[corner] * found.weights[..., None]).sum(1)
    under = torch.full((len(layer),), torch.inf, device=layer.device)
    drawn = asset.triangles[below.triangle] + (below.frame * points.shape[1])[:, None]
    under[below.sample] = (points.reshape(-1, 3)[drawn][..., 2] * below.weights).sum(1)
    front = place[:, 2] < under[found.sample]
    normals = vertex_normals(points, triangles).flatten(0, 1)
    normal = functional.normalize((normals[corner] * found.weights[..., None]).sum(1), dim=1)[front]
    view = functional.normalize(place, dim=1)[front]
    sample, frame = found.sample[front], found.frame[front]
    added = reflections(normal, view, frame, looks)
    layer[sample, :3] = layer[sample, :3] * looks.of("glint", frame)[:, 1:] + added
