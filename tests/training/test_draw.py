"""The grids that a run draws."""

import pytest
import torch
from tiny_run import TINY_FIRST_ORDER

from training.draw import grid
from training.models.registry import build


@pytest.mark.parametrize(
    ("family", "changes"), [("dam", {}), ("dam", {"num_intermediate": 0, "dead_anchors": [1]}), ("fomm", {})]
)
def test_training_grids_show_every_family(family, changes):
    model = build(family, {**TINY_FIRST_ORDER, **changes}).eval()
    pictures = torch.rand(2, 2, 3, 64, 64)
    drawn = grid(model, {"source": pictures[0], "driving": pictures[1]})
    assert drawn.shape == (128, 7 * 64, 3)
