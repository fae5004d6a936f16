"""Hair as geometry: a shell over the scalp that may go on as hanging locks or a fringe, on a fixed grid.

The grid follows meridians from the crown. Its first rows lie on the skull, out to a style's hairline; the last rows
hang. What a style is: where the hairline runs, how thick the shell is, how long the locks are at each azimuth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.seeds import Array, Draw
from .bake import AZIMUTHS, MAX_POLAR, POLARS, SKULL_CENTRE
from .head import HAIR_COLUMNS, LOCK_ROWS, SCALP_ROWS, SKIN, HeadAsset

_CLEAR, _DEEPEST = 0.016, 0.08
"""Metres by which hair lies off shoulders, clothes included, and from which on a place is elsewhere in the body."""

# Azimuth in degrees (0: face, 90: ear, 180: nape) and the natural hairline's polar angle in degrees.
_LINE_AZIMUTH = np.radians([0, 20, 38, 52, 64, 74, 84, 100, 118, 140, 180])
_LINE_POLAR = np.radians([66, 66, 65, 68, 80, 97, 99, 94, 104, 122, 128])


@dataclass(frozen=True)
class HairStyle:
    """One head of hair; arrays are over the grid's columns (azimuth -pi to pi)."""

    bald: bool
    """No geometry at all (a shaved or bald head; paint may remain)."""
    line: Array
    """(C,) polar angle where the shell ends, radians."""
    paint_line: Array
    """(C,) polar angle to which the skin is painted with hair; negative: nowhere."""
    thickness: Array
    """(C, SCALP_ROWS) of the shell, metres."""
    length: Array
    """(C,) of the hanging locks, metres; 0: none."""
    flare: Array
    """(C, LOCK_ROWS) outward offset along the locks, metres."""
    kind: str = "short"
    """One of "bald", "buzz", "short", "medium", "bob" and "long"."""


def azimuths() -> Array:
    """(C,) the grid's columns."""
    return np.linspace(-np.pi, np.pi, HAIR_COLUMNS).astype(np.float32)


def _wave(draw: Draw, azimuth: Array, terms: int, amplitude: float) -> Array:
    """A random smooth periodic curve around the head."""
    curve = np.zeros_like(azimuth)
    for k in range(1, terms + 1):
        curve += draw.normal() / k * np.cos(k * azimuth + draw.between(0, 2 * np.pi))
    return curve * amplitude


def _jagged(draw: Draw, amplitude: float) -> Array:
    """Independent noise a column, equal at the two ends of the seam."""
    noise = draw.generator.uniform(-1, 1, HAIR_COLUMNS).astype(np.float32) * amplitude
    noise[-1] = noise[0]
    return noise


_KINDS = ("bald", "buzz", "short", "medium", "bob", "long")
_THICKNESS = {"bald": 0.0, "buzz": 0.003, "short": 0.014, "medium": 0.024, "bob": 0.022, "long": 0.017}


def _natural_line(draw: Draw, gender: float, age: float) -> Array:
    """(C,) polar angle of the hairline, receding at the temples of some men."""
    side = np.abs(azimuths())
    line = np.interp(side, _LINE_AZIMUTH, _LINE_POLAR) + math.radians(draw.normal(3.5))
    # Across the forehead it is round, straight or lower in the middle; temples are where it turns down.
    line = line + np.radians(draw.between(-3, 8)) * np.interp(side, [0, 0.4, 0.75, 1.15], [0, 0.35, 1, 0])
    line = line + np.radians(draw.between(0, 4) * draw.chance(0.4)) * np.exp(-((side / 0.13) ** 2))
    receding = np.radians(max(0.0, draw.normal(1)) * 9 * gender * min(1, age))
    return line - receding * np.exp(-(((side - 0.65) / 0.35) ** 2)) - receding / 3


