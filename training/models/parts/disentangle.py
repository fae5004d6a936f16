"""The network that separates shape from pose (TPSMM supplement 2, after MRAA): the "disentangled" or "avd" mode."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.base import Motion
from training.models.parts.sampling import full_precision


def _perceptron(inputs: int, widths: tuple[int, ...], outputs: int) -> nn.Sequential:
    """Linear-BatchNorm-ReLU for every width, then a linear layer."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


class DisentangleNetwork(nn.Module):
    """Driving pose in the source's shape, on flat parameters (B, n)."""

    def __init__(
        self,
        parameters: int,
        id_bottleneck: int,
        pose_bottleneck: int,
        widths: tuple[int, ...] = (256, 512, 1024),
    ) -> None:
        super().__init__()
        self.id_encoder = _perceptron(parameters, widths, id_bottleneck)
        self.pose_encoder = _perceptron(parameters, widths, pose_bottleneck)
        self.decoder = _perceptron(pose_bottleneck + id_bottleneck, widths[::-1], parameters)

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """`source` (1 or B, n) gives the shape, `driving` (B, n) the pose."""
        identity = self.id_encoder(source)
        pose = self.pose_encoder(driving)
        return self.decoder(torch.cat([pose, identity.expand(pose.shape[0], -1)], 1))


def disentangle_motion(network: DisentangleNetwork, source: Motion, driving: Motion) -> Motion:
    """`driving` (B) in the shape of `source` (1 or B): on (x, y) of every point, or on (x, y, a00, a01, a10, a11)."""
    with full_precision(driving.points):  # what goes in and comes out are coordinates
        flat = network(_numbers(source).flatten(1).float(), _numbers(driving).flatten(1).float())
    numbers = flat.unflatten(1, (driving.points.shape[1], -1))
    if driving.jacobians is None:
        return Motion(numbers)
    return Motion(numbers[..., :2], numbers[..., 2:].unflatten(-1, (2, 2)))


def _numbers(motion: Motion) -> Tensor:
    if motion.jacobians is None:
        return motion.points
    return torch.cat([motion.points, motion.jacobians.flatten(2)], -1)
