"""The warping module: a dense motion of the volume between two sets of points (face-vid2vid, 3.2; models.md)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.liveportrait.config import VolumeConfig

_VARIANCE = 0.01
_LEAK = 0.01
_STILL = 1e-3
"""What a depth at which nothing moves counts in `seen_flow`."""


class Block3d(nn.Module):
    """Convolution, batch norm, ReLU of a volume."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(before, after, 3, padding=1)
        self.norm = nn.BatchNorm3d(after)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) of the same size."""
        return torch.relu(self.norm(self.conv(x)))


class Down3d(Block3d):
    """The same at half the height and width."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H / 2, W / 2)."""
        return F.avg_pool3d(super().forward(x), (1, 2, 2))


class Up3d(Block3d):
    """The same at twice the height and width."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, 2 H, 2 W)."""
        return super().forward(F.interpolate(x, scale_factor=(1, 2, 2), mode="nearest"))


class Encoder(nn.Module):
    """Half of the hourglass."""

    def __init__(self, inputs: int, widths: list[int]) -> None:
        super().__init__()
        pairs = zip([inputs, *widths[:-1]], widths, strict=True)
        self.down_blocks = nn.ModuleList(Down3d(before, after) for before, after in pairs)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The input and the maps of every size, from fine to coarse."""
        maps = [x]
        for block in self.down_blocks:
            maps.append(block(maps[-1]))
        return maps


class Decoder(nn.Module):
    """The other half, with skips."""

    def __init__(self, inputs: int, widths: list[int]) -> None:
        super().__init__()
        ups, channels = [], widths[-1]
        for index, width in enumerate(reversed(widths)):
            skip = widths[-2 - index] if index + 1 < len(widths) else inputs
            ups.append(Up3d(channels, width // 2))
            channels = width // 2 + skip
        self.up_blocks = nn.ModuleList(ups)
        self.conv = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm3d(channels)
        self.channels = channels

    def forward(self, maps: list[Tensor]) -> Tensor:
        """(B, C, D, H, W) of the finest of the encoder's `maps`."""
        x = maps[-1]
        for block, skip in zip(self.up_blocks, reversed(maps[:-1]), strict=True):
            x = torch.cat([block(x), skip], 1)
        return torch.relu(self.norm(self.conv(x)))


class Hourglass3d(nn.Module):
    """Over height and width; the depth stays."""

    def __init__(self, inputs: int, config: VolumeConfig) -> None:
        super().__init__()
        widths = [min(config.dense_max, config.dense_width * 2 ** (level + 1)) for level in range(config.dense_blocks)]
        self.encoder = Encoder(inputs, widths)
        self.decoder = Decoder(inputs, widths)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) of the same size."""
        return self.decoder(self.encoder(x))


class DenseMotionNetwork3d(nn.Module):
    """Masks of K + 1 motions of a volume, and where it is hidden."""

    def __init__(self, config: VolumeConfig) -> None:
        super().__init__()
        motions = config.num_points + 1
        self.compress = nn.Conv3d(config.volume_channels, config.compressed, 1)
        self.norm = nn.BatchNorm3d(config.compressed)
        self.hourglass = Hourglass3d(motions * (1 + config.compressed), config)
        channels = self.hourglass.decoder.channels
        self.mask = nn.Conv3d(channels, motions, 7, padding=3)
        self.occlusion = nn.Conv2d(channels * config.volume_depth, 1, 7, padding=3)

    def squeezed(self, volume: Tensor) -> Tensor:
        """What the network sees of the `volume` (B, C, D, H, W); it depends on the source alone."""
        return torch.relu(self.norm(self.compress(volume)))

    def forward(self, squeezed: Tensor, source: Tensor, driving: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The deformation (B, D, H, W, 3), the occlusion map (B, 1, H, W) in [0, 1] and the masks (B, K + 1, D, H, W).

        `squeezed` (1 or B, c, D, H, W) as `squeezed` gives it; points (B, K, 3) in [-1, 1]. The deformation says for
        every place of the driving pose where to look in the source, as (x, y, z) of corners at -1 and 1 (the centres of
        the outermost voxels).
        """
        size = squeezed.shape[2:]
        grid = volume_grid(size, squeezed)
        shifts = F.pad(source - driving, (0, 0, 1, 0))  # motion 0 is none
        motions = grid + shifts[:, :, None, None, None]
        seen = look_shifted(squeezed, shifts)
        heat = F.pad(heat_maps(driving, grid) - heat_maps(source, grid), (0, 0) * 3 + (1, 0))
        maps = self.hourglass(torch.cat([heat[:, :, None], seen], 2).flatten(1, 2))
        masks = torch.softmax(self.mask(maps), 1)
        deformation = (masks[..., None] * motions).sum(1)
        occlusion = torch.sigmoid(self.occlusion(maps.flatten(1, 2)))
        return deformation, occlusion, masks


