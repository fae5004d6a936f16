"""Coordinate grids, warping, heat maps and anti-aliased reduction: what every family does with pictures and points."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from checkpoints.errors import OptionError
from training.models.parts.constants import constant

VARIANCE = 0.01
"""Of heat maps' Gaussians, in normalised coordinates."""


def full_precision(like: Tensor) -> AbstractContextManager[object]:
    """Switches mixed precision off: coordinates need more than the eight bits of bfloat16."""
    kind = like.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


def coordinate_grid(height: int, width: int, like: Tensor) -> Tensor:
    """(height, width, 2): (x, y) of every cell, -1 and 1 at the centres of the first and last one."""
    x = torch.linspace(-1, 1, width, dtype=like.dtype, device=like.device)
    y = torch.linspace(-1, 1, height, dtype=like.dtype, device=like.device)
    return torch.stack([x[None, :].expand(height, width), y[:, None].expand(height, width)], -1)


def warp(image: Tensor, flow: Tensor, align_corners: bool, padding: str = "zeros") -> Tensor:
    """`image` (B, C, H, W) looked up at `flow` (B, h, w, 2), bilinearly; outside is zero (or `padding`)."""
    return F.grid_sample(image, flow, mode="bilinear", padding_mode=padding, align_corners=align_corners)


def resize_flow(flow: Tensor, size: tuple[int, int] | torch.Size, align_corners: bool) -> Tensor:
    """A flow (B, h, w, 2) at another size, bilinearly; the values are normalised and stay as they are."""
    if tuple(flow.shape[1:3]) == tuple(size):
        return flow
    resized = F.interpolate(flow.permute(0, 3, 1, 2), tuple(size), mode="bilinear", align_corners=align_corners)
    return resized.permute(0, 2, 3, 1)


def resize_map(values: Tensor, size: tuple[int, int] | torch.Size, align_corners: bool) -> Tensor:
    """A map (B, C, h, w) at another size, bilinearly."""
    if tuple(values.shape[-2:]) == tuple(size):
        return values
    return F.interpolate(values, tuple(size), mode="bilinear", align_corners=align_corners)


def gaussian_heatmaps(points: Tensor, height: int, width: int, variance: float = VARIANCE) -> Tensor:
    """(B, K, height, width): exp(-|z - p|^2 / (2 variance)) for `points` (B, K, 2); not normalised."""
    # Separable: two one-dimensional exponentials and a product, instead of one exponential a cell.
    x = torch.linspace(-1, 1, width, dtype=points.dtype, device=points.device)
    y = torch.linspace(-1, 1, height, dtype=points.dtype, device=points.device)
    across = torch.exp(-0.5 / variance * (x - points[..., 0:1]).square())
    down = torch.exp(-0.5 / variance * (y - points[..., 1:2]).square())
    return down[..., :, None] * across[..., None, :]


def part_size(parts: Tensor) -> Tensor:
    """(B, G): root mean square distance of the points of `parts` (B, G, N, 2) from their centre; 0.02 at least.

    Points that fall together still have surroundings.
    """
    return (parts - parts.mean(2, keepdim=True)).square().sum(-1).mean(2).sqrt().clamp(min=0.02)


def expected_points(probabilities: Tensor) -> Tensor:
    """(B, K, 2): the mean coordinate under each of `probabilities` (B, K, h, w), which sum to 1 over space."""
    height, width = probabilities.shape[-2:]
    grid = coordinate_grid(height, width, probabilities)
    if torch.compiler.is_exporting():
        return torch.einsum("bkhw,hwc->bkc", probabilities, grid)
    # Row by row and column by column: sums that no reduced precision of matrix products rounds.
    x, y = grid[0, :, 0], grid[:, 0, 1]
    return torch.stack([(probabilities.sum(2) * x).sum(-1), (probabilities.sum(3) * y).sum(-1)], -1)


def antialias_kernel(scale: float, channels: int) -> Tensor:
    """(channels, 1, n, n) Gaussian for a reduction by `scale` < 1: sigma (1/scale - 1)/2, n = 2 round(4 sigma) + 1."""
    sigma = (1 / scale - 1) / 2
    size = 2 * round(4 * sigma) + 1
    positions = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    line = torch.exp(-0.5 * (positions / sigma).square())
    kernel = torch.outer(line, line)
    return (kernel / kernel.sum()).float().expand(channels, 1, size, size).clone()


def reduce_with(image: Tensor, kernel: Tensor, step: int) -> Tensor:
    """Blur with `kernel` (C, 1, n, n), zeros outside, and keep every `step`-th pixel: one strided convolution."""
    return F.conv2d(image, kernel, stride=step, padding=kernel.shape[-1] // 2, groups=image.shape[1])


def antialias_reduce(image: Tensor, scale: float) -> Tensor:
    """`image` (B, C, H, W) reduced by `scale` (1/n for an integer n; 1 gives the image itself)."""
    if scale >= 1:
        return image
    channels = image.shape[1]
    kernel = constant(("antialias", scale, channels), lambda: antialias_kernel(scale, channels), image)
    return reduce_with(image, kernel, round(1 / scale))


class AntialiasReduction(nn.Module):
    """`antialias_reduce` to a fixed size; the published checkpoints store the kernel as `down.weight`."""

    weight: Tensor

    def __init__(self, scale: float) -> None:
        """`scale` is that of the model's own resolution, 1/n for an integer n."""
        super().__init__()
        self.step = round(1 / scale)
        self.register_buffer("weight", antialias_kernel(scale, 3) if scale < 1 else torch.ones(3, 1, 1, 1))

    def forward(self, image: Tensor, size: int) -> Tensor:
        """`image` reduced to `size`; pictures of another size than the model's get a kernel of their own."""
        if image.shape[-1] == size * self.step:
            return reduce_with(image, self.weight, self.step)
        if image.shape[-1] % size:
            raise OptionError(f"pictures of {image.shape[-1]} pixels cannot be reduced to {size}; use a multiple of it")
        return antialias_reduce(image, size / image.shape[-1])
