"""Brows, lashes and beards hair by hair, rooted in the face."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from ..core.strands import Strands
from .beard import beard_mask
from .head import BEARD, LASHES, SKIN, HeadAsset
from .identity import Identity
from .skin import BROW_LENGTH, BROW_START, brow_middle, brows

_BROW, _BEARD = 7000, 5200
"""Places that are tried."""
_NOSE, _LIP = 0.048, 0.066
"""Heights on the mean head, metres, between which a moustache grows."""
_STUBBLE = 0.45
"""Share of the skin's colour in that of stubble."""
_ANCHORS = 12
"""Of a row of lashes, from the inner corner of an eye to the outer one."""


@lru_cache(maxsize=4)
def _places(asset: HeadAsset, lower: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Triangles' corners (P, 3), weights (P, 3) and places (P, 3) on the mean face, spread over brows or lower face."""
    generator = torch.Generator().manual_seed(0xB12 + lower)
    skin = asset.triangles[asset.triangle_part == SKIN].cpu()
    corner = asset.mean.cpu()[skin]
    middle, area = (
        corner.mean(1),
        torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]).norm(dim=1),
    )
    if lower:
        near = torch.isin(skin, asset.beard_region.cpu()).all(1)
    else:
        near = (middle[:, 1] > -0.045) & (middle[:, 1] < -0.008) & (middle[:, 2] < 0.03) & (middle[:, 0].abs() < 0.062)
    chosen = torch.multinomial(area * near, _BEARD if lower else _BROW, True, generator=generator)
    weight = torch.rand(len(chosen), 3, generator=generator, dtype=torch.float64).log().neg().float()
    weight = weight / weight.sum(1, keepdim=True)
    index, device = skin[chosen], asset.mean.device
    return index.to(device), weight.to(device), (corner[chosen] * weight[..., None]).sum(1).to(device)


def _framed(index: Tensor, weight: Tensor, body: Tensor, normals: Tensor, direction: Tensor) -> Tensor:
    """(P, 3) directions (P, 3) at rest as `Strands.offset` counts them."""
    normal = functional.normalize((normals[index] * weight[..., None]).sum(1), dim=1)
    along = body[index[:, 2]] - body[index[:, 0]]
    along = functional.normalize(along - normal * (along * normal).sum(1, keepdim=True), dim=1)
    axes = torch.stack([normal, along, torch.linalg.cross(normal, along)], 1)
    return (axes @ direction[..., None])[..., 0]


def _rooted(points: int, root: tuple[Tensor, Tensor], way: Tensor, lift: Tensor, length: Tensor, shade: Tensor,
            colour: Tensor, width: float) -> Strands:  # fmt: skip
    """Strands from roots (indices and weights (P, 3)): `way` (P, 3) framed unit directions, `lift` (P, points) and
    `length` (P,) in metres.
    """
    index, weight = root
    count = len(index)
    index = torch.cat([index, index[:, :1]], 1)[:, None].expand(count, points, 4)
    weight = functional.pad(weight, (0, 1))[:, None].expand(count, points, 4)
    share = torch.linspace(0, 1, points, device=way.device)
    offset = way[:, None] * (length[:, None] * share)[..., None]
    offset = torch.cat([offset[..., :1] + lift[..., None], offset[..., 1:]], -1)
    shade = shade[:, None].expand(count, points)
    return Strands(index, weight, offset, shade, colour, torch.full_like(length, width))


def _mottled(colour: Tensor, count: int, generator: torch.Generator, spread: float = 0.3) -> Tensor:
    """(P, 3) colours about one (3,)."""
    noise = torch.randn(count, 1, generator=generator).to(colour.device)
    return (colour * torch.exp(spread * noise)).clamp(0.002, 0.95)


def brow_strands(asset: HeadAsset, who: Identity, body: Tensor, normals: Tensor, points: int) -> Strands:
    """Brows: upright at the nose, then outwards along their line; `body` (M, 3) at rest with `normals`."""
    generator = torch.Generator().manual_seed(int(1e6 * float(who.noise_offset[0])))
    index, weight, at = _places(asset, False)
    brow = torch.from_numpy(who.brow).to(at)[None]
    even = torch.full((len(at), 4), 0.5, device=at.device)
    chance = brows(at, brow, even).clamp(0, 1) * 0.5
    kept = (torch.rand(len(at), generator=generator).to(at) < chance).nonzero().flatten()
    index, weight, at = index[kept], weight[kept], at[kept]
    along = ((at[:, 0].abs() - BROW_START) / BROW_LENGTH).clamp(0, 1)
    middle = brow_middle(at[:, 0].abs(), brow)
    angle = 0.8 * (1 - along / 0.3).clamp_min(0) + 0.2 - 0.6 * along
    angle = angle + ((at[:, 1] - middle) / 0.004).clamp(-1, 1) * 0.45  # towards the middle line
    angle = angle + 0.11 * torch.randn(len(at), generator=generator).to(at)
    direction = torch.stack([angle.cos() * at[:, 0].sign(), -angle.sin(), 0.25 * along], 1)
    way = _framed(index, weight, body, normals, functional.normalize(direction, dim=1))
    way[:, 0] = 0.04
    length = 0.004 + 0.003 * torch.rand(len(at), generator=generator).to(at)
    share = torch.linspace(0, 1, points, device=at.device)
    lift = (0.0003 + 0.0005 * torch.sin(share * 2.6)).expand(len(at), points)
    colour = _mottled(torch.from_numpy(who.brow_colour).to(at), len(at), generator)
    shade = torch.full_like(length, 0.9)
    return _rooted(points, (index, weight), way, lift, length, shade, colour, 0.00026)


