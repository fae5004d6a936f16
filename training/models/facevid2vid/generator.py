"""The generator: residual blocks, then up to the picture's size (paper, appendix A)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.facevid2vid.config import FaceVid2VidConfig
from training.models.parts.blocks import ResBlock, UpBlock


class Generator(nn.Module):
    """From warped features (B, c, h, w) to a picture (B, 3, 4 h, 4 w)."""

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        width = config.warped_width
        self.blocks = nn.Sequential(*(ResBlock(width, "batch") for _ in range(config.generator_blocks)))
        self.up_blocks = nn.Sequential(UpBlock(width, width // 2, "batch"), UpBlock(width // 2, width // 4, "batch"))
        self.final = nn.Conv2d(width // 4, 3, 7, padding=3)

    def forward(self, features: Tensor) -> Tensor:
        """The picture in [0, 1]."""
        return torch.sigmoid(self.final(self.up_blocks(self.blocks(features))))
