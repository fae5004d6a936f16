"""A second, smaller size in a bundle for the web: `web.tools.smaller`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import toy_bundle
from onnx import helper, numpy_helper

from checkpoints.bundle import Bundle
from checkpoints.description import read_json
from checkpoints.errors import ModelError
from runtime import Animator
from web.tools.smaller import add, without_weights


def model(value: float, *, inner: str = "y") -> onnx.ModelProto:
    """x times a large constant that all have, plus a small one."""
    x, z = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [4, 4]) for name in ("x", "z"))
    nodes = [helper.make_node("MatMul", ["x", "weight"], [inner]), helper.make_node("Add", [inner, "more"], ["z"])]
    weights = [numpy_helper.from_array(np.eye(4, dtype=np.float32) * 3, "weight")]
    weights.append(numpy_helper.from_array(np.float32(value), "more"))
    graph = helper.make_graph(nodes, "g", [x], [z], weights)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 19)])


def test_a_graph_without_the_weights_of_another_is_itself_with_them() -> None:
    # What the first calls "weight" the second calls otherwise, and the other way round.
    whole, graph = model(1), model(2, inner="more.2")
    whole.graph.initializer[0].name = whole.graph.node[0].input[1] = "more.2"
    less = without_weights(graph, whole)
    assert [numpy_helper.to_array(each).item() for each in less.graph.initializer] == [2]
    merged = onnx.ModelProto()
    merged.ParseFromString(less.SerializeToString())
    merged.graph.initializer.extend(each for each in whole.graph.initializer if each.name == "more.2")
    onnx.checker.check_model(merged, full_check=True)
    x = np.arange(16, dtype=np.float32).reshape(4, 4)
    (found,) = onnxruntime.InferenceSession(merged.SerializeToString()).run(None, {"x": x})
    assert np.array_equal(found, 3 * x + 2)


def test_graphs_that_hold_graphs_are_refused() -> None:
    inner = helper.make_graph([], "inner", [], [])
    graph = model(1)
    graph.graph.node.append(helper.make_node("If", ["x"], ["y2"], then_branch=inner, else_branch=inner))
    with pytest.raises(ModelError, match="hold graphs themselves"):
        without_weights(graph, model(1))


def test_a_bundle_with_a_smaller_size_is_sealed_and_read_as_before(two_sizes: Path, toy: Path) -> None:
    bundle = Bundle.load(two_sizes)
    assert bundle.resolution == toy_bundle.SIZE
    smaller = read_json(two_sizes)["smaller"]
    assert smaller["resolution"] == toy_bundle.SIZE // 2
    for name, entry in smaller["graphs"].items():
        assert entry["bytes"] == (two_sizes / entry["file"]).stat().st_size
        assert "source_points" not in entry["outputs"], name
    assert smaller["graphs"]["source"]["outputs"] == ["feature_0"]
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[20:30, 20:30] = 255
    for folder in (two_sizes, toy):
        animator = Animator(folder)
        animator.set_source(picture)
        assert animator.frame(picture).shape == (64, 64, 3)


def test_a_size_that_is_no_smaller_is_refused(toy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(toy, folder)
    bundle = Bundle.load(folder)
    with pytest.raises(ModelError, match="64 pixels; 64 is no smaller"):
        add(folder, {name: onnx.load(bundle.path(name)) for name in bundle.graphs}, 64)
