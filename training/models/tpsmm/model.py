"""TPSMM, the thin-plate-spline motion model (models.md 3; Zhao and Zhang, CVPR 2022)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from checkpoints.errors import OptionError
from training.kernels.candidates import blend_by, motion_maps
from training.kernels.convolution import convolved, convolved_by
from training.kernels.look_up import blended, look_up
from training.models.base import DenseMotion, Motion, MotionModel
from training.models.parts.blocks import DownBlock, Hourglass, Norm, SameBlock, UpBlock, make_residual
from training.models.parts.candidates import background_motion, blend
from training.models.parts.constants import chosen
from training.models.parts.disentangle import DisentangleNetwork, disentangle_motion
from training.models.parts.layout import for_convolutions
from training.models.parts.published import Published
from training.models.parts.random_warp import Distance
from training.models.parts.refinement import Refinement, make_refinement
from training.models.parts.sampling import (
    AntialiasReduction,
    coordinate_grid,
    full_precision,
    gaussian_heatmaps,
    resize_map,
)
from training.models.tpsmm.alignment import aligned_background
from training.models.tpsmm.config import TPSMMConfig
from training.models.tpsmm.folding import unfolded
from training.models.tpsmm.glance import GlanceNetwork
from training.models.tpsmm.published import TPSMM_FILES
from training.models.tpsmm.resnet import ResNet18
from training.models.tpsmm.tps import spline_motions


class KeypointDetector(nn.Module):
    """ResNet-18 on the picture; K x N points by a sigmoid scaled to [-1, 1]."""

    def __init__(self, config: TPSMMConfig) -> None:
        super().__init__()
        count = config.num_tps * config.points_per_tps
        self.fg_encoder = ResNet18(2 * count, width=config.detector_width, pool=config.detector_pool)
        self.size = config.detector_size

    def reduce(self, image: Tensor) -> Tensor:
        """What the detector sees of `image` (B, 3, H, W)."""
        if self.size and image.shape[-1] > self.size:
            return F.avg_pool2d(image, image.shape[-1] // self.size)
        return image

    def forward(self, image: Tensor) -> Tensor:
        """(B, K N, 2) of a reduced `image`."""
        return (torch.sigmoid(self.fg_encoder(image)) * 2 - 1).unflatten(1, (-1, 2))


class BackgroundPredictor(nn.Module):
    """Affine motion of the background from both pictures; starts at the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bg_encoder = ResNet18(6, inputs=6, width=width)
        nn.init.zeros_(self.bg_encoder.fc.weight)
        with torch.no_grad():
            self.bg_encoder.fc.bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """(B, 3, 3), homogeneous driving to source coordinates."""
        affine = self.bg_encoder(torch.cat([source, driving], 1)).view(-1, 2, 3)
        last = torch.eye(3, dtype=affine.dtype, device=affine.device)[2:]
        return torch.cat([affine, last.expand(affine.shape[0], 1, 3)], 1)


