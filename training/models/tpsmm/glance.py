"""A second look at small parts: lips and lids move by a pixel or two of what the detector sees as a whole.

Not published with any of the four families. What a regression of all points at once makes of a talking face is mostly
the head's motion; a part cut out around the points found first, by their own size, shows the rest.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.kernels.convolution import convolved
from training.kernels.norm import rectified
from training.models.parts.layout import for_convolutions
from training.models.parts.sampling import coordinate_grid, full_precision, part_size, warp

REACH = 2.0
"""Half the side of a cut, in root mean square distances of the part's points from their centre."""


class _Glance(nn.Module):
    """Where the points of one part are, in units of the part's size."""

    def __init__(self, points: int, size: int, width: int, hidden: int) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 3 * width, 4 * width)
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 3, 1 if before == 3 else 2, 1, bias=False) for before, after in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(after) for after in widths[1:])
        self.hidden = nn.Linear(widths[-1] * (size // 8) ** 2, hidden)
        self.fc = nn.Linear(hidden, 2 * points)

    def forward(self, cut: Tensor) -> Tensor:
        """(B, N, 2), 0 at the middle of `cut` (B, 3, s, s) and 1 at its right or lower border."""
        x = cut
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = rectified(norm, convolved(conv, x))
        x = F.relu(self.hidden(x.flatten(1)))
        with full_precision(x):
            return self.fc(x.float()).unflatten(1, (-1, 2))


class GlanceNetwork(nn.Module):
    """Finds the points of some splines again by small networks, one each, that see only the spline's surroundings.

    What the detector found says where to look, no more: networks that corrected its points instead of finding them
    learned slower by far.
    """

    def __init__(
        self, splines: int, points: int, chosen: tuple[int, ...], size: int = 32, width: int = 16, hidden: int = 64
    ) -> None:
        """Of `splines` splines of `points` points the `chosen` ones are looked at, on cuts of `size` pixels.

        `width`: channels of the first convolution; `hidden`: units between the last one and the points.
        """
        super().__init__()
        self.splines = splines
        self.chosen = chosen
        self.size = size
        self.glances = nn.ModuleList(_Glance(points, size, width, hidden) for _ in chosen)

    def forward(self, image: Tensor, points: Tensor) -> Tensor:
        """The points (B, K N, 2), those of the chosen splines found anew, of pictures `image` (B, 3, H, W)."""
        parts = list(points.unflatten(1, (self.splines, -1)).unbind(1))
        with full_precision(points):
            # Where a cut lies does not learn: its place and size follow the detector.
            part = torch.stack([parts[index] for index in self.chosen], 1).detach()
            centre = part.mean(2, keepdim=True)
            reach = REACH * part_size(part)[..., None, None]
            unit = coordinate_grid(self.size, self.size, points).reshape(1, 1, -1, 2)
            places = (centre + reach * unit).unflatten(2, (self.size, self.size)).flatten(1, 2)
        cuts = [for_convolutions(each) for each in warp(image, places, align_corners=True).split(self.size, 2)]
        for order, (index, glance) in enumerate(zip(self.chosen, self.glances, strict=True)):
            parts[index] = (centre[:, order] + reach[:, order] * glance(cuts[order])).clamp(-1, 1)
        return torch.cat(parts, 1)
