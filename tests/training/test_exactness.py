"""What neither mixed precision nor TF32 may touch: coordinates, and small differences of large numbers."""

import pytest
import torch
from test_objective import batch
from tiny_run import TINY_FIRST_ORDER, TINY_MODEL
from torch.utils._python_dispatch import TorchDispatchMode

from training.config import Augment, Stage
from training.data import placement
from training.data.augment import PairAugment
from training.losses import anchors, equivariance
from training.losses.adversarial import feature_matching
from training.losses.backbones import Backbone, efficientnet_lite0
from training.losses.focus import focus_map
from training.losses.perceptual import PerceptualPyramid
from training.models.base import Motion
from training.models.parts import layout
from training.models.parts.candidates import background_motion, blend
from training.models.parts.disentangle import DisentangleNetwork, disentangle_motion
from training.models.parts.random_warp import RandomWarp, seeded_normal, seeded_uniform
from training.models.parts.sampling import coordinate_grid, part_size
from training.models.registry import build
from training.models.tpsmm.tps import spline_motions
from training.objectives import Objective, Schedule
from training.objectives.batch_pass import Pass


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) - 0.5


def eye_like(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.eye(2) + 0.2 * drawn(*shape, 2, 2, seed=seed)


def warped_points():
    return RandomWarp.draw(torch.tensor([3, 4]), drawn(1)).points(drawn(2, 30, 2))


def anchor_errors():
    binding = (drawn(2, 3, 2), eye_like(2, 3)), (drawn(2, 3, 2, seed=1), eye_like(2, 3, seed=1))
    return anchors.disobedience(*binding, drawn(2, 7, 2, seed=2), drawn(2, 7, 2, seed=3))


def jacobian_loss():
    return equivariance.jacobian_loss(eye_like(2, 5), eye_like(2, 5, seed=1), eye_like(2, 5, seed=2))


def disentangled():
    torch.manual_seed(0)
    network = DisentangleNetwork(20, 8, 8, (16, 16)).eval()
    return disentangle_motion(network, Motion(drawn(2, 10, 2)), Motion(drawn(2, 10, 2, seed=1))).points


def background():
    return background_motion(drawn(40, 2), torch.eye(3) + 0.1 * drawn(2, 3, 3), 2)


def splines():
    control = drawn(2, 3, 5, 2)
    target = control + 0.05 * drawn(2, 3, 5, 2, seed=1)
    return spline_motions(coordinate_grid(16, 16, control).reshape(-1, 2), control, target, (0.001, 0.001), True)


def placed():
    maps = placement.draw(2, 0.0) + 0.1 * torch.nn.functional.pad(drawn(2, 2, 3), (0, 0, 0, 1))
    pairs = {"source": drawn(2, 3, 8, 8), "background": torch.eye(3).repeat(2, 1, 1), "source_points": drawn(2, 9, 2)}
    moved = placement.place(pairs, maps, placement.inverse(maps))
    return torch.cat([moved["background"].flatten(), moved["source_points"].flatten()])


def first_order():
    torch.manual_seed(0)
    model = build("mraa", TINY_FIRST_ORDER).eval()
    with torch.no_grad():
        source, driving = (model.detect(drawn(2, 3, 64, 64, seed=seed) + 0.5) for seed in (0, 1))
    jacobians = [eye_like(2, 4, seed=seed) for seed in (5, 6)]
    source, driving = Motion(source.points, jacobians[0]), Motion(driving.points, jacobians[1])
    return model.candidates(source, driving, None, 16)


def blended():
    masks = torch.softmax(drawn(2, 5, 8, 8), 1)
    return blend(masks, drawn(2, 5, 8, 8, 2))


IN_COORDINATES = [warped_points, anchor_errors, jacobian_loss, background, blended]


@pytest.mark.parametrize("of", [*IN_COORDINATES, disentangled], ids=lambda of: of.__name__)
def test_coordinates_stay_whole_under_mixed_precision(of):
    """Each was up to a pixel of 256 off, as matrix products were computed with eight bits."""
    wanted = of()
    with torch.autocast("cpu", torch.bfloat16):
        found = of()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-6)


class TensorFloat(TorchDispatchMode):
    """Rounds what goes into matrix products to the ten bits of TF32, as a GPU does that may."""

    products = ("mm", "bmm", "addmm", "baddbmm")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.overloadpacket.__name__ in self.products:
            args = tuple(self.rounded(each) if isinstance(each, torch.Tensor) else each for each in args)
        return function(*args, **(kwargs or {}))

    @staticmethod
    def rounded(values: torch.Tensor) -> torch.Tensor:
        mantissa, exponent = torch.frexp(values)
        return torch.ldexp((mantissa * 2**11).round() / 2**11, exponent)


