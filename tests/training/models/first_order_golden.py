"""One pass of FOMM, MRAA or DAM with the synthetic weights over the golden pictures, in every driving mode."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from golden_data import difference, pictures, state

from training.models.base import Motion, MotionModel, Rendered
from training.models.registry import build

FRAMES = {"standard": slice(0, 2), "relative": slice(1, 2), "avd": slice(1, 2), "bg": slice(1, 2)}
"""Driving frames of every mode that are rendered, a batch of them once: all would take the tests too long."""


def frame(motion: Motion, which: slice) -> Motion:
    """Some frames of a motion."""
    parts = (motion.points, motion.jacobians, motion.covariances)
    return Motion(*(None if part is None else part[which] for part in parts))


@dataclass
class Run:
    """A model, the expected arrays and what the model gave."""

    model: MotionModel
    arrays: dict[str, np.ndarray]
    source: Motion
    driving: Motion
    features: tuple[torch.Tensor, ...]
    motions: dict[str, Motion] = field(default_factory=dict)
    results: dict[str, Rendered] = field(default_factory=dict)
    background: torch.Tensor | None = None


@torch.no_grad()
def run(family: str, config: dict, manifest: dict, arrays: dict, components: tuple[str, ...], linear: str) -> Run:
    """`linear` is what the arrays call the linear part: "jacobian" or "affine"."""
    model = build(family, config).eval()
    model.load_state_dict(state(family, manifest, components), strict=True)
    source, driving = pictures(arrays["source"]), pictures(arrays["driving"])
    result = Run(model, arrays, model.detect(source), model.detect(driving), model.encode(source))
    relative = [torch.from_numpy(arrays[f"relative_{name}"]) for name in ("kp", linear)]
    result.motions = {
        "standard": result.driving,
        "relative": Motion(relative[0], relative[1], result.driving.covariances),
    }
    if model.has_disentangle:
        result.motions["avd"] = model.disentangle(result.source, result.driving)
    for mode, motion in result.motions.items():
        result.results[mode] = model.render(result.features, result.source, frame(motion, FRAMES[mode]))
    result.background = model.background(source.expand(3, -1, -1, -1), driving)
    return result


def check_full(golden: Run, mode: str) -> None:
    """Flow, occlusion and picture of a mode against the full arrays, within the limits of the golden data."""
    result = golden.results[mode]
    arrays = {name: value[FRAMES[mode]] for name, value in golden.arrays.items() if name.startswith(f"{mode}_")}
    assert difference(result.flow, arrays[f"{mode}_flow"])[0] < 5e-4
    assert difference(result.occlusions[0], arrays[f"{mode}_occlusion"])[0] < 1e-3
    check_picture(result.image, arrays[f"{mode}_prediction"], limit=(1e-2, 3e-4))
    check_picture(result.image[..., 4::8, 4::8], arrays[f"{mode}_prediction_sub"])
    if mode == "standard":
        assert difference(golden.features[0][0], golden.arrays["source_down"])[0] < 1e-6
        sparse = result.extra["sparse_flows"][1, :, 2::4, 2::4]
        assert difference(sparse, golden.arrays["standard_f1_sparse_motion_sub"])[0] < 1e-3
        assert difference(result.masks[1], golden.arrays["standard_f1_mask"])[0] < 1e-3
        warped = result.extra["warped_sources"][1]
        assert difference(warped.mean((2, 3)), golden.arrays["standard_f1_sparse_deformed_mean"])[0] < 1e-4


def check_picture(ours: torch.Tensor, theirs: np.ndarray, limit: tuple[float, float] = (5e-3, 1e-4)) -> None:
    """Largest and mean difference below `limit`."""
    largest, mean = difference(ours, theirs)
    assert largest < limit[0]
    assert mean < limit[1]
