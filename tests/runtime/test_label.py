"""The visible label: where it belongs, readable on any ground, and nowhere else."""

import numpy as np
import pytest
from clips import moving, spot

from runtime import Engine, animate
from runtime.result.label import Label


@pytest.mark.parametrize("size", [(256, 256), (64, 64), (1920, 1080), (40, 300), (16, 16)])
@pytest.mark.parametrize("ground", [0, 128, 255])
def test_it_stands_in_the_corner_and_is_read_on_any_ground(size, ground):
    width, height = size
    frame = np.full((height, width, 3), ground, np.uint8)
    labelled = Label(size)(frame)
    assert (frame == ground).all()
    changed = (labelled != frame).any(axis=2)
    assert changed.any()
    assert not changed[: max(0, height - max(20, height // 8))].any()
    assert not changed[:, : width // 3].any() or width < 150
    inside = labelled[changed].astype(int)
    assert inside.max() > 200
    if ground == 255:
        assert inside.min() < 140


def test_it_grows_with_the_picture():
    heights = []
    for side in (256, 1024):
        labelled = Label((side, side))(np.zeros((side, side, 3), np.uint8))
        heights.append(labelled.any(axis=(1, 2)).sum() / side)
    assert heights[0] == pytest.approx(heights[1], rel=0.35)
    assert 0.02 < heights[1] < 0.1


def test_results_carry_it_on_request(toy, tmp_path):
    engine = Engine(toy, device="cpu", threads=1)
    driving = moving(tmp_path / "a.mp4", 4)
    plain = animate(spot(20, 40), driving, model=engine, progress=False).frames
    labelled = animate(spot(20, 40), driving, model=engine, label=True, progress=False).frames
    for before, after in zip(plain, labelled, strict=True):
        np.testing.assert_array_equal(Label((64, 64))(before), after)
        assert (before != after).any()
