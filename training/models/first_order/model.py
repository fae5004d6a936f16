"""What FOMM, DAM, MRAA and DiME share: points and a linear part per heat map, and first-order candidate motions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from checkpoints.errors import OptionError
from training.models.base import DenseMotion, Motion, MotionModel
from training.models.first_order.johnson import GeneratorConfig, JohnsonGenerator
from training.models.parts.blocks import Encoder, Hourglass
from training.models.parts.candidates import background_motion, blend, warp_by_each
from training.models.parts.disentangle import DisentangleNetwork, disentangle_motion
from training.models.parts.layout import for_convolutions
from training.models.parts.matrices import exact_product, inverse_2x2
from training.models.parts.refinement import Refinement, RefinementConfig, make_refinement
from training.models.parts.sampling import (
    AntialiasReduction,
    antialias_reduce,
    coordinate_grid,
    expected_points,
    full_precision,
    gaussian_heatmaps,
)


@dataclass(frozen=True)
class FirstOrderConfig(GeneratorConfig, RefinementConfig):
    """Settings that these families share; narrower values give light variants."""

    resolution: int = 256
    """Side of the pictures the exported model works on; training may use others."""
    num_points: int = 10
    """Points (regions, motion anchors) K that move pixels."""
    detector_size: int = 64
    """Side to which pictures are reduced before the detector."""
    detector_block_expansion: int = 32
    detector_max_features: int = 1024
    detector_num_blocks: int = 5
    heat_kernel: int = 7
    """Kernel of the convolutions that give heat maps and jacobian maps."""
    heat_padding: int = 0
    """Padding of these convolutions; whatever size they give still spans [-1, 1]."""
    temperature: float = 0.1
    """Heat maps are the softmax of logits divided by this."""
    motion_size: int = 64
    """Side of the maps on which the dense motion is computed."""
    dense_block_expansion: int = 64
    dense_max_features: int = 1024
    dense_num_blocks: int = 5
    mask_kernel: int = 7
    """Kernel of the convolution that gives the contribution maps."""
    occlusion_kernel: int = 7
    disentangle: bool = False
    """Whether there is a disentanglement network (published with MRAA only)."""
    disentangle_widths: tuple[int, ...] = (256, 512, 1024)
    id_bottleneck: int = 64
    pose_bottleneck: int = 64

    def __post_init__(self) -> None:
        """Raises `OptionError` for values that do not go together."""
        super().__post_init__()
        for name in ("detector_size", "motion_size"):
            size = getattr(self, name)
            if size < 1 or self.resolution % size:
                raise OptionError(f"resolution {self.resolution} is no multiple of {name} {size}")
        for name, blocks in (("detector_size", self.detector_num_blocks), ("motion_size", self.dense_num_blocks)):
            if getattr(self, name) % 2**blocks:
                raise OptionError(
                    f"{name} {getattr(self, name)} cannot be halved {blocks} times; it must be a multiple"
                )
        if self.num_points < 1:
            raise OptionError("num_points must be 1 or more")
        if self.temperature <= 0:
            raise OptionError(f"temperature is {self.temperature}; it must be positive")


class HeatmapDetector(nn.Module):
    """Hourglass on the reduced picture; a heat map per point by a softmax over space."""

    def __init__(self, config: FirstOrderConfig, head: str, count: int) -> None:
        """`head` is the published name of the convolution that gives the `count` heat maps."""
        super().__init__()
        self.config = config
        self.head = head
        self.predictor = Hourglass(
            3,
            config.detector_block_expansion,
            config.detector_num_blocks,
            config.detector_max_features,
            config.norm,
        )
        self.channels = self.predictor.channels[-1]
        self.down = AntialiasReduction(config.detector_size / config.resolution)
        self.add_module(head, self.map_convolution(count))

    def map_convolution(self, outputs: int) -> nn.Conv2d:
        """A convolution from the hourglass's last map to `outputs` heat or jacobian maps."""
        return nn.Conv2d(self.channels, outputs, self.config.heat_kernel, padding=self.config.heat_padding)

    def features(self, image: Tensor) -> Tensor:
        """The hourglass's last map for `image` (B, 3, H, W): (B, C, s, s)."""
        return self.predictor(self.down(image, self.config.detector_size))[-1]

    def heatmaps(self, features: Tensor) -> Tensor:
        """(B, K, h, w), each summing to 1 over space."""
        logits = self.get_submodule(self.head)(features).float()
        with full_precision(features):
            return torch.softmax(logits.flatten(2) / self.config.temperature, 2).unflatten(2, logits.shape[2:])


