"""The generator of FOMM, DAM, MRAA and DiME, after Johnson et al. 2016: few scales, residual blocks in the middle."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from training.models.parts.blocks import DownBlock, Norm, ResBlock, SameBlock, UpBlock
from training.models.parts.sampling import resize_flow, resize_map, warp


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of a `JohnsonGenerator`; defaults are the published ones."""

    block_expansion: int = 64
    max_features: int = 512
    num_down_blocks: int = 2
    num_bottleneck_blocks: int = 6
    final_kernel: int = 7
    """Kernel of the convolution that gives the picture."""
    skips: bool = False
    """Whether the decoder also gets the warped maps of every level, and at the end the warped source (DAM, MRAA)."""
    norm: Norm = "batch"
    """Of all networks of pictures."""
    align_corners: bool = False
    """Of grid sampling. Published FOMM weights are of a time when it was true (models.md 2)."""


class JohnsonGenerator(nn.Module):
    """Encodes the source once; warps, masks and decodes its features for every driving frame."""

    def __init__(self, config: GeneratorConfig, inputs: int = 3) -> None:
        super().__init__()
        self.skips = config.skips
        self.align_corners = config.align_corners
        widths = [
            min(config.max_features, config.block_expansion * 2**level) for level in range(config.num_down_blocks + 1)
        ]
        self.first = SameBlock(inputs, widths[0], config.norm, kernel=7)
        self.down_blocks = nn.ModuleList(DownBlock(before, after, config.norm) for before, after in pairwise(widths))
        blocks = [(f"r{i}", ResBlock(widths[-1], config.norm)) for i in range(config.num_bottleneck_blocks)]
        self.bottleneck = nn.Sequential(OrderedDict(blocks))
        self.up_blocks = nn.ModuleList(UpBlock(before, after, config.norm) for before, after in pairwise(widths[::-1]))
        self.final = nn.Conv2d(widths[0], 3, config.final_kernel, padding=config.final_kernel // 2)

    def encode(self, image: Tensor) -> tuple[Tensor, ...]:
        """What `forward` needs of the source (B, 3, H, W): the coarsest map, and for skips all others."""
        maps = [self.first(image)]
        for block in self.down_blocks:
            maps.append(block(maps[-1]))
        return (*reversed(maps), image) if self.skips else (maps[-1],)

    def warp_masked(self, features: Tensor, flow: Tensor, occlusion: Tensor) -> Tensor:
        """`features` (1 or B, C, h, w) looked up at the flow, times the occlusion, both resized to them."""
        size = features.shape[-2:]
        # Resizing was half-pixel in every version of the published code, whatever grid sampling was.
        resized = resize_flow(flow, size, align_corners=False)
        moved = warp(features.expand(flow.shape[0], -1, -1, -1), resized, self.align_corners)
        return moved * resize_map(occlusion, size, align_corners=False)

    def fill(self, x: Tensor, moved: Tensor, occlusion: Tensor) -> Tensor:
        """`x` where the source is hidden, `moved` (warped and masked features of its size) where it is seen."""
        return moved + x * (1 - resize_map(occlusion, x.shape[-2:], align_corners=False))

    def decode(self, moved: Tensor, skips: tuple[Tensor, ...], flow: Tensor, occlusion: Tensor) -> Tensor:
        """The picture (B, 3, H, W) in [0, 1] from the warped and masked coarsest map `moved`.

        `skips` are the source's finer maps, coarse to fine, and the source picture; or nothing.
        """
        x = self.bottleneck(moved)
        if not skips:
            for block in self.up_blocks:
                x = block(x)
            return torch.sigmoid(self.final(x).float())
        x = self.fill(x, moved, occlusion)
        for block, skip in zip(self.up_blocks, skips, strict=False):
            x = self.fill(block(x), self.warp_masked(skip, flow, occlusion), occlusion)
        x = torch.sigmoid(self.final(x).float())
        return self.fill(x, self.warp_masked(skips[-1], flow, occlusion), occlusion)

    def forward(self, features: tuple[Tensor, ...], flow: Tensor, occlusion: Tensor) -> Tensor:
        """The picture (B, 3, H, W) in [0, 1] from what `encode` gave, a flow and an occlusion map."""
        coarsest, *skips = features
        return self.decode(self.warp_masked(coarsest, flow, occlusion), tuple(skips), flow, occlusion)
