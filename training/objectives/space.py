"""face-vid2vid's losses by the names that configurations use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from checkpoints.errors import OptionError
from training.losses import equivariance, space
from training.models.liveportrait.volume import VolumeModel
from training.objectives.batch_pass import Pass

if TYPE_CHECKING:
    from training.objectives.base import Objective


def _volume(run: Pass, name: str) -> VolumeModel:
    if not isinstance(run.model, VolumeModel):
        raise OptionError(f"{name}: {run.model.family} has no points in space; weigh it 0 or use family face-vid2vid")
    return run.model


def _equivariance(objective: Objective, run: Pass) -> Tensor:
    """Points of a randomly warped driving frame, with the source's canonical ones, taken back by the warp; the warp is
    of the plane, and so is the loss.
    """
    model = _volume(run, "equivariance_space")
    warped = model.points(run.features[1], run.warped_motion)[..., :2]
    return equivariance.value_loss(run.motion.extra["driving_points"][..., :2], run.random_warp.points(warped))


def _keypoint_prior(objective: Objective, run: Pass) -> Tensor:
    _volume(run, "keypoint_prior")
    return space.keypoint_prior(run.motion.extra["driving_points"])


def _turn(objective: Objective, run: Pass) -> Tensor:
    """Turns of both heads against those of synthetic ones."""
    _volume(run, "truth_turn")
    motions = {"source": run.source_motion, "driving": run.driving_motion}
    turns = [(motion.arrays["rotation"][:, 0], run.truth(f"{name}_turn")) for name, motion in motions.items()]
    return torch.stack([space.turn_loss(*each) for each in turns]).mean()


def _deformation_prior(objective: Objective, run: Pass) -> Tensor:
    _volume(run, "deformation_prior")
    return space.deformation_prior(run.driving_motion.arrays["expression"])


SPACE_LOSSES: dict[str, Callable[[Objective, Pass], Tensor]] = {
    "equivariance_space": _equivariance,
    "keypoint_prior": _keypoint_prior,
    "truth_turn": _turn,
    "deformation_prior": _deformation_prior,
}
