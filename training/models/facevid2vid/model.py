"""face-vid2vid as a family (Wang et al., CVPR 2021; models.md 11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from checkpoints.parameters import Parameter
from training.models.base import DenseMotion, Motion
from training.models.facevid2vid.canonical import CanonicalDetector
from training.models.facevid2vid.config import FaceVid2VidConfig
from training.models.facevid2vid.generator import Generator
from training.models.liveportrait.extractor import MotionExtractor
from training.models.liveportrait.volume import VolumeModel
from training.models.parts.matrices import exact_product


class FaceVid2Vid(VolumeModel):
    """Canonical points by a detector of their own; turn, expression and place by another network, without jacobians."""

    family: ClassVar[str] = "face-vid2vid"
    title: ClassVar[str] = (
        "One-Shot Free-View Neural Talking-Head Synthesis for Video Conferencing (Wang et al., CVPR 2021)"
    )
    kinds: ClassVar[Mapping[str, str]] = {"rotation": "rotation", "expression": "code", "translation": "code"}
    detectors: ClassVar[tuple[str, ...]] = ("kp_detector", "he_estimator")

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__(config)
        self.kp_detector = CanonicalDetector(config)
        self.he_estimator = MotionExtractor(config, ("pitch", "yaw", "roll", "t", "exp"))
        self.generator = Generator(config)

    def parameter(self, name: str, shape: tuple[int, ...]) -> Parameter:
        """The expression's points mean no part of the face by themselves: it belongs to the whole."""
        return Parameter("code", shape) if name == "expression" else super().parameter(name, shape)

    def points(self, canonical: Tensor, motion: Motion) -> Tensor:
        """x = R k + t + e, the depth of t included (paper, Eq. 1)."""
        arrays = motion.arrays
        return (
            exact_product(canonical, arrays["rotation"][:, 0]) + arrays["translation"][:, None] + arrays["expression"]
        )

    def detect(self, image: Tensor) -> Motion:
        """See `MotionModel.detect`; `extra` has the points (B, K, 3) of the picture, from its own canonical ones."""
        return self._motion(image, self.kp_detector(image))

    def _motion(self, image: Tensor, canonical: Tensor) -> Motion:
        found = self.he_estimator(image)
        turn = found["rotation"].transpose(1, 2)[:, None]
        motion = Motion.of({"rotation": turn, "expression": found["expression"], "translation": found["translation"]})
        motion.extra["points"] = self.points(canonical, motion)
        return motion

    def prepare(self, image: Tensor) -> tuple[Motion, tuple[Tensor, ...]]:
        """See `MotionModel.prepare`."""
        volume, canonical = self.appearance_feature_extractor(image), self.kp_detector(image)
        squeezed = self.warping_module.dense_motion_network.squeezed(volume)
        return self._motion(image, canonical), (squeezed, canonical, volume)

    def encode(self, image: Tensor) -> tuple[Tensor, ...]:
        """See `MotionModel.encode`."""
        volume = self.appearance_feature_extractor(image)
        return self.warping_module.dense_motion_network.squeezed(volume), self.kp_detector(image), volume

    def generate(self, features: tuple[Tensor, ...], motion: DenseMotion) -> Tensor:
        """See `MotionModel.generate`."""
        return self.generator(self.warped(features, motion))
