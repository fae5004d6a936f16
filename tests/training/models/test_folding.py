"""Parts that would fold are moved less, as a whole; all others exactly as they were."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_run import EXPORTED_TPSMM

from checkpoints.errors import OptionError
from training.models.registry import build
from training.models.tpsmm.folding import unfolded

LEAST = 0.15


def eye(gap: float) -> torch.Tensor:
    """Corners, lids and brow (5, 2) of an eye that is open by `gap`."""
    return torch.tensor([[0.04, 0.0], [-0.04, 0.0], [0.0, -gap / 2], [0.0, gap / 2], [0.0, -0.06]])


def turn(points: torch.Tensor, angle: float, size: float, shift: tuple[float, float]) -> torch.Tensor:
    angle_ = torch.tensor(angle)
    rotation = torch.stack([torch.stack([angle_.cos(), -angle_.sin()]), torch.stack([angle_.sin(), angle_.cos()])])
    return size * points @ rotation.T + torch.tensor(shift)


def part(points: torch.Tensor) -> torch.Tensor:
    return points[None, None]


@given(
    gap=st.floats(0.02, 0.08),
    angle=st.floats(-3, 3),
    size=st.floats(0.5, 2),
    x=st.floats(-0.5, 0.5),
    y=st.floats(-0.5, 0.5),
)
@settings(max_examples=40, deadline=None)
def test_what_does_not_fold_stays(gap, angle, size, x, y):
    """Turned upside down, magnified and shifted included: only the shape can fold."""
    driving = part(turn(eye(gap), angle, size, (x, y)))
    torch.testing.assert_close(unfolded(driving, part(eye(0.05)), LEAST), driving, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("gap", [0.004, 0.0, -0.01, -0.03])
@pytest.mark.parametrize("angle", [0.0, 0.6, -2.0])
def test_lids_that_meet_or_cross_are_kept_apart(gap, angle):
    source, driving = eye(0.05), turn(eye(gap), angle, 1.3, (0.2, -0.1))
    kept = unfolded(part(driving), part(source), LEAST)[0, 0]
    up = turn(torch.tensor([[0.0, 1.0]]), angle, 1.0, (0.0, 0.0))[0]
    opening = ((kept[3] - kept[2]) @ up) / (1.3 * 0.05)
    assert 0.6 * LEAST < opening < 1.2 * LEAST
    torch.testing.assert_close(kept.mean(0), driving.mean(0), atol=1e-6, rtol=0)


def test_a_closed_eye_is_not_opened():
    """No flow can show an eye that the source does not: what there is would be stretched without bounds."""
    kept = unfolded(part(eye(0.05)), part(eye(-0.004)), LEAST)[0, 0]
    assert abs(kept[3, 1] - kept[2, 1]) < 0.012


def test_points_that_fall_together_give_numbers():
    nothing = torch.zeros(1, 2, 5, 2)
    assert torch.isfinite(unfolded(nothing, nothing, LEAST)).all()
    points = torch.rand(1, 2, 5, 2, requires_grad=True)
    unfolded(points, nothing, LEAST).sum().backward()
    assert torch.isfinite(points.grad).all()


def test_only_splines_that_are_looked_at_twice_are_kept():
    torch.manual_seed(0)
    small = EXPORTED_TPSMM | {"motion_size": 16, "glances": [1], "glance_size": 8, "glance_width": 2}
    model = build("tpsmm", small | {"least_squeeze": LEAST}).eval()
    dense = model.dense_motion_network
    source = torch.stack([eye(0.05) - 0.3, eye(0.05) + 0.3]).flatten(0, 1)[None]
    driving = torch.stack([eye(-0.02) - 0.3, eye(-0.02) + 0.3]).flatten(0, 1)[None]
    free = dense._unfolded(driving.unflatten(1, (2, 5)), source.unflatten(1, (2, 5)))
    assert torch.equal(free[:, 0], driving[:, :5])
    assert not torch.equal(free[:, 1], driving[:, 5:])


def test_a_share_is_wanted():
    with pytest.raises(OptionError, match="least_squeeze is 1"):
        build("tpsmm", {"glances": [0], "least_squeeze": 1.0})
