"""ResNet-18 with torchvision's state-dict names, of any width (He et al. 2016, Table 1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.kernels.convolution import convolved
from training.kernels.norm import rectified
from training.models.parts.sampling import full_precision


class _Every(nn.Conv2d):
    """A 1x1 convolution of every `stride`-th pixel. While it learns the pixels are picked first, which is the same:
    oneDNN 3.12, which torch 2.13 comes with, writes beyond its memory where it finds the gradient of one with a stride
    on processors with AVX2 alone, and training crashed or went on with broken numbers.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not (torch.is_grad_enabled() and input.requires_grad):
            return super().forward(input)
        rows, columns = self.stride
        return F.conv2d(input[..., ::rows, ::columns], self.weight, self.bias)


class _BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(_Every(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        y = rectified(self.bn1, convolved(self.conv1, x))
        return rectified(self.bn2, convolved(self.conv2, y), skip)


class ResNet18(nn.Module):
    """Picture (B, inputs, H, W) to `outputs` numbers. `width` is the stem's channel count (published: 64).

    `pool` is the side of the map that the last layer reads: 1 is the published global average; more keeps where
    things are, which a narrow network needs to place points well (H and W must then be multiples of 32 pool).
    """

    def __init__(self, outputs: int, inputs: int = 3, width: int = 64, pool: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = self._layer(width, width, 1)
        self.layer2 = self._layer(width, 2 * width, 2)
        self.layer3 = self._layer(2 * width, 4 * width, 2)
        self.layer4 = self._layer(4 * width, 8 * width, 2)
        self.pool = pool
        self.fc = nn.Linear(8 * width * pool * pool, outputs)

    @staticmethod
    def _layer(inputs: int, outputs: int, stride: int) -> nn.Sequential:
        return nn.Sequential(_BasicBlock(inputs, outputs, stride), _BasicBlock(outputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(rectified(self.bn1, self.conv1(x)), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        pooled = x.mean((2, 3)) if self.pool == 1 else F.avg_pool2d(x, x.shape[-1] // self.pool).flatten(1)
        with full_precision(x):
            return self.fc(pooled.float())
