"""LPIPS (Zhang et al. 2018), version 0.1 on VGG-16: a learned weighing of feature differences.

The linear weights (6 KB, BSD-2, see NOTICE) are kept here; VGG-16's come from the Hub. The `lpips` package needs
torchvision and its own download; this is the same network in the terms of `training.losses.backbones`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from checkpoints.errors import ModelError
from training.evaluation.measure import Clip
from training.evaluation.networks.hub import fetch, open_fetched
from training.losses.backbones import IMAGENET_MEAN, IMAGENET_STD, Backbone

LINEAR = Path(__file__).resolve().parent.parent / "assets" / "lpips_vgg.safetensors"
REPOSITORY, FILE = "timm/vgg16.tv_in1k", "model.safetensors"
WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Convolutions of each stage; all but the first stage begin with a pooling, each ends in the ReLU that is tapped."""


class Lpips:
    """The distance of two clips, frame by frame."""

    name = "lpips"

    def __init__(self, backbone: Backbone, linear: list[Tensor], device: str = "cpu", batch: int = 8) -> None:
        """`linear`: the weights (C_i,) of every stage's channels, not negative."""
        self.backbone = backbone.to(device)
        self.linear = [weight.to(device).view(1, -1, 1, 1) for weight in linear]
        self.device, self.batch = device, batch

    @torch.inference_mode()
    def __call__(self, result: Clip, target: Clip) -> NDArray[np.float64]:
        """(T,): sum over stages of the mean over pixels of w . (a - b)^2, a and b of unit length over channels."""
        parts = []
        for start in range(0, len(result), self.batch):
            a, b = (self.backbone(self._tensor(clip[start : start + self.batch])) for clip in (result, target))
            stages = [
                (weight * (_unit(x) - _unit(y)).square()).sum(1).mean((1, 2))
                for weight, x, y in zip(self.linear, a, b, strict=True)
            ]
            parts.append(torch.stack(stages).sum(0).double().cpu().numpy())
        return np.concatenate(parts)

    def _tensor(self, frames: Clip) -> Tensor:
        return torch.from_numpy(np.array(frames)).to(self.device).permute(0, 3, 1, 2).float().div_(255)


def lpips_vgg(device: str = "cpu") -> Lpips:
    """LPIPS with its published weights. Raises `ModelError` when VGG-16 cannot be fetched or is damaged."""
    state = open_fetched(fetch(REPOSITORY, FILE, "LPIPS"), "LPIPS", load_file)
    weights = load_file(LINEAR)
    return Lpips(vgg16(state), [weights[f"lin{stage}"] for stage in range(len(WIDTHS))], device)


def vgg16(state: Mapping[str, Tensor]) -> Backbone:
    """relu1_2, 2_2, 3_3, 4_3 and 5_3 of VGG-16 from a state dict with torchvision's names."""
    stages: list[nn.Module] = []
    channels, place = 3, 0
    for number, widths in enumerate(WIDTHS):
        layers: list[nn.Module] = []
        if number:
            layers.append(nn.MaxPool2d(2))
            place += 1
        for width in widths:
            convolution = nn.Conv2d(channels, width, 3, padding=1)
            for kind in ("weight", "bias"):
                given = state.get(f"features.{place}.{kind}")
                own = getattr(convolution, kind)
                if given is None or given.shape != own.shape:
                    raise ModelError(f"VGG-16: features.{place}.{kind} is missing or of another shape; fetch it again")
                own.data.copy_(given)
            layers += [convolution, nn.ReLU()]
            channels, place = width, place + 2
        stages.append(nn.Sequential(*layers))
    # LPIPS normalises [-1, 1] by its own constants, which are ImageNet's statistics rounded to three digits.
    shift, scale = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
    mean = tuple((1 + s) / 2 for s in shift)
    std = tuple(s / 2 for s in scale)
    assert np.allclose(mean, IMAGENET_MEAN, atol=1e-3)
    assert np.allclose(std, IMAGENET_STD, atol=1e-3)
    return Backbone(stages, mean, std)


def _unit(x: Tensor) -> Tensor:
    return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
