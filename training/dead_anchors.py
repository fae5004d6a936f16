"""Equivariance detection (DAM supplement): which motion anchors are dead, that is, stay where they are in any picture.

A dead anchor does not follow when a picture is warped, so its equivariance loss is large. Loss and threshold (0.3) are
those of training, weight 10 included: the plain loss of an anchor that never moves is 0.05 in the middle of the
picture and 0.14 in its corners, so 0.3 can only be meant as weighted.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from checkpoints.errors import InputError, ModelError
from training.data.pairs import Sample
from training.models.base import MotionModel
from training.models.parts.random_warp import RandomWarp
from training.models.registry import build

WEIGHT = 10.0
"""Of the equivariance loss in every published configuration."""
THRESHOLD = 0.3


@torch.no_grad()
def anchor_losses(model: MotionModel, samples: Iterable[Sample]) -> Tensor:
    """(K,): weighted equivariance loss of every motion anchor, averaged over both frames of all `samples`.

    `samples` hold uint8 pictures `source` and `driving` (B, 3, H, W) and `seed` (B,), as `training.data.pairs.batches`
    gives them. Raises `InputError` when there are none.
    """
    device = next(model.parameters()).device
    model.eval()
    total, pictures = None, 0
    for sample in samples:
        seeds = sample["seed"]
        for shift, name in enumerate(("source", "driving")):
            image = sample[name].to(device).float() / 255
            warp = RandomWarp.draw(2 * seeds + shift, image, model.warp_distance)
            there = warp.points(model.detect(warp.image(image, model.align_corners)).points)
            loss = (model.detect(image).points - there).abs().mean(-1).sum(0)
            total = loss if total is None else total + loss
            pictures += len(image)
    if total is None:
        raise InputError("no picture to measure anchors on; give a folder with clips")
    return WEIGHT * total.cpu() / pictures


def dead(losses: Tensor, threshold: float = THRESHOLD) -> tuple[int, ...]:
    """Numbers of the anchors whose loss exceeds `threshold`. Raises `InputError` when none would live."""
    found = tuple(index for index, loss in enumerate(losses.tolist()) if loss > threshold)
    if len(found) == len(losses):
        raise InputError(
            f"every motion anchor has an equivariance loss above {threshold}: the detector has not learned to follow "
            "anything yet; train longer, or choose a higher threshold"
        )
    return found


def without(model: MotionModel, config: dict[str, object], anchors: tuple[int, ...]) -> MotionModel:
    """`model`, built from `config`, with `anchors` left out of its attention; the weights are the same.

    Raises `ModelError` for a family that has no anchors.
    """
    if "dead_anchors" not in config:
        raise ModelError(f"this is a {model.family} model; only anchors can be dead, and it has none")
    changed = build(model.family, {**config, "dead_anchors": list(anchors)})
    changed.load_state_dict(model.state_dict())
    return changed.eval()
