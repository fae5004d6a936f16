"""DAM's and HDAM's losses on motions whose values are known by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_run import TINY_FIRST_ORDER as TINY

from checkpoints.errors import OptionError
from training.config import Stage
from training.losses import anchors
from training.models.base import Motion
from training.models.registry import build
from training.objectives import LOSSES, Objective, Schedule
from training.objectives.batch_pass import Pass

EYE = torch.eye(2)


def rigid(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A random rotation with scale (2, 2) and a shift (2)."""
    draw = torch.rand(4, generator=torch.Generator().manual_seed(seed))
    angle, scale = float(draw[0]) * 6.28, 0.5 + float(draw[1])
    turn = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    return scale * torch.tensor(turn), draw[2:] - 0.5


def run_of(source: Motion, driving: Motion, model: torch.nn.Module) -> Pass:
    """A pass whose motions are given."""
    run = Pass(model, {})
    run.__dict__["_motions"] = (source, driving)
    return run


def bound(points: torch.Tensor, jacobians: torch.Tensor, motion_anchors: int, **extra: torch.Tensor) -> Motion:
    extra = {"anchor_points": points, "anchor_jacobians": jacobians, **extra}
    return Motion(points[:, :motion_anchors], jacobians[:, :motion_anchors], extra=extra)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build("dam", {**TINY, "num_intermediate": 2, "dead_anchors": [3]})


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_a_rigid_motion_obeys_root_and_intermediate_anchors(seed):
    linear, shift = rigid(seed)
    driving = torch.rand(1, 7, 2, generator=torch.Generator().manual_seed(seed)) - 0.5
    source = driving @ linear.T + shift
    jacobians = EYE + 0.1 * torch.rand(1, 7, 2, 2, generator=torch.Generator().manual_seed(seed + 1))
    attention = torch.softmax(driving[:, 4:6] @ driving[:, :4].transpose(1, 2), -1)
    network = build("dam", {**TINY, "num_intermediate": 2})
    run = run_of(
        bound(source, linear @ jacobians, 4, attention=attention),
        bound(driving, jacobians, 4, attention=attention),
        network,
    )
    for name in ("dam", "hdam_root", "hdam"):
        assert float(LOSSES[name](Objective(network), run)) < 1e-5


def test_an_articulated_motion_costs_what_its_joint_moved(model):
    driving = torch.zeros(1, 7, 2)
    source = driving.clone()
    source[:, 1] += torch.tensor([0.3, 0.4])  # one of four motion anchors
    source[:, 5] += torch.tensor([0.0, 0.2])  # one of two intermediate anchors
    still = EYE.expand(1, 7, 2, 2)
    attention = torch.tensor([[[0.1, 0.9, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]])
    run = run_of(bound(source, still, 4), bound(driving, still, 4, attention=attention), model)
    objective = Objective(model)
    assert float(LOSSES["dam"](objective, run)) == pytest.approx(0.5 / 4)
    assert float(LOSSES["hdam_root"](objective, run)) == pytest.approx(0.2 / 2)
    # First row: its anchor stands still, 0.9 of the moved one; second: it moved by 0.2 and binds one that did not.
    assert float(LOSSES["hdam"](objective, run)) == pytest.approx(0.9 * 0.5 + 1.0 * 0.2)


def test_the_linear_part_carries_bound_points():
    centre, still = torch.zeros(1, 1, 2), EYE.expand(1, 1, 2, 2)
    doubled = 2 * still
    errors = anchors.disobedience(
        (centre, doubled), (centre, still), torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.5, 0.0]]])
    )
    assert errors.shape == (1, 1, 1)
    assert float(errors) == pytest.approx(0.0, abs=1e-7)


def test_gradients_are_finite_where_the_loss_is_zero():
    points = torch.zeros(1, 3, 2, requires_grad=True)
    anchors.disobedience(
        (points, EYE.expand(1, 3, 2, 2)), (points, EYE.expand(1, 3, 2, 2)), points, points
    ).sum().backward()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()


def test_rows_that_share_nothing_are_the_most_orthogonal():
    apart = torch.tensor([[[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]])
    same = apart[:, :1].expand(1, 2, 4)
    assert float(anchors.orthogonality(apart)) == pytest.approx(-2 * 2 * 1)
    assert float(anchors.orthogonality(same)) == 0


def test_every_living_anchor_should_be_attended():
    attention = torch.tensor([[[0.8, 0.2, 0.0], [1.0, 0.0, 0.0]]])
    assert float(anchors.completeness(attention)) == pytest.approx(0.1 + 0.3)
    assert float(anchors.completeness(attention, dead=(2,))) == pytest.approx(0.1)
    assert float(anchors.completeness(torch.full((1, 3, 10), 0.1))) == pytest.approx(0.0, abs=1e-6)


def test_every_anchor_loss_reaches_the_detector(model):
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(2, 2, 3, 64, 64, generator=generator)
    batch = {"source": pictures[0], "driving": pictures[1], "seed": torch.arange(2)}
    names = ("dam", "hdam_root", "hdam", "orthogonality", "completeness")
    objective = Objective(model.train())
    objective.start_stage(Stage(name="all", losses=dict.fromkeys(names, 1.0), steps=1), None)
    losses = objective(batch, Schedule(0, 0))
    assert set(losses) == set(names)
    for name, loss in losses.items():
        gradients = torch.autograd.grad(
            loss, list(model.kp_detector.parameters()), retain_graph=True, allow_unused=True
        )
        moved = [g for g in gradients if g is not None and g.abs().sum() > 0]
        # All attention above delta leaves nothing for completeness to change.
        assert moved or float(loss) == 0, name
        assert all(torch.isfinite(g).all() for g in moved), name


def test_the_augmented_frame_is_a_moved_target_and_repeats_with_the_seed(model):
    ramp = torch.linspace(0, 1, 64).expand(2, 3, 64, 64).contiguous()
    batch = {"source": ramp, "driving": ramp, "seed": torch.tensor([1, 2])}
    one, again = Pass(model.eval(), batch), Pass(model, batch)
    with torch.no_grad():
        assert torch.equal(one.augmented, again.augmented)
        assert not torch.allclose(one.augmented[0], one.augmented[1], atol=1e-2)
        # An affine map of a linear ramp is a linear ramp: second differences vanish away from the border.
        inside = one.augmented[:, :, 16:48, 16:48]
        assert (inside[..., 2:] - 2 * inside[..., 1:-1] + inside[..., :-2]).abs().max() < 1e-3
        assert one.augmented_image.shape == ramp.shape


def test_models_without_anchors_say_so():
    network = build("fomm", TINY)
    points = Motion(torch.zeros(1, 4, 2), EYE.expand(1, 4, 2, 2))
    with pytest.raises(OptionError, match="fomm has no anchors"):
        LOSSES["dam"](Objective(network), run_of(points, points, network))
    plain = build("dam", {**TINY, "num_intermediate": 0})
    with pytest.raises(OptionError, match="num_intermediate"):
        LOSSES["hdam"](Objective(plain), run_of(points, points, plain))
