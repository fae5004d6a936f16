"""Beards and moustaches as geometry: a copy of the lower face's skin, lifted where hair grows, hanging from the chin.

Where none grows the copy lies under the skin, so its topology is the same for everybody, and it follows the face's
expressions because every vertex follows the skin vertex under it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.seeds import Draw

_UNDER = 0.003
"""Metres under the skin where no hair grows."""


@dataclass(frozen=True)
class Beard:
    """How much hair stands off the face, metres."""

    thickness: float
    """0: none, the beard is only painted on the skin."""
    length: float
    """How far it hangs below the chin."""


def sample_beard(draw: Draw, density: float) -> Beard:
    """The beard of one who has `density` (0 to 1, see `Identity.beard`) of it."""
    full = density > 0.35 and draw.chance(0.75)
    length = draw.between(0.0, 0.07) if draw.chance(0.5) else draw.between(0, 0.015)
    return Beard(draw.between(0.002, 0.007) if full else 0.0, length)


def beard_region(mean: Tensor, skin: Tensor) -> Tensor:
    """(B,) indices of the skin vertices, `skin` (M,) bool of the mean head (M, 3), on which any beard may grow."""
    y, z = mean[:, 1], mean[:, 2]
    return (skin & (y > 0.045) & (y < 0.14) & (z < 0.085)).nonzero().flatten()


def beard_triangles(region: Tensor, triangles: Tensor, first: int) -> Tensor:
    """The mesh's triangles inside the region, over the copies' vertices, which start at `first`."""
    number = torch.full((int(triangles.max()) + 1,), -1)
    number[region] = torch.arange(len(region))
    copied = number[triangles]
    return copied[(copied >= 0).all(1)] + first


def _bump(value: Tensor, centre: float, width: float) -> Tensor:
    return torch.exp(-(((value - centre) / width) ** 2))


def beard_mask(place: Tensor, kind: int) -> Tensor:
    """(M,) where a full beard, a goatee, a moustache or stubble grows, on the mean head."""
    x, y, z = place.abs().unbind(1)[0], place[:, 1], place[:, 2]
    upper_lip = _bump(y, 0.056, 0.007) * (x < 0.034) * (z < 0.01)
    chin = torch.sigmoid((y - 0.083) / 0.003) * torch.sigmoid((0.127 - y) / 0.004) * (z < 0.06)
    jaw = torch.sigmoid((y - (0.062 - 0.55 * (z - 0.02).clamp_min(0))) / 0.004) * torch.sigmoid((0.13 - y) / 0.004)
    jaw = jaw * torch.sigmoid((x - 0.032) / 0.004) * torch.sigmoid((0.078 - z) / 0.004)
    sides = _bump(x, 0.03, 0.006) * torch.sigmoid((y - 0.058) / 0.003) * (z < 0.01) * (y < 0.12)
    goatee = torch.maximum(torch.maximum(chin * torch.sigmoid((0.03 - x) / 0.003), sides), upper_lip)
    full = torch.maximum(torch.maximum(chin, jaw), torch.maximum(upper_lip, sides))
    return (full, goatee, upper_lip, full * 0.6)[kind].clamp(0, 1)


def beard_offsets(place: Tensor, normals: Tensor, bare: Tensor, beard: Beard, kind: int) -> Tensor:
    """(B, 3) from skin to beard, metres.

    `place` (B, 3) on the mean head, `normals` (B, 3) of this face, `bare` (B,) 1 on the lips and inside the mouth.
    """
    if beard.thickness == 0 or kind == 3:  # stubble has no volume
        return normals * -_UNDER
    mask = beard_mask(place, kind) * (1 - bare).clamp_min(0)
    lift = (mask / 0.5).clamp(0, 1) * (beard.thickness + _UNDER) - _UNDER
    # Rough, so that outline and light break up; a fixed pattern of the place keeps it the same in every frame.
    rough = torch.sin(place[:, 0] * 900) * torch.sin(place[:, 1] * 700 + place[:, 2] * 500)
    lift = lift + 0.05 * beard.thickness * rough * (mask > 0.5)
    x, y, z = place[:, 0].abs(), place[:, 1], place[:, 2]
    chin = torch.sigmoid((y - 0.095) / 0.006) * _bump(x, 0.0, 0.045) * torch.sigmoid((0.045 - z) / 0.012) * mask
    moustache = _bump(y, 0.056, 0.008) * (z < 0.01) * mask
    hang = beard.length * chin * (0.5 + 0.5 * torch.sigmoid((y - 0.108) / 0.004)) + 0.004 * moustache
    down = torch.tensor([0.0, 1.0, -0.25], device=place.device)
    return normals * lift[:, None] + down * hang[:, None]
