"""Building blocks that all families share, with the parameter names of the published checkpoints."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["batch", "instance"]


def make_norm(kind: Norm, channels: int) -> nn.Module:
    """BatchNorm2d, or InstanceNorm2d with learned scale and shift and no running statistics."""
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.InstanceNorm2d(channels, affine=True)


class SameBlock(nn.Module):
    """Convolution, norm, ReLU; the size stays."""

    def __init__(self, inputs: int, outputs: int, norm: Norm, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.norm = make_norm(norm, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class DownBlock(nn.Module):
    """Convolution, norm, ReLU, average pooling to half the size."""

    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = make_norm(norm, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(F.relu(self.norm(self.conv(x))), 2)


class UpBlock(nn.Module):
    """Nearest up-sampling to twice the size, convolution, norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = make_norm(norm, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))))


class ResBlock(nn.Module):
    """Pre-activation residual block: x + conv(relu(norm(conv(relu(norm(x))))))."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = make_norm(norm, channels)
        self.norm2 = make_norm(norm, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x)))
        return x + self.conv2(F.relu(self.norm2(y)))


class Encoder(nn.Module):
    """DownBlocks of the given widths; gives the input and every map, fine to coarse."""

    def __init__(self, inputs: int, widths: list[int], norm: Norm) -> None:
        super().__init__()
        pairs = zip([inputs, *widths[:-1]], widths, strict=True)
        self.down_blocks = nn.ModuleList(DownBlock(before, after, norm) for before, after in pairs)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [x]
        for block in self.down_blocks:
            maps.append(block(maps[-1]))
        return maps


class _Decoder(nn.Module):
    def __init__(self, inputs: int, widths: list[int], expansion: int, norm: Norm) -> None:
        super().__init__()
        outputs = [*reversed(widths[:-1]), expansion]
        self.channels = [widths[-1]]
        blocks = []
        for width, skip in zip(outputs, [*reversed(widths[:-1]), inputs], strict=True):
            blocks.append(UpBlock(self.channels[-1], width, norm))
            self.channels.append(width + skip)
        self.up_blocks = nn.ModuleList(blocks)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        x = maps[-1]
        outputs = [x]
        for block, skip in zip(self.up_blocks, reversed(maps[:-1]), strict=True):
            x = torch.cat([block(x), skip], 1)
            outputs.append(x)
        return outputs


class Hourglass(nn.Module):
    """Encoder and decoder with skips by concatenation; the input itself is the last skip.

    Level i has min(max_features, block_expansion 2^(i+1)) channels (models.md 1).
    """

    def __init__(self, inputs: int, block_expansion: int, num_blocks: int, max_features: int, norm: Norm) -> None:
        super().__init__()
        widths = [min(max_features, block_expansion * 2 ** (level + 1)) for level in range(num_blocks)]
        self.encoder = Encoder(inputs, widths, norm)
        self.decoder = _Decoder(inputs, widths, block_expansion, norm)

    @property
    def channels(self) -> list[int]:
        """Channels of every map that `forward` returns."""
        return self.decoder.channels

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps of the decoder, from the bottleneck (coarse) to the full size."""
        return self.decoder(self.encoder(x))
