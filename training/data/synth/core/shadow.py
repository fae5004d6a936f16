"""Shadows that a mesh casts on itself: a depth map seen from a lamp (Williams, "Casting curved shadows on curved
surfaces", 1978), looked up at several places (Reeves et al., 1987) so that edges are soft; and the shade in creases,
from how much nearer to the camera the surroundings are (Luft et al., "Image enhancement by unsharp masking the depth
buffer", 2006).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .raster import hits, rasterise

_SIDE = 160
_REACH, _FAR = 0.23, 3.0
"""Metres around the middle that are looked at, and beyond which nothing casts a shadow."""
_AWAY = 0.004
"""Metres off a surface at which its light is looked up."""
_TAPS = 6
_BIAS, _SOFT = 0.002, 0.005
"""Metres behind the nearest surface from where on a place is in shadow, and until it is wholly."""
_NOWHERE = -10.0
_CREASES = ((0.0035, 0.3, 0.35), (0.012, 0.16, 0.3))
"""How wide creases are (metres), how dark, and how dark at most."""


@dataclass(frozen=True)
class ShadowMap:
    """What each of N lamps sees."""

    axes: Tensor
    """(N, 3, 3): across, down, and towards the lamp."""
    low: Tensor
    """(N, 2)"""
    scale: Tensor
    """(N,) texels of a metre."""
    near: Tensor
    """(N, _SIDE, _SIDE) metres towards the lamp of the nearest surface; `_NOWHERE` where there is none."""

    def lit(self, place: Tensor, normal: Tensor, frame: Tensor, width: float) -> Tensor:
        """(P,) in [0, 1]: how much of the lamp reaches places (P, 3) with normals (P, 3); `width` of the soft edge in
        metres.
        """
        place = place + _AWAY * normal  # a surface must not lie in the shadow of its own next texel
        axes = self.axes[frame] if len(self.axes) > 1 else self.axes
        seen = (axes @ place[..., None])[..., 0]
        at = (seen[:, :2] - self.low[frame]) * self.scale[frame][:, None]
        total = torch.zeros(len(place), device=place.device)
        spread = width * self.scale[frame]
        flat = self.near.flatten()
        # Every place looks in directions of its own: the same ones everywhere would show the map's texels as stairs.
        phase = (at * at.new_tensor([12.9898, 78.233])).sum(1).remainder(1) * (2 * math.pi)
        across, down = spread * phase.cos(), spread * phase.sin()
        for tap in range(_TAPS):
            angle, radius = tap * 2.39996, math.sqrt((tap + 0.5) / _TAPS)
            cos, sin = radius * math.cos(angle), radius * math.sin(angle)
            x = (at[:, 0] + across * cos - down * sin).round().long().clamp(0, _SIDE - 1)
            y = (at[:, 1] + across * sin + down * cos).round().long().clamp(0, _SIDE - 1)
            nearest = flat[(frame * _SIDE + y) * _SIDE + x]
            total += ((nearest - seen[:, 2] - _BIAS) / _SOFT).clamp(0, 1)
        inside = ((at - _SIDE / 2).abs() < _SIDE / 2 - 2).all(1)
        return torch.where(inside, 1 - total / _TAPS, 1.0)


def shadow_map(points: Tensor, shown: Tensor, triangles: Tensor, lamps: Tensor, middle: Tensor) -> ShadowMap:
    """Looks from `lamps` (N, 3), unit directions towards them, at points (N, V, 3) about `middle` (N, 3).

    `shown` (N, V) > 0 casts shadows.
    """
    side = functional.normalize(
        torch.linalg.cross(lamps, lamps.new_tensor([[0.05, 1.0, 0.02]]).expand_as(lamps)), dim=1
    )
    axes = torch.stack([side, torch.linalg.cross(lamps, side), lamps], 1)
    seen = (points - middle[:, None]) @ axes.transpose(1, 2)
    low = torch.full_like(middle[:, :2], -_REACH)
    scale = torch.full_like(middle[:, 0], (_SIDE - 1) / (2 * _REACH))
    flat = (seen[..., :2] + _REACH) * scale[:, None, None]
    nearness = (seen[..., 2:] + _FAR).clamp_min(0.01) * (shown[..., None] > 0)
    screen = torch.cat([flat, nearness], -1)
    both = torch.ones(len(triangles), dtype=torch.bool, device=points.device)
    found = hits(rasterise(screen, triangles, both, _SIDE, _SIDE), screen, triangles)
    near = torch.full((len(points) * _SIDE * _SIDE,), _NOWHERE, device=points.device)
    corner = triangles[found.triangle] + (found.frame * points.shape[1])[:, None]
    near[found.sample] = (seen[..., 2].flatten()[corner] * found.weights).sum(1)
    shift = (axes @ middle[..., None])[..., 0]
    near = near.view(-1, _SIDE, _SIDE) + shift[:, 2, None, None]
    return ShadowMap(axes, low + shift[:, :2], scale, near)


def crease_light(depth: Tensor, pixels: list[float]) -> Tensor:
    """(N, S, S) in [0, 1]: how open places are to the light from before them.

    `depth` (N, S, S) in metres from the camera, 0 where nothing is; `pixels`: metres of one at each face.
    """
    return torch.cat([_crease_light(one, pixel) for one, pixel in zip(depth.split(1), pixels, strict=True)])


def _crease_light(depth: Tensor, pixel: float) -> Tensor:
    """One frame of `crease_light`, each width at a resolution of its own: (1, S, S)."""
    solid = (depth > 0).float()
    light = torch.ones_like(depth)
    for metres, strength, most in _CREASES:
        step = max(2, int(metres / (2 * pixel)))
        reach = max(1, round(metres / (pixel * step)))
        weight = functional.avg_pool2d(solid, step, ceil_mode=True)
        own = functional.avg_pool2d(depth * solid, step, ceil_mode=True)
        around = _mean(own, reach) / _mean(weight, reach).clamp_min(1e-3)
        around = functional.interpolate(around[None], depth.shape[-2:], mode="bilinear", align_corners=False)[0]
        nearer = (depth - around).clamp(0, 0.02)
        light = light * (1 - (strength * nearer / (0.45 * metres)).clamp(0, most))
    return torch.where(depth > 0, light, torch.ones_like(light))


def _mean(value: Tensor, reach: int) -> Tensor:
    """(1, S, S) over squares of `reach` to each side, twice."""
    once = functional.avg_pool2d(value, 2 * reach + 1, 1, reach)
    return functional.avg_pool2d(once, 2 * reach + 1, 1, reach)
