"""Every rewrite computes what PyTorch computes, on random weights and inputs, and changes what it should."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from checkpoints.errors import OptionError
from export.graphs import trace
from export.rewrites import (
    blend,
    catalogue,
    enlarged,
    narrow,
    norm,
    rows,
    siblings,
    simplify,
    upsample,
    volumes,
    winograd,
)
from export.rewrites.interleave import interleave
from export.rewrites.splice import Splice, tidy


def run(model: ir.Model, *inputs: Tensor) -> list[np.ndarray]:
    """The graph's outputs, without ONNX Runtime's own optimisations: ours alone are under test."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    data = ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})


def export(module: nn.Module, *inputs: Tensor) -> ir.Model:
    """`module` with a dynamic batch in all its inputs, simplified."""
    named = {f"in{index}": value for index, value in enumerate(inputs)}
    model = trace(module, named, ["out"], dict.fromkeys(named, "batch"))
    simplify.apply(model)
    return model


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph]


def assert_same(model: ir.Model, module: nn.Module, *inputs: Tensor, tolerance: float = 1e-5) -> None:
    """Relative to the largest value, for the traced batch size and for others."""
    for count in (1, inputs[0].shape[0], 5):
        batch = [torch.cat([value] * 5)[:count] for value in inputs]
        with torch.no_grad():
            expected = module(*batch).numpy()
        (found,) = run(model, *batch)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def randomise(module: nn.Module, seed: int = 0) -> nn.Module:
    """Random parameters and statistics, in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if not value.is_floating_point():
            continue
        spread = torch.randn(value.shape, generator=generator)
        value.copy_(spread.abs() + 0.5 if name.endswith("running_var") else spread)
    return module.eval()


class Up(nn.Module):
    """Nearest x2, convolution, norm, ReLU, as the decoders of all families have it."""

    def __init__(self, bias: bool = True, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(5, 7, kernel, padding=kernel // 2, bias=bias)
        self.norm = nn.InstanceNorm2d(7, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(F.interpolate(x, scale_factor=2))))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(8, 8), (5, 7), (1, 3)])
def test_upsample_equals_torch_at_every_pixel(bias: bool, size: tuple[int, int]) -> None:
    module, x = randomise(Up(bias)), torch.randn(2, 5, *size)
    model = export(module, x)
    assert upsample.apply(model) == 1
    assert "Resize" not in operators(model)
    assert "Transpose" in operators(model)
    assert_same(model, module, x)


def test_upsample_leaves_what_it_does_not_fit() -> None:
    class Shared(Up):
        def forward(self, x: Tensor) -> Tensor:
            doubled = F.interpolate(x, scale_factor=2)
            return self.conv(doubled).mean(1, keepdim=True) + doubled.mean(1, keepdim=True)

    class Bilinear(Up):
        def forward(self, x: Tensor) -> Tensor:
            return self.conv(F.interpolate(x, scale_factor=2, mode="bilinear"))

    class Tripled(Up):
        def forward(self, x: Tensor) -> Tensor:
            return self.conv(F.interpolate(x, scale_factor=3))

    x = torch.randn(2, 5, 6, 6)
    for module in (Shared(), Bilinear(), Tripled(), Up(kernel=5)):
        assert upsample.apply(export(randomise(module), x)) == 0


def test_upsample_kernels_keep_the_sum_of_the_weights() -> None:
    weight = np.random.default_rng(0).standard_normal((3, 2, 3, 3))
    kernels = upsample.phase_kernels(weight)
    for phase in kernels.reshape(4, 3, 2, 2, 2):
        np.testing.assert_allclose(phase.sum((-1, -2)), weight.sum((-1, -2)), rtol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(8, 8), (4, 12)])
def test_winograd_equals_torch_at_every_pixel(bias: bool, size: tuple[int, int]) -> None:
    module, x = randomise(nn.Conv2d(5, 7, 3, padding=1, bias=bias)), torch.randn(2, 5, *size)
    model = export(module, x)
    assert winograd.apply(model, least_channels=4, least_tiles=1) == 1
    assert_same(model, module, x)


def test_winograd_stays_exact_over_many_channels() -> None:
    """Rounding does not grow with the sum: 5e-6 of the largest value, as measured for trained sizes."""
    module, x = randomise(nn.Conv2d(128, 128, 3, padding=1)), torch.randn(1, 128, 32, 32)
    model = export(module, x.repeat(2, 1, 1, 1))
    assert winograd.apply(model) == 1
    assert_same(model, module, x, tolerance=2e-5)


def test_winograd_makes_the_patches_of_a_map_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.one(x) * self.other(x)

    module, x = randomise(Twice()), torch.randn(2, 4, 8, 8)
    model = export(module, x)
    assert winograd.apply(model, least_channels=4, least_tiles=1) == 2
    assert operators(model).count("Conv") == 1
    assert_same(model, module, x)


def test_winograd_drops_only_a_bias_that_a_norm_takes_away() -> None:
    class Normed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.InstanceNorm2d(4, affine=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.conv(x))

    module, x = randomise(Normed()), torch.randn(2, 4, 8, 8)
    model = export(module, x)
    assert winograd.apply(model, least_channels=4, least_tiles=1) == 1
    assert "Add" not in operators(model)
    assert_same(model, module, x)


def test_winograd_leaves_what_is_small_or_does_not_fit() -> None:
    x = torch.randn(2, 8, 32, 32)
    for conv in (nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=8)):
        assert winograd.apply(export(conv, x)) == 0
    odd = export(nn.Conv2d(8, 8, 3, padding=1), x[..., :30])
    assert winograd.apply(odd, least_channels=4, least_tiles=1) == 0
    for other in (nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 5, padding=2), nn.Conv2d(8, 8, 3, 2, 1)):
        assert winograd.apply(export(other, x), least_channels=4, least_tiles=1) == 0


class Enlarged(nn.Module):
    """Convolutions that read one map, enlarged; `names` of them in the order of the results' channels."""

    def __init__(self, factor: int, bias: bool) -> None:
        super().__init__()
        self.factor = factor
        self.one, self.other = (nn.Conv2d(64, 24, 3, padding=1, bias=bias) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        large = F.interpolate(x, scale_factor=self.factor, mode="nearest")
        return torch.cat([self.one(large), self.other(large)], 1)


@pytest.mark.parametrize(("factor", "size", "bias"), [(2, (4, 6), True), (3, (1, 5), False), (4, (3, 2), True)])
def test_an_enlarged_map_is_convolved_at_its_own_size(factor: int, size: tuple[int, int], bias: bool) -> None:
    module, x = randomise(Enlarged(factor, bias)), torch.randn(2, 64, *size)
    model = export(module, x)
    assert enlarged.apply(model) == 2
    assert "Resize" not in operators(model)
    assert operators(model).count("Conv") == 8 + 2 * 9  # differences for both, and products of each
    assert_same(model, module, x)


def test_enlarged_leaves_what_it_does_not_fit() -> None:
    class Odd(nn.Module):
        def __init__(self, scale: tuple[int, int], mode: str, channels: int) -> None:
            super().__init__()
            self.scale, self.mode = scale, mode
            self.conv = nn.Conv2d(channels, 24, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(F.interpolate(x, scale_factor=self.scale, mode=self.mode))

    others = (((2, 4), "nearest", 64), ((2, 2), "bilinear", 64), ((2, 2), "nearest", 32), ((2, 2), "nearest", 72))
    for scale, mode, channels in others:
        assert enlarged.apply(export(Odd(scale, mode, channels), torch.randn(2, channels, 4, 4))) == 0


class Volumes(nn.Module):
    """A small hourglass over height and width, as LivePortrait's, with a skip and a residual."""

    def __init__(self, kernel: tuple[int, int, int]) -> None:
        super().__init__()
        pads = tuple(size // 2 for size in kernel)
        self.down = nn.Conv3d(3, 6, kernel, padding=pads)
        self.norm = nn.BatchNorm3d(6)
        self.up = nn.Conv3d(6, 4, kernel, padding=pads)
        self.last = nn.Conv3d(7, 7, (1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        low = F.avg_pool3d(torch.relu(self.norm(self.down(x))), (1, 2, 2))
        both = torch.cat([self.up(F.interpolate(low, scale_factor=(1, 2, 2), mode="nearest")), x], 1)
        return both + self.last(torch.relu(both))


@pytest.mark.parametrize(("kernel", "depth"), [((3, 3, 3), 5), ((7, 5, 5), 4), ((1, 3, 3), 2), ((3, 1, 3), 1)])
def test_volumes_are_convolved_by_their_slices(kernel: tuple[int, int, int], depth: int) -> None:
    module, x = randomise(Volumes(kernel)), torch.randn(2, 3, depth, 4, 6)
    model = export(module, x)
    assert volumes.apply(model) == 3
    ranks = {len(node.inputs[1].shape) for node in model.graph if node.op_type == "Conv"}
    assert ranks == {4}
    assert operators(model).count("Transpose") == 2  # taken apart once, and put together once
    assert_same(model, module, x)


def test_volumes_that_shrink_in_depth_stay() -> None:
    x = torch.randn(2, 3, 5, 4, 4)
    for conv in (
        nn.Conv3d(3, 3, 3),
        nn.Conv3d(3, 3, 3, stride=2, padding=1),
        nn.Conv3d(3, 3, 3, padding=1, groups=3),
        nn.Conv3d(3, 3, (2, 3, 3), padding=1),
    ):
        assert volumes.apply(export(conv, x)) == 0


@pytest.mark.parametrize("numbers", [1, 3, 8])
def test_a_bias_that_fits_no_convolution_is_left_for_the_checker(numbers: int) -> None:
    """Nothing that PyTorch writes; a graph from elsewhere may have it."""
    flat, deep = nn.Conv2d(128, 128, 3, padding=1), nn.Conv3d(3, 4, 3, padding=1)
    for conv, x in ((flat, torch.randn(2, 128, 32, 32)), (deep, torch.randn(2, 3, 5, 4, 4))):
        model = export(conv, x)
        (node,) = (each for each in model.graph if each.op_type == "Conv")
        odd = Splice(node).constant(np.zeros(numbers, np.float32), "odd")
        node.replace_input_with(2, odd)
        assert [step.apply(model) for step in (volumes, winograd, narrow)] == [0, 0, 0]


@pytest.mark.parametrize("blocks", [(1, 1), (2, 2), (2, 4), (4, 1), (1, 2)])
def test_interleaving_puts_every_pixel_in_its_place(blocks: tuple[int, int]) -> None:
    rows, columns = blocks

    class Same(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + 1

    class Interleaved(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            groups = (x + 1).reshape(len(x), rows, columns, 3, 4, 5)
            return groups.permute(0, 3, 4, 1, 5, 2).reshape(len(x), 3, 4 * rows, 5 * columns)

    x = torch.randn(2, 3 * rows * columns, 4, 5)
    model = export(Same(), x)
    (output,) = model.graph.outputs
    node = output.producer()
    assert node is not None
    new = Splice(node)
    result = interleave(new, new.op("Add", list(node.inputs)), blocks, (3, 4, 5))
    new.replace(output, result)
    tidy(model)
    assert_same(model, Interleaved(), x, tolerance=0)


class Heads(nn.Module):
    """Masks, an occlusion and something that differs in its window, all from the same map."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.masks, self.occlusion = nn.Conv2d(9, 5, 3, padding=1, bias=bias), nn.Conv2d(9, 1, 3, padding=1)
        self.other, self.wide = nn.Conv2d(9, 2, 5, padding=2), nn.Conv2d(9, 24, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(x)
        masks, others = (
            self.masks(x).softmax(1),
            self.other(x).mean(1, keepdim=True) + self.wide(x).mean(1, keepdim=True),
        )
        return masks * torch.sigmoid(self.occlusion(x)) + others


@pytest.mark.parametrize("bias", [True, False])
def test_siblings_become_one_and_give_what_they_gave(bias: bool) -> None:
    module, x = randomise(Heads(bias)), torch.randn(2, 9, 6, 10)
    model = export(module, x)
    assert operators(model).count("Conv") == 4
    assert siblings.apply(model) == 1
    assert operators(model).count("Conv") == 3
    assert_same(model, module, x)


@pytest.mark.parametrize(
    ("outputs", "kernel", "size", "bias"),
    [(3, 3, (8, 8), True), (1, 7, (8, 12), True), (3, 7, (4, 16), False), (2, 5, (6, 6), True), (11, 7, (8, 8), True)],
)
def test_narrow_gives_the_same_numbers_at_every_pixel(outputs, kernel, size, bias) -> None:
    module = randomise(nn.Conv2d(10, outputs, kernel, padding=kernel // 2, bias=bias))
    x = torch.randn(2, 10, *size)
    model = export(module, x)
    assert narrow.apply(model) == 1
    (conv,) = [node for node in model.graph if node.op_type == "Conv"]
    assert conv.attributes["strides"].as_ints() != (1, 1)
    assert_same(model, module, x)


def test_narrow_works_without_a_border() -> None:
    module, x = randomise(nn.Conv2d(10, 1, 7)), torch.randn(2, 10, 14, 22)
    model = export(module, x)
    assert narrow.apply(model) == 1
    assert_same(model, module, x)


def test_narrow_leaves_what_does_not_pay_or_does_not_fit() -> None:
    x = torch.randn(2, 10, 8, 8)
    many, strided, grouped = nn.Conv2d(10, 16, 3), nn.Conv2d(10, 2, 3, stride=2), nn.Conv2d(10, 2, 3, groups=2)
    for module in (many, strided, grouped, nn.Conv2d(10, 3, 1), nn.Conv2d(10, 3, 3, dilation=2)):
        assert narrow.apply(export(randomise(module), x)) == 0
    assert narrow.apply(export(randomise(nn.Conv2d(4, 3, 3)), x[:, :4])) == 0
    assert narrow.apply(export(randomise(nn.Conv2d(10, 3, 3, padding=1)), x[..., :7, :7])) == 0


@pytest.mark.parametrize(
    ("outputs", "kernel", "size", "bias"),
    [(3, 7, (8, 8), True), (12, 7, (5, 6), True), (1, 5, (4, 7), False), (8, 7, (6, 2), True)],
)
def test_rows_of_a_kernel_are_added_up(outputs, kernel, size, bias) -> None:
    module = randomise(nn.Conv2d(10, outputs, kernel, padding=(kernel // 2, kernel // 2 - 1), bias=bias))
    x = torch.randn(2, 10, size[0], size[1] + 2)
    model = export(module, x)
    assert rows.apply(model) == 1
    (conv,) = [node for node in model.graph if node.op_type == "Conv"]
    assert conv.attributes["kernel_shape"].as_ints()[0] == 1
    assert_same(model, module, x)


def test_rows_are_for_large_square_kernels_and_few_channels() -> None:
    x = torch.randn(1, 10, 8, 8)
    others = (nn.Conv2d(10, 3, 3, padding=1), nn.Conv2d(10, 32, 7, padding=3), nn.Conv2d(10, 3, (7, 5), padding=3))
    for module in (*others, nn.Conv2d(10, 3, 7, stride=2, padding=3), nn.Conv2d(10, 2, 7, padding=3, groups=2)):
        assert rows.apply(export(randomise(module), x)) == 0
    assert rows.apply(export(randomise(nn.Conv2d(4, 3, 7, padding=3)), x[:, :4])) == 0


def test_blend_is_the_sum_of_flows_by_masks() -> None:
    class Blend(nn.Module):
        equation = "bkhw,bkhwc->bhwc"

        def forward(self, masks: Tensor, flows: Tensor) -> Tensor:
            return torch.einsum(self.equation, masks.softmax(1), flows)

    class Other(Blend):
        equation = "bkhw,bkhwc->bkhc"

    inputs = torch.randn(2, 5, 6, 7), torch.randn(2, 5, 6, 7, 2)
    model = export(Blend(), *inputs)
    assert blend.apply(model) == 1
    assert "Einsum" not in operators(model)
    assert_same(model, Blend(), *inputs)
    assert blend.apply(export(Other(), *inputs)) == 0


class Residual(nn.Module):
    """Pre-activation residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(6), nn.BatchNorm2d(6)
        self.conv1, self.conv2 = nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(F.relu(self.norm1(x)))
        return x + self.conv2(F.relu(self.norm2(inner)))


def test_norm_folds_where_it_alone_reads_a_layer() -> None:
    convolution = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
    linear = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    cases = ((convolution, torch.randn(3, 3, 6, 6), 0), (linear, torch.randn(3, 5), 0))
    # The first norm of a residual block reads the sum that the skip carries on: it has to stay.
    for module, x, left in (*cases, (Residual(), torch.randn(2, 6, 9, 9), 1)):
        model = export(randomise(module), x)
        norms = operators(model).count("BatchNormalization")
        assert norm.apply(model) == norms - left > 0
        assert operators(model).count("BatchNormalization") == left
        assert_same(model, module, x)


class Grid(nn.Module):
    """A coordinate grid above the exporter's own folding limit, and an expression written twice."""

    def forward(self, x: Tensor) -> Tensor:
        line = torch.linspace(-1, 1, x.shape[-1])
        grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), 0)
        return torch.sin(x) * (grid * grid).sum(0) + torch.sin(x)


def test_simplify_leaves_only_what_depends_on_the_input() -> None:
    module, x = Grid(), torch.randn(2, 1, 256, 256)
    model = export(module, x)
    assert sorted(operators(model)) == ["Add", "Mul", "Sin"]
    assert_same(model, module, x)


class SmallConstants(nn.Module):
    """The radial function of a thin-plate spline, and other constants near zero and one."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.log(x + 1e-9) + (x - 1e-10).sqrt().nan_to_num() + x * (1 + 1e-6)


def test_simplify_keeps_constants_near_zero_and_one() -> None:
    """onnxscript's own rules drop them: log(0 + 1e-9) became minus infinity, and TPSMM's flow not a number."""
    x = torch.tensor([[0.0, 1e-9, 1e-8, 1.0]])
    model = export(SmallConstants(), x.repeat(2, 1))
    assert operators(model).count("Mul") >= 1
    assert_same(model, SmallConstants(), x.repeat(2, 1), tolerance=1e-6)


def test_pipeline_order_and_switches() -> None:
    names = [step.name for step in catalogue.select()]
    assert names == [step.name for step in catalogue.REWRITES]
    assert (names[0], names[-1]) == ("simplify", "grid-fast")
    without = [name for name in names if name not in ("upsample", "grid-fast")]
    assert [step.name for step in catalogue.select("gather", ["upsample"])] == [*without, "grid-gather"]
    with pytest.raises(OptionError, match="no rewrite 'upsampel'"):
        catalogue.select(without=["upsampel"])
    with pytest.raises(OptionError, match="'magic'"):
        catalogue.select("magic")
