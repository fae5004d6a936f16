"""What an eye shows: white with veins, iris with fibres, collarette and a dark border, pupil."""

from __future__ import annotations

import torch
from torch import Tensor


def eye_colours(place: Tensor, white: Tensor, iris: Tensor, size: Tensor, pupil: Tensor) -> Tensor:
    """Albedo (P, 3) at places (P, 3) about the eye's centre, z away from what it looks at.

    `white` (P, 3) of the sclera; for each sample or for all, `iris` (., 3), `size` (.,) the sine of the angle up to
    which it reaches, `pupil` (.,) its share of the iris.
    """
    direction = torch.nn.functional.normalize(place, dim=1)
    radius = direction[:, :2].norm(dim=1) + (direction[:, 2] > 0) * 2.0
    angle = torch.atan2(direction[:, 1], direction[:, 0])
    inner = radius / size
    way = ((inner - pupil) / (1 - pupil)).clamp(0, 1)
    fibres = torch.sin(angle * 41 + 3 * torch.sin(angle * 7)) * 0.5 + torch.sin(angle * 67 + 2 * way) * 0.3
    fibres = fibres + 0.5 * torch.sin(angle * 19 + 4 * torch.sin(way * 5))
    ring = torch.exp(-(((way - 0.28) / 0.16) ** 2))  # the collarette, lighter and warmer
    level = (0.78 + 0.16 * fibres + 0.35 * ring + 0.12 * direction[:, 1] / size).clamp_min(0.2)
    warm = 1 + 0.25 * ring[:, None] * place.new_tensor([1.0, 0.45, -0.2])
    border = 1 - 0.82 * torch.sigmoid((inner - 0.90) / 0.035)
    coloured = iris * warm * (level * border)[:, None]
    away = ((radius - size) / 0.55).clamp(0, 1)
    vein = (torch.sin(angle * 29 + 2.5 * torch.sin(radius * 19 + angle * 3)) ** 8) * away
    sclera = white * (0.74 - 0.22 * away)[:, None]  # under lids and lashes, it is never as light as it is white
    sclera = sclera * (
        1 - vein[:, None] * place.new_tensor([0.03, 0.16, 0.16]) - away[:, None] * place.new_tensor([0.0, 0.07, 0.09])
    )
    colour = torch.lerp(sclera, coloured, torch.sigmoid((size - radius) / 0.014)[:, None])
    return colour * torch.sigmoid((inner - pupil) / 0.022)[:, None].clamp_min(0.012)
