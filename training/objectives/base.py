"""The objective that all families share, and the register of losses that a configuration can weigh."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from checkpoints.errors import OptionError
from training.config import Discriminator, Stage
from training.data.augment import PairAugment
from training.data.pairs import Sample
from training.losses import adversarial, equivariance, pixels, truth
from training.losses.adversarial import PatchDiscriminator
from training.losses.backbones import Backbone
from training.losses.perceptual import PerceptualPyramid
from training.losses.smoothness import smoothness
from training.models.base import MotionModel
from training.models.parts.matrices import exact_product
from training.models.parts.sampling import gaussian_heatmaps
from training.objectives.anchors import ANCHOR_LOSSES
from training.objectives.batch_pass import Pass
from training.objectives.space import SPACE_LOSSES
from training.objectives.teacher import TEACHER_LOSSES, check_teacher, open_teacher

Loss = Callable[["Objective", Pass], Tensor]


@dataclass(frozen=True)
class Schedule:
    """How far a stage has come."""

    epoch: float
    step: int


class Objective(nn.Module):
    """A model and its losses. Calling it on a batch gives every wanted loss, already weighted.

    Being a module, it can be wrapped for several processes: the model only ever runs inside `forward`.
    """

    def __init__(self, model: MotionModel, perceptual: Callable[[], Backbone] | None = None) -> None:
        """`perceptual` builds the backbone of the perceptual loss; called only if a stage weighs that loss."""
        super().__init__()
        self.model = model
        self._build_perceptual = perceptual
        # Not registered as sub-modules: neither trained, nor saved, nor synchronised.
        self._unregistered: dict[str, nn.Module] = {}
        self.discriminator: PatchDiscriminator | None = None
        self._last: Pass | None = None
        self.stage: Stage | None = None
        self.augment: PairAugment | None = None

    def start_stage(self, stage: Stage, augment: PairAugment | None) -> None:
        """Prepare for `stage`; loads its teacher, if any.

        Raises `OptionError` for a loss that does not exist or lacks its teacher, or an adversarial one of too small
        pictures; `ModelError` for an unusable teacher.
        """
        unknown = sorted(set(stage.losses) - set(LOSSES))
        if unknown:
            raise OptionError(f"stage {stage.name!r}: no loss is called {unknown[0]!r}; there are {', '.join(LOSSES)}")
        if ADVERSARIAL & set(stage.losses) and stage.size < adversarial.SMALLEST:
            raise OptionError(
                f"stage {stage.name!r}: the discriminator sees nothing in pictures of {stage.size} pixels; give it "
                f"size={adversarial.SMALLEST} or more"
            )
        check_teacher({name for name, weight in stage.losses.items() if weight > 0}, stage.teacher, stage.name)
        self.stage = stage
        self.augment = augment
        self._unregistered.pop("teacher", None)
        if stage.teacher:
            self._unregistered["teacher"] = open_teacher(stage.teacher, self.model)

    @property
    def teacher(self) -> MotionModel | None:
        """The finished model that the stage learns from."""
        return cast(MotionModel | None, self._unregistered.get("teacher"))

    def add_discriminator(self, config: Discriminator | None = None) -> None:
        """Make the discriminator of the adversarial stage; it sees pictures, and heat maps where `config` says so."""
        config = config or Discriminator()
        device = next(self.model.parameters()).device
        count = 0
        if config.keypoints:
            with torch.no_grad():
                side = getattr(self.model.config, "resolution", 256)
                count = self.model.detect(torch.zeros(2, 3, side, side, device=device)).points.shape[1]
        self.discriminator = PatchDiscriminator(3 + count, config).to(device)

    def judged(self, image: Tensor, run: Pass) -> tuple[list[Tensor], Tensor]:
        """The discriminator's maps and verdict on `image`, with the driving heat maps if it takes them (FOMM "adv")."""
        if self.discriminator is None:
            raise OptionError("adversarial losses are weighted but there is no discriminator; use the trainer")
        if not self.discriminator.sees_points:
            return self.discriminator(image)
        heat = gaussian_heatmaps(run.driving_motion.points.detach(), *image.shape[-2:])
        return self.discriminator(torch.cat([image, heat], 1))

    def judge(self, run: Pass) -> dict[str, Tensor]:
        """The discriminator's own loss on the pictures of a pass."""
        real, made = self.judged(run.target, run)[1], self.judged(run.image.detach(), run)[1]
        return {"discriminator": adversarial.discriminator_loss(real, made)}

    def perceptual(self, result: Tensor, target: Tensor) -> Tensor:
        """The perceptual pyramid, built at first use."""
        if "perceptual" not in self._unregistered:
            if self._build_perceptual is None:
                raise OptionError("the perceptual loss is weighted but no backbone was chosen")
            self._unregistered["perceptual"] = PerceptualPyramid(self._build_perceptual()).to(result.device)
        return self._unregistered["perceptual"](result, target)

    def spline_dropout(self, schedule: Schedule) -> float:
        """TPSMM's schedule, as its published code has it: rising by whole epochs, off from epoch 35 (models.md 3)."""
        if self.stage is None or self.stage.spline_dropout is None or schedule.epoch >= 35:
            return 0.0
        start, most = self.stage.spline_dropout
        return min(math.floor(schedule.epoch) / 10 * most + start, most)

    def forward(self, batch: Sample, schedule: Schedule, judge: bool = False) -> dict[str, Tensor]:
        """Weighted losses by name. `batch` holds float pictures (see `training.data.pairs`).

        With `judge`, the discriminator's loss on the pass made just before instead.
        """
        if judge and self._last is not None:
            last, self._last = self._last, None
            return self.judge(last)
        assert self.stage is not None, "start_stage first"
        batch = {name: _channels_last(value) for name, value in batch.items()}
        use_background = 0 <= self.stage.background_from <= schedule.epoch
        degrade = self.augment.degrade if self.augment and self.augment.config.degrade > 0 else None
        run = Pass(
            self.model,
            batch,
            spline_dropout=self.spline_dropout(schedule),
            use_background=use_background,
            degrade=degrade,
            true_motion=self.stage.true_motion,
            true_background=self.stage.true_background,
            true_flow=self.stage.true_flow,
            coarse=self.stage.coarse,
            joint_detection=self.stage.joint_detection,
            first_look=_detects_alone(self.stage),
            teacher=self.teacher,
            focus=self.stage.focus,
            focus_weight=self.stage.focus_weight,
        )
        result: dict[str, Tensor] = {}
        for name, weight in self.stage.losses.items():
            if weight <= 0 or (name == "background" and not use_background):
                continue
            result[name] = weight * LOSSES[name](self, run)
        self._last = run if ADVERSARIAL & set(result) else None
        return result


