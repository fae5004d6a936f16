"""Glasses as geometry: two rims, a bridge, two temples, two lenses, on a fixed topology.

Clear lenses are not part of the truth: what is seen through them is. They are drawn over the picture as a slight tint
and the lamps' reflections. Dark lenses are a surface like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.seeds import Array, Draw, linear
from ..core.tubes import grid_triangles, sweep

_RIM, _SIDES, _LENS_ROWS, _NODES = 28, 6, 4, 9
_RIM_VERTICES, _ARM_VERTICES = (_RIM + 1) * _SIDES, _NODES * _SIDES
_LENS_VERTICES = _LENS_ROWS * (_RIM + 1)
FRAME_VERTICES = 2 * _RIM_VERTICES + 3 * _ARM_VERTICES
GLASSES_VERTICES = FRAME_VERTICES + 2 * _LENS_VERTICES
"""The frame's, then the lenses'."""


@dataclass(frozen=True)
class Glasses:
    """One pair; lengths in metres, colours in linear light."""

    half: Array
    """(2,) half width and half height of a lens."""
    outline: float
    """2: an ellipse; larger: towards a rectangle."""
    droop: float
    """How much lower the outer half of the lower edge hangs, as a share of the height (aviators)."""
    rim: float
    """Radius of the rim."""
    low: float
    """How far below the eyes' centres the lenses' centres are."""
    colour: Array
    dark: bool
    """Lenses that nothing is seen through."""
    lens: Array
    """(3,) the dark lens's colour, or what a clear one lets through."""
    glint: float
    """Strength of reflections."""


def sample_glasses(draw: Draw, age: float) -> Glasses | None:
    """None for most people; commoner with age."""
    if not draw.chance(0.16 + 0.2 * age):
        return None
    dark = draw.chance(0.2)
    half = np.array([draw.between(0.0215, 0.0285), draw.between(0.0145, 0.025)], np.float32)
    colour = draw.colour(0.9, 0.02, 0.3) if draw.chance(0.7) else draw.colour(0.7, 0.3, 0.9)
    lens = draw.colour(0.6, 0.02, 0.14) if dark else 1 - draw.generator.uniform(0.02, 0.10, 3).astype(np.float32)
    return Glasses(
        half=half * (1.1 if dark else 1.0), outline=draw.between(2, 5), droop=draw.between(0, 0.25) * draw.chance(0.4),
        rim=draw.between(0.0008, 0.0016) if draw.chance(0.4) else draw.between(0.0018, 0.0034),
        low=draw.between(0.0, 0.005), colour=linear(colour), dark=dark, lens=linear(lens), glint=draw.between(0.3, 1.0),
    )  # fmt: skip


def glasses_triangles() -> tuple[Tensor, Tensor]:
    """Triangles of the frame and of the lenses, over GLASSES_VERTICES."""
    rim, arm = grid_triangles(_RIM + 1, _SIDES, True), grid_triangles(_NODES, _SIDES, True)
    lens = grid_triangles(_LENS_ROWS, _RIM + 1, False)
    arms = 2 * _RIM_VERTICES
    frame = [rim, rim + _RIM_VERTICES, *(arm + arms + i * _ARM_VERTICES for i in range(3))]
    return torch.cat(frame), torch.cat([lens + FRAME_VERTICES, lens + FRAME_VERTICES + _LENS_VERTICES])


@dataclass(frozen=True)
class Fit:
    """Where a face carries glasses, metres."""

    eyes: Array
    """(2, 3) centres, the person's left first."""
    front: float
    """Depth (z) of the lenses' plane between the eyes."""
    temples: Array
    """(5, 3) from the left hinge to behind the left ear, along the skin."""


