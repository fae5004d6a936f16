"""Compiled kernels against their twins in torch: the same values and gradients, whatever the type, size and threads."""

import contextlib
import copy
import sys

import numpy as np
import pytest
import torch
from torch import nn

from checkpoints.errors import BunrakuWarning
from training.config import Augment
from training.data import placement
from training.data.augment import PairAugment
from training.data.colour import draw_shades
from training.kernels import build
from training.kernels.candidates import blend_by, motion_maps
from training.kernels.convolution import convolved, convolved_by
from training.kernels.enlarged import LEAST, enlarged_conv
from training.kernels.flow import placed_flow, stored_flow
from training.kernels.look_up import look_up
from training.kernels.norm import rectified
from training.kernels.pictures import changed
from training.models.parts.sampling import coordinate_grid

TYPES = [torch.float32, torch.bfloat16]
CLOSE = {torch.float32: 2e-5, torch.bfloat16: 2e-2}
"""Largest difference, as a share of the largest value."""


@pytest.fixture(autouse=True)
def _kernels():
    if not build.load_kernels():
        pytest.skip("no C++ compiler, or not Linux")


@contextlib.contextmanager
def only_torch():
    kept, build._opened[0] = build._opened[0], None
    try:
        yield
    finally:
        build._opened[0] = kept


@contextlib.contextmanager
def counted(monkeypatch, module):
    """The names of the kernels that `module` calls, so that no test compares torch with itself."""
    names = []
    with monkeypatch.context() as patch:
        patch.setattr(module, "call", lambda name, *rest: (names.append(name), build.call(name, *rest)))
        yield names


def both_ways(step, limit):
    """`step` with kernels and without: all that it gives agrees."""
    mine = [each.detach().float().clone() for each in step()]
    with only_torch():
        theirs = [each.detach().float().clone() for each in step()]
    for ours, known in zip(mine, theirs, strict=True):
        assert ours.shape == known.shape
        assert (ours - known).abs().max() <= limit * known.abs().max().clamp(min=1e-6)


def drawn(*shape, seed=0, kind=torch.float32):
    """Maps with channels last that want a gradient."""
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(kind)
    return values.contiguous(memory_format=torch.channels_last).requires_grad_()


def gradients(result, *tensors, seed=9):
    """`result`, then the gradients of `tensors` by a random one of it."""
    weight = torch.randn(result.shape, generator=torch.Generator().manual_seed(seed)).to(result.dtype)
    return [result, *torch.autograd.grad(result, tensors, weight)]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("shape", [(2, 16, 8, 8), (3, 24, 5, 7), (4, 3, 9, 4), (2, 100, 1, 2), (70, 130, 3, 3)])