class JacobianDetector(HeatmapDetector):
    """Points and a regressed 2x2 linear part for each: the mean under its heat map of a map of four numbers."""

    def __init__(self, config: FirstOrderConfig, count: int, jacobian_maps: int) -> None:
        """`jacobian_maps` is the number of maps: one for each point, one for all, or 0 for no linear parts."""
        super().__init__(config, "kp", count)
        self.jacobian: nn.Conv2d | None = None
        if jacobian_maps:
            self.jacobian = self.map_convolution(4 * jacobian_maps)
            nn.init.zeros_(self.jacobian.weight)
            with torch.no_grad():
                assert self.jacobian.bias is not None
                self.jacobian.bias.copy_(torch.tensor([1.0, 0, 0, 1]).repeat(jacobian_maps))

    def motion(self, features: Tensor) -> Motion:
        """Points (B, K, 2) and jacobians (B, K, 2, 2), or None, of the hourglass's last map."""
        heat = self.heatmaps(features)
        with full_precision(heat):
            points = expected_points(heat)
            if self.jacobian is None:
                return Motion(points)
            maps = self.jacobian(features.float()).unflatten(1, (-1, 4))  # (B, K or 1, 4, h, w)
            weights = heat.flatten(2)[:, :, :, None]
            means = exact_product(maps.flatten(3).expand(-1, heat.shape[1], -1, -1), weights)
            return Motion(points, means.reshape(-1, heat.shape[1], 2, 2))

    def forward(self, image: Tensor) -> Motion:
        """Motion of `image` (B, 3, H, W)."""
        return self.motion(self.features(image))


