"""The second look at small parts: where it looks, what it leaves alone, and that it learns."""

import pytest
import torch

from checkpoints.errors import OptionError
from training.models.registry import build
from training.models.tpsmm.glance import REACH, GlanceNetwork

SPLINES, POINTS = 3, 5


def spread(pictures: int, size: float = 0.1) -> torch.Tensor:
    """Points (B, 15, 2) of three parts, each about a place of its own."""
    places = torch.tensor([[-0.4, -0.3], [0.3, -0.2], [0.1, 0.4]])
    star = size * torch.tensor([[0.0, 0.0], [1, 0], [-1, 0], [0, 1], [0, -1]])
    return (places[:, None] + star).flatten(0, 1).expand(pictures, -1, -1)


def network(chosen=(2, 0), size=16) -> GlanceNetwork:
    torch.manual_seed(0)
    return GlanceNetwork(SPLINES, POINTS, chosen, size, 4).eval()


def test_only_the_chosen_splines_are_found_again():
    points = spread(2)
    found = network()(torch.rand(2, 3, 64, 64), points).unflatten(1, (SPLINES, POINTS))
    before = points.unflatten(1, (SPLINES, POINTS))
    assert torch.equal(found[:, 1], before[:, 1])
    assert (found[:, [0, 2]] - before[:, [0, 2]]).abs().amin((0, 2, 3)).gt(0).all()


def test_a_part_is_found_at_its_place_and_size():
    """The same picture, moved and magnified with its points, gives points moved and magnified alike."""
    look = network()
    small = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 68, 68, generator=torch.Generator().manual_seed(1)), 4, 1)
    points = spread(1)
    found = look(small, points)
    half = torch.tensor([[[0.5, 0, 0.2], [0, 0.5, -0.3]]])  # what the moved picture shows of the old one
    grid = torch.nn.functional.affine_grid(half, [1, 3, 129, 129], align_corners=True)
    moved = torch.nn.functional.grid_sample(small, grid, align_corners=True)
    there = (points - half[:, None, :, 2]) / 0.5
    expected = (found - half[:, None, :, 2]) / 0.5
    kept = expected.abs().amax(-1) < 0.95
    assert kept.sum() >= POINTS
    assert (look(moved, there) - expected)[kept].abs().max() < 0.02


def test_points_that_fall_together_still_have_surroundings():
    points = torch.full((1, SPLINES * POINTS, 2), 0.2)
    found = network()(torch.rand(1, 3, 64, 64), points)
    assert torch.isfinite(found).all()
    assert found.abs().max() <= 1


def test_the_detector_is_not_moved_to_look_elsewhere():
    points = spread(1).clone().requires_grad_()
    network((0, 1, 2))(torch.rand(1, 3, 64, 64), points).sum().backward()
    assert points.grad is None or not points.grad.any()


def test_it_learns_an_opening_of_a_pixel_or_two():
    """Lips: two bright bars, parted by some pixels, anywhere near where the detector says."""
    torch.manual_seed(0)
    look = GlanceNetwork(1, 2, (0,), 16, 8).train()
    optimizer = torch.optim.Adam(look.parameters(), 5e-3)
    rows = torch.linspace(-1, 1, 64)

    def draw(count):
        centre, gap = 0.1 * torch.randn(count, 1), 0.04 + 0.08 * torch.rand(count, 1)
        lips = torch.cat([centre - gap, centre + gap], 1)
        bars = torch.exp(-((rows - lips[..., None]) ** 2) / 0.0008).sum(1)
        picture = bars[:, None, :, None].expand(-1, 3, -1, 64).clamp(0, 1)
        true = torch.stack([torch.zeros_like(lips), lips], -1)
        guess = torch.tensor([[0.0, -0.1], [0.0, 0.1]]) + 0.02 * torch.randn(count, 1, 2)
        return picture, guess, true

    for _ in range(250):
        picture, guess, true = draw(16)
        loss = (look(picture, guess) - true).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    picture, guess, true = draw(64)
    gap = lambda points: points[:, 1, 1] - points[:, 0, 1]  # noqa: E731
    found = gap(look.eval()(picture, guess)).detach()
    assert torch.corrcoef(torch.stack([found, gap(true)]))[0, 1] > 0.8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"glances": [0, 10]}, "from 0 to 9"),
        ({"glances": [-1]}, "from 0 to 9"),
        ({"glances": [1, 1]}, "once"),
        ({"glances": [0], "glance_size": 20}, "8"),
    ],
)
def test_settings_that_do_not_go_together(settings, message):
    with pytest.raises(OptionError, match=message):
        build("tpsmm", settings)


def test_reach_is_wider_than_the_part():
    """Half of what a cut shows lies beyond the part, so that a detector's error leaves the part inside."""
    assert REACH >= 2