class SameBlock(nn.Module):
    """Convolution, batch norm, leaky ReLU."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) of the same size."""
        return F.leaky_relu(self.norm(self.conv(x)), _LEAK)


class WarpingModule(nn.Module):
    """From the source's volume and two sets of points to the generator's input."""

    def __init__(self, config: VolumeConfig) -> None:
        super().__init__()
        self.dense_motion_network = DenseMotionNetwork3d(config)
        self.third = SameBlock(config.volume_channels * config.volume_depth, config.warped_width)
        self.fourth = nn.Conv2d(config.warped_width, config.warped_width, 1)

    def forward(self, volume: Tensor, deformation: Tensor, occlusion: Tensor) -> Tensor:
        """(B, C, H, W): the `volume` (1 or B, c, D, H, W) deformed, flattened, and hidden where it is."""
        moved = look_up(volume, deformation)
        return self.fourth(self.third(moved.flatten(1, 2))) * occlusion


def volume_grid(size: torch.Size | tuple[int, ...], like: Tensor) -> Tensor:
    """(D, H, W, 3): (x, y, z) of every voxel, from -1 to 1."""
    axes = [torch.linspace(-1, 1, length, dtype=like.dtype, device=like.device) for length in size]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([x, y, z], -1)


def heat_maps(points: Tensor, grid: Tensor) -> Tensor:
    """(B, K, D, H, W): exp(-|g - p|^2 / (2 variance)) of `points` (B, K, 3) over a `grid` (D, H, W, 3)."""
    apart = (grid - points[:, :, None, None, None]).square().sum(-1)
    return torch.exp(-0.5 / _VARIANCE * apart)


def seen_flow(deformation: Tensor, masks: Tensor) -> Tensor:
    """(B, H, W, 2): where the picture at each place comes from in the source, of the `deformation` (B, D, H, W, 3) of a
    volume: that of the depths at which something moves, as the `masks` (B, K + 1, D, H, W) have it.

    Where nothing moves it is the place itself (see `look_up`).
    """
    moving = 1 - masks[:, 0] + _STILL
    return (deformation[..., :2] * moving[..., None]).sum(1) / moving.sum(1)[..., None]


def look_shifted(volume: Tensor, shifts: Tensor) -> Tensor:
    """(B, M, C, D, H, W): `look_up` of the `volume` (1 or B, C, D, H, W) at `volume_grid` plus each of the `shifts`
    (B, M, 3), (x, y, z).

    A grid that is only shifted is looked up along one axis after another, each time by a matrix of hat functions, which
    are 0 outside by themselves: a hundredth of the fetches of a lookup at any places.
    """
    _, channels, depth, height, width = volume.shape
    along_x, along_y, along_z = (_hats(shifts[..., axis], n) for axis, n in enumerate((width, height, depth)))
    seen = volume.flatten(1, 3)[:, None] @ along_x.transpose(2, 3)  # (B, M, C D H, W)
    seen = along_y[:, :, None] @ seen.unflatten(2, (channels * depth, height))
    seen = along_z[:, :, None] @ seen.flatten(3).unflatten(2, (channels, depth))
    return seen.unflatten(4, (height, width))


def _hats(shifts: Tensor, length: int) -> Tensor:
    """(B, M, N, N): what each of N places of an axis counts at every place of it `shifts` (B, M) further on."""
    numbers = torch.arange(length, dtype=shifts.dtype, device=shifts.device)
    # Where the places -1..1, read as `look_up` does, lie among the numbers of voxels.
    places = numbers * (length / (length - 1)) - 0.5 + shifts[..., None] * (length / 2)
    return torch.relu(1 - (places[..., None] - numbers).abs())


def look_up(volume: Tensor, places: Tensor) -> Tensor:
    """`volume` (1 or B, C, D, H, W) at `places` (B, d, h, w, 3), trilinearly; nothing lies outside.

    Places are read as if -1 and 1 were the borders of the outermost voxels though the grid has them at their centres:
    the published weights were trained with that.
    """
    volume = volume.expand(places.shape[0], -1, -1, -1, -1)
    return F.grid_sample(volume, places, mode="bilinear", padding_mode="zeros", align_corners=False)
