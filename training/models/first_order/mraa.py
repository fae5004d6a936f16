"""MRAA, motion representations for articulated animation (models.md 6; Siarohin et al., CVPR 2021).

Written from the paper's formulas and the facts of the golden data alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from training.models.base import Motion
from training.models.first_order.model import (
    BackgroundEncoder,
    FirstOrderConfig,
    FirstOrderModel,
    HeatmapDetector,
    relative_linear,
)
from training.models.first_order.published import MRAA_FILES
from training.models.parts.disentangle import disentangle_motion
from training.models.parts.matrices import exact_product, inverse_2x2, principal_axes, same_side
from training.models.parts.published import Published
from training.models.parts.sampling import coordinate_grid, expected_points, full_precision


@dataclass(frozen=True)
class MRAAConfig(FirstOrderConfig):
    """Defaults are the published VoxCeleb model; `num_points` is its number of regions."""

    heat_padding: int = 3
    """Published: 3 for VoxCeleb, 0 elsewhere."""
    skips: bool = True
    covariance_heatmaps: bool = True
    """The motion network sees regions as Gaussians of their own shape, else as round ones."""
    background: bool = True
    """Whether there is a background predictor."""
    perspective: bool = False
    """Whether the background moves by a perspective map rather than an affine one."""
    background_size: int = 0
    """Side to which pictures are reduced before the background predictor; 0: none."""
    disentangle: bool = True


class RegionPredictor(HeatmapDetector):
    """Regions: centre, covariance and principal axes of each heat map."""

    def __init__(self, config: MRAAConfig) -> None:
        super().__init__(config, "regions", config.num_points)

    def forward(self, image: Tensor) -> Motion:
        """Regions of `image` (B, 3, H, W)."""
        heat = self.heatmaps(self.features(image))
        with full_precision(heat):
            centres = expected_points(heat)
            covariances = _covariances(heat, centres)
            return Motion(centres, principal_axes(covariances), covariances)


class MRAA(FirstOrderModel):
    """K regions moved by principal axes; generator with skips; optional background and disentanglement networks."""

    family: ClassVar[str] = "mraa"
    title: ClassVar[str] = "Motion Representations for Articulated Animation (Siarohin et al., CVPR 2021)"
    published: ClassVar[Published | None] = MRAA_FILES

    def __init__(self, config: MRAAConfig) -> None:
        super().__init__(config, "pixelwise_flow_predictor")
        self.region_predictor = RegionPredictor(config)
        if config.background:
            self.bg_predictor = BackgroundEncoder(config, config.perspective, config.background_size)

    def detect(self, image: Tensor) -> Motion:
        """Centres, axes (as jacobians) and, where the heat maps need them, covariances."""
        motion = self.region_predictor(image)
        return (
            motion if self.config.covariance_heatmaps else Motion(motion.points, motion.jacobians, extra=motion.extra)
        )

    def linear_parts(self, source: Motion, driving: Motion) -> Tensor:
        """A_S A_D^-1, its sign chosen so that its first entry is not negative: axes have no sign of their own."""
        linear = relative_linear(_axes(source), _axes(driving))
        return linear * same_side(linear)

    def heatmaps(self, motion: Motion, size: int) -> Tensor:
        """exp(-d^T C^-1 d / 2) with each region's covariance C, d the offset from its centre."""
        if motion.covariances is None:
            return super().heatmaps(motion, size)
        offset = coordinate_grid(size, size, motion.points) - motion.points[:, :, None, None]
        precision = inverse_2x2(motion.covariances)
        scaled = exact_product(offset, precision[:, :, None])
        return torch.exp(-0.5 * (scaled * offset).sum(-1))

    def disentangle(self, source: Motion, driving: Motion) -> Motion:
        """The driving pose in the source's shape; the covariances are those of the new axes."""
        if self.avd_network is None:
            return super().disentangle(source, driving)
        axes = _axes(source)
        axes = axes * same_side(relative_linear(axes, _axes(driving)))
        batch = driving.points.shape[0]
        shape = Motion(source.points.expand(batch, -1, -1), axes)
        result = disentangle_motion(self.avd_network, shape, driving)
        if not self.config.covariance_heatmaps:
            return result
        return Motion(result.points, result.jacobians, exact_product(_axes(result), _axes(result).transpose(-1, -2)))


def _axes(motion: Motion) -> Tensor:
    if motion.jacobians is None:
        raise ValueError("regions without axes are no motion of MRAA")
    return motion.jacobians


def _covariances(heat: Tensor, centres: Tensor) -> Tensor:
    """(B, K, 2, 2): the covariance of the coordinates under each of `heat` (B, K, h, w) with mean `centres`."""
    height, width = heat.shape[-2:]
    grid = coordinate_grid(height, width, heat)
    offset = (grid - centres[:, :, None, None]).flatten(2, 3)  # (B, K, hw, 2)
    return exact_product((offset * heat.flatten(2)[..., None]).transpose(-1, -2), offset)
