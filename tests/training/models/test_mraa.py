"""MRAA against numbers of the published implementation (kept outside the repository) and of linear algebra."""

import pytest
import torch
from first_order_golden import check_full, check_picture, frame, run
from golden_data import difference, shared
from hypothesis import given, settings
from hypothesis import strategies as st

from training.models.parts.matrices import inverse_2x2, principal_axes
from training.models.registry import build


@pytest.fixture(scope="module")
def golden():
    manifest, arrays = shared("mraa")
    components = ("generator", "region_predictor", "avd_network", "bg_predictor")
    return run("mraa", {}, manifest, arrays, components, "affine")


@pytest.mark.published
def test_regions(golden):
    for name, motion in (("source", golden.source), ("driving", golden.driving)):
        for key, value in (("kp", motion.points), ("affine", motion.jacobians), ("covar", motion.covariances)):
            expected = golden.arrays[f"{name}_{key}"]
            assert difference(value[0] if name == "source" else value, expected)[0] < 1e-4


@pytest.mark.published
def test_disentangled_regions(golden):
    motion = golden.motions["avd"]
    for key, value in (("kp", motion.points), ("affine", motion.jacobians), ("covar", motion.covariances)):
        assert difference(value, golden.arrays[f"avd_{key}"])[0] < 1e-4


@pytest.mark.published
@pytest.mark.parametrize("mode", ["standard", "relative", "avd"])
def test_flow_occlusion_and_prediction(golden, mode):
    check_full(golden, mode)


@pytest.mark.published
def test_background(golden):
    assert difference(golden.background, golden.arrays["bg_theta"])[0] < 1e-4
    with torch.no_grad():
        motion = frame(golden.driving, slice(1, 2))
        result = golden.model.render(golden.features, golden.source, motion, golden.background[1:2])
    assert difference(result.flow[0], golden.arrays["bg_f1_flow"])[0] < 5e-4
    check_picture(result.image[0, :, 4::8, 4::8], golden.arrays["bg_f1_prediction_sub"])


def covariances(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    roots = torch.randn(count, 2, 2, generator=generator, dtype=torch.float64)
    scale = 10 ** (-3 * torch.rand(count, 1, 1, generator=generator, dtype=torch.float64))
    return scale * roots @ roots.mT


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-7), (torch.float32, 2e-3)])
def test_principal_axes_are_those_of_the_decomposition(dtype, limit):
    matrices = covariances(20000, 1)
    left, values, _ = torch.linalg.svd(matrices)
    expected = left * values.sqrt()[:, None, :]
    error = (principal_axes(matrices.to(dtype)).double() - expected).abs().amax((1, 2))
    # Both sides round: next to the switch of sign, and to a circle, neither is better than the other.
    a, b, d = matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 1]
    size = a + d
    clear = ((a * (d - a) - 2 * b.square()).abs() > 1e-4 * size.square()) & (b.abs() > 1e-4 * size)
    clear &= (a - d).square() + 4 * b.square() > 1e-4 * size.square()
    assert clear.float().mean() > 0.99
    assert float(error[clear].max()) < limit


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-3, 1), st.floats(0, 1), st.floats(-1, 1))
def test_axes_give_the_covariance_back(a, ratio, correlation):
    d = a * ratio
    b = 0.999 * correlation * (a * d) ** 0.5
    matrix = torch.tensor([[a, b], [b, d]], dtype=torch.float64)
    axes = principal_axes(matrix)
    assert torch.allclose(axes @ axes.mT, matrix, atol=1e-9)
    assert float(torch.linalg.det(axes)) <= 0


@pytest.mark.parametrize(
    "entries",
    [(0.1, 0, 0.1), (0, 0, 0), (0.1, 0, 0.2), (0.2, 0, 0.1), (0.1, 0, 0), (0.1, 0.1, 0.1), (0.1, 1e-6, 0.1 + 1e-6)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_of_axes_are_finite_for_equal_and_vanishing_values(entries, dtype):
    a, b, d = (torch.tensor(float(x), dtype=dtype, requires_grad=True) for x in entries)
    axes = principal_axes(torch.stack([torch.stack([a, b]), torch.stack([b, d])]))
    (axes * torch.tensor([[1.0, 2], [3, 5]], dtype=dtype)).sum().backward()
    assert all(x.grad.isfinite() for x in (a, b, d))
    assert bool(axes.isfinite().all())


def test_gradients_of_axes_are_right():
    numbers = torch.tensor([[0.3, 0.1, 0.2], [0.1, -0.05, 0.3], [0.2, 0.15, 0.4]], dtype=torch.float64)

    def axes(x):
        return principal_axes(torch.stack([x[:, :2], x[:, 1:]], 1))

    assert torch.autograd.gradcheck(axes, numbers.requires_grad_())


def test_inverse():
    matrices = torch.randn(1000, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    assert torch.allclose(inverse_2x2(matrices), torch.linalg.inv(matrices), rtol=1e-6)
    assert bool(inverse_2x2(torch.zeros(2, 2)).isfinite().all())


def test_perspective_background_starts_at_the_identity():
    model = build("mraa", {"perspective": True, "background_size": 64, "detector_block_expansion": 4}).eval()
    image = torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        assert torch.equal(model.background(image, image), torch.eye(3).expand(2, 3, 3))