def _shell(draw: Draw, kind: str, base: float) -> Array:
    """(C, SCALP_ROWS) thickness over the skull: bumps, a quiff, a parting."""
    azimuth = azimuths()
    side = np.abs(azimuth)
    rows = np.linspace(0, 1, SCALP_ROWS, dtype=np.float32)
    edge = np.clip((1 - rows) / draw.between(0.1, 0.35), 0, 1) ** 0.6
    relief = 1 + _wave(draw, azimuth, 9, draw.between(0.03, 0.16))
    if kind in ("short", "medium"):
        relief = relief + draw.between(-0.3, 0.7) * np.exp(-((side / 0.7) ** 2))
    top = draw.between(0.8, 1.3)
    away = np.clip(rows / 0.4, 0, 1)  # all columns meet in the crown
    thickness = base * (relief.mean() * (1 - away) + relief[:, None] * away) * edge * (top + (1 - top) * rows)
    parting = draw.between(-0.9, 0.9)
    if draw.chance(0.6):
        thickness = thickness * (1 - 0.6 * np.exp(-(((azimuth - parting) / 0.13) ** 2))[:, None] * away)
    if kind in ("bob", "long", "medium"):
        thickness = np.maximum(thickness, base * 0.75 * (side > 1.25)[:, None])
    inner = np.clip((1 - rows) / 0.12, 0, 1)  # the skull must not poke through
    return np.maximum(thickness, 0.0015 + 0.0045 * inner)


def _paint_line(draw: Draw, kind: str, natural: Array) -> Array:
    """(C,) how far hair is painted on the skin; the bald keep a wreath or nothing."""
    if kind != "bald":
        return natural
    if draw.chance(0.5):
        return np.full_like(natural, -1.0)
    return np.where(np.abs(azimuths()) > 1.0, natural, -1.0)


def _fringe(draw: Draw) -> tuple[Array, Array]:
    """(C,) polar angle where a fringe over the forehead ends, lock by lock, and how much of it there is in [0, 1]:
    to a side, parted, or across in uneven locks.
    """
    azimuth = azimuths()
    low = np.radians(draw.between(72, 83)) + azimuth * draw.normal(0.03)
    sort = draw.pick(3, (3, 2, 2))
    if sort == 0:
        low = low + azimuth * draw.between(0.1, 0.22) * (1 if draw.chance(0.5) else -1)
    elif sort == 1:
        middle = draw.between(-0.3, 0.3)
        low = low + 0.06 - draw.between(0.16, 0.3) * np.exp(-(((azimuth - middle) / draw.between(0.18, 0.35)) ** 2))
    low = (
        low
        + _wave(draw, azimuth, 12, np.radians(draw.between(0.5, 1.6)))
        + _jagged(draw, np.radians(draw.between(1.5, 4)))
    )
    blend = np.clip((draw.between(0.95, 1.3) - np.abs(azimuth)) / 0.35, 0, 1)
    return low.astype(np.float32), blend


def sample_style(draw: Draw, gender: float, age: float) -> HairStyle:
    """A random style; short and receding hair is commoner in men, long hair in women."""
    azimuth = azimuths()
    side = np.abs(azimuth)
    natural = _natural_line(draw, gender, age)
    male = draw.chance(0.25 + 0.5 * gender)
    kind = _KINDS[draw.pick(6, (1, 1.6, 4, 2.5, 0.3, 0.6) if male else (0.15, 0.3, 1.2, 1.5, 2, 4))]
    base = _THICKNESS[kind] * draw.between(0.5, 1.25)
    thickness = _shell(draw, kind, base)
    line = natural + _jagged(draw, np.radians(draw.between(0.3, 1.2)))
    bare = np.ones_like(azimuth)  # where the shell ends on the skin, 0 where it ends in a fringe or in locks
    if kind not in ("bald", "buzz") and draw.chance(0.35):
        low, blend = _fringe(draw)
        line = line * (1 - blend) + np.maximum(line, low) * blend
        bare *= 1 - np.clip(blend * 3, 0, 1)
        thickness = np.maximum(thickness, 0.006 * blend[:, None])
    length = np.zeros_like(azimuth)
    full = {"medium": draw.between(0.02, 0.07), "bob": draw.between(0.05, 0.13), "long": draw.between(0.15, 0.38)}
    if kind in full:
        length = full[kind] * np.clip((side - draw.between(1.05, 1.5)) / 0.25, 0, 1)
        bare *= length < 0.01
        length = length * (1 + _jagged(draw, 0.08) + _wave(draw, azimuth, 4, 0.04))
    thickness[:, -1] -= bare * (thickness[:, -1] + 0.002)  # the edge dives into the skin
    thickness[:, -2] -= bare * (thickness[:, -2] - 0.0012)
    along = np.linspace(0, 1, LOCK_ROWS + 1, dtype=np.float32)[1:]
    curl = draw.between(0, 0.012) * np.sin(along * draw.between(3, 25) + 3 * np.sin(azimuth * 5)[:, None])
    flare = draw.between(-0.015, 0.03) * np.sin(along * np.pi * 0.7) + curl
    arrays = (line, _paint_line(draw, kind, natural), thickness, length, flare)
    whole = [values.astype(np.float32) for values in arrays]
    return HairStyle(kind in ("bald", "buzz"), whole[0], whole[1], whole[2], whole[3], whole[4], kind)


