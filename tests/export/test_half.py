"""Weights in 16 bits: half the size, folded when a session opens, and only where pictures stay as they are."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from small_models import SIZE
from small_models import model as small
from traced import session

from checkpoints.bundle import Bundle
from checkpoints.errors import ModelError, OptionError
from export.convert import Options, convert
from export.parity import Spread, unrounded
from export.weights.fp16 import is_lowered, lower
from export.weights.int16 import EXACT, LEAST_SIZE, choose, halve, is_halved, quantise


def network(scale: float = 1.0) -> onnx.ModelProto:
    """A convolution, a matrix product, and a table of coordinates as large as they are that is only added."""
    random = np.random.default_rng(0)
    weights = {
        "kernel": scale * random.normal(size=(16, 16, 3, 3)),
        "bias": random.normal(size=16),
        "matrix": random.normal(size=(64, 32)),
        "coordinates": random.normal(size=(16, 64, 32)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "kernel", "bias"], ["a"], pads=[1] * 4),
        helper.make_node("MatMul", ["a", "matrix"], ["b"]),
        helper.make_node("Add", ["b", "coordinates"], ["y"]),
    ]
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    values = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 16, 64, width])
        for name, width in (("x", 64), ("y", 32))
    ]
    graph = helper.make_graph(nodes, "network", values[:1], values[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def types(model: onnx.ModelProto) -> dict[str, int]:
    tensors = [tensor for tensor in model.graph.initializer if not tensor.name.endswith(".scale")]
    return {tensor.name.removesuffix(".int16"): tensor.data_type for tensor in tensors}


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    return session(model).run(None, {"x": x})[0]


def test_what_multiplies_is_halved_and_what_is_added_is_not() -> None:
    model, halved = network(), halve(network())
    half, single = onnx.TensorProto.INT16, onnx.TensorProto.FLOAT
    assert types(halved) == {"kernel": half, "bias": single, "matrix": half, "coordinates": single}
    assert is_halved(halved)
    assert not is_halved(model)
    x = np.random.default_rng(1).normal(size=(2, 16, 64, 64)).astype(np.float32)
    expected, found = run(model, x), run(halved, x)
    assert 0 < np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_what_half_precision_holds_exactly_loses_nothing() -> None:
    model = network()
    for tensor in model.graph.initializer:
        if tensor.name == "matrix":
            exact = numpy_helper.to_array(tensor).astype(np.float16).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(exact, "matrix"))
    halved = halve(model)
    kinds = {tensor.name: tensor.data_type for tensor in halved.graph.initializer}
    assert kinds["matrix" + EXACT] == onnx.TensorProto.FLOAT16
    assert "matrix.scale" not in kinds
    only = copy.deepcopy(halved)
    for tensor in model.graph.initializer:  # the convolution as it was: then nothing at all has changed
        if tensor.name == "kernel":
            kept = [
                node for node in only.graph.node if "kernel" not in node.output and "kernel.cast" not in node.output
            ]
            del only.graph.node[:]
            only.graph.node.extend(kept)
            only.graph.initializer.append(tensor)
    x = np.random.default_rng(1).normal(size=(1, 16, 64, 64)).astype(np.float32)
    assert np.array_equal(run(only, x), run(model, x))
    assert is_halved(only)
    assert not is_halved(model)
    assert not is_lowered(only)


def test_scales_run_along_results() -> None:
    """One result's small weights are not rounded by the scale of another's large ones."""
    model = network()
    kernel = next(tensor for tensor in model.graph.initializer if tensor.name == "kernel")
    weight = numpy_helper.to_array(kernel).copy()
    weight[0] *= 1000
    kernel.CopyFrom(numpy_helper.from_array(weight, "kernel"))
    scale = next(t for t in halve(model).graph.initializer if t.name == "kernel.scale")
    assert list(scale.dims) == [16, 1, 1, 1]
    x = np.random.default_rng(2).normal(size=(1, 16, 64, 64)).astype(np.float32)
    for each in (model, halved := halve(model)):
        each.graph.output[0].CopyFrom(helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT, None))
        del each.graph.node[[node.op_type for node in each.graph.node].index("MatMul") :]
    expected, found = run(model, x), run(halved, x)
    assert np.abs(found - expected)[:, 1:].max() < 1e-4 * np.abs(expected[:, 1:]).max()


def test_weights_beyond_the_range_of_half_precision_are_integers() -> None:
    assert types(halve(network(scale=2.0**40)))["kernel"] == onnx.TensorProto.INT16


@given(
    shape=st.sampled_from([(16, 16, 3, 3), (64, 32), (32, 64), (9, 1024), (1, 4096), (40, 40)]),
    exponent=st.floats(-30, 30),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=50, deadline=None)
def test_integers_are_within_half_a_scale_of_the_weights(shape, exponent, seed) -> None:
    random = np.random.default_rng(seed)
    weight = (random.normal(size=shape) * random.lognormal(size=shape) * 10.0**exponent).astype(np.float32)
    weight[random.random(shape) < 0.1] = 0
    integers, scale = quantise(weight)
    assert integers.shape == shape
    assert integers.dtype == np.int16
    assert 32 * scale.size <= max(weight.size, 32)
    error = np.abs(integers.astype(np.float32) * scale - weight)
    assert (error <= 0.51 * scale).all()
    assert scale.max() <= np.abs(weight).max() / 32766


def test_small_weights_and_those_that_are_no_numbers_stay() -> None:
    for wrong in (np.inf, np.nan, 1e-39):
        assert types(halve(network(scale=wrong)))["kernel"] == onnx.TensorProto.FLOAT
    assert types(halve(network(scale=1e30)))["kernel"] == onnx.TensorProto.INT16
    small = network()
    small.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones((1, 16, 3, 3), np.float32), "kernel"))
    assert np.prod(small.graph.initializer[0].dims) < LEAST_SIZE
    assert types(halve(small))["kernel"] == onnx.TensorProto.FLOAT


def test_onnx_runtime_folds_the_integers_away_when_it_opens_the_graph(tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    # What is folded is to be seen here, not the layouts of the machine that the tests run on.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    onnxruntime.InferenceSession(halve(network()).SerializeToString(), options, providers=["CPUExecutionProvider"])
    optimised = onnx.load(tmp_path / "optimised.onnx")
    assert [node.op_type for node in optimised.graph.node] == ["Conv", "MatMul", "Add"]
    assert not is_halved(optimised)


def test_graphs_are_chosen_by_what_is_measured() -> None:
    models = {"small": network(), "large": network()}
    models["large"].graph.doc_string = "larger"

    def cost(prices: dict[str, float]):
        return lambda graphs: sum(price for name, price in prices.items() if is_halved(graphs[name]))

    def halved(prices: dict[str, float]) -> tuple[list[str], float]:
        chosen, change = choose(models, cost(prices), 1.0)
        return [name for name, model in chosen.items() if is_halved(model)], change

    assert halved({"small": 0.4, "large": 0.5}) == (["small", "large"], 0.9)
    assert halved({"small": 0.4, "large": 0.6}) == (["large"], 0.6)  # the sum reaches the limit; large comes first
    assert halved({"small": 0.4, "large": 2.0}) == (["small"], 0.4)
    assert halved({"small": 3.0, "large": 2.0}) == ([], 0.0)


@pytest.fixture(scope="module")
def model():
    return small("fomm")


@pytest.fixture(scope="module")
def protos(model, traced) -> dict[str, onnx.ModelProto]:
    """Its graphs."""
    return traced.of(model, SIZE)


@pytest.fixture
def same_graphs(protos, monkeypatch) -> None:
    """`convert` gets those: how weights are stored does not change how they are traced."""
    monkeypatch.setattr("export.convert.build_graphs", lambda *_: copy.deepcopy(protos))


def test_the_picture_before_rounding_is_the_picture(model, protos, pictures) -> None:
    render = unrounded(protos["render"])
    before, after = ([value.name for value in each.graph.output] for each in (protos["render"], render))
    assert after == [*before, "unrounded"]
    spread = Spread(model, protos, pictures(SIZE, 3))
    assert spread(protos) == 0
    changed = onnx.ModelProto()
    changed.CopyFrom(protos["render"])
    for tensor in changed.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) > LEAST_SIZE:
            tensor.CopyFrom(numpy_helper.from_array(0.99 * numpy_helper.to_array(tensor), tensor.name))
    assert 0 < spread({**protos, "render": changed}) < 255


def exported(model, pictures, folder: Path, weights: str) -> Bundle:
    options = Options(resolution=SIZE, weights=weights)
    return convert(model, folder, pictures(SIZE, 3), name="small", options=options)


@pytest.mark.usefixtures("same_graphs")
def test_bundles_say_how_their_weights_are_stored(model, pictures, tmp_path) -> None:
    found = {weights: exported(model, pictures, tmp_path / weights, weights) for weights in ("auto", "int16", "fp32")}
    for weights in ("int16", "fp32"):
        assert {graph.weights for graph in found[weights].graphs.values()} == {weights}
    assert found["fp32"].parity["stored_weights"] == 0
    assert found["int16"].parity["stored_weights"] > 0
    assert found["auto"].parity["stored_weights"] < 1
    assert {graph.precision for graph in found["int16"].graphs.values()} == {"fp32"}
    for name, graph in found["int16"].graphs.items():
        whole = found["fp32"].graphs[name]
        assert graph.bytes < whole.bytes
        assert graph.gflops == whole.gflops


@pytest.mark.usefixtures("same_graphs")
def test_sixteen_bits_that_would_show_are_not_taken(model, pictures, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("export.convert.HALF_LIMIT", 0.0)
    bundle = exported(model, pictures, tmp_path / "auto", "auto")
    assert {graph.weights for graph in bundle.graphs.values()} == {"fp32"}
    assert bundle.parity["stored_weights"] == 0


@pytest.mark.usefixtures("same_graphs")
def test_forced_sixteen_bits_do_not_hide_wrong_graphs(model, pictures, tmp_path) -> None:
    options = Options(resolution=SIZE, weights="int16")
    with pytest.raises(ModelError, match="differ from PyTorch"):
        convert(model, tmp_path / "out", pictures(SIZE, 3), name="small", options=options, limit=-1)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_way_to_store_weights_is_refused() -> None:
    with pytest.raises(OptionError, match="'int4'"):
        Options(weights="int4").rewrites()


@pytest.mark.usefixtures("same_graphs")
def test_sixteen_bits_are_computed_with_where_they_do_not_show(model, pictures, tmp_path, monkeypatch) -> None:
    def exported_fp16(folder: Path) -> Bundle:
        options = Options(resolution=SIZE, precision="fp16")
        return convert(model, folder, pictures(SIZE, 3), name="small", options=options)

    monkeypatch.setattr("export.weights.fp16.LIMIT", 0.0)
    never = exported_fp16(tmp_path / "never")
    assert {graph.precision for graph in never.graphs.values()} == {"fp32"}
    monkeypatch.setattr("export.weights.fp16.LIMIT", 255.0)
    bundle = exported_fp16(tmp_path / "always")
    lowered = {name for name, graph in bundle.graphs.items() if (graph.precision, graph.weights) == ("fp16", "fp16")}
    assert lowered == {"source", "motion", "render"}  # disentanglement knows of points alone
    assert bundle.parity["stored_weights"] > 0
    for name in lowered:
        assert bundle.graphs[name].bytes < never.graphs[name].bytes


def test_coordinates_stay_in_single_precision(protos) -> None:
    lowered = lower(protos["render"])
    assert is_lowered(lowered)
    assert not is_lowered(protos["render"])
    kinds = {value.name: value.type.tensor_type.elem_type for value in [*lowered.graph.input, *lowered.graph.output]}
    assert onnx.TensorProto.FLOAT16 not in kinds.values()
    halves = {tensor.name for tensor in lowered.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16}
    convolutions = [node for node in lowered.graph.node if node.op_type == "Conv"]
    assert convolutions
    assert all(node.input[1] in halves for node in convolutions)
    typed = onnx.shape_inference.infer_shapes(lowered)
    types_of = {value.name: value.type.tensor_type.elem_type for value in typed.graph.value_info} | kinds
    grids = [node.input[1] for node in lowered.graph.node if node.op_type == "GridSample"]
    assert {types_of[grid] for grid in grids} == {onnx.TensorProto.FLOAT}
