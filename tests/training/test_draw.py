"""The grids that a run draws."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tiny_run import TINY_FIRST_ORDER

from training.draw import grid, marked
from training.models.base import Motion
from training.models.registry import build
from training.png import write_png


@pytest.mark.parametrize(
    ("family", "changes"), [("dam", {}), ("dam", {"num_intermediate": 0, "dead_anchors": [1]}), ("fomm", {})]
)
def test_training_grids_show_every_family(family, changes):
    model = build(family, {**TINY_FIRST_ORDER, **changes}).eval()
    pictures = torch.rand(2, 2, 3, 64, 64)
    drawn = grid(model, {"source": pictures[0], "driving": pictures[1]})
    assert drawn.shape == (128, 7 * 64, 3)


def test_a_family_without_occlusion_or_masks_has_fewer_cells():
    class Bare(type(build("fomm", TINY_FIRST_ORDER))):
        def render(self, *given):
            rendered = super().render(*given)
            return replace(rendered, occlusions=[], masks=None, image=rendered.image)

    model = build("fomm", TINY_FIRST_ORDER).eval()
    model.__class__ = Bare
    pictures = torch.rand(2, 2, 3, 64, 64)
    assert grid(model, {"source": pictures[0], "driving": pictures[1]}).shape == (128, 5 * 64, 3)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_png_files_hold_the_picture(tmp_path_factory, height, width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    path = tmp_path_factory.getbasetemp() / "picture.png"
    write_png(path, image)
    with Image.open(path) as read:
        assert np.array_equal(np.asarray(read), image)


def test_without_pillow_points_are_dots(monkeypatch):
    """On a machine with torch alone (`training.bare`) a grid still shows where the points are."""
    model = build("fomm", TINY_FIRST_ORDER)
    motion = Motion(torch.tensor([[[-1.0, -1.0], [0.0, 0.5], [1.0, 1.0], [3.0, 0.0]]]))
    monkeypatch.setitem(sys.modules, "runtime.result.structure", None)
    drawn = marked(model, np.zeros((65, 65, 3), np.uint8), motion, 0)
    ys, xs = np.nonzero(drawn.any(-1))
    assert {(x, y) for x, y in zip(xs, ys, strict=True)} >= {(0, 0), (32, 48), (64, 64), (64, 32)}
    assert len(xs) == 4 + 9 + 4 + 6
