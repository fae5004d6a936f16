"""The detector of canonical points: heat maps in space from a flat picture (paper, 3.1 and appendix A)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.facevid2vid.config import FaceVid2VidConfig
from training.models.liveportrait.warping import Up3d, volume_grid
from training.models.parts.blocks import DownBlock
from training.models.parts.matrices import exact_product, whole


class CanonicalDetector(nn.Module):
    """An encoder of pictures, a layer that unfolds channels into depth, a decoder of volumes."""

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        widths = [
            min(config.dense_max, config.canonical_width * 2**level) for level in range(config.canonical_blocks + 1)
        ]
        self._depth, self._temperature = config.volume_depth, config.canonical_temperature
        sizes = list(zip([3, *widths[1:-1]], widths[1:], strict=True))
        self.down_blocks = nn.ModuleList(DownBlock(before, after, "batch") for before, after in sizes)
        self.unfold = nn.Conv2d(widths[-1], widths[-1] * config.volume_depth, 1)
        ups = zip(widths[:0:-1], widths[-2::-1], strict=True)
        self.up_blocks = nn.ModuleList(Up3d(before, after) for before, after in ups)
        self.heat = nn.Conv3d(widths[0], config.num_points, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, K, 3) in [-1, 1] of pictures (B, 3, H, W): means of the softmax of each heat map."""
        x = F.avg_pool2d(image, 4)
        for block in self.down_blocks:
            x = block(x)
        x = self.unfold(x).unflatten(1, (-1, self._depth))
        for block in self.up_blocks:
            x = block(x)
        heat = whole(self.heat(x))
        share = torch.softmax(heat.flatten(2) / self._temperature, 2)
        return exact_product(share, volume_grid(heat.shape[2:], heat).flatten(0, 2))
