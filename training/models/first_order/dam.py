"""DAM and HDAM, the deformable anchor model (models.md 4; Tao et al., CVPR 2022).

Written from the paper's formulas and the facts of the golden data alone. Only motion anchors move pixels; root and
intermediate anchors exist for the losses that give the motion anchors a structure, and for drawings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from checkpoints.errors import OptionError
from training.models.base import Motion, MotionModel
from training.models.first_order.model import (
    BackgroundEncoder,
    FirstOrderConfig,
    FirstOrderModel,
    JacobianDetector,
)
from training.models.first_order.published import DAM_FILES
from training.models.parts.constants import constant
from training.models.parts.published import Published
from training.models.parts.sampling import full_precision


@dataclass(frozen=True)
class DAMConfig(FirstOrderConfig):
    """Defaults are the published VoxCeleb HDAM model; `num_points` is its number of motion anchors."""

    skips: bool = True
    num_intermediate: int = 3
    """Intermediate anchors: 0 for DAM, 3 or 4 for HDAM."""
    single_jacobian_map: bool = True
    """One map of jacobians for all anchors; else one each (published TaiChiHD model)."""
    attention: Literal["convolution", "linear"] = "convolution"
    """Projections of the attention: with BatchNorm and ReLU as in the published code, or linear (supplement, Eq. 1)."""
    attention_channels: int = 64
    attention_scale: Literal["anchors", "channels"] = "anchors"
    """Scores are divided by the root of this number: of intermediate anchors, as the published code's results show,
    or of channels (supplement, Eq. 1)."""
    dead_anchors: tuple[int, ...] = ()
    """Motion anchors that equivariance detection found dead: left out of the attention and of drawings."""
    background: bool = False
    """Whether there is a background predictor (TaiChiHD)."""
    background_size: int = 64
    """Side to which pictures are reduced before the background predictor; 0: none."""

    def __post_init__(self) -> None:
        """Raises `OptionError` for values that do not go together."""
        super().__post_init__()
        if self.num_intermediate < 0:
            raise OptionError(f"num_intermediate is {self.num_intermediate}; it must be 0 (DAM) or more (HDAM)")
        if any(not 0 <= anchor < self.num_points for anchor in self.dead_anchors):
            raise OptionError(f"dead_anchors {self.dead_anchors}: anchors are numbered 0 to {self.num_points - 1}")
        if len(set(self.dead_anchors)) >= self.num_points:
            raise OptionError("dead_anchors: at least one motion anchor must live")


ANCHOR_MAPS = ("kp_detector.kp", "kp_detector.jacobian")
"""Convolutions of the detector with one map (or four) for every anchor."""


class AnchorDetector(JacobianDetector):
    """Motion, intermediate and root anchors, in this order, and how the intermediate ones attend to the motion ones."""

    def __init__(self, config: DAMConfig) -> None:
        count = config.num_points + config.num_intermediate + 1
        super().__init__(config, count, 1 if config.single_jacobian_map else count)
        self.leaves = config.num_points
        self.intermediate = config.num_intermediate
        self.dead = config.dead_anchors
        divisor = config.num_intermediate if config.attention_scale == "anchors" else config.attention_channels
        self.scale = divisor**-0.5 if divisor else 1.0
        if config.num_intermediate:
            self.subroot_attention_block = self._projection(config)
            self.leaf_attention_block = self._projection(config)

    def _projection(self, config: DAMConfig) -> nn.Sequential:
        linear = nn.Conv2d(self.channels, config.attention_channels, 1)
        if config.attention == "linear":
            return nn.Sequential(linear)
        return nn.Sequential(linear, nn.BatchNorm2d(config.attention_channels), nn.ReLU())

    def attention(self, features: Tensor, anchors: Tensor) -> Tensor:
        """(B, I, K): how much each intermediate anchor binds each motion anchor; rows sum to 1, dead columns are 0.

        `features` (B, C, s, s) are sampled bilinearly at `anchors` (B, K + I + 1, 2).
        """
        with full_precision(features):
            sampled = F.grid_sample(features.float(), anchors[:, None], mode="bilinear", align_corners=False)
            leaves, subroots = sampled[..., : self.leaves], sampled[..., self.leaves : self.leaves + self.intermediate]
            queries = self.subroot_attention_block(subroots)[:, :, 0]  # (B, c, I)
            keys = self.leaf_attention_block(leaves)[:, :, 0]  # (B, c, K)
            scores = queries.transpose(1, 2) @ keys * self.scale
            if self.dead:
                dead = constant(("dead", self.leaves, tuple(self.dead)), self._dead, scores).bool()
                scores = scores.masked_fill(dead, float("-inf"))
            return torch.softmax(scores, -1)

    def _dead(self) -> Tensor:
        """(K,): 1 for every dead motion anchor."""
        return torch.tensor([float(anchor in self.dead) for anchor in range(self.leaves)])

    def forward(self, image: Tensor) -> Motion:
        """Motion anchors; all anchors and the attention (HDAM) are in `extra` as `anchor_points`,
        `anchor_jacobians` and `attention`."""
        features = self.features(image)
        every = self.motion(features)
        assert every.jacobians is not None
        extra = {"anchor_points": every.points, "anchor_jacobians": every.jacobians}
        if self.intermediate:
            extra["attention"] = self.attention(features, every.points)
        return Motion(every.points[:, : self.leaves], every.jacobians[:, : self.leaves], extra=extra)


class DAM(FirstOrderModel):
    """FOMM's motion with structured anchors, and a generator with skips."""

    family: ClassVar[str] = "dam"
    title: ClassVar[str] = "Deformable Anchor Model (Tao et al., CVPR 2022)"
    inherited: ClassVar[tuple[str, ...]] = ("dead_anchors",)
    published: ClassVar[Published | None] = DAM_FILES

    def __init__(self, config: DAMConfig) -> None:
        super().__init__(config, "dense_motion_network")
        self.kp_detector = AnchorDetector(config)
        if config.background:
            self.bg_predictor = BackgroundEncoder(config, perspective=False, size=config.background_size)

    @property
    def dead(self) -> tuple[int, ...]:
        """Motion anchors that equivariance detection found dead."""
        return tuple(self.config.dead_anchors)

    def adopted(self, state: dict[str, Tensor], other: MotionModel) -> dict[str, Tensor]:
        """With the detector maps that this model needs: motion anchors stay first and the root last, so that DAM starts
        HDAM; intermediate anchors that `other` does not have stay fresh."""
        mine, new, old = self.state_dict(), self.config, other.config
        if new.num_points != old.num_points or new.num_intermediate == old.num_intermediate:
            return state
        for name in (f"{maps}.{part}" for maps in ANCHOR_MAPS for part in ("weight", "bias")):
            if name not in mine or name not in state or mine[name].shape == state[name].shape:
                continue
            per_anchor = state[name].shape[0] // (old.num_points + old.num_intermediate + 1)
            leaves = new.num_points * per_anchor
            grown = mine[name].clone()
            grown[:leaves] = state[name][:leaves]
            grown[-per_anchor:] = state[name][-per_anchor:]
            common = min(new.num_intermediate, old.num_intermediate) * per_anchor
            grown[leaves : leaves + common] = state[name][leaves : leaves + common]
            state = state | {name: grown}
        return state

    def detect(self, image: Tensor) -> Motion:
        """See `AnchorDetector.forward`."""
        return self.kp_detector(image)
