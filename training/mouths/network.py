"""The network that paints teeth: once a source, from its mouth as it is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (32, 40, 56)
"""Channels at a half, a quarter and an eighth of the cut's side."""


class MouthPainter(nn.Module):
    """A U-Net (Ronneberger et al. 2015, arXiv:1505.04597) of three scales, 0.16 million weights, 60 million
    multiplications; pixels are folded into channels at its ends, so that nothing is computed at full resolution.
    """

    def __init__(self, widths: tuple[int, int, int] = WIDTHS) -> None:
        super().__init__()
        first, second, third = widths

        def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.ReLU())

        self.first = nn.Sequential(conv(5 * 4, first), conv(first, first))
        self.second = nn.Sequential(conv(first, second, 2), conv(second, second))
        self.third = nn.Sequential(conv(second, third, 2), conv(third, third))
        self.up_second = conv(third + second, second)
        self.up_first = nn.Sequential(conv(second + first, first), conv(first, first))
        self.paint = nn.Conv2d(first, 4 * 4, 3, 1, 1)

    def forward(self, mouth: Tensor, own: Tensor) -> Tensor:
        """(B, 4, S, S) in [0, 1]: colours of what hangs from the upper lip, and how much of it there is. `mouth`
        (B, 3, S, S) in [0, 1]: the source's; `own` (B, 1, S, S): 1 where its lips are parted.
        """
        rows = torch.linspace(-1, 1, mouth.shape[-2], device=mouth.device).view(1, 1, -1, 1).expand_as(own)
        one = self.first(F.pixel_unshuffle(torch.cat([mouth * 2 - 1, own, rows], 1), 2))
        two = self.second(one)
        three = self.third(two)
        two = self.up_second(torch.cat([F.interpolate(three, scale_factor=2.0, mode="nearest"), two], 1))
        one = self.up_first(torch.cat([F.interpolate(two, scale_factor=2.0, mode="nearest"), one], 1))
        return F.pixel_shuffle(self.paint(one), 2).sigmoid()