def _detects_alone(stage: Stage) -> bool:
    """Whether the detector learns where its points are and nothing else does: then its own points count. Through those
    that another network finds in their stead, no gradient would reach it.
    """
    return set(stage.train) == {"kp_detector"} and set(stage.losses) <= POINT_LOSSES


def _channels_last(value: Tensor) -> Tensor:
    """Pictures with their channels last, as convolutions are fastest; whatever follows them keeps that layout."""
    picture = value.dim() == 4 and value.shape[1] == 3
    return value.contiguous(memory_format=torch.channels_last) if picture else value


def _surface(run: Pass) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Of source and driving: keypoints, the surface points they are tied to, visibility of these."""
    pairs = (("source", run.source_motion.points), ("driving", run.driving_motion.points))
    return [(points, *run.surface_points(name, points.shape[1])) for name, points in pairs]


def _points(objective: Objective, run: Pass) -> Tensor:
    """Keypoints tied to surface points."""
    weight = run.point_weight(run.driving_motion.points.shape[1])
    return torch.stack([truth.points_loss(*each, weight=weight) for each in _surface(run)]).mean()


def _shape(objective: Objective, run: Pass) -> Tensor:
    """Shape of each group of surface points, whatever its place."""
    groups = run.model.groups or 1
    weight = run.point_weight(run.driving_motion.points.shape[1])
    return torch.stack([truth.shape_loss(points, true, groups, weight) for points, true, _ in _surface(run)]).mean()


def _displacement(objective: Objective, run: Pass) -> Tensor:
    """Keypoints move as surface points do."""
    (source, true_source, seen), (driving, true_driving, seen_too) = _surface(run)
    weight = run.point_weight(driving.shape[1])
    return truth.displacement_loss(driving - source, true_driving - true_source, seen & seen_too, weight=weight)


def _deformation(objective: Objective, run: Pass) -> Tensor:
    """Groups of keypoints change their shape as those of surface points do, wherever they move."""
    (source, true_source, _), (driving, true_driving, _) = _surface(run)
    groups = run.model.groups or 1
    return truth.shape_loss(driving - source, true_driving - true_source, groups, run.point_weight(driving.shape[1]))


def _flow(objective: Objective, run: Pass) -> Tensor:
    flow = run.motion.flow
    return truth.flow_loss(flow, run.truth("flow"), run.truth("flow_visible"), run.place_weight(flow.shape[1:3]))


def _occlusion(objective: Objective, run: Pass) -> Tensor:
    return truth.occlusion_loss(run.motion.occlusions, run.truth("flow_visible"))


def _perceptual(objective: Objective, run: Pass) -> Tensor:
    return objective.perceptual(run.image, run.target)


def _perceptual_generator(objective: Objective, run: Pass) -> Tensor:
    """The same for the generator alone: beside the truth of flow and points its gradient at the detector, a hundred
    times that of all others, teaches these nothing but to please the backbone."""
    return objective.perceptual(run.painted, run.target)


def _pixel(objective: Objective, run: Pass) -> Tensor:
    return pixels.pixel_loss(run.image, run.target, run.picture_weight)


def _gradient(objective: Objective, run: Pass) -> Tensor:
    return pixels.gradient_loss(run.image, run.target, run.picture_weight)


def _warped(objective: Objective, run: Pass) -> Tensor:
    return pixels.pixel_loss(run.warped_source, run.target, run.picture_weight)


def _equivariance(objective: Objective, run: Pass) -> Tensor:
    """Points of a randomly warped driving frame, taken back by the warp, against the frame's own."""
    return equivariance.value_loss(run.driving_motion.points, run.random_warp.points(run.warped_motion.points))


