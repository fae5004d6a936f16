"""What is peculiar to the published files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

NETWORKS = {
    "appearance_feature_extractor": "resblocks_3d.3dr0.conv1.weight",
    "motion_extractor": "detector.fc_kp.weight",
    "warping_module": "dense_motion_network.mask.weight",
    "spade_generator": "conv_img.0.weight",
}
"""Networks that were published in a file each, of that name, and a tensor that no other one has."""

RETARGETING = ("retarget_shoulder", "retarget_mouth", "retarget_eye")
"""Networks that one more file has under these names, beside entries that nothing here needs."""


def network_of(state: Mapping[str, Tensor]) -> str | None:
    """Which of `NETWORKS` a state dict is of; None where it is none of them."""
    return next((network for network, mark in NETWORKS.items() if mark in stripped(dict(state))), None)


def observed(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Settings (`LivePortraitConfig`) that the shapes of a whole model's tensors tell: all but the resolution. What
    lacks its tensor is left out.
    """
    found: dict[str, Any] = {}
    for setting, (name, axis) in _SHAPES.items():
        if name in state and state[name].ndim > axis:
            found[setting] = state[name].shape[axis]
    for setting, (start, end) in _COUNTED.items():
        found[setting] = sum(name.startswith(start) and name.endswith(end) for name in state)
    if "volume_depth" in found and found.get("volume_channels"):
        found["volume_depth"] //= found["volume_channels"]
    if "num_points" in found:
        found["num_points"] //= 3
    if "dense_width" in found:
        found["dense_width"] //= 2
    downs = [state[name].shape[:1] for name in state if name.startswith(_DOWN) and name.endswith(".conv.weight")]
    found["dense_max"] = max((length for (length,) in filter(None, downs)), default=1)
    return found | _extractor(state)


_DOWN = "warping_module.dense_motion_network.hourglass.encoder.down_blocks."
_EXTRACTOR = "motion_extractor.detector."
_SHAPES = {
    "num_points": (f"{_EXTRACTOR}fc_kp.weight", 0),
    "motion_bins": (f"{_EXTRACTOR}fc_pitch.weight", 0),
    "appearance_width": ("appearance_feature_extractor.first.conv.weight", 0),
    "volume_depth": ("appearance_feature_extractor.second.weight", 0),
    "volume_channels": ("appearance_feature_extractor.resblocks_3d.3dr0.conv1.weight", 0),
    "dense_width": (f"{_DOWN}0.conv.weight", 0),
    "compressed": ("warping_module.dense_motion_network.compress.weight", 0),
    "warped_width": ("warping_module.fourth.weight", 0),
    "generator_width": ("spade_generator.fc.weight", 0),
    "generator_hidden": ("spade_generator.G_middle_0.norm_0.mlp_shared.0.weight", 0),
}
"""Where a setting is the length of a tensor's axis."""
_COUNTED = {
    "volume_blocks": ("appearance_feature_extractor.resblocks_3d.", ".conv1.weight"),
    "dense_blocks": (_DOWN, ".conv.weight"),
    "generator_blocks": ("spade_generator.G_middle_", ".conv_0.weight"),
}
"""Where a setting is how many there are."""


def _extractor(state: Mapping[str, Tensor]) -> dict[str, Any]:
    depths: dict[str, int] = {}
    widths: dict[str, int] = {}
    for name, value in state.items():
        if name.startswith(f"{_EXTRACTOR}stages.") and name.endswith(".dwconv.weight") and value.ndim:
            stage = name.removeprefix(f"{_EXTRACTOR}stages.").partition(".")[0]
            depths[stage] = depths.get(stage, 0) + 1
            widths[stage] = value.shape[0]
    if not depths:
        return {}
    stages = sorted(depths)
    return {
        "motion_depths": tuple(depths[stage] for stage in stages),
        "motion_widths": tuple(widths[stage] for stage in stages),
    }


def folded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` with plain weights in place of those that spectral normalisation divides: W / (u . (W v)), as stored.

    The published generator keeps `weight_orig`, `weight_u` and `weight_v` of 18 convolutions; what divides them in
    evaluation is not recomputed. Where u or v lacks or is of another length, or the plain
    weight is there, too, all stays as it is, and fits no model.
    """
    result = dict(state)
    for name, value in state.items():
        stem = name.removesuffix("_orig")
        u, v = state.get(f"{stem}_u"), state.get(f"{stem}_v")
        if not name.endswith(".weight_orig") or u is None or v is None or value.ndim < 2 or stem in state:
            continue
        matrix = value.double().flatten(1)
        if (*u.shape, *v.shape) == tuple(matrix.shape):
            result[stem] = (value.double() / (u.double() @ (matrix @ v.double()))).to(value.dtype)
            for part in (name, f"{stem}_u", f"{stem}_v"):
                del result[part]
    return result


def stripped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` without the prefix that training on several cards leaves."""
    return {name.removeprefix("module."): torch.as_tensor(value) for name, value in state.items()}
