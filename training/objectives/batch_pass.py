"""One pass over a batch, computed piece by piece as the losses ask for it."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from checkpoints.errors import OptionError
from training.data.pairs import Sample, source_views
from training.losses.focus import focus_map
from training.models.base import DenseMotion, Motion, MotionModel
from training.models.parts.constants import chosen, constant
from training.models.parts.random_warp import RandomWarp, seeded_uniform

STRETCH = 0.25
"""Largest relative change of a shape per axis in the disentanglement stage without cross-identity data."""


class Degrade(Protocol):
    """Makes a picture worse (blur, noise, hidden parts) for robustness."""

    def __call__(self, image: Tensor) -> Tensor: ...


class Pass:
    """Source and driving of a batch through a model; every result is computed at first use and kept."""

    def __init__(
        self,
        model: MotionModel,
        batch: Sample,
        *,
        spline_dropout: float = 0.0,
        use_background: bool = False,
        degrade: Degrade | None = None,
        true_motion: bool = False,
        true_background: bool = False,
        true_flow: bool = False,
        coarse: int = 1,
        joint_detection: bool = False,
        first_look: bool = False,
        teacher: MotionModel | None = None,
        focus: tuple[int, ...] = (),
        focus_weight: float = 1.0,
    ) -> None:
        self.model = model
        self.batch = batch
        self.spline_dropout = spline_dropout
        self.use_background = use_background
        self.degrade = degrade
        self.true_motion = true_motion
        self.true_background = true_background
        self.true_flow = true_flow
        self.coarse = coarse
        self.joint_detection = joint_detection
        self.first_look = first_look
        self.teacher = teacher
        self.focus = focus
        self.focus_weight = focus_weight

    def truth(self, key: str) -> Tensor:
        """An entry of the batch that only synthetic data have. Raises `OptionError` where it is missing."""
        if key not in self.batch:
            raise OptionError(f"the stage needs {key!r}, which this data set does not have; use synthetic data for it")
        return self.batch[key]

    def surface_points(self, name: str, count: int) -> tuple[Tensor, Tensor]:
        """True points (B, count, 2) of "source" or "driving", and their visibility (B, count).

        A model with fewer points than the data have is tied to every so many-th of them. Raises `OptionError` for one
        that has more, or on data without truth.
        """
        points, visible = self.truth(f"{name}_points"), self.truth(f"{name}_visible")
        known = points.shape[1]
        if count > known:
            raise OptionError(f"the data have {known} surface points and cannot teach {count}; weigh truth_points 0")
        if count == known:
            return points, visible
        every = [index * known // count for index in range(count)]
        return chosen(points, every, 1), chosen(visible, every, 1)

    def point_weight(self, count: int) -> Tensor | None:
        """(count,) how much each surface point counts, 1 on average; None: all alike.

        Raises `OptionError` where the focus names splines that the model does not have.
        """
        if not self.focus:
            return None
        splines, focus, times = self._splines(), self.focus, self.focus_weight

        def make() -> Tensor:
            weight = torch.ones(splines, count // splines)
            weight[list(focus)] = times
            return (weight / weight.mean()).flatten()

        return constant(("focus", splines, count, focus, times), make, self.source)

    def place_weight(self, size: torch.Size | tuple[int, ...]) -> Tensor | None:
        """(B, 1, h, w) how much each place of the driving pose counts, from 1 up; None: all alike.

        Raises `OptionError` where the focus names splines that the model does not have.
        """
        if not self.focus:
            return None
        splines = self._splines()
        points, _ = self.surface_points("driving", splines * self.model.config.points_per_tps)
        parts = chosen(points.unflatten(1, (splines, -1)), self.focus, 1)
        return 1 + (self.focus_weight - 1) * focus_map(parts, int(size[0]), int(size[1]))[:, None]

    @cached_property
    def picture_weight(self) -> Tensor | None:
        """`place_weight` of the target's pixels, which several losses ask for."""
        return self.place_weight(self.target.shape[-2:])

    def _splines(self) -> int:
        """Number of the model's splines, if all those in focus are among them."""
        count = self.model.groups
        if not count or max(self.focus) >= count or min(self.focus) < 0:
            raise OptionError(f"stage.focus names splines {list(self.focus)}; {self.model.family} has {count} here")
        return count

    @property
    def source(self) -> Tensor:
        """(B, 3, H, W) in [0, 1]."""
        return self.batch["source"]

    @property
    def driving(self) -> Tensor:
        """(B, 3, H, W): what the motion is read from."""
        return self.batch["driving"]

    @property
    def target(self) -> Tensor:
        """(B, 3, H, W): what the result should be; differs from `driving` in cross-identity pairs."""
        return self.batch.get("target", self.driving)

    @cached_property
    def sources(self) -> Tensor:
        """The source, with an axis of views (B, V, 3, H, W) where there are references."""
        return source_views(self.batch)

    @cached_property
    def _motions(self) -> list[Motion]:
        """Of source, target and every reference."""
        if self.true_motion:
            return [Motion(self.truth(f"{name}_points").clamp(-1, 1)) for name in ("source", "driving")]
        references = self.batch["references"].unbind(1) if "references" in self.batch else ()
        images = torch.cat([self.source, self.target, *references])
        # A detector that is not being trained gives the other networks their truth.
        seen = self.degrade(images) if self.degrade and self.model.learns_to_detect else images
        # What damages pictures need not keep their layout.
        seen = seen.contiguous(memory_format=torch.channels_last)
        count = 2 + len(references)
        # Batch statistics are those of a pass, so that it makes a difference what a training detector sees together.
        detect = self.model.first_look if self.first_look else self.model.detect
        if self.joint_detection or not self.model.normalises_by_batch:
            return detect(seen).split(count)
        return [detect(each) for each in seen.chunk(count)]

    @property
    def source_motion(self) -> Motion:
        """Parameters of the source."""
        return self._motions[0]

    @cached_property
    def source_motions(self) -> Motion:
        """Parameters of all views of the source, as `MotionModel.move` takes them with `features`."""
        if "references" not in self.batch:
            return self.source_motion
        return Motion.stack([self._motions[0], *self._motions[2:]])

    @property
    def driving_motion(self) -> Motion:
        """Parameters of the driving frame (of the target, where they differ)."""
        return self._motions[1]

    @cached_property
    def other_motion(self) -> Motion:
        """What the disentanglement network is given as driving motion: another shape in the driving pose.

        Cross-identity data have it for real; elsewhere the driving motion is stretched per axis by up to a quarter
        (TPSMM supplement 2).
        """
        if "target" in self.batch:
            return self.model.detect(self.driving)
        motion = self.driving_motion
        scale = 1 + STRETCH * (2 * seeded_uniform(self.batch["seed"], 2).to(motion.points) - 1)
        jacobians = None if motion.jacobians is None else scale[:, None, :, None] * motion.jacobians
        return Motion(motion.points * scale[:, None], jacobians)

    @cached_property
    def disentangled(self) -> Motion:
        """The other motion in the source's shape."""
        return self.model.disentangle(self.source_motion, self.other_motion)

    @cached_property
    def random_warp(self) -> RandomWarp:
        """The warp of the equivariance losses; its kind of spline is the family's."""
        return RandomWarp.draw(self.batch["seed"], self.target, self.model.warp_distance)

    @cached_property
    def warped_motion(self) -> Motion:
        """Parameters of the randomly warped target."""
        return self.model.detect(self.random_warp.image(self.target, self.model.align_corners))

    @cached_property
    def background(self) -> Tensor | None:
        """(B, 3, 3) the true one if wanted, or predicted from both images, or None."""
        if self.true_background:
            return self.truth("background")
        return self.model.background(self.source, self.target) if self.use_background else None

    @cached_property
    def features(self) -> tuple[Tensor, ...]:
        """What the generator keeps of the source."""
        return self.model.encode(self.sources)

    @cached_property
    def reduced(self) -> Tensor:
        """What the dense motion sees of the source; the generator's maps are not computed for it."""
        small = self.model.reduce(self.sources)
        if self.coarse == 1:
            return small
        return F.avg_pool2d(small.flatten(0, -4), self.coarse).unflatten(0, small.shape[:-3])

    @cached_property
    def motion(self) -> DenseMotion:
        """Flow, occlusions, masks; with true flow, the truth and no masks."""
        if self.true_flow:
            visible = self.truth("flow_visible")[:, None].to(self.source)
            return DenseMotion(self.truth("flow"), [visible], visible.new_zeros(len(visible), 0, *visible.shape[-2:]))
        seen = (self.reduced,) if self.model.reduces else self.features
        return self.model.move(seen, self.source_motions, self.driving_motion, self.background, self.spline_dropout)

    @cached_property
    def image(self) -> Tensor:
        """The result (B, 3, H, W)."""
        return self.model.generate(self.features, self.motion)

    @cached_property
    def painted(self) -> Tensor:
        """`image` (B, 3, H, W), whose gradient stops at the motion: it reaches the generator alone."""
        motion = self.motion
        moving = (motion.flow, motion.masks, *motion.occlusions, *motion.extra.values())
        if not any(isinstance(each, Tensor) and each.requires_grad for each in moving):
            return self.image
        return self.model.generate(self.features, motion.still())

    @cached_property
    def _taught(self) -> tuple[MotionModel, tuple[Tensor, ...], DenseMotion]:
        """The teacher, what it keeps of the source, and how it moves it, with the points that it finds itself."""
        if self.teacher is None:
            raise OptionError("a distillation loss is weighted but the stage has no teacher")
        with torch.no_grad():
            features = self.teacher.encode(self.source)
            source, driving = self.teacher.detect(torch.cat([self.source, self.target])).split(2)
            known = self.true_background
            background = self.truth("background") if known else self.teacher.background(self.source, self.target)
            return self.teacher, features, self.teacher.move(features, source, driving, background)

    @property
    def taught_motion(self) -> DenseMotion:
        """The teacher's dense motion for the pair; no gradient flows into it."""
        return self._taught[2]

    @cached_property
    def taught_image(self) -> Tensor:
        """The teacher's picture of the pair (B, 3, H, W); no gradient flows into it."""
        teacher, features, motion = self._taught
        with torch.no_grad():
            return teacher.generate(features, motion)

    @cached_property
    def augmented(self) -> Tensor:
        """The target moved by a random affine map, as strong as that of the equivariance losses' warps (DAM)."""
        # Other seeds than theirs: the two maps must not be the same.
        drawn = RandomWarp.draw(self.batch["seed"] + 2**31, self.target)
        affine = RandomWarp(drawn.affine, torch.zeros_like(drawn.weights))
        return affine.image(self.target, self.model.align_corners)

    @cached_property
    def augmented_image(self) -> Tensor:
        """The source in the augmented target's pose (B, 3, H, W)."""
        background = self.model.background(self.source, self.augmented) if self.use_background else None
        driving = self.model.detect(self.augmented)
        motion = self.model.move(self.features, self.source_motions, driving, background, self.spline_dropout)
        return self.model.generate(self.features, motion)

    @cached_property
    def warped_source(self) -> Tensor:
        """The source picture warped by the flow at full size, holes and all."""
        return self.motion.looked_up(self.source, self.model.align_corners)
