"""A family of a few hundred weights that has, or lacks, whatever the contract makes optional."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor, nn

from training.models.base import DenseMotion, Motion, MotionModel


@dataclass(frozen=True)
class ToyConfig:
    """What the toy has."""

    jacobians: bool = False
    covariances: bool = False
    disentangle: bool = False
    points: int = 4
    masks: bool = True
    occlusion: bool = True


class Toy(MotionModel):
    """Points from a pooled convolution; flow from their mean shift; one layer of features, one of them
    unused."""

    family = "toy"
    align_corners = True

    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        self.config = config
        self.detector = nn.Conv2d(3, 6 * config.points, 5, stride=4, padding=2)
        self.encoder = nn.Conv2d(3, 8, 3, padding=1)
        self.up = nn.Conv2d(8, 3, 3, padding=1)
        self.outputs = tuple(name for name in ("image", "flow", "occlusion", "masks") if getattr(config, name, True))
        if config.disentangle:
            self.avd_network = nn.Linear(2, 2)

    def detect(self, image: Tensor) -> Motion:
        values = self.detector(image).mean((2, 3)).view(-1, self.config.points, 6)
        matrices = 0.1 * values[..., 2:].view(-1, self.config.points, 2, 2) + torch.eye(2)
        return Motion(
            torch.tanh(values[..., :2]),
            matrices if self.config.jacobians else None,
            matrices @ matrices.mT if self.config.covariances else None,
        )

    def reduce(self, image: Tensor) -> Tensor:
        return F.avg_pool2d(torch.relu(self.encoder(image)), 2)

    def encode(self, image: Tensor) -> tuple[Tensor, ...]:
        half = self.reduce(image)
        return half, half.mean(1, keepdim=True), image

    def move(self, features, source, driving, background=None, spline_dropout=0.0):
        half = features[0]
        shift = (source.points - driving.points).mean(1)
        if driving.jacobians is not None:
            shift = (driving.jacobians.mean(1) @ shift[..., None])[..., 0]
        if driving.covariances is not None:
            shift = shift + 0.01 * (driving.covariances - source.covariances).mean((1, 2))
        line = torch.linspace(-1, 1, half.shape[-1])
        grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
        flow = grid[None] + shift[:, None, None]
        occlusion = torch.sigmoid(self.warp(half, flow).mean(1, keepdim=True))
        occlusions = [occlusion, F.interpolate(occlusion, scale_factor=2)]
        masks = occlusion.expand(-1, self.config.points + 1, -1, -1) if self.config.masks else None
        return DenseMotion(flow, occlusions if self.config.occlusion else [], masks)

    def generate(self, features: tuple[Tensor, ...], motion: DenseMotion) -> Tensor:
        half, _, image = features
        masked = self.warp(half, motion.flow) * (motion.occlusions[0] if motion.occlusions else 1)
        return torch.sigmoid(self.up(F.interpolate(masked, scale_factor=2)) + image - 0.5)

    def warp(self, half: Tensor, flow: Tensor) -> Tensor:
        return F.grid_sample(half.expand(flow.shape[0], -1, -1, -1), flow, align_corners=True)

    def disentangle(self, source: Motion, driving: Motion) -> Motion:
        points = torch.tanh(self.avd_network(driving.points) + source.points)
        if driving.jacobians is None or source.jacobians is None:
            return Motion(points)
        jacobians = source.jacobians @ driving.jacobians
        return Motion(points, jacobians, jacobians @ jacobians.mT if self.config.covariances else None)


@pytest.fixture(scope="session")
def toy():
    """Builds a toy with fixed weights in eval mode: `toy(jacobians=True, ...)`."""

    def build(**settings: bool) -> Toy:
        torch.manual_seed(3)
        return Toy(ToyConfig(**settings)).eval()

    return build


@pytest.fixture(scope="session", autouse=True)
def quick_exports(one_registry: None) -> None:
    """Everything here exports."""


@pytest.fixture(scope="session")
def pictures():
    """Draws frames of a simple moving face: `pictures(size, count)` gives a list of (size, size, 3)."""

    def draw(size: int, count: int) -> list[np.ndarray]:
        return [_face(size, 0.1 * index) for index in range(count)]

    return draw


def _face(size: int, turn: float) -> np.ndarray:
    """Shaded background, head, eyes and mouth; `turn` moves them."""
    big = 4 * size
    ramp = np.linspace(40, 160, big, dtype=np.uint8)
    image = Image.fromarray(np.stack([np.tile(ramp, (big, 1))] * 3, -1))
    draw = ImageDraw.Draw(image)
    centre = (0.5 + 0.2 * turn) * big

    def oval(dx: float, dy: float, rx: float, ry: float, colour: tuple[int, int, int]) -> None:
        x, y = centre + dx * big, (0.5 + dy) * big
        draw.ellipse((x - rx * big, y - ry * big, x + rx * big, y + ry * big), colour)

    oval(0, 0, 0.28, 0.36, (208, 160, 132))
    for side in (-0.11, 0.11):
        oval(side + 0.05 * turn, -0.08, 0.05, 0.03, (245, 245, 245))
        oval(side + 0.07 * turn, -0.08, 0.02, 0.025, (60, 40, 30))
    oval(0.05 * turn, 0.18, 0.1, 0.02 + 0.05 * turn, (150, 50, 60))
    return np.asarray(image.resize((size, size), Image.Resampling.BOX))
