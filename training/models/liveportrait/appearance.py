"""The appearance extractor: from a picture to a volume of features, once a source (paper, 3.1)."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.liveportrait.config import VolumeConfig


class ConvBlock(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) of the same size."""
        return torch.relu(self.norm(self.conv(x)))


class DownBlock(ConvBlock):
    """The same at half the size."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H / 2, W / 2)."""
        return F.avg_pool2d(super().forward(x), 2)


class ResBlock3d(nn.Module):
    """Two convolutions of a volume, each behind norm and ReLU, added to it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm3d(channels)
        self.norm2 = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) of the same size."""
        out = self.conv1(torch.relu(self.norm1(x)))
        return x + self.conv2(torch.relu(self.norm2(out)))


class AppearanceExtractor(nn.Module):
    """From a picture (B, 3, H, W) in [0, 1] to a volume (B, C, D, H / 4, W / 4)."""

    def __init__(self, config: VolumeConfig) -> None:
        super().__init__()
        width = config.appearance_width
        self._shape = (config.volume_channels, config.volume_depth)
        self.first = ConvBlock(3, width)
        self.down_blocks = nn.ModuleList([DownBlock(width, 2 * width), DownBlock(2 * width, 4 * width)])
        self.second = nn.Conv2d(4 * width, config.volume_channels * config.volume_depth, 1)
        blocks = [(f"3dr{index}", ResBlock3d(config.volume_channels)) for index in range(config.volume_blocks)]
        self.resblocks_3d = nn.Sequential(OrderedDict(blocks))

    def forward(self, image: Tensor) -> Tensor:
        """The volume; channels are the slower part of the maps that it is made of."""
        x = self.first(image)
        for block in self.down_blocks:
            x = block(x)
        return self.resblocks_3d(self.second(x).unflatten(1, self._shape))
