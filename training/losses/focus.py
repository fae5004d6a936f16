"""Where losses count more: small parts of great weight, as lips and lids are to whoever looks at a face."""

from __future__ import annotations

import torch
from torch import Tensor

from training.models.parts.sampling import part_size


def focus_map(parts: Tensor, height: int, width: int) -> Tensor:
    """(B, height, width) in [0, 1]: 1 at the points of `parts` (B, G, N, 2), falling off as each part's size says.

    Around each point stands a Gaussian with half the root mean square distance of the part's points from their centre.
    """
    narrow = (0.5 * part_size(parts).square())[..., None, None]
    x, y = (torch.linspace(-1, 1, size, dtype=parts.dtype, device=parts.device) for size in (width, height))
    # A Gaussian is one of rows times one of columns: an exponential a row and a column, and a product a cell.
    across = torch.exp(-(x - parts[..., :1]).square() / narrow).flatten(1, 2)
    down = torch.exp(-(y - parts[..., 1:]).square() / narrow).flatten(1, 2)
    return (down[..., None] * across[:, :, None]).amax(1)
