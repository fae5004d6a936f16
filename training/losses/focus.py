"""Where losses count more: small parts of great weight, as lips and lids are to whoever looks at a face."""

from __future__ import annotations

import torch
from torch import Tensor

from training.models.parts.sampling import coordinate_grid, part_size


def focus_map(parts: Tensor, height: int, width: int) -> Tensor:
    """(B, height, width) in [0, 1]: 1 at the points of `parts` (B, G, N, 2), falling off as each part's size says.

    Around each point stands a Gaussian with half the root mean square distance of the part's points from their centre.
    """
    spread = part_size(parts)
    grid = coordinate_grid(height, width, parts)
    distance = (grid[None, None, None] - parts[:, :, :, None, None]).square().sum(-1)
    return torch.exp(-distance / (0.5 * spread.square()[:, :, None, None, None])).amax((1, 2))
