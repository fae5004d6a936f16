"""A family that fuses views, from PyTorch to the engine: one bundle takes one, two or four pictures."""

from __future__ import annotations

import numpy as np
import pytest
from small_models import SIZE, model

from checkpoints.bundle import Bundle
from export.convert import Options, convert
from runtime import animate
from runtime.engine import Engine


@pytest.fixture(scope="module")
def bundle(pictures, traced, tmp_path_factory) -> Bundle:
    folder = tmp_path_factory.mktemp("dime") / "tiny"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.convert.build_graphs", traced)
        return convert(model("dime"), folder, pictures(SIZE, 4), name="tiny", options=Options(resolution=SIZE))


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
