"""Tubes and rounded solids on fixed grids: what frames, fingers, handles and passing things are made of."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .seeds import Array


def sweep(path: Array, radius: Array | float, sides: int, up: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> Array:
    """(n * sides, 3) rings of a tube around a path (n, 3); `radius` (n,) or one number. `up` must not lie along it."""
    tangent = np.gradient(path, axis=0)
    if np.allclose(path[0], path[-1]):
        tangent[[0, -1]] = tangent[0] + tangent[-1]
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-12
    side = np.cross(tangent, np.asarray(up, np.float64))
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-12
    over = np.cross(side, tangent)
    angle = np.arange(sides) * (2 * np.pi / sides)
    ring = side[:, None] * np.cos(angle)[:, None] + over[:, None] * np.sin(angle)[:, None]
    wide = np.broadcast_to(np.asarray(radius, np.float64), (len(path),))
    return (path[:, None] + ring * wide[:, None, None]).reshape(-1, 3).astype(np.float32)


def grid_triangles(rows: int, columns: int, wrap: bool) -> Tensor:
    """Triangles of a grid of rows x columns vertices; with `wrap` the last column meets the first."""
    last = columns if wrap else columns - 1
    row, column = torch.meshgrid(torch.arange(rows - 1), torch.arange(last), indexing="ij")
    a, b = (row * columns + column).flatten(), (row * columns + (column + 1) % columns).flatten()
    return torch.cat([torch.stack([a, b, a + columns], 1), torch.stack([b, b + columns, a + columns], 1)])


def rounded_solid(rows: int, columns: int, sizes: Array, flatness: tuple[float, float]) -> Array:
    """(rows * columns, 3) a superellipsoid of half sizes (3,), poles along y, the seam's column there twice.

    `flatness` is (profile, outline): 1 is round, 0.2 nearly a box.
    """

    def bent(wave: Array, exponent: float) -> Array:
        return np.sign(wave) * np.abs(wave) ** exponent

    latitude, longitude = np.linspace(-np.pi / 2, np.pi / 2, rows), np.linspace(-np.pi, np.pi, columns)
    wide = bent(np.cos(latitude).clip(1e-6), flatness[0])[:, None]
    x, z = (wide * bent(wave(longitude), flatness[1]) for wave in (np.cos, np.sin))
    y = np.broadcast_to(bent(np.sin(latitude), flatness[0])[:, None], x.shape)
    return (np.stack([x, y, z], -1) * sizes).reshape(-1, 3).astype(np.float32)
