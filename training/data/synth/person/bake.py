"""What is computed once on the mean head and stored in the asset: ambient occlusion and the skull as a radial map."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..core.raster import rasterise

SKULL_CENTRE = (0.0, -0.03, 0.085)
"""Origin of the polar coordinates on the skull, metres, in the asset's coordinates."""
AZIMUTHS, POLARS = 72, 48
MAX_POLAR = math.radians(150)


def polar_directions() -> Tensor:
    """(AZIMUTHS, POLARS, 3) unit vectors; azimuth 0 looks along the face, polar angle 0 is the crown."""
    azimuth = torch.arange(AZIMUTHS) * (2 * math.pi / AZIMUTHS) - math.pi
    polar = torch.linspace(math.radians(1.5), MAX_POLAR, POLARS)
    a, p = torch.meshgrid(azimuth, polar, indexing="ij")
    return torch.stack([p.sin() * a.sin(), -p.cos(), -p.sin() * a.cos()], -1)


def radial_map(points: Tensor, triangles: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays from the skull's centre leave the mesh for the last time.

    `points` (V, 3), `triangles` (T, 3) of the skull without ears. Returns the triangle's three vertices
    (AZIMUTHS, POLARS, 3) int64 and their weights, same shape.
    """
    centre = torch.tensor(SKULL_CENTRE)
    directions = polar_directions().view(-1, 1, 3)
    corner = points[triangles] - centre
    edge_1, edge_2 = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    found_index = torch.zeros(len(directions), 3, dtype=torch.int64)
    found_weights = torch.zeros(len(directions), 3)
    for start in range(0, len(directions), 64):
        ray = directions[start : start + 64]
        p = torch.linalg.cross(ray.expand(-1, len(triangles), 3), edge_2.expand(len(ray), -1, 3))
        determinant = (edge_1 * p).sum(-1)
        determinant = torch.where(determinant.abs() < 1e-12, torch.full_like(determinant, 1e-12), determinant)
        u = (-corner[:, 0] * p).sum(-1) / determinant
        q = torch.linalg.cross(-corner[:, 0], edge_1)
        v = (ray * q).sum(-1) / determinant
        distance = (edge_2 * q).sum(-1) / determinant
        outside = (u < -1e-4) | (v < -1e-4) | (u + v > 1.0001) | (distance < 0)
        best = torch.where(outside, torch.full_like(distance, -1), distance).argmax(1)
        rows = torch.arange(len(ray))
        found_index[start : start + 64] = triangles[best]
        u, v = u[rows, best].clamp(0, 1), v[rows, best].clamp(0, 1)
        found_weights[start : start + 64] = torch.stack([1 - u - v, u, v], 1)
    shape = (AZIMUTHS, POLARS, 3)
    return found_index.view(shape), found_weights.view(shape)


def ambient_occlusion(points: Tensor, normals: Tensor, triangles: Tensor, directions: int = 160) -> Tensor:
    """(V,) share of the cosine-weighted sky that each vertex sees, by depth maps from many sides."""
    size, golden = 384, math.pi * (3 - math.sqrt(5))
    seen = torch.zeros(len(points))
    total = torch.full((len(points),), 1e-6)
    both = torch.ones(len(triangles), dtype=torch.bool)
    for k in range(directions):
        height = 1 - (2 * k + 1) / directions
        radius = math.sqrt(1 - height * height)
        back = torch.tensor([radius * math.cos(golden * k), height, radius * math.sin(golden * k)])
        side = torch.linalg.cross(back, torch.tensor([0.3, 0.9, 0.31]))
        side = side / side.norm()
        axes = torch.stack([side, torch.linalg.cross(back, side), back])
        view = points @ axes.T
        low, high = view.amin(0), view.amax(0)
        flat = (view[:, :2] - low[:2]) / (high - low)[:2].max() * (size - 1)
        nearness = 1 + (view[:, 2] - low[2])  # towards the sky, positive
        screen = torch.cat([flat, nearness[:, None]], 1)[None]
        buffer = rasterise(screen, triangles, both, size, size)[0]
        cosine = (normals @ back).clamp_min(0)
        place = flat.round().long()
        hit = buffer[place[:, 1], place[:, 0]]
        front = torch.where(hit >= 0, nearness[triangles[hit.clamp_min(0)]].amax(-1), nearness)
        seen += cosine * (nearness > front - 0.006)
        total += cosine
    return seen / total