def hair_points(asset: HeadAsset, mesh: Tensor, style: HairStyle) -> Tensor:
    """(HAIR_ROWS * C, 3) the grid of a style on one person's neutral mesh (M, 3)."""
    device = mesh.device
    columns = torch.arange(HAIR_COLUMNS, device=device) % AZIMUTHS
    surface = (mesh[asset.skull_index] * asset.skull_weights[..., None]).sum(2)[columns]  # (C, POLARS, 3)
    line = torch.from_numpy(style.line).to(device)
    part = torch.linspace(0, 1, SCALP_ROWS, device=device)
    step = (math.radians(1.5) + part * (line[:, None] - math.radians(1.5))) / (MAX_POLAR - math.radians(1.5))
    position = step.clamp(0, 1) * (POLARS - 1)
    low = position.floor().long().clamp(0, POLARS - 2)
    blend = (position - low)[..., None]
    column = torch.arange(HAIR_COLUMNS, device=device)[:, None]
    scalp = surface[column, low] * (1 - blend) + surface[column, low + 1] * blend
    outward = torch.nn.functional.normalize(scalp - torch.tensor(SKULL_CENTRE, device=device), dim=-1)
    scalp = scalp + outward * torch.from_numpy(style.thickness).to(device)[..., None]
    last, side = scalp[:, -1:], outward[:, -1:] * torch.tensor([1.0, 0.0, 1.0], device=device)
    side = torch.nn.functional.normalize(side, dim=-1)
    along = torch.linspace(0, 1, LOCK_ROWS + 1, device=device)[1:]
    length = torch.from_numpy(style.length).to(device)[:, None]
    flare = torch.from_numpy(style.flare).to(device) * (length / (length + 0.03))
    down = torch.tensor([0.0, 1.0, 0.0], device=device)
    locks = last + (length * along)[..., None] * down + flare[..., None] * side
    return torch.cat([scalp, locks], 1).transpose(0, 1).reshape(-1, 3)


def on_shoulders(asset: HeadAsset, hair: Tensor, body: Tensor, normals: Tensor) -> Tensor:
    """(HAIR_ROWS * C, 3) the grid, where locks would pass through neck and shoulders laid on them.

    `body` (M, 3) at rest with its normals.
    """
    below = (asset.mean[: len(body), 1] > 0.11) & (asset.part[: len(body)] == SKIN)
    trunk, out = body[below], normals[below]
    locks = hair[SCALP_ROWS * HAIR_COLUMNS :]
    nearest = torch.cdist(locks, trunk).argmin(1)
    away = ((locks - trunk[nearest]) * out[nearest]).sum(1)
    lift = (_CLEAR - away).clamp(0, _DEEPEST) * (away > -_DEEPEST)
    lift = lift * (locks[:, 1] > trunk[:, 1].amin()).float()
    return torch.cat([hair[: SCALP_ROWS * HAIR_COLUMNS], locks + out[nearest] * lift[:, None]])


def hair_skin_weights(style: HairStyle, device: torch.device) -> Tensor:
    """(HAIR_ROWS * C, 3) of torso, neck and head: the shell is the head's, long locks' ends are nearly the torso's.

    Locks of no length stay with the head, or a turn would draw them down over the forehead.
    """
    along = torch.linspace(0, 1, LOCK_ROWS + 1, device=device)[1:]
    rests = (torch.from_numpy(style.length).to(device) / 0.12).clamp(0, 1)
    torso = torch.zeros(SCALP_ROWS + LOCK_ROWS, HAIR_COLUMNS, device=device)
    torso[SCALP_ROWS:] = 0.8 * along[:, None] ** 1.3 * rests
    return torch.stack([torso, torch.zeros_like(torso), 1 - torso], -1).reshape(-1, 3)
