"""DiME, differential motion evolution (models.md 5; Liu et al.): refined motion, self-flow, several source views.

No code was published; this is written from the paper's formulas. Every view (source or reference) gets its own coarse
motion and its own ODE; one network f serves them all, so that their number is free and their order does not matter.
Where the paper is silent: confidences are read from the motion network's last map; the self-flow is predicted from the
view's features in the driving pose with their occlusion map, for only those tell what is missing; a 1x1 convolution
brings the concatenated features (Eq. 12) back to the generator's width; occlusion is kept, as in FOMM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from checkpoints.errors import OptionError
from training.models.base import DenseMotion, Motion, Views
from training.models.first_order.model import FirstOrderConfig, FirstOrderModel, JacobianDetector
from training.models.parts.blocks import Hourglass
from training.models.parts.sampling import coordinate_grid, full_precision, resize_map, warp


@dataclass(frozen=True)
class DiMEConfig(FirstOrderConfig):
    """Sizes are FOMM's, whose detector, dense motion and generator the paper takes over."""

    align_corners: bool = True
    """There are no published weights whose sampling would have to be matched."""
    refine: Literal["none", "euler", "rk4"] = "rk4"
    """"none" is the ablation without refinement (Table 3)."""
    self_flow: bool = True
    """False is the ablation without source identity (Table 3): the generator sees the moved features only."""
    self_flow_block_expansion: int = 32
    self_flow_max_features: int = 256
    self_flow_num_blocks: int = 3
    confidence_kernel: int = 7
    """Kernel of the convolution that gives each view's confidence."""
    jacobians: bool = False
    """The paper's coarse motion is of zero order; true takes FOMM's instead."""

    def __post_init__(self) -> None:
        """Raises `OptionError` for values that do not go together."""
        super().__post_init__()
        if self.skips:
            raise OptionError("dime fuses the views' coarsest features only; skips must be false")
        if self.self_flow and (self.resolution >> self.num_down_blocks) % 2**self.self_flow_num_blocks:
            raise OptionError(
                f"features of {self.resolution >> self.num_down_blocks} pixels cannot be halved "
                f"{self.self_flow_num_blocks} times; choose fewer self_flow_num_blocks"
            )


class SelfFlow(nn.Module):
    """Where hidden places of the driving pose find features of like appearance in the same view (Eq. 10)."""

    def __init__(self, config: DiMEConfig, channels: int) -> None:
        """`channels` is the width of the generator's coarsest features."""
        super().__init__()
        width = config.self_flow_block_expansion
        self.first = nn.Conv2d(channels, width, 1)
        self.hourglass = Hourglass(
            width + 1, width, config.self_flow_num_blocks, config.self_flow_max_features, config.norm
        )
        self.flow = nn.Conv2d(self.hourglass.channels[-1], 2, 3, padding=1)
        nn.init.zeros_(self.flow.weight)
        assert self.flow.bias is not None
        nn.init.zeros_(self.flow.bias)

    def forward(self, moved: Tensor, occlusion: Tensor) -> Tensor:
        """A flow (N, h, w, 2) that starts as the identity, from moved and masked features (N, C, h, w) and the
        occlusion map (N, 1, h, w)."""
        features = self.hourglass(torch.cat([self.first(moved), occlusion], 1))[-1]
        displacement = self.flow(features).float().permute(0, 2, 3, 1)
        height, width = moved.shape[-2:]
        return coordinate_grid(height, width, displacement) + displacement