@pytest.mark.parametrize(("training", "skipped"), [(True, False), (True, True), (False, True)])
def test_norm_and_rectifier(kind, shape, training, skipped, monkeypatch):
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(shape[1], momentum=0.3).train(training)
    for name in ("weight", "bias", "running_mean", "running_var"):
        nn.init.uniform_(getattr(norm, name), 0.5, 1.5)
    x = drawn(*shape, kind=kind)
    # Well away from zero: where a value is rounded across it, its gradient is there in one way and not in the other.
    skip = (16 * drawn(*shape, seed=1, kind=kind).sign()).detach().requires_grad_() if skipped else None
    if not skipped:
        norm.bias.data += 8.0

    def step():
        layer = copy.deepcopy(norm)
        given = [x, layer.weight, layer.bias, *([skip] if skipped else [])]
        found = gradients(rectified(layer, x, skip), *given)
        return [*found, layer.running_mean, layer.running_var, layer.num_batches_tracked]

    with counted(monkeypatch, sys.modules[rectified.__module__]) as names:
        both_ways(step, CLOSE[kind])
    assert names == ["norm_forward", "norm_backward"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize(("channels", "covered"), [(16, False), (48, True)])
def test_maps_looked_up(kind, align, channels, covered, monkeypatch):
    image, flow = drawn(2, channels, 9, 7, kind=kind), 0.8 * drawn(2, 2, 11, 5, seed=1).detach().permute(0, 2, 3, 1)
    flow[0, 0, 0], flow[1, 2, 1], flow[1, 3, 1] = 1.0, -1.0, 5.0
    flow = flow.contiguous().requires_grad_()
    occlusion = drawn(2, 1, 11, 5, seed=2).detach().sigmoid().requires_grad_()
    hidden = drawn(2, channels, 11, 5, seed=3, kind=kind) if covered else None
    given = [image, flow, occlusion, *([hidden] if covered else [])]
    with counted(monkeypatch, sys.modules[look_up.__module__]) as names:
        both_ways(lambda: gradients(look_up(image, flow, occlusion, hidden, align_corners=align), *given), CLOSE[kind])
    assert names == ["look_up", "look_up_backward"]


def test_what_is_no_number_is_looked_up_as_nothing():
    flow = torch.full((1, 3, 3, 2), float("nan"))
    flow[0, 0] = float("inf")
    found = look_up(drawn(1, 16, 4, 4), flow, torch.ones(1, 1, 3, 3), align_corners=False)
    assert not found.any()


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("size", [(8, 8), (9, 13)])
def test_enlarged_convolutions(kind, size, monkeypatch):
    assert size[0] * size[1] >= LEAST
    torch.manual_seed(0)
    conv, x = nn.Conv2d(6, 5, 3, padding=1), drawn(2, 6, *size, kind=kind)

    def step():
        with torch.autocast("cpu", enabled=kind != torch.float32):
            return gradients(enlarged_conv(conv, x), x, conv.weight, conv.bias)

    with counted(monkeypatch, sys.modules[enlarged_conv.__module__]) as names:
        both_ways(step, CLOSE[kind])
    assert names == ["interleave", "interleave"]


@pytest.mark.parametrize(("inputs", "outputs"), [(16, 3), (24, 48), (84, 12), (129, 33)])
@pytest.mark.parametrize("size", [(8, 8), (5, 7), (1, 2)])
@pytest.mark.parametrize("enlarged", [False, True])
def test_minimal_filtering(inputs, outputs, size, enlarged, monkeypatch):
    torch.manual_seed(0)
    conv, x = nn.Conv2d(inputs, outputs, 3, padding=1), drawn(3, inputs, *size)
    step = enlarged_conv if enlarged else convolved
    with counted(monkeypatch, sys.modules["training.kernels.winograd"]) as names:
        both_ways(lambda: gradients(step(conv, x), x, conv.weight, conv.bias), CLOSE[torch.float32])
    assert names == ["winograd", "winograd", "winograd_weights"]


def test_minimal_filtering_finds_what_is_wanted(monkeypatch):
    """Frozen weights, pictures that nothing learns from, no bias, several groups of tiles, weights put together."""
    torch.manual_seed(0)
    conv, x = nn.Conv2d(32, 16, 3, padding=1, bias=False), drawn(5, 32, 41, 39)
    with counted(monkeypatch, sys.modules["training.kernels.winograd"]) as names:
        both_ways(lambda: gradients(convolved(conv, x.detach()), conv.weight), CLOSE[torch.float32])
        both_ways(lambda: gradients(convolved(conv.requires_grad_(False), x), x), CLOSE[torch.float32])
        weight = torch.randn(6, 32, 3, 3)
        both_ways(lambda: gradients(convolved_by(x, weight, torch.ones(6)), x), CLOSE[torch.float32])
    assert names == ["winograd", "winograd_weights", "winograd", "winograd", "winograd", "winograd"]


@pytest.mark.parametrize(("channels", "size"), [(16, (8, 8)), (48, (5, 7)), (32, (9, 1)), (16, (1, 1))])
@pytest.mark.parametrize("enlarged", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_channels_convolved_by_themselves(channels, size, enlarged, biased, monkeypatch):
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=biased)
    x, step = drawn(3, channels, *size), enlarged_conv if enlarged else convolved
    given = [x, *conv.parameters()]
    with counted(monkeypatch, sys.modules["training.kernels.depthwise"]) as names:
        both_ways(lambda: gradients(step(conv, x), *given), CLOSE[torch.float32])
        both_ways(lambda: gradients(step(conv, x), *given[:1]), CLOSE[torch.float32])
    assert names == 2 * ["depthwise", "depthwise_backward"]


@pytest.mark.parametrize(("inputs", "outputs", "size"), [(16, 32, (9, 25)), (48, 16, (8, 8)), (32, 96, (1, 1))])
@pytest.mark.parametrize("biased", [False, True])
def test_channels_mixed(inputs, outputs, size, biased, monkeypatch):
    torch.manual_seed(0)
    conv, x = nn.Conv2d(inputs, outputs, 1, bias=biased), drawn(3, inputs, *size)
    given = [x, *conv.parameters()]
    with counted(monkeypatch, sys.modules["training.kernels.pointwise"]) as names:
        both_ways(lambda: gradients(convolved(conv, x), *given), CLOSE[torch.float32])
        both_ways(lambda: gradients(convolved(conv, x.detach()), *given[1:]), CLOSE[torch.float32])
    assert names == 2 * ["pointwise", "pointwise_backward"]


def test_other_convolutions_are_left_to_torch(monkeypatch):
    x = drawn(2, 16, 8, 8).detach()
    others = [{"stride": 2}, {"dilation": 2, "padding": 2}, {"padding": 0}, {"groups": 2}, {"padding_mode": "reflect"}]
    convs = [nn.Conv2d(16, 16, **{"kernel_size": 3, "padding": 1, **each}) for each in (*others, {"kernel_size": 5})]
    convs += [nn.Conv2d(16, 16, 1, stride=2), nn.Conv2d(16, 24, 1), nn.Conv2d(16, 32, 3, padding=1, groups=16)]
    called = [sys.modules[f"training.kernels.{name}"] for name in ("winograd", "depthwise", "pointwise")]
    with contextlib.ExitStack() as stack:
        names = [stack.enter_context(counted(monkeypatch, module)) for module in called]
        for conv in convs:
            assert torch.equal(convolved(conv, x), conv(x))
        plain = nn.Conv2d(16, 16, 3, padding=1)
        assert torch.equal(convolved(plain.double(), x.double()), plain(x.double()))
        assert convolved(plain.bfloat16(), x.bfloat16()).dtype == torch.bfloat16
        with torch.autocast("cpu"):
            assert convolved(plain.float(), x).dtype == torch.bfloat16
        assert torch.equal(convolved(plain, x.contiguous()), plain(x.contiguous()))
    assert not any(names)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("align", [True, False])
def test_maps_of_candidate_motions(mixed, align, monkeypatch):
    grid = coordinate_grid(12, 10, torch.zeros(1))
    candidates = (1.1 * grid + 0.2 * torch.randn(2, 3, 1, 1, 2)).contiguous().requires_grad_()
    small = torch.rand(2, 3, 8, 8)
    source, driving = (0.6 * torch.randn(2, 18, 2, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    given = [candidates, source.requires_grad_(), driving.requires_grad_()]

    def step():
        with torch.autocast("cpu", enabled=mixed):
            return gradients(motion_maps(small, candidates, source, driving, align), *given)

    with counted(monkeypatch, sys.modules[motion_maps.__module__]) as names:
        both_ways(step, CLOSE[torch.bfloat16 if mixed else torch.float32])
    assert names == ["motion_maps", "motion_maps_backward"]


@pytest.mark.parametrize("kind", TYPES)
def test_blended_motions(kind, monkeypatch):
    both = 3 * drawn(2, 5, 7, 6, kind=kind)
    candidates = torch.randn(2, 4, 7, 6, 2).requires_grad_()

    def step():
        masks, flow = blend_by(both[:, :-1], candidates)
        weighed = (masks * coordinate_grid(7, 6, masks)[..., 0]).sum() + flow.square().sum()
        return [masks, flow, *torch.autograd.grad(weighed, (both, candidates), retain_graph=True)]

    both = both.detach().requires_grad_()
    with counted(monkeypatch, sys.modules[blend_by.__module__]) as names:
        both_ways(step, CLOSE[kind])
    assert names == ["blend", "blend_backward"]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("placed", "shaded"), [(True, True), (True, False), (False, True), (False, False)])
def test_pictures_changed(last, placed, shaded, monkeypatch):
    torch.manual_seed(4)
    coarse = torch.rand(6, 3, 5, 5).clamp(0.02, 0.98)
    coarse[0], coarse[1, 0] = 0.5, 1.0  # grey has no hue; white clips
    pictures = nn.functional.interpolate(coarse, (21, 17), mode="bilinear").mul(255).byte()
    pictures = pictures.contiguous(memory_format=torch.channels_last) if last else pictures
    back = placement.inverse(placement.draw(6, 0.8)) if placed else None
    for seed in range(5):
        torch.manual_seed(seed)
        shades = draw_shades(6, 0.4, 0.5) if shaded else None
        with counted(monkeypatch, sys.modules[changed.__module__]) as names:
            both_ways(lambda shades=shades: [changed(pictures, back, shades)], 1e-4)
        assert names == ["change_pictures"]


@pytest.mark.parametrize("size", [(16, 16), (3, 5)])
def test_pictures_damaged(size, monkeypatch):
    image = torch.rand(12, 3, *size).contiguous(memory_format=torch.channels_last)
    augment = PairAugment(Augment(degrade=0.6))

    def step(seed):
        torch.manual_seed(seed)
        return [augment.degrade(image), torch.rand(1)]

    for seed in range(4):
        with counted(monkeypatch, sys.modules[changed.__module__]) as names:
            both_ways(lambda seed=seed: step(seed), 1e-5)
        assert names == ["damage_pictures"]
        assert not torch.equal(step(seed)[0], image)


def test_flow_of_stored_frames(monkeypatch):
    """Frames of random triangles, many of them hidden, outside or without extent."""
    random = np.random.default_rng(0)
    stores = {
        "screen": torch.from_numpy(random.integers(-9000, 9000, (4, 12000, 3), np.int16)),
        "background": torch.eye(2, 3).repeat(4, 1, 1) + 0.1 * torch.rand(4, 2, 3),
        "triangle": torch.from_numpy(random.integers(-9000, 3000, (4, 16, 16)).clip(-1).astype(np.int16)),
        "weights": torch.from_numpy(random.integers(0, 128, (4, 16, 16, 2), np.uint8)),
    }
    stores["screen"][..., 2].clamp_(min=3000)
    stores["screen"][0, :50] = 0
    rows = torch.tensor([0, 1, 2, 3]), torch.tensor([0, 2, 3, 0])
    maps = placement.draw(4, 0.3)
    with counted(monkeypatch, sys.modules[stored_flow.__module__]) as names:
        both_ways(lambda: stored_flow(stores, *rows, kind="head"), 1e-5)
        flow, visible = stored_flow(stores, *rows, kind="head")
        assert 0.1 < visible.float().mean() < 0.9
        both_ways(
            lambda: placement.place({"flow": flow, "flow_visible": visible}, maps, placement.inverse(maps)).values(),
            1e-5,
        )
    assert names == ["stored_flow", "stored_flow", "place_flow"]
    with only_torch():
        assert placed_flow(flow, visible, maps, maps) is None


def test_results_do_not_depend_on_the_number_of_threads():
    x, norm, kept = drawn(64, 48, 9, 9), nn.BatchNorm2d(48), torch.get_num_threads()
    convs = [nn.Conv2d(48, 24, 3, padding=1), nn.Conv2d(48, 48, 3, padding=1, groups=48), nn.Conv2d(48, 32, 1)]
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            known = gradients(rectified(norm, x), x, norm.weight, norm.bias)
            for each in convs:
                known += gradients(convolved(each, x), x, each.weight, each.bias)
            found.append(known)
    finally:
        torch.set_num_threads(kept)
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


def test_other_tensors_are_left_to_torch():
    maps = drawn(2, 16, 8, 8)
    assert build.usable(maps)
    assert build.usable(maps, None)
    assert not build.usable(maps.double())
    assert not build.usable(maps, maps.bfloat16())
    assert not build.usable(maps.to("meta"))
    contiguous = maps.detach().contiguous()
    assert torch.allclose(rectified(nn.BatchNorm2d(16), contiguous), rectified(nn.BatchNorm2d(16), maps), atol=1e-5)
    with pytest.raises(ValueError, match="more than 1 value"):
        rectified(nn.BatchNorm2d(3), torch.ones(1, 3, 1, 1))


@pytest.mark.parametrize("compiler", ["/nowhere/g++", "false", f"{sys.executable} -c 'print(1)'"])
def test_without_a_working_compiler_a_warning_says_so(compiler, monkeypatch):
    monkeypatch.setattr(build, "_opened", [])
    monkeypatch.setenv("CXX", compiler)
    with pytest.warns(BunrakuWarning, match="without its own kernels"):
        assert not build.load_kernels()
    assert not build.load_kernels()  # and is said once


def test_they_can_be_left_out(monkeypatch):
    monkeypatch.setattr(build, "_opened", [])
    monkeypatch.setenv("BUNRAKU_KERNELS", "0")
    assert not build.load_kernels()


def test_small_numbers_stay_what_they_are():
    """Some ways to compile a library have all of the process flush them to zero."""
    assert torch.tensor(1e-40) / 2 > 0


def test_a_layer_may_be_computed_by_torch_and_by_kernels_before_the_way_back():
    """Torch keeps running statistics for its way back: what kernels do to them must not count as a change of those."""
    norm = nn.BatchNorm2d(8)
    rows, last = torch.randn(2, 8, 4, 4, requires_grad=True), drawn(2, 8, 4, 4)
    assert not rows.is_contiguous(memory_format=torch.channels_last)
    (rectified(norm, rows).sum() + rectified(norm, last).sum() + rectified(norm.eval(), last).sum()).backward()
    assert norm.weight.grad is not None


def test_mixed_precision_of_another_type_is_left_to_torch():
    maps = drawn(2, 8, 4, 4)
    assert build.usable(maps)
    before = torch.get_autocast_dtype("cpu")
    with torch.autocast("cpu", torch.float16):
        assert not build.usable(maps)
    assert torch.get_autocast_dtype("cpu") == before
