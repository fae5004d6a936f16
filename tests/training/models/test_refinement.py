"""Refinement by an ODE: the integrators against known solutions and torchdiffeq, and every family as coarse stage."""

import math

import pytest
import torch
from tiny_run import TINY_FIRST_ORDER, TINY_MODEL

from checkpoints.errors import OptionError
from training.models.parts.refinement import Refinement, RefinementConfig, integrate
from training.models.registry import build

SETTINGS = {"refine": "rk4", "refine_steps": 2, "refine_width": 8}
FAMILIES = {"fomm": TINY_FIRST_ORDER, "mraa": TINY_FIRST_ORDER, "dam": TINY_FIRST_ORDER, "tpsmm": TINY_MODEL}


def logistic(phi: torch.Tensor, eps: float) -> torch.Tensor:
    """Smooth, nonlinear and not autonomous; solved in closed form by `solution`."""
    return phi * (1 - phi) * math.exp(eps)


def solution(start: torch.Tensor) -> torch.Tensor:
    odds = start / (1 - start) * math.exp(math.e - 1)
    return odds / (1 + odds)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("rk4", 4)])
def test_error_falls_with_the_order_of_the_method(method, order):
    start = torch.linspace(0.1, 0.9, 7, dtype=torch.float64)
    errors = [(integrate(logistic, start, method, steps) - solution(start)).abs().max().item() for steps in (16, 32)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


def random_dynamics():
    """f with random weights, large enough to bend the flow, in double precision; a flow to start from."""
    torch.manual_seed(4)
    refinement = Refinement(RefinementConfig("rk4", 2, 8), 3, True).double()
    torch.nn.init.normal_(refinement.velocity.last.weight, std=0.4)
    ramp = torch.linspace(0, 3, 12, dtype=torch.float64)
    small = torch.stack([torch.sin(ramp[:, None] + k * ramp) for k in range(3)])[None]
    heat = torch.rand(2, 3, 12, 12, dtype=torch.float64)
    flow = torch.rand(2, 12, 12, 2, dtype=torch.float64) - 0.5
    return refinement.dynamics(small, heat[:1], heat), flow


@torch.no_grad()
def test_against_torchdiffeq_on_the_same_network():
    odeint = pytest.importorskip("torchdiffeq").odeint
    velocity, flow = random_dynamics()

    def right_side(eps: torch.Tensor, phi: torch.Tensor) -> torch.Tensor:
        return velocity(phi, float(eps))

    times = torch.tensor([0.0, 1.0], dtype=torch.float64)
    exact = odeint(right_side, flow, times, method="dopri5", rtol=1e-10, atol=1e-12)[1]
    assert (exact - flow).abs().max() > 0.05  # there is something to integrate
    assert (integrate(velocity, flow, "rk4", 128) - exact).abs().max() < 1e-6
    assert (integrate(velocity, flow, "rk4", 2) - exact).abs().max() < 1e-3
    theirs = odeint(right_side, flow, times, method="euler", options={"step_size": 0.25})[1]
    assert (integrate(velocity, flow, "euler", 4) - theirs).abs().max() < 1e-12


@pytest.mark.parametrize("family", FAMILIES)
def test_untrained_refinement_is_exactly_the_coarse_stage(family):
    torch.manual_seed(5)
    refined = build(family, FAMILIES[family] | SETTINGS).eval()
    coarse = build(family, FAMILIES[family]).eval()
    state = {name: value for name, value in refined.state_dict().items() if not name.startswith("refinement.")}
    coarse.load_state_dict(state, strict=True)
    pictures = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        source = refined.encode(pictures[:1]), refined.detect(pictures[:1]), refined.detect(pictures[1:])
        ours, theirs = refined.render(*source), coarse.render(*source)
        assert torch.equal(ours.flow, theirs.flow)
        assert torch.equal(ours.image, theirs.image)
        torch.nn.init.normal_(refined.refinement.velocity.last.weight, std=0.1)
        changed = refined.render(*source)
    assert torch.equal(changed.extra["coarse_flow"], theirs.flow)
    assert not torch.allclose(changed.flow, theirs.flow, atol=1e-3)


@pytest.mark.parametrize(("method", "evaluations"), [("euler", 3), ("rk4", 12)])
def test_every_weight_learns_and_every_evaluation_is_kept(method, evaluations):
    torch.manual_seed(6)
    model = build("fomm", TINY_FIRST_ORDER | {"refine": method, "refine_steps": 3, "refine_width": 8})
    torch.nn.init.normal_(model.refinement.velocity.last.weight, std=0.1)
    result = model(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64))
    assert len(result.extra["velocities"]) == evaluations
    assert all(each.shape == result.flow.shape for each in result.extra["velocities"])
    result.flow.square().mean().backward()
    assert all(weight.grad.abs().max() > 0 for weight in model.refinement.parameters())


@pytest.mark.parametrize("family", ["fomm", "tpsmm"])
@pytest.mark.parametrize(("wrong", "message"), [({"refine_steps": 0}, "refine_steps is 0"), ({"refine": "rk5"}, "rk5")])
def test_wrong_settings_are_named(family, wrong, message):
    with pytest.raises(OptionError, match=message):
        build(family, FAMILIES[family] | SETTINGS | wrong)