class FlowNetwork(nn.Module):
    """Hourglass on heat-map differences and warped sources; blends the candidates and predicts one occlusion map."""

    def __init__(self, config: FirstOrderConfig) -> None:
        super().__init__()
        self.config = config
        self.hourglass = Hourglass(
            4 * (config.num_points + 1),
            config.dense_block_expansion,
            config.dense_num_blocks,
            config.dense_max_features,
            config.norm,
        )
        channels = self.hourglass.channels[-1]
        self.mask = nn.Conv2d(channels, config.num_points + 1, config.mask_kernel, padding=config.mask_kernel // 2)
        self.occlusion = nn.Conv2d(channels, 1, config.occlusion_kernel, padding=config.occlusion_kernel // 2)
        self.down = AntialiasReduction(config.motion_size / config.resolution)

    def forward(self, small: Tensor, candidates: Tensor, heat: Tensor) -> DenseMotion:
        """`small` (1 or B, 3, m, m) is the reduced source, `candidates` (B, K + 1, m, m, 2) the background's motion
        first, `heat` (B, K, m, m) the driving heat maps minus the source's."""
        warped = warp_by_each(small, candidates, self.config.align_corners)
        heat = torch.cat([torch.zeros_like(heat[:, :1]), heat], 1)
        # Published order of channels: heat map, red, green and blue of one candidate after the other.
        features = self.hourglass(for_convolutions(torch.cat([heat[:, :, None], warped], 2).flatten(1, 2)))[-1]
        masks = torch.softmax(self.mask(features).float(), 1)
        occlusion = torch.sigmoid(self.occlusion(features).float())
        extra = {"sparse_flows": candidates, "warped_sources": warped, "features": features}
        return DenseMotion(blend(masks, candidates), [occlusion], masks, extra)


class BackgroundEncoder(nn.Module):
    """Motion of the background from both pictures: DownBlocks, the mean over space, a linear layer; starts at the
    identity. Affine (6 numbers) or perspective (8)."""

    def __init__(self, config: FirstOrderConfig, perspective: bool, size: int) -> None:
        """`size` is the side to which the pictures are reduced first; 0: none."""
        super().__init__()
        self.size = size
        widths = [
            min(config.detector_max_features, config.detector_block_expansion * 2 ** (level + 1))
            for level in range(config.detector_num_blocks)
        ]
        self.encoder = Encoder(6, widths, config.norm)
        outputs = 8 if perspective else 6
        self.fc = nn.Linear(widths[-1], outputs)
        nn.init.zeros_(self.fc.weight)
        with torch.no_grad():
            self.fc.bias.copy_(torch.eye(3).flatten()[:outputs])

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """(B, 3, 3), homogeneous driving to source coordinates."""
        both = torch.cat([source, driving], 1)
        if self.size and both.shape[-1] > self.size:
            both = antialias_reduce(both, self.size / both.shape[-1])
        with full_precision(both):
            numbers = self.fc(self.encoder(both.float())[-1].mean((2, 3)))
            last = torch.eye(3, device=numbers.device).flatten()[numbers.shape[1] :].expand(numbers.shape[0], -1)
            return torch.cat([numbers, last], 1).unflatten(1, (3, 3))


class FirstOrderModel(MotionModel):
    """Everything of these families but their detectors and what they make of linear parts.

    Features: the reduced source, then what `JohnsonGenerator.encode` gives.
    """

    generator: JohnsonGenerator

    def __init__(self, config: FirstOrderConfig, flow_network: str, jacobians: bool = True) -> None:
        """`flow_network` is the published name of the motion network inside the generator; `jacobians` tells whether
        points have linear parts."""
        super().__init__()
        self.config: Any = config
        self.align_corners = config.align_corners
        self.generator = JohnsonGenerator(config)
        self.generator.add_module(flow_network, FlowNetwork(config))
        self._flow_network = flow_network
        self.refinement: Refinement | None = make_refinement(config, config.num_points, config.align_corners)
        self.bg_predictor: BackgroundEncoder | None = None
        self.avd_network: DisentangleNetwork | None = None
        if config.disentangle:
            parameters = config.num_points * (6 if jacobians else 2)
            self.avd_network = DisentangleNetwork(
                parameters, config.id_bottleneck, config.pose_bottleneck, config.disentangle_widths
            )

    @property
    def flow_network(self) -> FlowNetwork:
        """The motion network; it sits inside the generator, as in the published checkpoints."""
        network = self.generator.get_submodule(self._flow_network)
        assert isinstance(network, FlowNetwork)
        return network

    def linear_parts(self, source: Motion, driving: Motion) -> Tensor | None:
        """(B, K, 2, 2): the linear part J_S J_D^-1 of each candidate motion; None for the identity."""
        if source.jacobians is None or driving.jacobians is None:
            return None
        return relative_linear(source.jacobians, driving.jacobians)

    def heatmaps(self, motion: Motion, size: int) -> Tensor:
        """(1 or B, K, size, size): what the motion network sees of points."""
        return gaussian_heatmaps(motion.points, size, size)

    def reduce(self, image: Tensor) -> Tensor:
        """See `MotionModel.reduce`."""
        return self.flow_network.down(image, self.config.motion_size)

    def encode(self, image: Tensor) -> tuple[Tensor, ...]:
        """See `MotionModel.encode`."""
        return (self.reduce(image), *self.generator.encode(image))

    def candidates(self, source: Motion, driving: Motion, background: Tensor | None, size: int) -> Tensor:
        """(B, K + 1, size, size, 2): the background, then T_k(z) = p_S + M_k (z - p_D) (FOMM, Eq. 4)."""
        grid = coordinate_grid(size, size, driving.points).reshape(-1, 2)
        offset = grid - driving.points[:, :, None]  # (B, K, M, 2)
        linear = self.linear_parts(source, driving)
        if linear is not None:
            offset = exact_product(offset, linear.transpose(-1, -2))
        moved = source.points[:, :, None] + offset
        first = background_motion(grid, background, driving.points.shape[0])
        return torch.cat([first, moved], 1).unflatten(2, (size, size))

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
        size = small.shape[-1]
        with full_precision(driving.points):
            candidates = self.candidates(source, driving, background, size)
            moved, still = self.heatmaps(driving, size), self.heatmaps(source, size)
        motion = self.flow_network(small, candidates, moved - still)
        return motion if self.refinement is None else self.refinement(motion, small, still, moved)

    def generate(self, features: tuple[Tensor, ...], motion: DenseMotion) -> Tensor:
        """See `MotionModel.generate`."""
        return self.generator(features[1:], motion.flow, motion.occlusions[0])

    def disentangle(self, source: Motion, driving: Motion) -> Motion:
        """The driving pose in the source's shape."""
        if self.avd_network is None:
            return super().disentangle(source, driving)
        return disentangle_motion(self.avd_network, source, driving)

    def background(self, source: Tensor, driving: Tensor) -> Tensor | None:
        """Background motion from both images, used in training and reconstruction only."""
        return None if self.bg_predictor is None else self.bg_predictor(source, driving)


def relative_linear(source: Tensor, driving: Tensor) -> Tensor:
    """J_S J_D^-1 of (1 or B, K, 2, 2) and (B, K, 2, 2)."""
    return exact_product(source, inverse_2x2(driving))
