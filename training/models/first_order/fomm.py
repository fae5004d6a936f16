"""FOMM, the first-order motion model (models.md 2; Siarohin et al., NeurIPS 2019), and Monkey-Net as its zero order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from training.models.base import Motion
from training.models.first_order.model import FirstOrderConfig, FirstOrderModel, JacobianDetector
from training.models.first_order.published import FOMM_FILES
from training.models.parts.published import Published


@dataclass(frozen=True)
class FOMMConfig(FirstOrderConfig):
    """Defaults are the published VoxCeleb model."""

    jacobians: bool = True
    """False: no linear parts, in motion and losses alike: Monkey-Net's motion (CVPR 2019)."""
    single_jacobian_map: bool = False
    """One map of jacobians for all points (published MGif model) instead of one each."""


class FOMM(FirstOrderModel):
    """K points, each with a jacobian; one occlusion map; the generator works on one warped map."""

    family: ClassVar[str] = "fomm"
    title: ClassVar[str] = "First Order Motion Model (Siarohin et al., NeurIPS 2019)"
    published: ClassVar[Published | None] = FOMM_FILES

    def __init__(self, config: FOMMConfig) -> None:
        super().__init__(config, "dense_motion_network", config.jacobians)
        maps = 0 if not config.jacobians else 1 if config.single_jacobian_map else config.num_points
        self.kp_detector = JacobianDetector(config, config.num_points, maps)

    def detect(self, image: Tensor) -> Motion:
        """See `MotionModel.detect`."""
        return self.kp_detector(image)
