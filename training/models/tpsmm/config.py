"""TPSMM's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from checkpoints.errors import OptionError
from training.models.parts.blocks import Blocks
from training.models.parts.refinement import RefinementConfig


@dataclass(frozen=True)
class TPSMMConfig(RefinementConfig):
    """Defaults are the published VoxCeleb model; narrower values give the light ones."""

    resolution: int = 256
    """Side of the pictures the exported model works on; training may use others."""
    num_tps: int = 10
    """Splines K."""
    points_per_tps: int = 5
    """Control points of a spline N: 3 or more (supplement: 3, 5, 8)."""
    detector_width: int = 64
    """Stem channels of the detector's ResNet-18."""
    detector_size: int = 0
    """Side to which pictures are averaged down before the detector; 0: none."""
    detector_pool: int = 1
    """Side of the map that the detector's last layer reads (see `ResNet18`)."""
    glances: tuple[int, ...] = ()
    """Splines whose points a network each finds again in a cut around them (`glance.py`); (): none."""
    glance_size: int = 32
    """Side of these cuts in pixels: a multiple of 8."""
    glance_width: int = 16
    """Channels of the first convolution on a cut."""
    glance_hidden: int = 64
    """Units between the last one and the points: most of the weights."""
    least_squeeze: float = 0.0
    """Share of its distance in the source to which two points of such a spline come at least (`folding.py`); 0: any."""
    motion_size: int = 64
    """Side of the maps on which the dense motion is computed."""
    dense_block_expansion: int = 64
    dense_max_features: int = 1024
    dense_num_blocks: int = 5
    dense_blocks: Blocks = "plain"
    """How the hourglass makes its convolutions."""
    mask_kernel: int = 7
    """Kernel of the convolution that gives the contribution maps."""
    occlusion_kernel: int = 7
    occlusion_widths: tuple[int, ...] | None = None
    """Channels of the up blocks before the occlusion maps finer than `motion_size`; None: one for every size, halved
    each time, as published. Sizes beyond the last map use it resized, so () needs no up blocks at all."""
    multi_mask: bool = True
    """One occlusion map for every size of feature map; else one, resized."""
    block_expansion: int = 64
    max_features: int = 512
    num_down_blocks: int = 3
    res_blocks: tuple[int, ...] = (2, 2, 2)
    """Residual blocks of every level of the inpainting decoder, coarse to fine."""
    inpainting_blocks: Blocks = "plain"
    """How the inpainting network makes its convolutions."""
    final_kernel: int = 7
    norm: Literal["instance", "batch"] = "instance"
    """Of the hourglass and the inpainting network."""
    background: bool = True
    """Whether there is a background predictor."""
    background_alignment: bool = False
    """Without a predictor: the backdrop's motion from aligning both pictures (`alignment.py`). Not exported."""
    background_width: int = 64
    disentangle: bool = True
    """Whether there is a disentanglement network."""
    disentangle_widths: tuple[int, ...] = (256, 512, 1024)
    id_bottleneck: int = 128
    pose_bottleneck: int = 128
    tps_ridge: float = 0.01
    tps_ridge_on: Literal["all", "kernel"] = "all"
    """Published: the ridge sits on the whole matrix, the affine block too."""
    tps_residual: bool = False
    """Fit the splines to displacements, so that equal points give exactly the identity."""
    align_corners: bool = True

    def __post_init__(self) -> None:
        """Raises `OptionError` for values that do not go together."""
        super().__post_init__()
        if self.points_per_tps < 3:
            raise OptionError(f"points_per_tps is {self.points_per_tps}; a spline needs at least 3 points")
        if len(self.res_blocks) != self.num_down_blocks:
            raise OptionError(f"res_blocks needs {self.num_down_blocks} numbers, one for every decoder level")
        if self.resolution % self.motion_size:
            raise OptionError(f"resolution {self.resolution} is no multiple of motion_size {self.motion_size}")
        if self.background and self.background_alignment:
            raise OptionError("background and background_alignment both give the backdrop's motion; choose one")
        if self.detector_size and self.resolution % self.detector_size:
            raise OptionError(f"resolution {self.resolution} is no multiple of detector_size {self.detector_size}")
        if len(set(self.glances)) < len(self.glances) or not set(self.glances) <= set(range(self.num_tps)):
            raise OptionError(f"glances is {list(self.glances)}; name splines, each once, from 0 to {self.num_tps - 1}")
        if self.glances and (self.glance_size < 8 or self.glance_size % 8):
            raise OptionError(f"glance_size is {self.glance_size}; it must be a multiple of 8")
        if not 0 <= self.least_squeeze < 1:
            raise OptionError(f"least_squeeze is {self.least_squeeze}; it is a share from 0 to below 1")
