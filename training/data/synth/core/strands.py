"""Hairs: curves bound to a mesh, drawn as lines one sample wide over what is drawn already.

Each point of a strand lies at a place between four vertices of a mesh and, off it, along that place's normal and two
tangents, so strands follow whatever moves the mesh, and need no truth of their own. Strands thinner than a sample
would hide too much: then fewer are drawn (`Strands.thinned`), always the same ones at one size, and those more faintly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .raster import expand, interpolate

_GOLDEN = 0.6180339887498949
_LONGEST = 96
"""Samples of one segment at most: nothing that near to the camera is wanted."""


@dataclass(frozen=True)
class Strands:
    """S strands of K points, in any order that has no place in it."""

    index: Tensor
    """(S, K, 4) int64 vertices; tangents run from the first towards the third."""
    weight: Tensor
    """(S, K, 4) summing to one."""
    offset: Tensor
    """(S, K, 3) metres along the normal, that tangent, and their cross product."""
    shade: Tensor
    """(S, K): how much of the light reaches a point between other hairs, and how light its colour is there."""
    colour: Tensor
    """(S, 3) linear light."""
    width: Tensor
    """(S,) metres."""

    def __len__(self) -> int:
        return len(self.index)

    def at(self, index: Tensor | slice) -> Strands:
        """Some of the strands."""
        return Strands(*(value[index] for value in vars(self).values()))

    def thinned(self, sample: float) -> Strands:
        """Those that are drawn where a sample is that many metres wide: fewer where it is wider than they are."""
        rank = (torch.arange(len(self), device=self.width.device, dtype=torch.float64) * _GOLDEN) % 1
        return self.at((rank < (self.width / sample).sqrt()).nonzero().flatten())

    def to(self, device: torch.device | str) -> Strands:
        """The same on a device."""
        return Strands(*(value.to(device) for value in vars(self).values()))

    @staticmethod
    def join(parts: list[Strands]) -> Strands:
        """All of them; K must be the same."""
        return Strands(*(torch.cat(values) for values in zip(*(vars(part).values() for part in parts), strict=True)))


def no_strands(points: int) -> Strands:
    """None, of `points` points each."""
    four = torch.zeros(0, points, 4)
    return Strands(four.long(), four, four[..., :3], four[..., 0], torch.zeros(0, 3), torch.zeros(0))


def place(strands: Strands, points: Tensor, normals: Tensor) -> tuple[Tensor, Tensor]:
    """Points (S, K, 3) of strands on a mesh with points (V, 3) and unit normals (V, 3), and the normals there."""
    flat, weight = strands.index.flatten(0, 1), strands.weight.flatten(0, 1)
    table = torch.cat([points, normals], 1)
    first = interpolate(table, flat[:, :3], weight[:, :3])
    first.addcmul_(table.index_select(0, flat[:, 3]), weight[:, 3:])
    normal = functional.normalize(first[:, 3:], dim=1)
    along = points.index_select(0, flat[:, 2]) - points.index_select(0, flat[:, 0])
    along = functional.normalize(along - normal * (along * normal).sum(1, keepdim=True), dim=1)
    away = strands.offset.flatten(0, 1)
    moved = first[:, :3] + normal * away[:, :1] + along * away[:, 1:2]
    moved = moved + torch.linalg.cross(normal, along) * away[:, 2:]
    return moved.view(strands.index.shape[0], -1, 3), normal.view(strands.index.shape[0], -1, 3)


@dataclass
class Seen:
    """P samples in which a hair is nearest."""

    sample: Tensor
    """(P,) int64, see `raster.Hits`."""
    segment: Tensor
    """(P,) int64 into S * (K - 1)."""
    way: Tensor
    """(P,) in [0, 1], from the segment's first point to its second."""
    inverse_depth: Tensor
    """(P,)"""
    crowd: Tensor
    """(P,) int64: how many hairs there are, that one included."""


def _free(screen: Tensor, frame: Tensor, below: Tensor, side: int) -> Tensor:
    """(S, K) whether points (S, K, 3) lie before `below`: a segment that has both ends behind it is not drawn."""
    cell = screen[..., :2].round().long().clamp(0, side - 1)
    return screen[..., 2] > below[(frame[:, None] * side + cell[..., 1]) * side + cell[..., 0]]


def draw(screen: Tensor, wide: Tensor, frame: Tensor, below: Tensor, side: int) -> Seen:
    """The nearest strands where nothing of `below` is nearer.

    `screen` (S, K, 3): x and y in samples, inverse depth (<= 0: not shown); `wide` (S,) whole samples across;
    `frame` (S,) in [0, N); `below` (N * side * side,) inverse depth of what is drawn already, 0 where nothing is.
    """
    pieces = screen.shape[1] - 1
    free = _free(screen, frame, below, side)
    first, second = screen[:, :-1].reshape(-1, 3), screen[:, 1:].reshape(-1, 3)
    step = second - first
    low, high = torch.minimum(first, second), torch.maximum(first, second)
    inside = (high[:, :2] > 0).all(1) & (low[:, :2] < side - 1).all(1) & (low[:, 2] > 0)
    segment = (inside & (free[:, :-1] | free[:, 1:]).flatten()).nonzero().flatten()
    length = step[segment, :2].abs().amax(1).ceil().clamp(1, _LONGEST).long()
    run, number = expand(length * wide.repeat_interleave(pieces)[segment])
    chosen = segment[run]
    lane = number // length[run]
    way = ((number - lane * length[run]).float() + 0.5) / length[run]
    at = first[chosen] + step[chosen] * way[:, None]
    flat = step[:, 0].abs() > step[:, 1].abs()  # lanes beside each other across the longer axis
    aside = lane.float()
    x = (at[:, 0] + aside * ~flat[chosen]).round().long()
    y = (at[:, 1] + aside * flat[chosen]).round().long()
    within = (x >= 0) & (x < side) & (y >= 0) & (y < side)
    sample = (frame.repeat_interleave(pieces)[chosen] * side + y) * side + x
    within &= at[:, 2] > below[sample.clamp(0, len(below) - 1)]
    kept = within.nonzero().flatten()
    depth = at[kept, 2].contiguous()
    key = (depth.view(torch.int32).long() << 32) | torch.arange(len(kept), device=depth.device)
    best = torch.full((len(below),), -1, dtype=torch.int64, device=depth.device)
    best.scatter_reduce_(0, sample[kept], key, "amax")
    hit = (best >= 0).nonzero().flatten()
    winner = best[hit] & 0xFFFFFFFF
    crowd = torch.bincount(sample[kept], minlength=len(below))[hit]
    return Seen(hit, chosen[kept][winner], way[kept][winner], depth[winner], crowd)
