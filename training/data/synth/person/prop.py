"""Things that pass before the face: a hand, a cup, a box, a ball, a microphone; rigid, with a motion of their own.

All are one mesh of fixed topology: a rounded solid and six tubes (five fingers or a handle, and a forearm or a stem).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.seeds import Array, Draw, linear
from ..core.tubes import grid_triangles, rounded_solid, sweep

_ROWS, _COLUMNS, _NODES, _SIDES, _TUBES = 13, 25, 12, 10, 6
PROP_VERTICES = _ROWS * _COLUMNS + _TUBES * _NODES * _SIDES
KINDS = ("hand", "cup", "box", "ball", "microphone")
_OWN = 0.85
"""Share of the hands that are those of whom they pass before."""
_SKINS = np.array([(0.93, 0.75, 0.64), (0.83, 0.62, 0.48), (0.62, 0.42, 0.30), (0.34, 0.22, 0.15)])


@dataclass(frozen=True)
class Prop:
    """One thing and how it moves; lengths in metres, angles in radians, about the point between the eyes."""

    kind: int
    points: Array
    """(PROP_VERTICES, 3) about its own centre."""
    shown: Array
    """(PROP_VERTICES,) 0 for the tubes that this kind has not."""
    colours: Array
    """(2, 3) linear."""
    pattern: int
    """0 plain, 1 rings, 2 stripes, 3 checks, 4 mottled; hands are always plain skin."""
    scale: float
    centre: Array
    """(3,)"""
    swing: Array
    """(3, 3) of x, y, z: amplitude, period in seconds, phase."""
    turn: Array
    """(3, 3) of yaw, pitch, roll: middle, amplitude, phase; they share the first swing's period."""
    own: bool
    """Whether it is a hand of whom it passes before, and has their skin."""

    def at(self, time: Array) -> tuple[Array, Array]:
        """Angles (N, 3) and places (N, 3) at times (N,)."""
        wave = 2 * np.pi * time[:, None] / self.swing[:, 1] + self.swing[:, 2]
        place = self.centre + self.swing[:, 0] * np.sin(wave)
        angles = self.turn[:, 0] + self.turn[:, 1] * np.sin(wave[:, :1] * 0.8 + self.turn[:, 2])
        return angles.astype(np.float32), place.astype(np.float32)


def prop_triangles() -> Tensor:
    """(T, 3) over PROP_VERTICES."""
    tube, first = grid_triangles(_NODES, _SIDES, True), _ROWS * _COLUMNS
    tubes = [tube + first + i * _NODES * _SIDES for i in range(_TUBES)]
    return torch.cat([grid_triangles(_ROWS, _COLUMNS, False), *tubes])


def prop_canonical() -> Tensor:
    """(PROP_VERTICES, 3): turns around, way along, and 0 for the solid, 1 to 6 for the tubes."""
    row, column = torch.meshgrid(torch.linspace(0, 1, _ROWS), torch.linspace(0, 1, _COLUMNS), indexing="ij")
    parts = [torch.stack([column, row, torch.zeros_like(row)], -1).view(-1, 3)]
    row, column = torch.meshgrid(torch.linspace(0, 1, _NODES), torch.arange(_SIDES) / _SIDES, indexing="ij")
    parts += [torch.stack([column, row, torch.full_like(row, i + 1.0)], -1).view(-1, 3) for i in range(_TUBES)]
    return torch.cat(parts)


