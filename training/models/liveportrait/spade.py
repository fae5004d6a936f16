"""The generator: a picture of twice the size from warped features (SPADE, Park et al., CVPR 2019; paper, 3.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.liveportrait.config import LivePortraitConfig

_LEAK = 0.2


class SpatialNorm(nn.Module):
    """Instance norm, then scaled and shifted by maps computed from the generator's input."""

    def __init__(self, channels: int, inputs: int, hidden: int) -> None:
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Conv2d(inputs, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """Maps like `x` (B, C, H, W); `features` (B, c, h, w) of any size."""
        shared = self.mlp_shared(F.interpolate(features, x.shape[-2:], mode="nearest"))
        return F.instance_norm(x) * (1 + self.mlp_gamma(shared)) + self.mlp_beta(shared)


class SpadeBlock(nn.Module):
    """Two convolutions, each behind a modulation, and a shortcut, which is learned where channels change."""

    def __init__(self, before: int, after: int, inputs: int, hidden: int) -> None:
        super().__init__()
        middle = min(before, after)
        self.conv_0 = nn.Conv2d(before, middle, 3, padding=1)
        self.conv_1 = nn.Conv2d(middle, after, 3, padding=1)
        self.norm_0 = SpatialNorm(before, inputs, hidden)
        self.norm_1 = SpatialNorm(middle, inputs, hidden)
        self.learned = before != after
        if self.learned:
            self.conv_s = nn.Conv2d(before, after, 1, bias=False)
            self.norm_s = SpatialNorm(before, inputs, hidden)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """(B, after, H, W)."""
        shortcut = self.conv_s(self.norm_s(x, features)) if self.learned else x
        out = self.conv_0(F.leaky_relu(self.norm_0(x, features), _LEAK))
        return shortcut + self.conv_1(F.leaky_relu(self.norm_1(out, features), _LEAK))


class SpadeGenerator(nn.Module):
    """From warped features (B, c, h, w) to a picture (B, 3, 8 h, 8 w)."""

    def __init__(self, config: LivePortraitConfig) -> None:
        super().__init__()
        inputs, width, hidden = config.warped_width, config.generator_width, config.generator_hidden
        self.fc = nn.Conv2d(inputs, width, 3, padding=1)
        self.middle = [f"G_middle_{index}" for index in range(config.generator_blocks)]
        for name in self.middle:
            self.add_module(name, SpadeBlock(width, width, inputs, hidden))
        self.up_0 = SpadeBlock(width, inputs, inputs, hidden)
        self.up_1 = SpadeBlock(inputs, inputs // 4, inputs, hidden)
        self.conv_img = nn.Sequential(nn.Conv2d(inputs // 4, 12, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, features: Tensor) -> Tensor:
        """The picture in [0, 1]."""
        x = self.fc(features)
        for name in self.middle:
            x = self.get_submodule(name)(x, features)
        for block in (self.up_0, self.up_1):
            x = block(F.interpolate(x, scale_factor=2, mode="nearest"), features)
        return torch.sigmoid(self.conv_img(F.leaky_relu(x, _LEAK)))