@pytest.fixture
def tf32():
    torch.set_float32_matmul_precision("high")
    yield TensorFloat()
    torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("of", [*IN_COORDINATES, splines, placed, first_order], ids=lambda of: of.__name__)
def test_coordinates_stay_whole_where_tf32_is_allowed(of, tf32):
    torch.set_float32_matmul_precision("highest")
    wanted = of()
    torch.set_float32_matmul_precision("high")
    with tf32:
        found = of()
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_tf32_would_bend_splines():
    """What the test above would see: with rounded products the same splines are elsewhere."""
    wanted = splines()
    with TensorFloat():
        assert float((splines() - wanted).abs().max()) > 1e-3


def test_gradients_of_splines_stay_whole_where_tf32_is_allowed(tf32):
    control = drawn(1, 2, 5, 2)
    target = control + 0.05 * drawn(1, 2, 5, 2, seed=1)
    points = coordinate_grid(8, 8, control).reshape(-1, 2)

    def gradient() -> torch.Tensor:
        leaf = target.clone().requires_grad_()
        spline_motions(points, control, leaf, (0.001, 0.001), True).square().sum().backward()
        return leaf.grad

    torch.set_float32_matmul_precision("highest")
    wanted = gradient()
    torch.set_float32_matmul_precision("high")
    with tf32:
        found = gradient()
    torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-3)


class _Half(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x + 3).bfloat16()


def test_differences_of_features_are_taken_in_full_precision():
    result, target = drawn(1, 3, 16, 16) + 0.5, drawn(1, 3, 16, 16, seed=1) + 0.5
    pyramid = PerceptualPyramid(Backbone([_Half()], (0.0,) * 3, (1.0,) * 3), scales=(1.0,))
    found = pyramid(result, target)
    maps = [(each + 3).bfloat16() for each in (result, target)]
    wanted = (maps[0].double() - maps[1].double()).abs().mean()
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(float(wanted), rel=1e-6)
    assert float(feature_matching([maps[1]], [maps[0]])) == pytest.approx(float(wanted), rel=1e-6)


def test_only_chosen_pictures_are_made_worse():
    """Gamma too is of some pictures only."""
    pictures = drawn(400, 3, 16, 16) + 0.5
    torch.manual_seed(0)
    damaged = PairAugment(Augment(time_flip=False, jitter=0.0, degrade=0.3)).degrade(pictures)
    untouched = (damaged == pictures).flatten(1).all(1).float().mean()
    assert float(untouched) == pytest.approx(0.7**3, abs=0.06)


@pytest.mark.parametrize("trained", ["kp_detector", "inpainting_network"])
def test_only_a_detector_that_learns_sees_damage(trained):
    """What a frozen one finds is what the others are taught by."""
    model = build("tpsmm", TINY_MODEL)
    for name, component in model.named_children():
        component.requires_grad_(name == trained)
    calls = []
    run = Pass(model, batch(64, points=6), degrade=lambda image: calls.append(image) or image)
    assert run.driving_motion.points.requires_grad == (trained == "kp_detector")
    assert len(calls) == (trained == "kp_detector")


LOSSES_OF_GENERATOR = ["perceptual_generator", "adversarial_generator", "feature_matching_generator"]


@pytest.mark.parametrize("name", LOSSES_OF_GENERATOR)
def test_losses_for_the_generator_stop_at_the_motion(name):
    values = []
    for each in (name, name.removesuffix("_generator")):
        torch.manual_seed(0)
        model = build("tpsmm", TINY_MODEL)
        objective = Objective(model, efficientnet_lite0)
        objective.add_discriminator()
        objective.start_stage(Stage(name="s", steps=1, losses={each: 1.0}), None)
        loss = objective(batch(64, points=6), Schedule(0, 0))[each]
        loss.backward()
        touched = {parameter.split(".")[0] for parameter, p in model.named_parameters() if p.grad is not None}
        assert touched >= {"inpainting_network"}
        values.append((float(loss.detach()), touched))
    assert values[0][1] == {"inpainting_network"}
    assert values[1][1] == {"inpainting_network", "dense_motion_network", "kp_detector"}
    assert values[0][0] == pytest.approx(values[1][0], rel=1e-4)


