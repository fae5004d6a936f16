"""The drawing of anchors: what is bound is joined by a line, what is dead is not drawn."""

import numpy as np
import pytest
import torch
from tiny_run import TINY_FIRST_ORDER

from training.draw import grid
from training.models.registry import build
from training.structure import branch_colour, draw_structure

BLACK = np.zeros((101, 101, 3), np.uint8)
# Two motion anchors on the left, two intermediate ones on the right, the root in the middle of the right side.
POINTS = np.array([[-0.8, -0.8], [-0.8, 0.8], [0.6, -0.8], [0.6, 0.8], [0.6, 0.0]])


def at(picture: np.ndarray, x: float, y: float) -> tuple[int, ...]:
    return tuple(int(v) for v in picture[round((y + 1) * 50), round((x + 1) * 50)])


def test_lines_follow_attention():
    picture = draw_structure(BLACK, POINTS, 2, np.array([[1.0, 0.0], [0.0, 1.0]]))
    first, second = branch_colour(0, 2), branch_colour(1, 2)
    assert at(picture, -0.1, -0.8) == first
    assert at(picture, -0.1, 0.8) == second
    assert at(picture, -0.1, 0.0) == (0, 0, 0)
    assert at(picture, 0.6, 0.4) == (255, 255, 255)
    assert at(picture, -0.8, -0.8) == first


def test_width_grows_with_attention():
    def thickness(weight: float) -> int:
        picture = draw_structure(BLACK, POINTS, 2, np.array([[weight, 0.0], [0.0, 1.0]]))
        return int((picture[:50, 45].sum(-1) > 0).sum())

    assert 0 < thickness(0.3) < thickness(0.6) < thickness(1.0)


def test_dead_anchors_are_not_drawn():
    picture = draw_structure(BLACK, POINTS, 2, np.array([[0.0, 1.0], [0.0, 1.0]]), dead=(0,))
    assert (picture[:25, :60] == 0).all()
    assert at(picture, -0.8, 0.8) != (0, 0, 0)


def test_dam_has_lines_from_its_root():
    picture = draw_structure(BLACK, np.array([[-0.8, 0.0], [0.8, 0.0]]), 1)
    assert at(picture, 0.0, 0.0) == (255, 255, 255)


@pytest.mark.parametrize(
    ("family", "changes"), [("dam", {}), ("dam", {"num_intermediate": 0, "dead_anchors": [1]}), ("fomm", {})]
)
def test_training_grids_show_every_family(family, changes):
    model = build(family, {**TINY_FIRST_ORDER, **changes}).eval()
    pictures = torch.rand(2, 2, 3, 64, 64)
    assert grid(model, {"source": pictures[0], "driving": pictures[1]}).shape == (128, 7 * 64, 3)
