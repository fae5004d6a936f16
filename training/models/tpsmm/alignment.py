"""The backdrop's motion without a network: both pictures aligned directly where the dense motion sees backdrop.

Gauss-Newton steps on the brightness difference (Lucas and Kanade 1981; Baker and Matthews 2004), coarse to fine, with
weights that forget outliers. A background predictor trained for the same on the same pictures learned nothing in the
time that the small models have.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.models.base import MotionModel
from training.models.parts.matrices import exact_product
from training.models.parts.sampling import coordinate_grid, full_precision, resize_map, warp

LEVELS = (4, 2, 1)
"""Pictures are averaged down by these, one after the other."""
STEPS = 8
NOISE = 0.015
"""Differences of brightness much larger than this are no backdrop's, but those of something in its way."""
RIDGE = 1e-3
"""Weight, per pixel, of staying at no motion: what a backdrop without texture falls back to."""
LINEAR = 4.0
"""How much dearer a change of the linear part is than a shift."""
GAIN = 0.95
"""A motion is believed if it leaves less than this of the difference that no motion leaves."""
SURE = 4
"""Power of the background's mask: where two motions mix, neither is the backdrop's."""


@torch.no_grad()
def aligned_background(model: MotionModel, source: Tensor, driving: Tensor) -> Tensor:
    """(B, 3, 3), homogeneous driving to source coordinates; the identity where no other motion explains more.

    `source` and `driving` are (B, 3, H, W). Costs a pass of the detector and of the dense motion.
    """
    small, other = model.reduce(source), model.reduce(driving)
    motion = model.move((small,), model.detect(source), model.detect(driving))
    assert motion.masks is not None
    seen = resize_map(motion.occlusions[-1], motion.masks.shape[-2:], model.align_corners)
    weight = resize_map(motion.masks[:, :1] * seen, small.shape[-2:], model.align_corners) ** SURE
    with full_precision(small):
        return align(small.float(), other.float(), weight.float())


def align(source: Tensor, driving: Tensor, weight: Tensor) -> Tensor:
    """(B, 3, 3), the affine map from `driving` to `source` (B, C, h, w) that explains most of what `weight` shows.

    `weight` (B, 1, h, w) is in [0, 1]; h and w are multiples of the coarsest of `LEVELS`.
    """
    identity = torch.eye(3, dtype=source.dtype, device=source.device).repeat(len(source), 1, 1)
    affine = identity
    for level in LEVELS:
        still, other, seen = (F.avg_pool2d(values, level) for values in (source, driving, weight))
        slopes = _slopes(still)
        for _ in range(STEPS):
            affine = _step(affine, identity, still, other, seen, slopes)
    before, after = (_left(source, driving, weight, each) for each in (identity, affine))
    return torch.where((after < GAIN * before)[:, None, None], affine, identity)


def _slopes(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives of (B, C, h, w) by x and y, in normalised coordinates."""
    height, width = picture.shape[-2:]
    padded = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) * ((width - 1) / 4)
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) * ((height - 1) / 4)
    return across, down


def _places(affine: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """(h w, 3): every cell of `like`, homogeneous; (B, h, w, 2): where `affine` takes them."""
    height, width = like.shape[-2:]
    grid = coordinate_grid(height, width, like).flatten(0, 1)
    cells = torch.cat([grid, torch.ones_like(grid[:, :1])], -1)
    return cells, exact_product(cells, affine[:, :2].transpose(1, 2)).unflatten(1, (height, width))


def _step(
    affine: Tensor, identity: Tensor, source: Tensor, driving: Tensor, weight: Tensor, slopes: tuple[Tensor, Tensor]
) -> Tensor:
    """One Gauss-Newton step of the six numbers of `affine`."""
    cells, places = _places(affine, source)
    difference = (driving - warp(source, places, True, "border")).flatten(2)
    moved = [warp(each, places, True, "border").flatten(2) for each in slopes]
    by_number = torch.cat([slope[..., None] * cells for slope in moved], -1)
    inside = (places.abs().amax(-1) <= 1).flatten(1)
    belief = weight.flatten(1) * inside / (1 + difference.square().mean(1) / NOISE**2).square()
    linear = difference.new_full((2,), LINEAR)
    cost = torch.cat([linear, linear.new_ones(1)]).repeat(2) * RIDGE * len(cells)
    matrix = torch.einsum("bcni,bcnj,bn->bij", by_number, by_number, belief) + torch.diag(cost)
    pull = torch.einsum("bcni,bcn,bn->bi", by_number, difference, belief)
    pull = pull - cost * (affine - identity)[:, :2].flatten(1)
    change = torch.linalg.solve(matrix, pull).unflatten(1, (2, 3))
    return affine + F.pad(change, (0, 0, 0, 1))


def _left(source: Tensor, driving: Tensor, weight: Tensor, affine: Tensor) -> Tensor:
    """(B,): the share of the weighted difference that `affine` leaves, large ones counting as one."""
    _, places = _places(affine, source)
    squared = (driving - warp(source, places, True, "border")).square().mean(1, keepdim=True)
    return (squared / (squared + NOISE**2) * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp_min(1e-6)
