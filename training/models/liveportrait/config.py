"""Settings of LivePortrait, and what face-vid2vid has of them, too; the defaults are the published model's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VolumeConfig:
    """Of whatever moves a volume of features by points in space."""

    resolution: int = 256
    """Side of the pictures that it takes."""
    num_points: int = 21
    """Points K of the canonical head."""
    appearance_width: int = 64
    """Channels of the appearance extractor's first block; each of the two that follow doubles them."""
    volume_channels: int = 32
    volume_depth: int = 16
    """Of the volume of features, whose maps are a quarter as large as the picture."""
    volume_blocks: int = 6
    motion_depths: tuple[int, ...] = (3, 3, 9, 3)
    motion_widths: tuple[int, ...] = (96, 192, 384, 768)
    """Of the motion extractor, a ConvNeXt V2 (Woo et al., CVPR 2023)."""
    motion_bins: int = 66
    """Of each angle."""
    dense_width: int = 32
    dense_max: int = 1024
    dense_blocks: int = 5
    """Of the dense motion's hourglass."""
    compressed: int = 4
    """Channels of the volume that it sees moved in each of the K + 1 ways."""
    warped_width: int = 256
    """Channels of the generator's input."""

    @property
    def map_size(self) -> int:
        """Side of the volume's maps."""
        return self.resolution // 4


@dataclass(frozen=True)
class LivePortraitConfig(VolumeConfig):
    """Widths and depths of its five networks; the pictures that it gives are twice as large as those that it takes."""

    generator_width: int = 512
    generator_blocks: int = 6
    generator_hidden: int = 128
    """Channels that modulations are computed from."""
    stitching: bool = True
    """Whether the networks that stitch, and open eyes and lips, belong to the model."""