class DiME(FirstOrderModel):
    """Pictures, motions and features of a source may have an axis of V views after the batch, or none for one view."""

    family: ClassVar[str] = "dime"
    title: ClassVar[str] = "Differential Motion Evolution (DiME)"
    started_by: ClassVar[tuple[str, ...]] = ("fomm",)
    views: ClassVar[Views] = "many"

    def __init__(self, config: DiMEConfig) -> None:
        super().__init__(config, "dense_motion_network", config.jacobians)
        self.kp_detector = JacobianDetector(config, config.num_points, config.num_points if config.jacobians else 0)
        kernel = config.confidence_kernel
        features = self.flow_network.hourglass.channels[-1]
        self.confidence = nn.Conv2d(features, 1, kernel, padding=kernel // 2)
        self.self_flow: SelfFlow | None = None
        if config.self_flow:
            channels = min(config.max_features, config.block_expansion * 2**config.num_down_blocks)
            self.self_flow = SelfFlow(config, channels)
            self.fusion = nn.Conv2d(2 * channels, channels, 1)
            # Starts as the mean of both parts, which at first are equal.
            nn.init.dirac_(self.fusion.weight[:, :channels])
            nn.init.dirac_(self.fusion.weight[:, channels:])
            with torch.no_grad():
                self.fusion.weight.div_(2)
                assert self.fusion.bias is not None
                self.fusion.bias.zero_()

    def detect(self, image: Tensor) -> Motion:
        """See `MotionModel.detect`."""
        if image.dim() == 4:
            return self.kp_detector(image)
        views = image.shape[1]
        motion = self.kp_detector(image.flatten(0, 1))
        jacobians = None if motion.jacobians is None else motion.jacobians.unflatten(0, (-1, views))
        return Motion(motion.points.unflatten(0, (-1, views)), jacobians)

    def reduce(self, image: Tensor) -> Tensor:
        """See `MotionModel.reduce`."""
        if image.dim() == 4:
            return super().reduce(image)
        return super().reduce(image.flatten(0, 1)).unflatten(0, (-1, image.shape[1]))

    def encode(self, image: Tensor) -> tuple[Tensor, ...]:
        """See `MotionModel.encode`."""
        if image.dim() == 4:
            return super().encode(image)
        features = super().encode(image.flatten(0, 1))
        return tuple(feature.unflatten(0, (-1, image.shape[1])) for feature in features)

    def move(
        self,
        features: tuple[Tensor, ...],
        source: Motion,
        driving: Motion,
        background: Tensor | None = None,
        spline_dropout: float = 0.0,
    ) -> DenseMotion:
        """See `MotionModel.move`. Flow and masks are the first view's, the occlusion that of all views together.

        `extra` has `flows` (B, V, h, w, 2), `view_occlusions` and `confidence` (B, V, 1, h, w), the latter adding up
        to 1 over the views.
        """
        batch = driving.points.shape[0]
        views = source.points.shape[1] if source.points.dim() == 4 else 1
        moved, still = (Motion(*_pairs(motion, batch, views)) for motion in (driving, source))
        small = _paired(features[0], 4, batch, views)
        if background is not None:
            background = background[:, None].expand(-1, views, -1, -1).flatten(0, 1)
        motion = super().move((small,), still, moved, background)
        by_view = (batch, views)
        logits = self.confidence(motion.extra["features"]).float().unflatten(0, by_view)
        confidence = torch.softmax(logits, 1)
        occlusions = motion.occlusions[0].unflatten(0, by_view)
        flows = motion.flow.unflatten(0, by_view)
        extra = {**motion.extra, "flows": flows, "view_occlusions": occlusions, "confidence": confidence}
        assert motion.masks is not None
        masks = motion.masks.unflatten(0, by_view)[:, 0]
        return DenseMotion(flows[:, 0], [(confidence * occlusions).sum(1)], masks, extra)

    def generate(self, features: tuple[Tensor, ...], motion: DenseMotion) -> Tensor:
        """See `MotionModel.generate`; Eq. 9 to 12."""
        batch, views = motion.extra["flows"].shape[:2]
        flows, occlusion, confidence = (
            motion.extra[name].flatten(0, 1) for name in ("flows", "view_occlusions", "confidence")
        )
        coarsest = _paired(features[1], 4, batch, views)
        size = coarsest.shape[-2:]
        moved = self.generator.warp_masked(coarsest, flows, occlusion)
        weights = resize_map(confidence, size, align_corners=False).unflatten(0, (batch, views))
        fused = (weights * moved.unflatten(0, (batch, views))).sum(1)
        if self.self_flow is not None:
            own = self.self_flow(moved, resize_map(occlusion, size, align_corners=False))
            with full_precision(own):
                borrowed = warp(moved.float(), own, self.align_corners).unflatten(0, (batch, views))
            fused = self.fusion(torch.cat([fused, (weights * borrowed).sum(1)], 1))
        return self.generator.decode(fused, (), motion.flow, motion.occlusions[0])


def _paired(values: Tensor, dims: int, batch: int, views: int) -> Tensor:
    """(B V, ...): `values` of `dims` dimensions (1 or B, ...) or with an axis of views (1 or B, V, ...), one for each
    pair of driving frame and view."""
    if values.dim() == dims:
        values = values[:, None]
    return values.expand(batch, views, *values.shape[2:]).flatten(0, 1)


def _pairs(motion: Motion, batch: int, views: int) -> tuple[Tensor, Tensor | None]:
    """Points and jacobians for every pair of driving frame and view."""
    jacobians = None if motion.jacobians is None else _paired(motion.jacobians, 4, batch, views)
    return _paired(motion.points, 3, batch, views), jacobians