def _jacobian_equivariance(objective: Objective, run: Pass) -> Tensor:
    ours, theirs = run.driving_motion.jacobians, run.warped_motion.jacobians
    if ours is None or theirs is None:
        raise OptionError(f"equivariance_jacobian: {run.model.family} has no jacobians here; weigh it 0")
    return equivariance.jacobian_loss(ours, run.random_warp.jacobians(run.warped_motion.points), theirs)


def _affine_equivariance(objective: Objective, run: Pass) -> Tensor:
    """MRAA: the same of principal axes, whose sign of their own does not count."""
    ours, theirs = run.driving_motion.jacobians, run.warped_motion.jacobians
    if ours is None or theirs is None:
        raise OptionError(f"equivariance_affine: {run.model.family} has no axes here; weigh it 0")
    return equivariance.affine_loss(ours, run.random_warp.jacobians(run.warped_motion.points), theirs)


def _warp(objective: Objective, run: Pass) -> Tensor:
    """TPSMM: the source's encoder maps, warped, against the target's (only the flow learns from it)."""
    pairs = getattr(run.model, "warp_pairs", None)
    if pairs is None:
        raise OptionError(f"the warp loss is TPSMM's; weigh it 0 for {run.model.family}")
    levels = pairs(run.features, run.motion, run.target)
    return torch.stack([(wanted - moved).abs().mean() for wanted, moved in levels]).sum()


def _smoothness(objective: Objective, run: Pass) -> Tensor:
    """Of what the refinement adds to the flow at every evaluation."""
    velocities = run.motion.extra.get("velocities")
    if velocities is None:
        raise OptionError('the smoothness loss is the refinement\'s; set model.refine = "rk4" or weigh it 0')
    return smoothness(velocities)


