"""A tiny model, a tiny run, and clips of a bright square that moves over a gradient."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

TINY_MODEL = {
    "resolution": 64,
    "num_tps": 2,
    "points_per_tps": 3,
    "detector_width": 4,
    "motion_size": 16,
    "dense_block_expansion": 4,
    "dense_max_features": 16,
    "dense_num_blocks": 2,
    "mask_kernel": 3,
    "occlusion_kernel": 3,
    "block_expansion": 4,
    "max_features": 16,
    "res_blocks": [1, 1, 0],
    "final_kernel": 3,
    "norm": "instance",
    "tps_residual": True,
    "background": False,
    "disentangle": False,
}

EXPORTED_TPSMM = {
    "resolution": 64,
    "num_tps": 2,
    "detector_width": 4,
    "dense_block_expansion": 4,
    "dense_max_features": 8,
    "dense_num_blocks": 2,
    "motion_size": 32,
    "block_expansion": 4,
    "max_features": 8,
    "num_down_blocks": 2,
    "res_blocks": (1, 1),
    "background": False,
    "disentangle": False,
}

TINY_FIRST_ORDER = {
    "resolution": 64,
    "num_points": 4,
    "detector_size": 16,
    "detector_block_expansion": 4,
    "detector_max_features": 16,
    "detector_num_blocks": 2,
    "heat_kernel": 3,
    "motion_size": 16,
    "dense_block_expansion": 4,
    "dense_max_features": 16,
    "dense_num_blocks": 2,
    "mask_kernel": 3,
    "occlusion_kernel": 3,
    "block_expansion": 4,
    "max_features": 16,
    "num_bottleneck_blocks": 1,
    "final_kernel": 3,
}
"""For families fomm, mraa and dam."""

TINY_DIME = TINY_FIRST_ORDER | {"refine_width": 8, "self_flow_block_expansion": 4, "self_flow_num_blocks": 2}


def moving_square(rng: np.random.Generator, frames: int, size: int = 64) -> np.ndarray:
    """uint8 (frames, size, size, 3): one square on a coloured gradient, moving on a line."""
    ramp = np.linspace(0, 1, size)
    gradient = rng.uniform(0, 80, 3) + ramp[:, None, None] * rng.uniform(0, 80, 3) + ramp[None, :, None] * 40
    colour = rng.uniform(150, 255, 3)
    start, end = rng.uniform(8, size - 24, (2, 2))
    clip = np.repeat(gradient[None], frames, 0)
    for index, share in enumerate(np.linspace(0, 1, frames)):
        x, y = (start + share * (end - start)).astype(int)
        clip[index, y : y + 16, x : x + 16] = colour
    return clip.astype(np.uint8)


def run_config(data: Path, **changes):
    """A tiny run as plain values, to be changed by the test."""
    stage = {
        "name": "all",
        "steps": 6,
        "batch": 2,
        "size": 64,
        "lr": 1e-3,
        "losses": {"pixel": 10.0, "gradient": 1.0},
        "clip": {"dense_motion_network": {"max": 10.0, "norm": "inf"}},
    }
    return {
        "family": "tpsmm",
        "name": "tiny",
        "perceptual": "efficientnet-lite0",
        "model": TINY_MODEL,
        "data": {"kind": "clips", "path": str(data), "augment": {"jitter": 0.1}},
        "stages": [stage],
        "save_every": 2,
        "draw_every": 100,
        **changes,
    }


def dime_run(data: Path, **changes):
    """A tiny run of DiME with two references, as plain values."""
    run = run_config(data, **({"family": "dime", "model": TINY_DIME} | changes))
    run["data"]["views"] = 3
    losses = {"pixel": 10.0, "equivariance": 10.0, "smoothness": 0.01}
    run["stages"][0] |= {"steps": 2, "clip": {}, "losses": losses}
    return run


def toml(values: dict) -> str:
    """Just enough TOML for a run: inline tables everywhere."""

    def write(value) -> str:
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{key} = {write(item)}" for key, item in value.items()) + " }"
        if isinstance(value, list):
            return "[" + ", ".join(write(item) for item in value) + "]"
        return json.dumps(value)

    return "\n".join(f"{key} = {write(value)}" for key, value in values.items())


def thin_vgg19() -> Any:
    """A perceptual network with fresh weights and five maps as VGG-19 has, a convolution for each and an eighth of its
    channels: the real one comes from the Hub, and is tested by itself (test_objective.py).
    """
    from torch import nn

    from training.losses.backbones import Backbone

    widths = (3, 8, 16, 32, 64, 64)
    stages: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        pool = [nn.MaxPool2d(2)] if stages else []
        stages.append(nn.Sequential(*pool, nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()))
    return Backbone(stages)
