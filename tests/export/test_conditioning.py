"""Graphs are held against the model in float64 where float32 itself is far from it, and only there."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from small_models import CASES, SIZE, model, side
from torch import nn

from checkpoints.card import model_card
from checkpoints.errors import ModelError
from export.conditioning import Conditioning, in_float64
from export.convert import Options, convert
from export.parity import Parity, measure, require
from export.parts import TorchParts, torch_pictures


@pytest.mark.parametrize("case", CASES)
def test_every_family_computes_in_float64(case, pictures) -> None:
    frames = np.stack(pictures(side(case), 2))
    expected = torch_pictures(model(case), frames[:1], frames[1:])
    with in_float64(model(case)) as exact:
        found = TorchParts(exact).run("motion", {"frame": frames[1:]})
        encoded = TorchParts(exact).run("source", {"image": frames[:1]})
        seen = torch_pictures(exact, frames[:1], frames[1:], list(expected))
    assert {array.dtype for array in (*found.values(), *encoded.values())} == {np.dtype(np.float64)}
    assert torch.get_default_dtype() == torch.float32
    for mode, wanted in expected.items():
        assert np.abs(seen[mode].astype(int) - wanted.astype(int)).max() <= 1, mode
    again = torch_pictures(model(case), frames[:1], frames[1:])
    assert all(np.array_equal(again[mode], expected[mode]) for mode in expected)  # the model itself is as it was


class Cancelling(nn.Module):
    """Adds large numbers that cancel: zero, but for what rounding leaves, which depends on the order."""

    def __init__(self, size: float) -> None:
        super().__init__()
        units = 64
        generator = torch.Generator().manual_seed(2)
        inside, outside = torch.randn(units, 2, generator=generator), size * torch.randn(2, units, generator=generator)
        order = torch.randperm(2 * units, generator=generator)
        self.inner = nn.Linear(2, 2 * units)
        self.outer = nn.Linear(2 * units, 2)
        with torch.no_grad():
            self.inner.weight.copy_(torch.cat([inside, inside])[order])
            self.inner.bias.fill_(1.0)
            self.outer.weight.copy_(torch.cat([outside, -outside], 1)[:, order])
            self.outer.bias.zero_()

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return self.outer(self.inner(points))


@pytest.fixture
def fragile(toy):
    built = toy(disentangle=True)
    built.avd_network = Cancelling(2e5)
    return built.eval()


def test_a_model_that_makes_much_of_rounding_passes_and_says_so(fragile, pictures, tmp_path) -> None:
    bundle = convert(fragile, tmp_path / "toy", pictures(SIZE, 4), name="toy", options=Options(resolution=SIZE))
    assert bundle.parity["modes"]["absolute"] <= 1
    assert bundle.parity["modes"]["disentangled"] > 2  # or nothing was shown
    each = bundle.parity["float64"]["disentangled"]
    assert set(bundle.parity["float64"]) == {"disentangled"}
    assert each["torch_max"] > 2
    assert each["graphs_max"] <= 2 + 3 * each["torch_max"]
    assert "disentangled mode makes much of rounding errors" in model_card(bundle)


def changed(graph: bytes, times: float) -> bytes:
    """The graph with its largest weight multiplied."""
    proto = onnx.load_from_string(graph)
    largest = max(proto.graph.initializer, key=lambda each: np.prod(each.dims))
    value = numpy_helper.to_array(largest) * np.float32(times)
    largest.CopyFrom(numpy_helper.from_array(value.astype(np.float32), largest.name))
    return proto.SerializeToString()


@pytest.mark.parametrize("graph", ["source", "motion", "disentangle", "render"])
def test_a_wrong_graph_is_refused_by_name(graph, toy, traced, pictures) -> None:
    built = toy(jacobians=True, disentangle=True)
    data = {name: proto.SerializeToString() for name, proto in traced.of(built, SIZE).items()}
    frames = pictures(SIZE, 4)
    assert measure(built, data, frames, 2.0).float64 == {}
    found = measure(built, data | {graph: changed(data[graph], 3.0)}, frames, 2.0)
    assert "disentangled" in found.float64
    assert found.blamed["disentangled"] == graph
    with pytest.raises(ModelError, match=rf'graph "{graph}".*--parity-limit') as caught:
        require(found, "toy", 2.0)
    assert " mode, more than 2/255" in str(caught.value)
    if graph == "disentangle":
        assert "in disentangled mode" in str(caught.value)
        assert set(found.blamed) == {"disentangled"}
    require(found, "toy", 255.0)


def test_what_excuses() -> None:
    def excused(*distances: float) -> bool:
        return Conditioning(*distances).excuses(2.0)

    assert excused(87, 0.5, 98, 0.6)
    assert excused(0, 0, 2, 0.01)
    assert not excused(8, 0.01, 17, 0.5)  # far in the mean
    assert not excused(1, 0.01, 17, 0.01)  # far at the worst
    parity = Parity(98, 0.5, {"absolute": 0, "relative": 98}, {1: 98}, 4, {"relative": Conditioning(87, 0.5, 98, 0.6)})
    require(parity, "toy", 2.0)
    assert parity.to_json()["float64"] == {
        "relative": {"torch_max": 87, "torch_mean": 0.5, "graphs_max": 98, "graphs_mean": 0.6}
    }