def beard_strands(asset: HeadAsset, who: Identity, body: Tensor, normals: Tensor, points: int) -> Strands:
    """Beard, moustache or stubble; `body` (V, 3) at rest with the beard's copy of the skin, `normals` of the mesh."""
    generator = torch.Generator().manual_seed(int(1e6 * float(who.noise_offset[1])))
    index, weight, at = _places(asset, True)
    bare = (asset.masks[index][..., 0] * weight).sum(1)
    chance = beard_mask(at, who.beard_kind) * who.beard * (1 - bare).clamp(0, 1) ** 2
    kept = (torch.rand(len(at), generator=generator).to(at) < chance).nonzero().flatten()
    index, weight, at = index[kept], weight[kept], at[kept]
    full = who.beard_shape.thickness > 0 and who.beard_kind != 3
    count = len(kept)
    noise = torch.randn(count, 3, generator=generator).to(at)
    direction = torch.stack([at[:, 0] * 8, torch.ones_like(at[:, 0]), torch.full_like(at[:, 0], -0.2)], 1)
    direction = functional.normalize(direction + (0.35 if full else 0.6) * noise, dim=1)
    way = _framed(index, weight, body, normals, direction)
    way[:, 0] = way[:, 0].abs() * 0.5 + 0.15
    length = (
        0.005 + 0.009 * torch.rand(count, generator=generator)
        if full
        else 0.0012 + 0.0012 * torch.rand(count, generator=generator)
    ).to(at)
    # What grows above the mouth is cut short of it.
    above = ((_LIP - at[:, 1]) * 0.8).clamp_min(0.0015)
    over = (at[:, 1] > _NOSE) & (at[:, 1] < _LIP) & (at[:, 0].abs() < 0.036)
    length = torch.where(over, torch.minimum(length, above), length)
    if full:
        number = torch.zeros(asset.mesh_vertices, dtype=torch.int64, device=at.device)
        number[asset.beard_region] = torch.arange(len(asset.beard_region), device=at.device) + asset.span(BEARD).start
        index = number[index]
    lift = (0.0002 + 0.001 * torch.rand(count, 1, generator=generator).to(at) * full).expand(count, points)
    colour = _mottled(torch.from_numpy(who.beard_colour).to(at), count, generator)
    if not full:  # skin shows through what is shorter than a sample is wide
        colour = torch.lerp(colour, torch.from_numpy(who.skin).to(colour), _STUBBLE)
    shade = 0.6 + 0.4 * torch.rand(count, generator=generator).to(at)
    return _rooted(points, (index, weight), way, lift, length, shade, colour, 0.0007 if full else 0.00014)


@lru_cache(maxsize=4)
def lash_rows(asset: HeadAsset) -> tuple[tuple[Tensor, Tensor], ...]:
    """Four rows of anchors (inner and outer vertices (_ANCHORS,) of the ribbons): left upper and lower, right ones."""
    mean, part = asset.mean[: asset.mesh_vertices].cpu(), asset.part[: asset.mesh_vertices].cpu()
    rows = []
    for side in (1, -1):
        ribbon = ((part == LASHES) & (mean[:, 0] * side > 0)).nonzero().flatten()
        at = mean[ribbon] - torch.tensor([side * 0.0312, 0.0012, 0.0])
        angle, radius = torch.atan2(-at[:, 1] * 1.8, at[:, 0] * side), at[:, :2].norm(dim=1)
        for first, last in ((2.75, 0.5), (-2.65, -0.6)):
            pairs = []
            for aim in torch.linspace(first, last, _ANCHORS):
                near = ((angle - aim).abs() < 0.2).nonzero().flatten()
                near = near if len(near) > 1 else (angle - aim).abs().argsort()[:3]
                pairs.append((ribbon[near[radius[near].argmin()]], ribbon[near[radius[near].argmax()]]))
            inner, outer = (torch.tensor(each).to(asset.mean.device) for each in zip(*pairs, strict=True))
            rows.append((inner, outer))
    return tuple(rows)


def lash_strands(asset: HeadAsset, who: Identity, points: int, made_up: float) -> Strands:
    """Lashes along the lids' edges; `made_up` in [0, 1] makes them longer and denser."""
    generator = torch.Generator().manual_seed(int(1e6 * float(who.noise_offset.sum())))
    index, weight = [], []
    for number, (inner, outer) in enumerate(lash_rows(asset)):
        lower = number % 2
        count = int((80 + 60 * made_up) * (0.55 if lower else 1))
        place = torch.rand(count, generator=generator) * (_ANCHORS - 1.001)
        cell, share = place.long(), (place % 1)[:, None]
        reach = (
            (0.3 if lower else 0.6) * (0.75 + 0.5 * torch.rand(count, 1, generator=generator)) * (1.1 + 0.35 * made_up)
        )
        fan = 0.24 * torch.randn(count, 1, generator=generator)
        row = torch.linspace(0, 1, points) * reach * 1.5
        share = (share + fan * torch.linspace(0, 1, points) ** 2 * 0.5).clamp(-0.4, 1.4)
        weight.append(torch.stack([(1 - row) * (1 - share), (1 - row) * share, row * (1 - share), row * share], -1))
        four = torch.stack([inner[cell], inner[cell + 1], outer[cell], outer[cell + 1]], -1)
        index.append(four[:, None].expand(-1, points, -1))
    indices, weights = torch.cat(index), torch.cat(weight).to(asset.mean)
    order = torch.randperm(len(indices), generator=generator).to(asset.mean.device)
    zero = torch.zeros_like(weights[..., :3])
    dark = torch.from_numpy(who.brow_colour).to(zero) * 0.35
    colour = _mottled(dark, len(indices), generator)
    full = Strands(indices, weights, zero, zero[..., 0] + 0.8, colour, zero[:, 0, 0] + 0.00013)
    return full.at(order)
