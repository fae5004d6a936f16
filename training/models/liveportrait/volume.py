"""What face-vid2vid and its descendant LivePortrait have in common: a volume of features, moved by points in space.

Points of a canonical head, which depend on the source alone, are turned, shifted and changed by an expression; between
those of source and driving frame a dense motion of the volume is found (Wang et al., CVPR 2021, 3.2).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from checkpoints.parameters import Parameter
from training.models.base import DenseMotion, Motion, MotionModel
from training.models.liveportrait.appearance import AppearanceExtractor
from training.models.liveportrait.config import VolumeConfig
from training.models.liveportrait.warping import WarpingModule, seen_flow


class VolumeModel(MotionModel):
    """Features: what the dense motion sees of the volume (c, D, h, w), the canonical points (K, 3), the volume
    (C, D, h, w).
    """

    reduces: ClassVar[bool] = False
    outputs: ClassVar[tuple[str, ...]] = ("image", "flow", "occlusion")

    def __init__(self, config: VolumeConfig) -> None:
        super().__init__()
        self.config = config
        self.align_corners = True
        self.appearance_feature_extractor = AppearanceExtractor(config)
        self.warping_module = WarpingModule(config)

    @abstractmethod
    def points(self, canonical: Tensor, motion: Motion) -> Tensor:
        """(B, K, 3): where the points of a head with `canonical` ones (1 or B, K, 3) are in a `motion`."""

    def parameter(self, name: str, shape: tuple[int, ...]) -> Parameter:
        """Turn and place are the head's."""
        return Parameter(self.kinds[name], shape, parts=("head",) * shape[0])

    def reduce(self, image: Tensor) -> Tensor:
        """See `MotionModel.reduce`."""
        return self.encode(image)[0]

    def encode(self, image: Tensor) -> tuple[Tensor, ...]:
        """See `MotionModel.encode`."""
        return self.prepare(image)[1]

    def move(
        self,
        features: tuple[Tensor, ...],
        source: Motion,
        driving: Motion,
        background: Tensor | None = None,
        spline_dropout: float = 0.0,
    ) -> DenseMotion:
        """See `MotionModel.move`; `extra` has the deformation of the volume (B, D, h, w, 3), and the points of source
        and driving frame (B, K, 3) by which it was found.
        """
        squeezed, canonical = features[:2]
        here = self.points(canonical, source)
        there = self.asked(here, self.points(canonical, driving), driving.extra)
        deformation, occlusion, masks = self.warping_module.dense_motion_network(squeezed, here, there)
        extra = {"deformation": deformation, "source_points": here, "driving_points": there}
        return DenseMotion(seen_flow(deformation, masks), [occlusion], None, extra)

    def asked(self, here: Tensor, there: Tensor, wishes: dict[str, Tensor]) -> Tensor:
        """The driving points `there` (B, K, 3), changed as the `wishes` (`MotionModel.switches`) have it; `here`: those
        of the source.
        """
        return there

    def warped(self, features: tuple[Tensor, ...], motion: DenseMotion) -> Tensor:
        """(B, C, h, w): the volume in the driving pose, flattened; what a generator makes a picture of."""
        return self.warping_module(features[2], motion.extra["deformation"], motion.occlusions[0])
