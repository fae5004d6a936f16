"""Settings of face-vid2vid; the defaults are the paper's, with the 15 points that its re-implementations use."""

from __future__ import annotations

from dataclasses import dataclass

from training.models.liveportrait.config import VolumeConfig


@dataclass(frozen=True)
class FaceVid2VidConfig(VolumeConfig):
    """Widths and depths of its five networks."""

    num_points: int = 15
    """Points K of the canonical head."""
    canonical_width: int = 64
    """Of the canonical detector: twice as many channels in its first block, up to `dense_max`."""
    canonical_blocks: int = 4
    """How often it halves the picture, which it sees at a quarter of its size, and its volume is doubled again."""
    canonical_temperature: float = 0.1
    """What its heat maps are divided by before the softmax."""
    generator_blocks: int = 6
    """Residual blocks."""
