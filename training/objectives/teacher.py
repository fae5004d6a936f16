"""Distillation: a finished model shows how it moves and draws the very pairs that another one learns from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor

from checkpoints.errors import ModelError, OptionError
from checkpoints.registry import find_checkpoint
from training.checkpoint import load_model
from training.losses import pixels, truth
from training.models.base import MotionModel
from training.objectives.batch_pass import Pass

if TYPE_CHECKING:
    from training.objectives.base import Objective


def open_teacher(checkpoint: str, student: MotionModel) -> MotionModel:
    """The model in `checkpoint` (a file, a run's folder, `owner/name[@revision]`), never to be trained.

    It may be of another family and size. Raises `ModelError` where it cannot be had, or where its maps lie on other
    grids than those of `student`.
    """
    path = find_checkpoint(checkpoint)
    teacher, _ = load_model(path)
    if teacher.align_corners != student.align_corners:
        raise ModelError(
            f"{path}: samples with align_corners = {str(teacher.align_corners).lower()} and the run with the opposite, "
            "so that their flows differ everywhere; choose another teacher"
        )
    return teacher.to(next(student.parameters()).device).eval().requires_grad_(False)


def check_teacher(losses: set[str], teacher: str, stage: str) -> None:
    """Raises `OptionError` for losses that need a teacher where none is named."""
    wanting = sorted(losses & set(TEACHER_LOSSES))
    if wanting and not teacher:
        raise OptionError(f'stage {stage!r}: {wanting[0]} needs a teacher; set teacher = "CHECKPOINT" or weigh it 0')


def _picture(objective: Objective, run: Pass) -> Tensor:
    return pixels.pixel_loss(run.image, run.taught_image)


def _flow(objective: Objective, run: Pass) -> Tensor:
    """End-point error where the teacher finds the source's surface: elsewhere its flow means nothing."""
    return truth.flow_loss(run.motion.flow, run.taught_motion.flow, run.taught_motion.occlusions[-1][:, 0] > 0.5)


def _occlusion(objective: Objective, run: Pass) -> Tensor:
    """Every occlusion map against the teacher's finest, its doubts included."""
    return truth.occlusion_loss(run.motion.occlusions, run.taught_motion.occlusions[-1][:, 0])


TEACHER_LOSSES: dict[str, Callable[[Objective, Pass], Tensor]] = {
    "distil_picture": _picture,
    "distil_flow": _flow,
    "distil_occlusion": _occlusion,
}
