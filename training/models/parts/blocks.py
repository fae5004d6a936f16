"""Building blocks that all families share, with the parameter names of the published checkpoints."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.kernels.convolution import convolved
from training.kernels.enlarged import enlarged_conv
from training.kernels.norm import rectified

Norm = Literal["batch", "instance"]
Blocks = Literal["plain", "separable", "inverted"]
"""How 3x3 convolutions are made: as published; depthwise and pointwise (Howard et al. 2017, MobileNets); the same, and
residual blocks as inverted bottlenecks (Sandler et al. 2018, MobileNetV2)."""

EXPANSION = 2
"""Channels inside an inverted bottleneck, as a multiple of those outside: few, as all of its maps are large here."""


def make_norm(kind: Norm, channels: int) -> nn.Module:
    """BatchNorm2d, or InstanceNorm2d with learned scale and shift and no running statistics."""
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.InstanceNorm2d(channels, affine=True)


class SeparableConv(nn.Sequential):
    """A 3x3 convolution of every channel by itself, then one that mixes channels at every place."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depth = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.point = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return convolved(self.point, convolved(self.depth, x))


def make_conv(blocks: Blocks, inputs: int, outputs: int) -> nn.Module:
    """A 3x3 convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, 3, padding=1) if blocks == "plain" else SeparableConv(inputs, outputs)


class SameBlock(nn.Module):
    """Convolution, norm, ReLU; the size stays."""

    def __init__(self, inputs: int, outputs: int, norm: Norm, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.norm = make_norm(norm, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return rectified(self.norm, convolved(self.conv, x))


class DownBlock(nn.Module):
    """Convolution, norm, ReLU, average pooling to half the size."""

    def __init__(self, inputs: int, outputs: int, norm: Norm, blocks: Blocks = "plain") -> None:
        super().__init__()
        self.conv = make_conv(blocks, inputs, outputs)
        self.norm = make_norm(norm, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(rectified(self.norm, convolved(self.conv, x)), 2)


class UpBlock(nn.Module):
    """Nearest up-sampling to twice the size, convolution, norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, norm: Norm, blocks: Blocks = "plain") -> None:
        super().__init__()
        if blocks == "plain":
            self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        else:
            # Channels are mixed before the up-sampling, at a quarter of the cost.
            self.point = nn.Conv2d(inputs, outputs, 1)
            self.conv = nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs)
        self.separable = blocks != "plain"
        self.norm = make_norm(norm, outputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.separable:
            x = convolved(self.point, x)
        return rectified(self.norm, enlarged_conv(self.conv, x))


class ResBlock(nn.Module):
    """Pre-activation residual block: x + conv(relu(norm(conv(relu(norm(x))))))."""

    def __init__(self, channels: int, norm: Norm, blocks: Blocks = "plain") -> None:
        super().__init__()
        self.conv1 = make_conv(blocks, channels, channels)
        self.conv2 = make_conv(blocks, channels, channels)
        self.norm1 = make_norm(norm, channels)
        self.norm2 = make_norm(norm, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = convolved(self.conv1, rectified(self.norm1, x))
        return x + convolved(self.conv2, rectified(self.norm2, y))


class InvertedBlock(nn.Module):
    """Inverted bottleneck: x + norm(narrow(relu(norm(depthwise(relu(norm(widen(x)))))))."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        inner = EXPANSION * channels
        self.widen = nn.Conv2d(channels, inner, 1)
        self.depth = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.narrow = nn.Conv2d(inner, channels, 1)
        self.norm1, self.norm2, self.norm3 = make_norm(norm, inner), make_norm(norm, inner), make_norm(norm, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = rectified(self.norm2, convolved(self.depth, rectified(self.norm1, convolved(self.widen, x))))
        return x + self.norm3(convolved(self.narrow, y))


def make_residual(blocks: Blocks, channels: int, norm: Norm) -> nn.Module:
    """A residual block of the wanted kind."""
    return InvertedBlock(channels, norm) if blocks == "inverted" else ResBlock(channels, norm, blocks)


class Encoder(nn.Module):
    """DownBlocks of the given widths; gives the input and every map, fine to coarse."""

    def __init__(self, inputs: int, widths: list[int], norm: Norm, blocks: Blocks = "plain") -> None:
        super().__init__()
        pairs = zip([inputs, *widths[:-1]], widths, strict=True)
        self.down_blocks = nn.ModuleList(DownBlock(before, after, norm, blocks) for before, after in pairs)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [x]
        for block in self.down_blocks:
            maps.append(block(maps[-1]))
        return maps


class _Decoder(nn.Module):
    def __init__(self, inputs: int, widths: list[int], expansion: int, norm: Norm, blocks: Blocks) -> None:
        super().__init__()
        outputs = [*reversed(widths[:-1]), expansion]
        self.channels = [widths[-1]]
        up = []
        for width, skip in zip(outputs, [*reversed(widths[:-1]), inputs], strict=True):
            up.append(UpBlock(self.channels[-1], width, norm, blocks))
            self.channels.append(width + skip)
        self.up_blocks = nn.ModuleList(up)

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

    def __init__(
        self,
        inputs: int,
        block_expansion: int,
        num_blocks: int,
        max_features: int,
        norm: Norm,
        blocks: Blocks = "plain",
    ) -> None:
        super().__init__()
        widths = [min(max_features, block_expansion * 2 ** (level + 1)) for level in range(num_blocks)]
        self.encoder = Encoder(inputs, widths, norm, blocks)
        self.decoder = _Decoder(inputs, widths, block_expansion, norm, blocks)

    @property
    def channels(self) -> list[int]:
        """Channels of every map that `forward` returns."""
        return self.decoder.channels

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps of the decoder, from the bottleneck (coarse) to the full size."""
        return self.decoder(self.encoder(x))