def test_a_frozen_motion_is_painted_once():
    model = build("tpsmm", TINY_MODEL)
    model.requires_grad_(False)
    model.inpainting_network.requires_grad_(True)
    run = Pass(model, batch(64, points=6))
    assert run.painted is run.image


def test_draws_are_a_function_of_their_seed_alone():
    seeds = torch.tensor([7, 2**31 + 5, 123456])
    several = seeded_uniform(seeds, 12)
    for index in range(3):
        assert torch.equal(seeded_uniform(seeds[index : index + 1], 12)[0], several[index])
    many = seeded_uniform(torch.arange(4000), 5)
    assert 0 < float(many.min()) < float(many.max()) < 1
    assert torch.allclose(many.mean(0), torch.tensor(0.5), atol=0.02)
    assert torch.allclose(torch.corrcoef(torch.cat([many, many.roll(1, 0)], 1).T), torch.eye(10), atol=0.06)
    normal = seeded_normal(torch.arange(4000), 3)
    assert torch.allclose(normal.mean(0), torch.zeros(3), atol=0.06)
    assert torch.allclose(normal.std(0), torch.ones(3), atol=0.05)


def test_focus_by_rows_and_columns_is_that_by_cells():
    parts = drawn(2, 3, 5, 2)
    grid = coordinate_grid(24, 40, parts)
    distance = (grid[None, None, None] - parts[:, :, :, None, None]).square().sum(-1)
    plain = torch.exp(-distance / (0.5 * part_size(parts).square()[:, :, None, None, None])).amax((1, 2))
    torch.testing.assert_close(focus_map(parts, 24, 40), plain, atol=1e-6, rtol=1e-4)


def test_layouts_change_no_value_and_no_gradient():
    values = drawn(2, 3, 5, 4).requires_grad_()
    last = layout.for_convolutions(values)
    assert last.is_contiguous(memory_format=torch.channels_last)
    back = layout.for_sampling(last)
    assert back.is_contiguous()
    assert torch.equal(back, values)
    weight = drawn(2, 3, 5, 4, seed=1).contiguous(memory_format=torch.channels_last)
    (back * weight).sum().backward()
    assert torch.equal(values.grad, weight)
    with torch.autocast("cpu", torch.bfloat16):
        assert layout.for_convolutions(values).dtype == torch.bfloat16
        assert layout.for_sampling(layout.for_convolutions(values)).dtype == torch.float32


@pytest.mark.parametrize("family", ["tpsmm", "fomm"])
def test_faster_steps_have_the_same_gradients(family, monkeypatch):
    """With channels first, one convolution a head and nothing shared, a step learns the same."""
    losses = {"pixel": 10.0, "gradient": 5.0, "warped_source": 5.0, "truth_flow": 10.0, "truth_occlusion": 0.3}
    focus = (0,) if family == "tpsmm" else ()
    truth = {"true_background": True, "true_motion": family == "tpsmm"}
    stage = Stage(name="s", steps=1, losses=losses, focus=focus, **truth)

    def gradients() -> tuple[dict[str, torch.Tensor], list[torch.Tensor]]:
        torch.manual_seed(0)
        model = build(family, TINY_MODEL if family == "tpsmm" else TINY_FIRST_ORDER)
        objective = Objective(model)
        objective.start_stage(stage, None)
        model.eval()  # statistics of maps of four pixels magnify every rounding
        found = objective(batch(64, points=6), Schedule(0, 0))
        torch.stack(list(found.values())).sum().backward()
        return found, [each.grad for each in model.parameters() if each.grad is not None]

    values, ours = gradients()
    for module in ("tpsmm.model", "first_order.johnson", "first_order.model"):
        for name in ("for_convolutions", "for_sampling"):
            monkeypatch.setattr(f"training.models.{module}.{name}", lambda values: values, raising=False)
    monkeypatch.setattr("training.objectives.base._channels_last", lambda values: values)
    monkeypatch.setattr(
        "training.models.tpsmm.model.DenseMotionNetwork._read_finest",
        lambda self, x, occlusion: (self.maps(x), occlusion(x)),
    )
    monkeypatch.setattr("training.models.base.DenseMotion._once", lambda self, key, of, make: make())
    plain, theirs = gradients()
    torch.testing.assert_close(values, plain, rtol=1e-4, atol=1e-5)
    largest = max(float(each.abs().max()) for each in theirs)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4 * largest)
