"""LivePortrait as a family: what its five networks make of one another (paper, 3.1 and 3.2; models.md 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from checkpoints.contract import EYE_OPENING, LIP_OPENING, STITCHING
from checkpoints.parameters import Parameter
from training.models.base import DenseMotion, Motion
from training.models.liveportrait import meaning, retargeting
from training.models.liveportrait.config import LivePortraitConfig
from training.models.liveportrait.extractor import MotionExtractor, posed
from training.models.liveportrait.spade import SpadeGenerator
from training.models.liveportrait.volume import VolumeModel


class LivePortrait(VolumeModel):
    """Everything of a face's motion, and its canonical points, by one network.

    Pictures may be twice as large as `config.resolution`, as those that it gives: they are halved first.
    """

    family: ClassVar[str] = "liveportrait"
    title: ClassVar[str] = (
        "LivePortrait: Efficient Portrait Animation with Stitching and Retargeting Control "
        "(Guo et al., arXiv:2407.03168, 2024)"
    )
    kinds: ClassVar[Mapping[str, str]] = {
        "rotation": "rotation",
        "expression": "code",
        "scale": "ratio",
        "translation": "code",
    }
    detectors: ClassVar[tuple[str, ...]] = ("motion_extractor",)

    def __init__(self, config: LivePortraitConfig) -> None:
        super().__init__(config)
        self.motion_extractor = MotionExtractor(config)
        self.spade_generator = SpadeGenerator(config)
        if config.stitching:
            self.retarget_shoulder = retargeting.stitching(config.num_points)
            self.retarget_mouth = retargeting.lips(config.num_points)
            self.retarget_eye = retargeting.eyes(config.num_points)

    def output_resolution(self, resolution: int) -> int:
        """See `MotionModel.output_resolution`."""
        return 2 * resolution

    @property
    def switches(self) -> tuple[str, ...]:
        """See `MotionModel.switches`."""
        return (STITCHING, LIP_OPENING, EYE_OPENING) if self.config.stitching else ()

    def parameter(self, name: str, shape: tuple[int, ...]) -> Parameter:
        """Turn and place are the head's, the expression has rows of every part, and the size belongs to the whole."""
        if name == "expression":
            return Parameter("code", shape, kept=meaning.kept(shape[0]), parts=meaning.parts(shape[0]))
        return Parameter("ratio", shape) if name == "scale" else super().parameter(name, shape)

    def detect(self, image: Tensor) -> Motion:
        """See `MotionModel.detect`; `extra` has the points (B, K, 3) of the picture and of its canonical head."""
        return self._motion(self.motion_extractor(self._fitting(image)))

    def _motion(self, found: dict[str, Tensor]) -> Motion:
        turn, expression = found["rotation"].transpose(1, 2), found["expression"]
        arrays = {
            "rotation": turn[:, None],
            "expression": expression,
            "scale": found["scale"],
            "translation": found["translation"],
        }
        points = posed(found["points"], found["rotation"], expression, found["scale"], found["translation"])
        return Motion.of(arrays, {"points": points, "canonical": found["points"]})

    def _fitting(self, image: Tensor) -> Tensor:
        large = image.shape[-1] == self.output_resolution(self.config.resolution)
        return F.avg_pool2d(image, 2) if large else image

    def points(self, canonical: Tensor, motion: Motion) -> Tensor:
        """(B, K, 3): where the points of a head with `canonical` ones (1 or B, K, 3) are in a `motion`."""
        arrays = motion.arrays
        turned = arrays["rotation"][:, 0].transpose(1, 2)
        return posed(canonical, turned, arrays["expression"], arrays["scale"], arrays["translation"])

    def prepare(self, image: Tensor) -> tuple[Motion, tuple[Tensor, ...]]:
        """See `MotionModel.prepare`."""
        image = self._fitting(image)
        volume, motion = self.appearance_feature_extractor(image), self.detect(image)
        squeezed = self.warping_module.dense_motion_network.squeezed(volume)
        return motion, (squeezed, motion.extra["canonical"], volume)

    def asked(self, here: Tensor, there: Tensor, wishes: dict[str, Tensor]) -> Tensor:
        """`there` with lips and eyes as far open as is asked, then stitched.

        The publication drops the driving motion when it opens eyes or lips in relative mode; here it is kept, as its
        absolute mode does.
        """
        for name in sorted(wishes.keys() & {LIP_OPENING, EYE_OPENING}):
            network = self.retarget_mouth if name == LIP_OPENING else self.retarget_eye
            ratios, weight = wishes[name][:, :-1], wishes[name][:, -1:, None]
            there = there + weight * retargeting.opened(network, here, ratios)
        if STITCHING in wishes:
            there = there + wishes[STITCHING] * (retargeting.stitched(self.retarget_shoulder, here, there) - there)
        return there

    def generate(self, features: tuple[Tensor, ...], motion: DenseMotion) -> Tensor:
        """See `MotionModel.generate`."""
        return self.spade_generator(self.warped(features, motion))
