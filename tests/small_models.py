"""A small model of every family, with random weights that move things. Whatever a test exports should be one of these:
an exporter's trace costs ten seconds of processor time and more, and each of them is traced once (`traced.py`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch

from training.checkpoint import save_model
from training.config import load_config
from training.models.base import MotionModel
from training.models.registry import build

SIZE = 64
"""Side of the pictures of all but the light TPSMM, whose detector sees them smaller than they are."""


def toml_model(name: str) -> dict[str, Any]:
    """The settings of the model in one of our configurations."""
    return dict(load_config(name).model)


TPSMM = {
    "resolution": SIZE,
    "num_tps": 3,
    "detector_width": 4,
    "dense_block_expansion": 4,
    "dense_max_features": 16,
    "dense_num_blocks": 2,
    "motion_size": 16,
    "block_expansion": 8,
    "max_features": 16,
    "background_width": 4,
    "disentangle_widths": (16, 16, 16),
}
FIRST_ORDER = {
    "resolution": SIZE,
    "num_points": 4,
    "detector_size": 16,
    "detector_block_expansion": 4,
    "detector_max_features": 16,
    "detector_num_blocks": 2,
    "motion_size": 16,
    "dense_block_expansion": 4,
    "dense_max_features": 16,
    "dense_num_blocks": 2,
    "block_expansion": 8,
    "max_features": 16,
    "num_bottleneck_blocks": 1,
    "disentangle": True,
    "disentangle_widths": (16, 16, 16),
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "tpsmm": ("tpsmm", TPSMM),
    "tpsmm-light": (
        "tpsmm",
        TPSMM
        | {
            "norm": "batch",
            "tps_residual": True,
            "background": False,
            "resolution": 2 * SIZE,
            "motion_size": 32,
            "detector_size": 64,
            "detector_pool": 2,
            "glances": (1, 0),
            "glance_size": 16,
            "glance_width": 4,
            "least_squeeze": 0.15,
            "occlusion_widths": (8,),
            "res_blocks": (1, 1, 0),
            "inpainting_blocks": "inverted",
            "dense_blocks": "separable",
            "mask_kernel": 3,
            "occlusion_kernel": 3,
        },
    ),
    "fomm": ("fomm", FIRST_ORDER),
    "mraa": ("mraa", FIRST_ORDER),
    "dam": ("dam", FIRST_ORDER),
    "face-vid2vid": ("face-vid2vid", toml_model("face-vid2vid-toy") | {"resolution": SIZE, "num_points": 4}),
    "liveportrait": ("liveportrait", toml_model("liveportrait-toy") | {"resolution": SIZE, "num_points": 4}),
    "dime": (
        "dime",
        FIRST_ORDER
        | {
            "disentangle": False,
            "self_flow_block_expansion": 4,
            "self_flow_max_features": 8,
            "self_flow_num_blocks": 2,
            "confidence_kernel": 3,
            "refine": "rk4",
            "refine_steps": 1,
            "refine_width": 8,
        },
    ),
}
"""Family and settings of each."""


def side(case: str) -> int:
    """Of its pictures, in pixels."""
    return int(CASES[case][1]["resolution"])


@cache
def model(case: str) -> MotionModel:
    """One of `CASES` in eval mode: points spread out, norm statistics not trivial, nothing at a zero that hides it."""
    family, config = CASES[case]
    torch.manual_seed(1)
    built = build(family, config)
    for name, value in built.named_buffers():
        if name.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
    if family == "dime":
        torch.nn.init.normal_(built.refinement.velocity.last.weight, std=0.1)
        torch.nn.init.normal_(built.self_flow.flow.weight, std=0.1)
        _settle(built, config["resolution"])
    return built.eval()


@torch.no_grad()
def _settle(model: MotionModel, size: int) -> None:
    """Norm statistics of smooth pictures: with any others DiME gives every view the same confidence, which is none."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # exact after one batch
            module.reset_running_stats()
    frames = torch.nn.functional.interpolate(torch.rand(6, 3, 6, 6), (size, size), mode="bicubic").clamp(0, 1)
    model.train()(frames, frames.flip(0))


def checkpoint(case: str, path: Path, **training: Any) -> Path:
    """The file `path` with one of `CASES`, and what is said of its `training`."""
    save_model(path, model(case), training)
    return path
