"""Splines that must not fold: closed lids lie on one another, and what lies between them would be turned inside out.

A thin plate through two points that have met, or passed one another, by the error of a detector or by the truth of a
closed eye, has no bounds there. Such a part is moved less, as a whole, until its points are apart.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from training.models.parts.constants import chosen


def unfolded(driving: Tensor, source: Tensor, least: float) -> Tensor:
    """The points `driving` (B, K, N, 2) of K parts, none squeezed below `least` of what `source` (B, K, N, 2) shows.

    Compared are the distances of any two points of a part, along the line between them in the source as it is turned
    and scaled into the driving pose (least squares): negative where they have changed places. A part with a pair under
    `least`, in (0, 1), is drawn towards that turned and scaled source just so far that no pair is; others stay exactly.
    """
    centre = driving.mean(2, keepdim=True)
    moved, still = driving - centre, source - source.mean(2, keepdim=True)
    size = still.square().sum((2, 3)).clamp(min=1e-6)
    along = (moved * still).sum((2, 3)) / size
    across = (moved[..., 1] * still[..., 0] - moved[..., 0] * still[..., 1]).sum(2) / size
    quarter = torch.stack([-still[..., 1], still[..., 0]], -1)
    rigid = along[..., None, None] * still + across[..., None, None] * quarter
    first, second = zip(*combinations(range(driving.shape[2]), 2), strict=True)
    wanted = chosen(rigid, first, 2) - chosen(rigid, second, 2)
    found = chosen(moved, first, 2) - chosen(moved, second, 2)
    ratio = (found * wanted).sum(-1) / wanted.square().sum(-1).clamp(min=1e-8)
    worst = ratio.amin(2).clamp(max=least)
    back = ((least - worst) / (1 - worst))[..., None, None]
    return centre + moved + back * (rigid - moved)
