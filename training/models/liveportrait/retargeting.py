"""Small networks of numbers: stitching, and eyes and lips opened as far as is wished (paper, 3.2)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class Retargeting(nn.Module):
    """Layers with ReLU between them."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.mlp = nn.Sequential(*layers[:-1])

    def forward(self, numbers: Tensor) -> Tensor:
        """(B, N) from (B, M)."""
        return self.mlp(numbers)


def stitching(points: int) -> Retargeting:
    """What `stitched` uses."""
    return Retargeting((6 * points, 128, 128, 64, 3 * points + 2))


def lips(points: int) -> Retargeting:
    """What `opened` uses for lips: ratios of source and target."""
    return Retargeting((3 * points + 2, 128, 128, 64, 3 * points))


def eyes(points: int) -> Retargeting:
    """What `opened` uses for eyes: ratios of the source's two and of the target."""
    return Retargeting((3 * points + 3, 256, 256, 128, 128, 64, 3 * points))


def stitched(network: Retargeting, source: Tensor, driving: Tensor) -> Tensor:
    """`driving` points (B, K, 3), changed so that shoulders stay where `source` (1 or B, K, 3) has them."""
    both = torch.cat([source.expand_as(driving).flatten(1), driving.flatten(1)], 1)
    found = network(both)
    delta, shift = found[:, :-2].unflatten(1, driving.shape[1:]), found[:, -2:]
    return driving + delta + nn.functional.pad(shift, (0, 1))[:, None]


def opened(network: Retargeting, source: Tensor, ratios: Tensor) -> Tensor:
    """(B, K, 3): by how much the `source` points (1 or B, K, 3) move for the `ratios` (B, n) of eyes or lips."""
    count = ratios.shape[0]
    numbers = torch.cat([source.expand(count, -1, -1).flatten(1), ratios], 1)
    return network(numbers).unflatten(1, source.shape[1:])
