"""What a face's skin shows, painted by place on the mean head: brows, blotches, freckles, moles, wrinkles, make-up."""

from __future__ import annotations

import torch
from torch import Tensor

BROW_START, BROW_LENGTH = 0.012, 0.041
"""Metres from the middle of the face to a brow's inner end, and from there to its outer one."""
_ARCH, _TAIL = 2.5, 0.0022
"""Angle of the arch at the outer end, and metres by which that comes down: brows that stay high there look angry."""


def _bump(value: Tensor, centre: float, width: float) -> Tensor:
    return torch.exp(-(((value - centre) / width) ** 2))


def brow_middle(x: Tensor, brow: Tensor) -> Tensor:
    """(P,) height on the mean head, metres, of the middle line of brows (., 5) at `x` (P,) metres from the face's."""
    height, arch, tilt, _, _ = brow.unbind(1)
    along = ((x - BROW_START) / BROW_LENGTH).clamp(0, 1)
    return -0.0195 - height - arch * torch.sin(along * _ARCH) + tilt * (x - 0.03) + _TAIL * along**3


def brows(place: Tensor, brow: Tensor, noise: Tensor) -> Tensor:
    """(P,) how much brow covers a place on the face."""
    x, y = place[:, 0].abs(), place[:, 1]
    thickness, density = brow[:, 3], brow[:, 4]
    along = (x - BROW_START) / BROW_LENGTH
    half = thickness * (1.3 - 0.8 * along.clamp(0, 1))
    distance = (y - brow_middle(x, brow)).abs() + (noise[:, 3] - 0.5) * 0.0016
    inside = torch.sigmoid((half - distance) / 0.0007)
    ends = torch.sigmoid(along / 0.04) * torch.sigmoid((1 - along) / 0.05)
    return inside * ends * density * (0.75 + 0.5 * (noise[:, 2] - 0.5)) * (place[:, 2] < 0.03)


def _wrinkles(place: Tensor, noise: Tensor) -> Tensor:
    """(P,) how dark the lines of an old face are: forehead, frown, crow's feet, bags, folds by nose and mouth, neck."""
    x, y, z = place[:, 0].abs(), place[:, 1], place[:, 2]
    wave = y + 0.004 * noise[:, 0] + 0.0015 * torch.sin(place[:, 0] * 90)
    forehead = torch.sin(wave * 900).clamp_min(0) ** 2 * _bump(y, -0.052, 0.014) * (x < 0.045)
    frown = _bump(x, 0.0055, 0.0011) * _bump(y, -0.02, 0.008)
    fan = torch.atan2(y - 0.002, x - 0.042)
    feet = torch.sin(fan * 14).clamp_min(0) ** 2 * _bump(x, 0.056, 0.006) * _bump(y, 0.002, 0.012)
    bags = _bump(x, 0.031, 0.014) * torch.exp(-(((y - 0.017 + 2.5 * (x - 0.031) ** 2) / 0.004) ** 2))
    fold = torch.exp(-(((x - 0.021 - 0.45 * (y - 0.042)) / 0.0028) ** 2)) * (y > 0.04) * (y < 0.075)
    mouth = torch.exp(-(((x - 0.027 - 0.15 * (y - 0.078)) / 0.0022) ** 2)) * _bump(y, 0.086, 0.009)
    face = 0.28 * forehead + 0.3 * frown + 0.26 * feet + 0.2 * bags + 0.3 * fold + 0.25 * mouth
    neck = 0.3 * torch.sin((y - 0.25 * z) * 420).clamp_min(0) ** 6 * _bump(y, 0.145, 0.018)
    return face * (z < 0.02) + neck


def _painted(albedo: Tensor, place: Tensor, makeup: Tensor) -> Tensor:
    """With rouge on the cheeks and a line around the eyes; `makeup` (P, 5) is colour, strength, line."""
    x, y, front = place[:, 0].abs(), place[:, 1], place[:, 2] < 0.03
    cheek = torch.exp(-(((x - 0.048) / 0.014) ** 2) - (((y - 0.030 + 0.5 * (x - 0.048)) / 0.011) ** 2)) * front
    albedo = torch.lerp(albedo, makeup[:, :3], (cheek * makeup[:, 3])[:, None])
    edge = (((x - 0.0312) / 0.0172) ** 2 + ((y - 0.0005) / 0.0075) ** 2).clamp_min(1e-6).sqrt()
    upper = torch.sigmoid((0.002 - y) / 0.001)
    line = _bump(edge, 1.0, 0.14) * (0.35 + 0.65 * upper)
    wing = _bump(y, -0.001, 0.0011) * torch.sigmoid((x - 0.046) / 0.001) * torch.sigmoid((0.054 - x) / 0.001)
    return albedo * (1 - 0.85 * torch.maximum(line, wing * upper) * makeup[:, 4] * front)[:, None]


def complexion(albedo: Tensor, place: Tensor, noise: Tensor, surface: Tensor, makeup: Tensor, moles: Tensor) -> Tensor:
    """(P, 3) the skin's colour at places (P, 3), from its even colour.

    `noise` (P, 5) in [0, 1], the last of spots; one row for each sample, or one for all: `surface` (., 3)
    blotches, freckles, wrinkles, `makeup` (., 5), `moles` (., 4, 3).
    """
    blotches, freckles, wrinkles = surface.unbind(1)
    y, front = place[:, 1], place[:, 2] < 0.02
    tone = 1 + blotches * (noise[:, 0] - 0.5) * 0.8 + 0.05 * (noise[:, 2] - 0.5) + 0.07 * (noise[:, 3] - 0.5)
    if bool((wrinkles > 0).any()):
        tone = tone - wrinkles * _wrinkles(place, noise)
    albedo = albedo * tone.clamp_min(0.3)[:, None]
    spots = 0.6 * noise[:, 4] * _bump(y, 0.022, 0.032) * front * freckles
    for mole in moles.unbind(1):
        away = (place[:, :2] - mole[:, :2]).norm(dim=1)
        spots = torch.maximum(spots, 1.4 * torch.sigmoid((mole[:, 2] - away) / 0.0004) * front * (mole[:, 2] > 0))
    albedo = albedo * (1 - spots[:, None] * torch.tensor([0.35, 0.5, 0.55], device=place.device))
    return _painted(albedo, place, makeup) if bool((makeup[:, 3:] > 0).any()) else albedo
