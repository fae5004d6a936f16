"""What is in a mouth: teeth one by one, gums, what lies deep and dark; painted by place on the mean head."""

from __future__ import annotations

import torch
from torch import Tensor

_BOUNDS = torch.tensor([0.0, 0.0083, 0.0150, 0.0226, 0.0298, 0.0369, 0.0470, 0.0570, 0.07])
_LOWER_BOUNDS = torch.tensor([0.0, 0.0053, 0.0112, 0.0182, 0.0254, 0.0326, 0.0430, 0.0535, 0.07])
"""Where teeth of one side end along the arch, metres from the middle (widths after Wheeler's "Dental Anatomy")."""
_ARCH = 0.063
"""Metres of half an arch."""
_BITE = 0.0712
"""Height of the bite on the mean head."""
_DARKENING = 0.032
"""Metres along the arch, behind the front teeth, over which light falls to a third."""
_GUM = (0.56, 0.24, 0.23)


def _tooth(along: Tensor, bounds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Number (P,), place across in [-1, 1] and half width of the tooth at `along` (P,) metres from the middle."""
    bounds = bounds.to(along.device)
    number = (torch.bucketize(along, bounds, right=True) - 1).clamp(0, len(bounds) - 2)
    first, last = bounds[number], bounds[number + 1]
    half = (last - first) / 2
    return number, ((along - first) / half - 1).clamp(-1, 1), half


def teeth(place: Tensor, enamel: Tensor) -> tuple[Tensor, Tensor]:
    """Albedo (P, 3) and a factor of the highlight (P,) at places (P, 3) of the teeth, from the colour of their enamel
    (P, 3).
    """
    x, y = place[:, 0].abs(), place[:, 1]
    along = torch.atan2(x, 0.03 - place[:, 2]) * (_ARCH / 1.5708)
    upper = y < _BITE
    number, across, half = _tooth(along, _BOUNDS)
    number_low, across_low, half_low = _tooth(along, _LOWER_BOUNDS)
    number, across, half = (
        torch.where(upper, *pair)
        for pair in ((number, number_low), (across, across_low), (half, half_low))
    )  # fmt: skip
    root = torch.where(upper, _BITE - y, y - _BITE) / 0.0115  # 0 at the bite, 1 at the gum
    odd = ((number * 7919 + upper.long() * 104729) % 17).float() / 17 - 0.5
    gap = (1 - across.abs()) * half
    width = 0.00022 + 0.0005 * torch.exp(-root / 0.10) + 0.0003 * (root - 0.8).clamp_min(0)
    shade = 1 - 0.62 * torch.exp(-((gap / width) ** 2))
    shade = shade * (1 - 0.22 * across**2) * (1 + 0.10 * odd)
    edge = torch.exp(-root / 0.09)
    colour = enamel * shade[:, None] * (1 - edge[:, None] * place.new_tensor([0.22, 0.17, 0.10]))
    colour = colour * torch.exp((0.012 - along).clamp_max(0) / _DARKENING)[:, None]  # farther back less light comes in
    line = 0.98 - 0.16 * across**2 + 0.04 * odd
    gum = torch.sigmoid((root - line) / 0.03)
    pink = place.new_tensor(_GUM) * (0.75 + 0.25 * torch.sigmoid((root - line - 0.08) / 0.04))[:, None]
    return torch.lerp(colour, pink, gum[:, None]), 1 - 0.5 * across**2