def _disentangle(objective: Objective, run: Pass) -> Tensor:
    """L1 of the disentangled motion against the one that the source's own identity has in that pose."""
    _needs_disentangle(run)
    ours, wanted = run.disentangled, run.driving_motion
    loss = (ours.points - wanted.points).abs().mean()
    if ours.jacobians is not None and wanted.jacobians is not None:
        loss = loss + (ours.jacobians - wanted.jacobians).abs().mean()
    return loss


def _disentangle_shape(objective: Objective, run: Pass) -> Tensor:
    """The same of the shape of each spline, wherever it is: expressions are small beside the motion of a head."""
    _needs_disentangle(run)
    ours, wanted = run.disentangled.points, run.driving_motion.points
    groups = run.model.groups or 1
    return truth.shape_loss(ours, wanted, groups, run.point_weight(ours.shape[1]))


def _needs_disentangle(run: Pass) -> None:
    if not run.model.has_disentangle:
        raise OptionError("the disentangle losses need their network; set model.disentangle = true")


def _background(objective: Objective, run: Pass) -> Tensor:
    """|I - A(S, D) A(D, S)|: the background's motion there and back is none."""
    there, back = run.background, run.model.background(run.target, run.source)
    if there is None or back is None:
        raise OptionError("the background loss needs a background predictor; set model.background = true")
    return (torch.eye(3, device=there.device) - exact_product(there.float(), back.float())).abs().mean()


def _true_background(objective: Objective, run: Pass) -> Tensor:
    predicted = run.model.background(run.source, run.target)
    if predicted is None:
        raise OptionError("truth_background needs a background predictor; set model.background = true")
    return truth.background_loss(predicted, run.truth("background"))


def _adversarial(objective: Objective, run: Pass) -> Tensor:
    return adversarial.generator_loss(objective.judged(run.image, run)[1])


def _feature_matching(objective: Objective, run: Pass) -> Tensor:
    return _matched(objective, run, run.image)


def _matched(objective: Objective, run: Pass, image: Tensor) -> Tensor:
    # The result first: what a pass finds without gradients stays without them.
    made, _ = objective.judged(image, run)
    with torch.no_grad():
        real, _ = objective.judged(run.target, run)
    return adversarial.feature_matching(real, made)


def _adversarial_generator(objective: Objective, run: Pass) -> Tensor:
    """For the generator alone, as a discriminator would rather have points where they are easily forged."""
    return adversarial.generator_loss(objective.judged(run.painted, run)[1])


def _feature_matching_generator(objective: Objective, run: Pass) -> Tensor:
    return _matched(objective, run, run.painted)


POINT_LOSSES = {"truth_points", "truth_shape", "truth_displacement", "truth_deformation"}
"""Losses that read nothing but points."""

ADVERSARIAL = {"adversarial", "feature_matching", "adversarial_generator", "feature_matching_generator"}
"""Losses that need a discriminator."""

LOSSES: dict[str, Loss] = {
    "perceptual": _perceptual,
    "perceptual_generator": _perceptual_generator,
    "pixel": _pixel,
    "gradient": _gradient,
    "warped_source": _warped,
    "equivariance": _equivariance,
    "equivariance_jacobian": _jacobian_equivariance,
    "equivariance_affine": _affine_equivariance,
    "warp": _warp,
    "smoothness": _smoothness,
    "background": _background,
    "disentangle": _disentangle,
    "disentangle_shape": _disentangle_shape,
    "adversarial": _adversarial,
    "feature_matching": _feature_matching,
    "adversarial_generator": _adversarial_generator,
    "feature_matching_generator": _feature_matching_generator,
    **ANCHOR_LOSSES,
    **TEACHER_LOSSES,
    **SPACE_LOSSES,
    "truth_points": _points,
    "truth_shape": _shape,
    "truth_displacement": _displacement,
    "truth_deformation": _deformation,
    "truth_flow": _flow,
    "truth_occlusion": _occlusion,
    "truth_background": _true_background,
}
"""Every loss by the name a configuration uses."""
