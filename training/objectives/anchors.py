"""DAM's and HDAM's losses by the names that configurations use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor

from checkpoints.errors import OptionError
from training.losses import anchors
from training.models.base import Motion
from training.objectives.batch_pass import Pass

if TYPE_CHECKING:
    from training.objectives.base import Objective


def _anchors(run: Pass, first: int, count: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Points and jacobians of `count` anchors from number `first` on, in source and driving frame."""

    def chosen(motion: Motion) -> tuple[Tensor, Tensor]:
        if "anchor_points" not in motion.extra:
            raise OptionError(f"{run.model.family} has no anchors; weigh the anchor losses 0 or use family dam")
        part = slice(first, first + count)
        return motion.extra["anchor_points"][:, part], motion.extra["anchor_jacobians"][:, part]

    return chosen(run.source_motion), chosen(run.driving_motion)


def _root(run: Pass) -> int:
    """The root anchor's number: it is the last one."""
    points = run.driving_motion.extra.get("anchor_points")
    return -1 if points is None else points.shape[1] - 1


def _attention(run: Pass) -> Tensor:
    if "attention" not in run.driving_motion.extra:
        raise OptionError("HDAM's losses need intermediate anchors; set model.num_intermediate to 3 or 4")
    return run.driving_motion.extra["attention"]


def _dam(objective: Objective, run: Pass) -> Tensor:
    """mean_k |q_k - T_r(p_k)|_2: the root anchor binds every motion anchor."""
    source, driving = _anchors(run, _root(run), 1)
    return anchors.disobedience(source, driving, run.source_motion.points, run.driving_motion.points).mean()


def _hdam_root(objective: Objective, run: Pass) -> Tensor:
    """mean_i |q_i - T_r(p_i)|_2: the root anchor binds the intermediate ones."""
    intermediate = _attention(run).shape[1]
    source, driving = _anchors(run, _root(run), 1)
    bound_source, bound_driving = _anchors(run, _root(run) - intermediate, intermediate)
    return anchors.disobedience(source, driving, bound_source[0], bound_driving[0]).mean()


def _hdam(objective: Objective, run: Pass) -> Tensor:
    """sum_i sum_k w_ik |q_k - T_i(p_k)|_2: intermediate anchors bind the motion anchors that they attend to."""
    attention = _attention(run)
    source, driving = _anchors(run, _root(run) - attention.shape[1], attention.shape[1])
    errors = anchors.disobedience(source, driving, run.source_motion.points, run.driving_motion.points)
    return anchors.attended(errors, attention)


def _orthogonality(objective: Objective, run: Pass) -> Tensor:
    return anchors.orthogonality(_attention(run))


def _completeness(objective: Objective, run: Pass) -> Tensor:
    return anchors.completeness(_attention(run), run.model.dead)


def _perceptual_augmented(objective: Objective, run: Pass) -> Tensor:
    """The source in the pose of the target moved by a random affine map, against that moved target."""
    return objective.perceptual(run.augmented_image, run.augmented)


ANCHOR_LOSSES: dict[str, Callable[[Objective, Pass], Tensor]] = {
    "dam": _dam,
    "hdam_root": _hdam_root,
    "hdam": _hdam,
    "orthogonality": _orthogonality,
    "completeness": _completeness,
    "perceptual_augmented": _perceptual_augmented,
}
