"""The motion extractor: pose, expression and canonical points of a face, for every picture (paper, 3.1).

Its trunk is ConvNeXt V2 (Woo et al., CVPR 2023), in the names of its publication.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.liveportrait.config import VolumeConfig
from training.models.parts.matrices import exact_product, whole
from training.models.parts.sampling import full_precision

_EPSILON = 1e-6
_BIN, _FIRST = 3.0, 97.5
"""Degrees between two bins, and those of the first one below zero."""
ANGLES = ("pitch", "yaw", "roll")
HEADS = ("kp", "scale", *ANGLES, "t", "exp")
"""What is read from the trunk; face-vid2vid has the canonical points elsewhere, and no scale."""


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of maps (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps of the same size."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResponseNorm(nn.Module):
    """Global response normalisation of maps (B, H, W, C): channels compete by their norms over the picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Maps of the same size."""
        norms = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)
        ratios = norms / (norms.mean(-1, keepdim=True) + _EPSILON)
        return self.gamma * (x * ratios) + self.beta + x


class Block(nn.Module):
    """A depthwise convolution and two layers that mix channels, added to the maps."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=_EPSILON)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.grn = ResponseNorm(4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, H, W) of the same size."""
        mixed = F.gelu(self.pwconv1(self.norm(self.dwconv(x).permute(0, 2, 3, 1))))
        return x + self.pwconv2(self.grn(mixed)).permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    """The trunk, and one linear layer for everything that is read from it."""

    def __init__(self, config: VolumeConfig, heads: tuple[str, ...]) -> None:
        super().__init__()
        widths, points = config.motion_widths, config.num_points
        stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, stride=4), ChannelNorm(widths[0], eps=_EPSILON))
        self.downsample_layers = nn.ModuleList([stem])
        for before, after in pairwise(widths):
            down = nn.Sequential(ChannelNorm(before, eps=_EPSILON), nn.Conv2d(before, after, 2, stride=2))
            self.downsample_layers.append(down)
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth)))
            for width, depth in zip(widths, config.motion_depths, strict=True)
        )
        self.norm = nn.LayerNorm(widths[-1], eps=_EPSILON)
        sizes = {"kp": 3 * points, "scale": 1, **dict.fromkeys(ANGLES, config.motion_bins), "t": 3, "exp": 3 * points}
        self.heads = tuple(name for name in sizes if name in heads)
        for name in self.heads:
            self.add_module(f"fc_{name}", nn.Linear(widths[-1], sizes[name]))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Numbers of every head, (B, N) each, of pictures (B, 3, H, W) in [0, 1]; angles as logits of their bins."""
        x = image
        for down, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(down(x))
        pooled = self.norm(x.mean((2, 3)))
        with full_precision(pooled):  # they are coordinates, or become some
            return {name: self.get_submodule(f"fc_{name}")(whole(pooled)) for name in self.heads}


class MotionExtractor(nn.Module):
    """What a face does, as numbers with a meaning."""

    def __init__(self, config: VolumeConfig, heads: tuple[str, ...] = HEADS) -> None:
        super().__init__()
        self.detector = ConvNeXt(config, heads)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Of pictures (B, 3, H, W) in [0, 1]: `points` (B, K, 3) of the canonical head, `rotation` (B, 3, 3), a matrix
        for columns, `expression` (B, K, 3), `scale` (B, 1), `translation` (B, 3); of those that it has heads for.
        """
        raw = self.detector(image)
        pitch, yaw, roll = (degrees(raw[name]) for name in ANGLES)
        more = {"points": raw["kp"].unflatten(1, (-1, 3)), "scale": raw["scale"]} if "kp" in raw else {}
        return {
            "rotation": rotation(pitch, yaw, roll),
            "expression": raw["exp"].unflatten(1, (-1, 3)),
            "translation": raw["t"],
            **more,
        }


def degrees(logits: Tensor) -> Tensor:
    """(B, 1): the mean angle under the softmax of bins (B, N)."""
    bins = torch.arange(logits.shape[1], dtype=logits.dtype, device=logits.device)
    return _BIN * (torch.softmax(logits, 1) * bins).sum(1, keepdim=True) - _FIRST


def rotation(pitch: Tensor, yaw: Tensor, roll: Tensor) -> Tensor:
    """(B, 3, 3): Rz(roll) Ry(yaw) Rx(pitch) of angles (B, 1) in degrees, for columns (x, y, z)."""
    x, y, z = (torch.deg2rad(angle[:, 0]) for angle in (pitch, yaw, roll))
    return exact_product(exact_product(_turn(z, 0, 1), _turn(y, 2, 0)), _turn(x, 1, 2))


def _turn(angle: Tensor, first: int, second: int) -> Tensor:
    """(B, 3, 3): by `angle` (B,) in the plane of two axes, the first one towards the second."""
    cosine, sine = torch.cos(angle), torch.sin(angle)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rows = [[one if row == column else zero for column in range(3)] for row in range(3)]
    rows[first][first] = rows[second][second] = cosine
    rows[first][second], rows[second][first] = -sine, sine
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def posed(points: Tensor, turned: Tensor, expression: Tensor, scale: Tensor, translation: Tensor) -> Tensor:
    """(B, K, 3): scale (R x + expression) + translation in the plane (paper, Eq. 2; its depth is never used).

    `points` and `expression` (1 or B, K, 3), `turned` (B, 3, 3) for columns, `scale` (B, 1), `translation` (B, 3).
    """
    moved = scale[:, :, None] * (exact_product(points, turned.transpose(1, 2)) + expression)
    return moved + F.pad(translation[:, None, :2], (0, 1))
