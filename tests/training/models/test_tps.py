"""The closed-form spline solve against torch.linalg.solve."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.models.parts.sampling import coordinate_grid
from training.models.tpsmm.tps import evaluate_tps, radial, solve_tps, spline_motions


def direct(control, target, kernel_ridge, affine_ridge):
    """The bordered system, put together and solved in float64."""
    control, target = control.double(), target.double()
    batch, count, _ = control.shape
    system = torch.zeros(batch, count + 3, count + 3, dtype=torch.float64)
    system[:, :count, :count] = radial((control[:, :, None] - control[:, None]).square().sum(-1))
    system[:, :count, count : count + 2] = control
    system[:, :count, count + 2] = 1
    system[:, count:, :count] = system[:, :count, count:].mT.clone()
    system += torch.diag(torch.tensor([kernel_ridge] * count + [affine_ridge] * 3, dtype=torch.float64))
    right = torch.cat([target, torch.zeros(batch, 3, 2, dtype=torch.float64)], 1)
    return torch.linalg.solve(system, right), torch.linalg.cond(system)


def relative_error(ours, theirs):
    weights, affine = ours
    both = torch.cat([weights, affine.mT], 1).double()
    return (both - theirs).abs().amax((1, 2)) / theirs.abs().amax((1, 2))


def control_points(kind, count, generator):
    points = torch.rand(500, count, 2, generator=generator, dtype=torch.float64) * 1.6 - 0.8
    if kind == "clustered":
        points = points[:, :1] + 0.05 * (points - points[:, :1])
    elif kind == "near-collinear":
        points[..., 1] = 0.4 * points[..., 0] + 1e-3 * points[..., 1]
    return points


@pytest.mark.parametrize("count", [3, 4, 5, 8])
@pytest.mark.parametrize("kind", ["random", "clustered", "near-collinear"])
@pytest.mark.parametrize("ridges", [(0.01, 0.01), (0.001, 0.001), (0.001, 0.0)])
def test_agrees_with_linalg_solve_in_float64(count, kind, ridges):
    generator = torch.Generator().manual_seed(count)
    control = control_points(kind, count, generator)
    target = torch.rand(500, count, 2, generator=generator, dtype=torch.float64) - 0.5
    expected, condition = direct(control, target, *ridges)
    error = relative_error(solve_tps(control, target, *ridges), expected)
    # The bound of any backward stable method, with room for the squared factor.
    assert bool((error < 1e-15 * 1e3 * condition.clamp(min=1e3) ** 1.5).all())
    assert float(error.median()) < 1e-9


@pytest.mark.parametrize("count", [3, 5, 8])
@pytest.mark.parametrize("kind", ["random", "clustered", "near-collinear"])
def test_float32_is_about_as_good_as_pivoted_elimination(count, kind):
    generator = torch.Generator().manual_seed(count)
    control = control_points(kind, count, generator).float()
    target = (torch.rand(500, count, 2, generator=generator) - 0.5).float()
    expected, _ = direct(control, target, 0.01, 0.01)
    system_error = relative_error(solve_tps(control, target), expected)
    weights = direct_float32(control, target)
    pivoted = relative_error((weights[:, :count], weights[:, count:].mT), expected)
    assert float(system_error.median()) < 20 * float(pivoted.median()) + 1e-6


def direct_float32(control, target):
    count = control.shape[1]
    system = torch.zeros(len(control), count + 3, count + 3)
    system[:, :count, :count] = radial((control[:, :, None] - control[:, None]).square().sum(-1))
    system[:, :count, count : count + 2] = control
    system[:, :count, count + 2] = 1
    system[:, count:, :count] = system[:, :count, count:].mT.clone()
    system += 0.01 * torch.eye(count + 3)
    return torch.linalg.solve(system, torch.cat([target, torch.zeros(len(control), 3, 2)], 1))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9)), min_size=5, max_size=5),
    st.lists(st.floats(-0.5, 0.5), min_size=6, max_size=6),
)
def test_without_affine_ridge_an_affine_motion_is_reproduced(points, coefficients):
    control = torch.tensor([points], dtype=torch.float64)
    centred = control - control.mean(1, keepdim=True)
    if torch.linalg.svdvals(centred)[0, -1] < 1e-2:
        return  # points on a line do not define an affine motion
    affine = torch.tensor(coefficients, dtype=torch.float64).view(2, 3)
    target = control @ affine[:, :2].T + affine[:, 2]
    weights, found = solve_tps(control, target, 0.01, 0.0)
    assert torch.allclose(found[0], affine, atol=1e-7)
    assert float(weights.abs().max()) < 1e-6


def test_without_ridge_the_spline_interpolates():
    generator = torch.Generator().manual_seed(1)
    control = control_points("random", 5, generator)[:20]
    target = torch.rand(20, 5, 2, generator=generator, dtype=torch.float64)
    weights, affine = solve_tps(control, target, 0.0, 0.0)
    for i in range(20):
        assert torch.allclose(evaluate_tps(control[i], control[i], weights[i], affine[i]), target[i], atol=1e-6)


def test_gradients_are_right():
    generator = torch.Generator().manual_seed(2)
    control = control_points("random", 5, generator)[:2].requires_grad_()
    target = torch.rand(2, 5, 2, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda c, t: solve_tps(c, t), (control, target))


def test_evaluation_is_the_formula():
    generator = torch.Generator().manual_seed(3)
    control, weights = torch.rand(5, 2, generator=generator), torch.rand(5, 2, generator=generator)
    affine = torch.rand(2, 3, generator=generator)
    grid = coordinate_grid(3, 4, control).reshape(-1, 2)
    ours = evaluate_tps(grid, control, weights, affine)
    for point, value in zip(grid, ours, strict=True):
        squared = (point - control).square().sum(1)
        bent = (weights * (squared * torch.log(squared + 1e-9))[:, None]).sum(0)
        assert torch.allclose(value, affine @ torch.cat([point, torch.ones(1)]) + bent, atol=1e-5)


@pytest.mark.parametrize("residual", [False, True])
def test_splines_on_a_grid_are_those_at_its_points(residual):
    """Values and gradients, for a grid that is no square."""
    generator = torch.Generator().manual_seed(4)
    control, target = (torch.rand(2, 3, 5, 2, generator=generator, dtype=torch.float64) - 0.5 for _ in range(2))
    points = coordinate_grid(4, 6, control).reshape(-1, 2)
    found = []
    for width in (0, 6):
        leaves = [each.clone().requires_grad_() for each in (control, target)]
        moved = spline_motions(points, *leaves, (0.01, 0.01), residual, width=width)
        found.append((moved.detach(), *torch.autograd.grad(moved.square().sum(), leaves)))
    for any_points, grid in zip(*found, strict=True):
        torch.testing.assert_close(grid, any_points, rtol=1e-8, atol=1e-10)
