"""Random thin-plate-spline warps for the equivariance losses (models.md 1; FOMM supplement, TPSMM)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from training.models.parts.matrices import exact_product
from training.models.parts.sampling import coordinate_grid, warp

Distance = Literal["squared", "l1"]
"""`squared`: U = s log(s + 1e-9) of the squared Euclidean distance (TPSMM); `l1`: U = r^2 log(r + 1e-6) of the L1
distance r (FOMM, DAM, MRAA)."""

SIGMA_AFFINE = 0.05
SIGMA_TPS = 0.005
GRID = 5


def seeded_uniform(seeds: Tensor, count: int) -> Tensor:
    """(B, count) numbers in (0, 1), each row a function of its seed (B,) alone, below 2^32, on whatever device it is.

    A hash of seed and place (lowbias32 of C. Wellons' "hash prospector") instead of a generator for every seed, which
    would run on the host only and have a GPU wait for it.
    """
    places = torch.arange(count, device=seeds.device)
    hashed = _hash(_hash(seeds.long()[:, None] & 0xFFFFFFFF) ^ _hash(places + 1))
    return ((hashed >> 9).float() + 0.5) / 2**23


def seeded_normal(seeds: Tensor, count: int) -> Tensor:
    """(B, count) numbers of the standard normal distribution, as `seeded_uniform` (Box and Muller 1958)."""
    length, turn = seeded_uniform(seeds, 2 * count).chunk(2, 1)
    return (-2 * length.log()).sqrt() * torch.cos(2 * torch.pi * turn)


def _hash(values: Tensor) -> Tensor:
    """32 bits to 32 bits, in int64; products overflow, and their lower bits are right."""
    values = ((values ^ (values >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    values = ((values ^ (values >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    return values ^ (values >> 16)


class RandomWarp:
    """One random smooth warp W for every picture of a batch: an affine part and one scalar spline for x and y."""

    def __init__(self, affine: Tensor, weights: Tensor, distance: Distance = "squared") -> None:
        """`affine` (B, 2, 3), `weights` (B, n * n) of the control points on an n x n grid over [-1, 1], x fastest."""
        self.affine = affine
        self.weights = weights
        self.distance = distance
        side = round(weights.shape[1] ** 0.5)
        self.control = coordinate_grid(side, side, affine).reshape(-1, 2)

    @classmethod
    def draw(cls, seeds: Tensor, like: Tensor, distance: Distance = "squared") -> RandomWarp:
        """A warp for every seed (B,), the same whatever batch the seed is in."""
        drawn = seeded_normal(seeds, 6 + GRID * GRID).to(like)
        affine = SIGMA_AFFINE * drawn[:, :6].unflatten(1, (2, 3))
        affine = affine + torch.eye(2, 3, dtype=like.dtype, device=like.device)
        return cls(affine, SIGMA_TPS * drawn[:, 6:], distance)

    def points(self, points: Tensor) -> Tensor:
        """W at `points` (B, K, 2)."""
        offset = points[:, :, None] - self.control
        if self.distance == "squared":
            squared = offset.square().sum(-1)
            bent = squared * torch.log(squared + 1e-9)
        else:
            length = offset.abs().sum(-1)
            bent = length.square() * torch.log(length + 1e-6)
        bent = (bent * self.weights[:, None]).sum(-1, keepdim=True)
        moved = exact_product(points, self.affine[:, :, :2].transpose(1, 2))
        return moved + self.affine[:, None, :, 2] + bent

    def jacobians(self, points: Tensor) -> Tensor:
        """Derivative of W at `points` (B, K, 2), rows = output coordinate: (B, K, 2, 2)."""
        offset = points[:, :, None] - self.control
        if self.distance == "squared":
            squared = offset.square().sum(-1, keepdim=True)
            slope = 2 * offset * (torch.log(squared + 1e-9) + squared / (squared + 1e-9))
        else:
            length = offset.abs().sum(-1, keepdim=True)
            slope = torch.sign(offset) * (2 * length * torch.log(length + 1e-6) + length.square() / (length + 1e-6))
        gradient = (slope * self.weights[:, None, :, None]).sum(2)
        return self.affine[:, None, :, :2] + gradient[:, :, None, :]

    def image(self, image: Tensor, align_corners: bool) -> Tensor:
        """`image` (B, C, H, W) looked up at W, reflected at the border."""
        height, width = image.shape[-2:]
        grid = coordinate_grid(height, width, image).reshape(1, -1, 2).expand(image.shape[0], -1, -1)
        return warp(image, self.points(grid).unflatten(1, (height, width)), align_corners, padding="reflection")