def _tube(path: Array, radius: float, tip: float = 1.0, up: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> Array:
    """A tube with round ends; `tip` is the radius at its end as a share of that at its start."""
    steps = np.concatenate([[0, 0.02, 0.06], np.linspace(0.14, 0.86, _NODES - 6), [0.94, 0.98, 1.0]])
    places = np.linspace(0, 1, len(path))
    route = np.stack([np.interp(steps, places, path[:, axis]) for axis in range(3)], 1)
    ends = np.array([0.05, 0.6, 0.9, *np.ones(_NODES - 6), 0.9, 0.6, 0.05])
    return sweep(route, radius * ends * (1 + (tip - 1) * steps), _SIDES, up)


def _hand(draw: Draw) -> list[Array]:
    """Palm and back, four fingers and a thumb, a forearm; fingers point up (-y)."""
    palm = rounded_solid(_ROWS, _COLUMNS, np.array([0.042, 0.048, 0.015]), (0.5, 0.6))
    spread, curl, side = draw.between(0.03, 0.22), draw.between(0, 1.0), 1 if draw.chance(0.5) else -1
    tubes = []
    for x, length in zip((-0.031, -0.0105, 0.0105, 0.031), (0.068, 0.080, 0.076, 0.058), strict=True):
        bend = np.cumsum(np.array([0.1, 0.35, 0.4]) * curl)
        lean = spread * x / 0.03
        steps = np.stack([np.sin(lean) * np.cos(bend), -np.cos(lean) * np.cos(bend), -np.sin(bend)], 1) * length / 3
        root = np.array([x, -0.036, 0.0])
        tubes.append(_tube(np.concatenate([root[None], root + np.cumsum(steps, 0)]), 0.0098, 0.78))
    thumb = np.array([[0.03, 0.025, 0], [0.055, 0.0, -0.008], [0.068, -0.03, -0.012]]) * [-1, 1, 1]
    tubes.append(_tube(thumb, 0.0115, 0.8))
    tubes.append(_tube(np.array([[0, 0.03, 0], [0, 0.08, 0.002], [0, 0.4, 0.01]]), 0.028, 1.4))
    return [part * np.array([side, 1, 1], np.float32) for part in (palm, *tubes)]


def _shape(draw: Draw, kind: int) -> tuple[list[Array], list[int]]:
    """Solid and tubes, and which tubes there are."""
    none = np.zeros((_NODES * _SIDES, 3), np.float32)
    if kind == 0:
        return _hand(draw), list(range(_TUBES))
    if kind == 1:
        radius, height = draw.between(0.03, 0.045), draw.between(0.04, 0.065)
        solid = rounded_solid(_ROWS, _COLUMNS, np.array([radius, height, radius]), (0.15, 1.0))
        angle = np.linspace(-1.3, 1.3, 9)
        ring = np.stack([radius * 0.9 + 0.55 * height * np.cos(angle), 0.6 * height * np.sin(angle), 0 * angle], 1)
        return [solid, _tube(ring, 0.006), *[none] * 5], [0] if draw.chance(0.7) else []
    if kind == 2:
        sizes = np.array([draw.between(0.03, 0.10), draw.between(0.04, 0.12), draw.between(0.004, 0.035)])
        return [rounded_solid(_ROWS, _COLUMNS, sizes, (0.12, 0.12)), *[none] * _TUBES], []
    if kind == 3:
        return [rounded_solid(_ROWS, _COLUMNS, np.full(3, draw.between(0.03, 0.07)), (1, 1)), *[none] * _TUBES], []
    solid = rounded_solid(_ROWS, _COLUMNS, np.full(3, draw.between(0.022, 0.032)), (0.9, 1))
    stem = np.array([[0, 0.015, 0], [0, 0.1, 0], [0, 0.2, 0]])
    return [solid, *[none] * 5, _tube(stem, 0.016, 0.7)], [5]


def sample_prop(draw: Draw, distance: float) -> Prop | None:
    """None in most scenes. `distance` is the camera's from the eyes: things stay well before it."""
    if not draw.chance(0.16):
        return None
    kind = draw.pick(5, (2.5, 1.2, 1.2, 0.7, 0.8))
    parts, tubes = _shape(draw, kind)
    shown = np.zeros(PROP_VERTICES, np.float32)
    shown[: _ROWS * _COLUMNS] = 1
    for tube in tubes:
        first = _ROWS * _COLUMNS + tube * _NODES * _SIDES
        shown[first : first + _NODES * _SIDES] = 1
    skin = _SKINS[draw.pick(4)] * draw.between(0.85, 1.1)
    colours = np.stack([skin, skin * 0.8]) if kind == 0 else np.stack([draw.colour(0.9), draw.colour(0.9)])
    if kind == 4:
        colours = np.stack([draw.colour(0.2, 0.05, 0.5), draw.colour(0.2, 0.02, 0.15)])
    upright = kind in (0, 4)  # what an arm holds up comes from below
    centre = np.array([draw.normal(0.05), draw.between(0.01, 0.11) + 0.04 * (kind == 4), -0.02])
    centre[2] -= min(draw.between(0.13, 0.20), 0.42 * distance)
    swing = [[draw.between(0.02, 0.12), draw.between(2, 5), draw.between(0, 6.28)] for _ in range(3)]
    swing[2][0] = 0.01
    turn = [[draw.normal(0.5), draw.between(0, 0.5), draw.between(0, 6.28)] for _ in range(3)]
    turn[2][0] = draw.normal(0.5 if upright else 1.2)
    return Prop(
        kind, np.concatenate(parts), shown, linear(np.clip(colours, 0.01, 1)), 0 if kind == 0 else draw.pick(5),
        draw.between(2, 12), centre, np.array(swing), np.array(turn), kind == 0 and draw.chance(_OWN),
    )  # fmt: skip