def fit(body: Tensor, mean: Tensor, skin: Tensor, ears: Tensor, eyes: Tensor) -> Fit:
    """`body` and `mean` (M, 3) this and the mean head's vertices, `skin` (M,) bool, `ears` (M,), `eyes` (2, 3)."""
    x, y, z = mean.unbind(1)
    lids = skin & (x.abs() > 0.016) & (x.abs() < 0.045) & (y.abs() < 0.02)
    bridge = skin & (x.abs() < 0.006) & (y.abs() < 0.008)
    front = min(float(body[lids, 2].min()) - 0.007, float(body[bridge, 2].min()) + 0.004)
    ear = body[(ears > 0.5) & (x > 0)]
    top = ear[ear[:, 1].argmin()]
    nodes = []
    for depth in (0.012, 0.03, 0.05, 0.068):
        near = skin & (ears < 0.2) & (y.abs() < 0.02) & ((z - depth).abs() < 0.009) & (x > 0)
        wide = float(body[near, 0].max()) + 0.003
        share = depth / 0.068
        nodes.append([wide, float(eyes[0, 1]) * (1 - share) + float(top[1] + 0.003) * share, depth])
    nodes.append([nodes[-1][0] + 0.004, float(top[1]) + 0.022, 0.098])
    return Fit(eyes.cpu().numpy(), front, np.array(nodes))


def _outline(glasses: Glasses, angle: Array, outward: float) -> Array:
    """(n, 2) the lens's edge about its centre; `outward` is the sign of x away from the nose."""
    cos, sin = np.cos(angle), np.sin(angle)
    x = np.sign(cos) * np.abs(cos) ** (2 / glasses.outline) * glasses.half[0]
    y = np.sign(sin) * np.abs(sin) ** (2 / glasses.outline) * glasses.half[1]
    y = y * (1 + glasses.droop * (y > 0) * (0.5 + outward * x / (2 * glasses.half[0])))
    return np.stack([x, y], 1)


def glasses_points(glasses: Glasses, face: Fit) -> Array:
    """(GLASSES_VERTICES, 3) on a neutral head."""
    angle = np.linspace(0, 2 * np.pi, _RIM + 1)
    apart = max(float(np.abs(face.eyes[:, 0]).mean()), float(glasses.half[0]) + 0.0085)
    height = float(face.eyes[:, 1].mean()) + glasses.low

    def place(x: Array, y: Array, forward: Array | float = 0.0) -> Array:
        """On the frame's slightly wrapped surface."""
        return np.stack([x, y, face.front + 2.0 * x * x + forward], -1)

    rims, lenses = [], []
    for sign in (1.0, -1.0):
        edge = _outline(glasses, angle, sign)
        rims.append(sweep(place(edge[:, 0] + sign * apart, edge[:, 1] + height), glasses.rim, _SIDES))
        rows = []
        for share in np.linspace(0.02, 1, _LENS_ROWS):
            x, y = edge[:, 0] * share + sign * apart, edge[:, 1] * share + height
            rows.append(place(x, y, np.full_like(x, -0.003 * (1 - share**2))))
        lenses.append(np.concatenate(rows))
    inner, outer = apart - float(glasses.half[0]), apart + float(glasses.half[0])
    across = np.linspace(-1, 1, _NODES)
    lift = height - 0.35 * float(glasses.half[1]) - 0.003 * (1 - across**2)
    bridge = place(across * inner, lift, -0.002 * (1 - across**2))
    arms = [sweep(bridge, max(glasses.rim * 0.9, 0.001), _SIDES, up=(0.0, 1.0, 0.0))]
    hinge = place(np.array([outer]), np.array([height - 0.3 * float(glasses.half[1])]))
    wide = face.temples.copy()
    wide[:3, 0] = np.maximum(wide[:3, 0], outer + 0.002)
    route = np.concatenate([hinge, wide])
    steps = np.linspace(0, len(route) - 1, _NODES)
    route = np.stack([np.interp(steps, np.arange(len(route)), route[:, axis]) for axis in range(3)], 1)
    for sign in (1.0, -1.0):
        arms.append(sweep(route * [sign, 1, 1], max(glasses.rim * 0.8, 0.001), _SIDES, up=(0.0, 1.0, 0.3)))
    return np.concatenate([*rims, *arms, *lenses]).astype(np.float32)
