"""A family that fuses views, from PyTorch to the engine: one bundle takes one, two or four pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_run import TINY_DIME

from checkpoints.bundle import Bundle
from export.convert import Options, convert
from runtime import animate
from runtime.engine import Engine
from training.models.registry import build

SIZE = 64
TINY = TINY_DIME | {"refine": "rk4", "refine_steps": 1}


@pytest.fixture(scope="module")
def bundle(pictures, tmp_path_factory) -> Bundle:
    torch.manual_seed(11)
    model = build("dime", TINY)
    # Away from their zeros, where refinement and self-flow would do nothing that could be wrong.
    torch.nn.init.normal_(model.refinement.velocity.last.weight, std=0.1)
    torch.nn.init.normal_(model.self_flow.flow.weight, std=0.1)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # exact statistics after one batch
    frames = torch.from_numpy(np.stack(pictures(SIZE, 6))).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        model.train()(frames, frames.flip(0))
    folder = tmp_path_factory.mktemp("dime") / "tiny"
    return convert(model.eval(), folder, pictures(SIZE, 4), name="tiny-dime", options=Options(resolution=SIZE))


@pytest.mark.slow
def test_bundle_of_a_family_that_fuses_views(bundle, tmp_path) -> None:
    assert (bundle.family, bundle.views) == ("dime", "many")
    assert set(bundle.parity["views"]) == {"1", "2", "4"}
    assert bundle.parity["max_abs_difference"] <= 2


@pytest.mark.slow
def test_one_two_and_four_views_through_one_bundle(bundle, pictures) -> None:
    engine = Engine(bundle, device="cpu", threads=1)
    views, driving = pictures(SIZE, 8)[::2], pictures(SIZE, 3)

    def moved(sources) -> np.ndarray:
        result = animate(sources, driving, model=engine, mode="absolute", progress=False)
        return np.asarray(result.frames).astype(int)

    results = {count: moved(views[:count]) for count in (1, 2, 4)}
    assert all(frames.shape == (3, SIZE, SIZE, 3) for frames in results.values())
    assert np.array_equal(results[1], moved(views[0]))
    assert np.abs(results[1] - results[4]).max() > 1
    shuffled = moved([views[0], views[3], views[1], views[2]])
    assert np.abs(shuffled - results[4]).max() <= 1
