"""Turned, scaled and shifted pairs keep their truth."""

import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from training.config import Augment
from training.data import placement
from training.data.augment import PairAugment
from training.models.parts.sampling import coordinate_grid

GRID = coordinate_grid(64, 64, torch.zeros(()))


def place_all(batch: dict[str, torch.Tensor], maps: torch.Tensor) -> dict[str, torch.Tensor]:
    """`batch` with its truth and its float pictures moved by `maps`."""
    back = placement.inverse(maps)
    pictures = {name: placement.placed(batch[name], back) for name in ("source", "driving")}
    return placement.place(batch, maps, back) | pictures


def smooth_pair() -> dict[str, torch.Tensor]:
    """A driving frame that is the smooth source looked up at a smooth flow."""
    x, y = GRID.unbind(-1)
    source = torch.stack([0.5 + 0.4 * torch.sin(3 * x), 0.5 + 0.4 * torch.cos(2 * y), 0.5 + 0.4 * torch.sin(x + y)])
    flow = GRID * 0.9 + torch.stack([0.05 + 0.03 * y, -0.04 + 0.02 * x], -1)
    driving = F.grid_sample(source[None], flow[None], align_corners=True)[0]
    points = torch.tensor([[0.1, -0.2], [-0.4, 0.3]])
    linear = torch.eye(3)
    linear[:2] = torch.tensor([[0.9, 0.03, 0.05], [0.02, 0.9, -0.04]])
    return {
        "source": source[None],
        "driving": driving[None],
        "flow": flow[None],
        "flow_visible": torch.ones(1, 64, 64, dtype=torch.bool),
        "driving_points": points[None],
        "source_points": (points @ linear[:2, :2].T + linear[:2, 2])[None],
        "background": linear[None],
    }


@given(st.integers(0, 1000), st.floats(0.05, 0.4))
def test_the_placed_flow_makes_the_placed_driving_frame(seed, strength):
    torch.manual_seed(seed)
    batch = smooth_pair()
    placed = place_all(batch, placement.draw(1, strength))
    result = F.grid_sample(placed["source"], placed["flow"], align_corners=True, padding_mode="reflection")
    inner = placed["flow_visible"] & (placed["flow"].abs().amax(-1) < 0.9)
    assert (result - placed["driving"]).abs().mean(1)[inner].mean() < 0.02
    # The surface points move as the flow says, which here is the backdrop's motion.
    moved = placement._move(placed["background"], placed["driving_points"])
    assert torch.allclose(moved, placed["source_points"], atol=1e-5)
    assert torch.equal(placed["background"][0, 2], torch.tensor([0.0, 0.0, 1.0]))


def test_what_comes_from_beyond_the_border_is_hidden():
    batch = smooth_pair()
    right = torch.eye(3)[None].clone()
    right[0, 0, 2] = 0.5
    placed = place_all(batch, right)
    assert not placed["flow_visible"][0, :, :15].any()
    assert placed["flow_visible"][0, :, 17:].all()
    assert torch.allclose(placed["driving_points"], batch["driving_points"] + torch.tensor([0.5, 0.0]))


def test_a_stage_places_its_pairs_and_leaves_the_given_batch_alone():
    batch = smooth_pair()
    given_pair = {
        name: (255 * value).byte() if name in ("source", "driving") else value for name, value in batch.items()
    }
    kept = {name: value.clone() for name, value in given_pair.items()}
    torch.manual_seed(1)
    placed = PairAugment(Augment(jitter=0.0, time_flip=False), placing=0.3)(given_pair)
    assert not torch.allclose(placed["driving_points"], batch["driving_points"])
    assert all(torch.equal(given_pair[name], kept[name]) for name in kept)