class DenseMotionNetwork(nn.Module):
    """Blends the candidate motions into one flow and predicts occlusion at every scale."""

    def __init__(self, config: TPSMMConfig) -> None:
        super().__init__()
        self.config = config
        norm: Norm = config.norm
        count = config.num_tps * config.points_per_tps
        inputs = 3 * (config.num_tps + 1) + count + 1
        self.hourglass = Hourglass(
            inputs,
            config.dense_block_expansion,
            config.dense_num_blocks,
            config.dense_max_features,
            norm,
            config.dense_blocks,
        )
        self.down = AntialiasReduction(config.motion_size / config.resolution)
        channels = self.hourglass.channels
        self.maps = nn.Conv2d(channels[-1], config.num_tps + 1, config.mask_kernel, padding=config.mask_kernel // 2)
        # Sizes of the inpainting network's maps: coarse ones are read from the hourglass, fine ones from up blocks.
        finer = (config.resolution // config.motion_size).bit_length() - 1 if config.multi_mask else 0
        coarser = config.num_down_blocks - finer if config.multi_mask else 0
        published = [channels[-1] // 2 ** (i + 1) for i in range(finer)]
        widths = published if config.occlusion_widths is None else list(config.occlusion_widths)
        if len(widths) > finer:
            raise OptionError(f"occlusion_widths takes at most {finer} numbers, one for every finer occlusion map")
        self.coarser = coarser
        self.up = nn.ModuleList(
            UpBlock(before, after, norm) for before, after in zip([channels[-1], *widths[:-1]], widths, strict=False)
        )
        kernel = config.occlusion_kernel
        heads = [*channels[len(channels) - 1 - coarser :], *widths]
        self.occlusion = nn.ModuleList(nn.Conv2d(c, 1, kernel, padding=kernel // 2) for c in heads)

    def candidates(self, source: Tensor, driving: Tensor, background: Tensor | None, size: int) -> Tensor:
        """(B, K + 1, size, size, 2): the background's motion first, then every spline, driving to source."""
        config = self.config
        batch = driving.shape[0]
        grid = coordinate_grid(size, size, driving)
        points = grid.reshape(-1, 2)
        control = driving.unflatten(1, (config.num_tps, -1))
        target = source.expand(batch, -1, -1).unflatten(1, (config.num_tps, -1))
        if config.glances and config.least_squeeze > 0:
            control = self._unfolded(control, target)
        ridges = (config.tps_ridge, config.tps_ridge if config.tps_ridge_on == "all" else 0.0)
        splines = spline_motions(points, control, target, ridges, config.tps_residual, width=size)
        return torch.cat([background_motion(points, background, batch), splines], 1).unflatten(2, (size, size))

    def _unfolded(self, control: Tensor, target: Tensor) -> Tensor:
        """`control` (B, K, N, 2) with the splines that are looked at twice kept from folding."""
        glances = self.config.glances
        kept = unfolded(chosen(control, glances, 1), chosen(target, glances, 1), self.config.least_squeeze).unbind(1)
        parts = list(control.unbind(1))
        for index, part in zip(glances, kept, strict=True):
            parts[index] = part
        return torch.stack(parts, 1)

    def forward(
        self,
        small: Tensor,
        source: Tensor,
        driving: Tensor,
        background: Tensor | None,
        spline_dropout: float,
    ) -> DenseMotion:
        """Occlusion maps of every scale; `extra`: candidate motions.

        `small` (1 or B, 3, m, m) is the reduced source; points are (1 or B, K N, 2).
        """
        size = small.shape[-1]
        with full_precision(driving):
            candidates = self.candidates(source, driving, background, size)
        maps = self.hourglass(motion_maps(small, candidates, source, driving, self.config.align_corners))
        logits, occlusions = self._heads(maps)
        if self.training and spline_dropout > 0:
            masks = _softmax_with_dropout(logits.float(), spline_dropout)
            flow = blend(masks, candidates)
        else:
            masks, flow = blend_by(logits, candidates)
        return DenseMotion(flow, occlusions, masks, {"sparse_flows": candidates})

    def _heads(self, maps: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Logits of the masks, and occlusion maps from coarse to fine, of the hourglass's `maps`."""
        inputs = maps[len(maps) - 1 - self.coarser :]
        x = maps[-1]
        for block in self.up:
            x = block(x)
            inputs.append(x)
        masks, finest = self._read_finest(maps[-1], self.occlusion[self.coarser])
        logits = [
            finest if level == self.coarser else convolved(head, x)
            for level, (head, x) in enumerate(zip(self.occlusion, inputs, strict=True))
        ]
        return masks, [torch.sigmoid(each.float()) for each in logits]

    def _read_finest(self, x: Tensor, occlusion: nn.Module) -> tuple[Tensor, Tensor]:
        """Masks' and occlusion's logits of the hourglass's last map, by one convolution where their kernels are alike:
        so few outputs cost as much as sixteen."""
        assert isinstance(occlusion, nn.Conv2d)
        if self.maps.kernel_size != occlusion.kernel_size or torch.compiler.is_exporting():
            return convolved(self.maps, x), convolved(occlusion, x)
        assert self.maps.bias is not None
        assert occlusion.bias is not None
        weight = torch.cat([self.maps.weight, occlusion.weight])
        bias = torch.cat([self.maps.bias, occlusion.bias])
        both = convolved_by(x, weight, bias)
        return both[:, :-1], both[:, -1:]


def _softmax_with_dropout(logits: Tensor, probability: float) -> Tensor:
    """Softmax over candidates; each but the background is left out of it with `probability` (models.md 3)."""
    kept = torch.rand(logits.shape[:2], device=logits.device) >= probability
    kept = torch.cat([torch.ones_like(kept[:, :1]), kept[:, 1:]], 1)
    return torch.softmax(logits.masked_fill(~kept[..., None, None], float("-inf")), 1)


class InpaintingNetwork(nn.Module):
    """Encodes the source once; warps, masks and completes its maps for every driving frame."""

    def __init__(self, config: TPSMMConfig) -> None:
        super().__init__()
        self.config = config
        norm: Norm = config.norm
        widths = [
            min(config.max_features, config.block_expansion * 2**level) for level in range(config.num_down_blocks + 1)
        ]
        self.first = SameBlock(3, widths[0], norm, kernel=7)
        kind = config.inpainting_blocks
        self.down_blocks = nn.ModuleList(DownBlock(before, after, norm, kind) for before, after in pairwise(widths))
        up, residual = [], []
        channels = widths[-1]
        for level, (width, blocks) in enumerate(zip(reversed(widths[:-1]), config.res_blocks, strict=True)):
            residual += [make_residual(kind, channels, norm) for _ in range(blocks)]
            up.append(UpBlock(channels, width, norm, kind))
            channels = width if level == config.num_down_blocks - 1 else 2 * width
        self.up_blocks = nn.ModuleList(up)
        self.resblock = nn.ModuleList(residual)
        self.final = nn.Conv2d(channels, 3, config.final_kernel, padding=config.final_kernel // 2)

    def encode(self, image: Tensor) -> list[Tensor]:
        """Maps of `image`, from the full size to the coarsest."""
        maps = [self.first(image)]
        for block in self.down_blocks:
            maps.append(block(maps[-1]))
        return maps

    def warp_masked(self, maps: list[Tensor], motion: DenseMotion, occlusions: list[Tensor]) -> list[Tensor]:
        """`maps` (fine to coarse) looked up at the flow and multiplied by the occlusion of their size; coarse first."""
        align = self.config.align_corners
        result = []
        for level, features in enumerate(reversed(maps)):
            size = features.shape[-2:]
            occlusion = self.occlusion_for(level, size, occlusions)
            result.append(look_up(features, motion.flow_at(size, align), occlusion, align_corners=align))
        return result

    def occlusion_for(self, level: int, size: torch.Size, occlusions: list[Tensor]) -> Tensor:
        """The occlusion map of a level (0 is the coarsest): its own, or the finest there is, resized."""
        occlusion = occlusions[min(level, len(occlusions) - 1)]
        return resize_map(occlusion, size, self.config.align_corners)

    def forward(self, maps: list[Tensor], source: Tensor, motion: DenseMotion) -> Tensor:
        """The picture (B, 3, H, W) in [0, 1] from the source's `maps` and the `source` picture itself."""
        warped = self.warp_masked(maps[1:], motion, motion.occlusions)
        finest = self.occlusion_for(len(warped), source.shape[-2:], motion.occlusions)
        x = for_convolutions(warped[0])
        residual = iter(self.resblock)
        for level, (block, count) in enumerate(zip(self.up_blocks, self.config.res_blocks, strict=True)):
            for _ in range(count):
                x = next(residual)(x)
            x = block(x)
            if level < len(self.up_blocks) - 1:
                x = torch.cat([x, for_convolutions(warped[level + 1])], 1)
        align = self.config.align_corners
        flow = motion.flow_at(maps[0].shape[-2:], align)
        x = for_convolutions(look_up(maps[0], flow, finest, x, align_corners=align))
        painted = torch.sigmoid(convolved(self.final, x).float())
        return blended(painted, motion.looked_up(source, align), finest)


class TPSMM(MotionModel):
    """The whole family member. Features: reduced source, encoder maps from fine to coarse, source picture."""

    family: ClassVar[str] = "tpsmm"
    title: ClassVar[str] = "Thin-Plate Spline Motion Model (Zhao and Zhang, CVPR 2022)"
    warp_distance: ClassVar[Distance] = "squared"
    published: ClassVar[Published | None] = TPSMM_FILES

    def __init__(self, config: TPSMMConfig) -> None:
        super().__init__()
        self.config: Any = config
        self.align_corners = config.align_corners
        self.kp_detector = KeypointDetector(config)
        self.glance_network: GlanceNetwork | None = None
        if config.glances:
            self.glance_network = GlanceNetwork(
                config.num_tps,
                config.points_per_tps,
                tuple(config.glances),
                config.glance_size,
                config.glance_width,
                config.glance_hidden,
            )
        self.dense_motion_network = DenseMotionNetwork(config)
        self.inpainting_network = InpaintingNetwork(config)
        points = config.num_tps * config.points_per_tps
        self.refinement: Refinement | None = make_refinement(config, points, config.align_corners)
        self.avd_network: DisentangleNetwork | None = None
        if config.disentangle:
            parameters = 2 * config.num_tps * config.points_per_tps
            self.avd_network = DisentangleNetwork(
                parameters, config.id_bottleneck, config.pose_bottleneck, config.disentangle_widths
            )
        self.bg_predictor = BackgroundPredictor(config.background_width) if config.background else None

    @property
    def groups(self) -> int:
        """The splines."""
        return int(self.config.num_tps)

    def detect(self, image: Tensor) -> Motion:
        """K N points, spline by spline; no jacobians."""
        small = self.kp_detector.reduce(image)
        points = self.kp_detector(small)
        return Motion(points if self.glance_network is None else self.glance_network(small, points))

    def first_look(self, image: Tensor) -> Motion:
        """The detector's own points."""
        return Motion(self.kp_detector(self.kp_detector.reduce(image)))

    def reduce(self, image: Tensor) -> Tensor:
        """See `MotionModel.reduce`."""
        return self.dense_motion_network.down(image, self.config.motion_size)

    def encode(self, image: Tensor) -> tuple[Tensor, ...]:
        """The reduced source, the encoder's maps, the source."""
        return (self.reduce(image), *self.inpainting_network.encode(image), image)

    def move(
        self,
        features: tuple[Tensor, ...],
        source: Motion,
        driving: Motion,
        background: Tensor | None = None,
        spline_dropout: float = 0.0,
    ) -> DenseMotion:
        """See `MotionModel.move`."""
        small = features[0]
        motion = self.dense_motion_network(small, source.points, driving.points, background, spline_dropout)
        if self.refinement is None:
            return motion
        still, moved = (gaussian_heatmaps(each.points, *small.shape[-2:]) for each in (source, driving))
        return self.refinement(motion, small, still, moved)

    def generate(self, features: tuple[Tensor, ...], motion: DenseMotion) -> Tensor:
        """See `MotionModel.generate`."""
        _, *maps, image = features
        return self.inpainting_network(maps, image, motion)

    def warp_pairs(
        self, features: tuple[Tensor, ...], motion: DenseMotion, driving: Tensor
    ) -> list[tuple[Tensor, Tensor]]:
        """What the warp loss compares at every level: masked maps of `driving`, and warped masked maps of the source.

        As published, the gradient reaches the flow only: encoder maps and masks are constants here.
        """
        network = self.inpainting_network
        occlusions = [occlusion.detach() for occlusion in motion.occlusions]
        moved = network.warp_masked([m.detach() for m in features[1:-1]], motion, occlusions)
        with torch.no_grad():
            wanted = [
                encoded * network.occlusion_for(level, encoded.shape[-2:], occlusions)
                for level, encoded in enumerate(reversed(network.encode(driving)))
            ]
        return list(zip(wanted, moved, strict=True))

    def disentangle(self, source: Motion, driving: Motion) -> Motion:
        """The driving pose in the source's shape."""
        if self.avd_network is None:
            return super().disentangle(source, driving)
        return disentangle_motion(self.avd_network, source, driving)

    def background(self, source: Tensor, driving: Tensor) -> Tensor | None:
        """Affine background motion, used in training and reconstruction only."""
        if self.config.background_alignment:
            return aligned_background(self, source, driving)
        return None if self.bg_predictor is None else self.bg_predictor(source, driving)
