"""Random turns, scalings and shifts of a batch of pairs, with everything that is known of their motion."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.data.pairs import Sample
from training.kernels.flow import placed_flow
from training.models.parts.matrices import exact_product
from training.models.parts.sampling import coordinate_grid

_POINTS = ("source_points", "driving_points")


def draw(count: int, strength: float) -> Tensor:
    """(count, 3, 3) maps of old to new coordinates: a turn (radians), the logarithm of a scaling, a shift of half that.

    Each is drawn evenly from -strength to strength, by torch's global generator.
    """
    turn, scale, x, y = (2 * torch.rand(4, count) - 1) * strength
    cosine, sine, size = torch.cos(turn), torch.sin(turn), torch.exp(scale)
    maps = torch.eye(3).repeat(count, 1, 1)
    maps[:, 0] = torch.stack([size * cosine, -size * sine, x / 2], -1)
    maps[:, 1] = torch.stack([size * sine, size * cosine, y / 2], -1)
    return maps


def inverse(maps: Tensor) -> Tensor:
    """(B, 3, 3): where `maps` have their places from."""
    return torch.linalg.inv_ex(maps).inverse  # `inv` would have a GPU wait to learn that it worked: it always does


def placed(picture: Tensor, back: Tensor) -> Tensor:
    """Float `picture` (B, 3, H, W) looked up where `back` (B, 3, 3) takes its pixels, reflected beyond the border."""
    return F.grid_sample(picture, _places(back, picture), "bilinear", "reflection", align_corners=True)


def place(batch: Sample, maps: Tensor, back: Tensor) -> Sample:
    """`batch` with its surface points, flow and backdrop moved by `maps` (B, 3, 3), whose inverse is `back`.

    `placed` moves pictures. What comes from beyond the border is hidden in the flow.
    """
    batch = dict(batch)
    for name in _POINTS:
        if name in batch:
            batch[name] = _move(maps, batch[name])
    if "background" in batch:
        batch["background"] = exact_product(exact_product(maps, batch["background"]), back)
    if "flow" in batch:
        moved = placed_flow(batch["flow"], batch["flow_visible"], maps, back)
        batch["flow"], batch["flow_visible"] = moved or _place_flow(batch["flow"], batch["flow_visible"], maps, back)
    return batch


def _place_flow(flow: Tensor, visible: Tensor, maps: Tensor, back: Tensor) -> tuple[Tensor, Tensor]:
    # Nearest: a mean of two flows across an outline is a motion that nothing has.
    places = _places(back, flow.permute(0, 3, 1, 2))
    old = F.grid_sample(flow.permute(0, 3, 1, 2), places, "nearest", "border", align_corners=True).permute(0, 2, 3, 1)
    seen = F.grid_sample(visible[:, None].to(old), places, "nearest", "zeros", align_corners=True)
    return _move(maps, old.flatten(1, 2)).view_as(old), seen[:, 0] > 0.5


def _move(maps: Tensor, points: Tensor) -> Tensor:
    """(B, N, 2) `points` moved by `maps`."""
    return exact_product(points, maps[:, :2, :2].transpose(1, 2)) + maps[:, None, :2, 2]


def _places(back: Tensor, values: Tensor) -> Tensor:
    """(B, H, W, 2): where `back` (B, 3, 3) takes every pixel of `values` (B, C, H, W)."""
    height, width = values.shape[-2:]
    grid = coordinate_grid(height, width, values).reshape(1, -1, 2).expand(len(values), -1, -1)
    return _move(back, grid).unflatten(1, (height, width))
