"""Rewrites chosen by measurement: decisions on made-up times, and once on real ones."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from checkpoints.errors import OptionError
from export.convert import Options
from export.rewrites.catalogue import REWRITES, Rewrite
from export.timing import compare
from export.tuning import note_of, tune


def graph(*nodes: str) -> onnx.ModelProto:
    """A chain of operators."""
    made = [helper.make_node(kind, [f"v{index}"], [f"v{index + 1}"]) for index, kind in enumerate(nodes)]
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 40_000]) for name in ("v0", f"v{len(nodes)}")]
    model = helper.make_graph(made, "chain", sides[:1], sides[1:])
    return helper.make_model(model, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def named(*names: str) -> list[Rewrite]:
    return [Rewrite(name, lambda _: 0) for name in names]


COST = {"winograd": 3.0, "rows": -2.0, "narrow": -0.1, "blend": 1.0}
"""What each rewrite makes a frame take longer in the made-up times, of 10 without any."""


def build(chosen) -> onnx.ModelProto:
    """A graph that tells by its nodes which rewrites made it."""
    words = {"winograd": "Neg", "rows": "Abs", "narrow": "Relu", "blend": "Sin"}
    return graph("Identity", *(words[each.name] for each in chosen if each.name in words))


def made_up(first: bytes, second: bytes) -> float:
    words = {"Neg": "winograd", "Abs": "rows", "Relu": "narrow", "Sin": "blend"}

    def time(content: bytes) -> float:
        kinds = [node.op_type for node in onnx.load_from_string(content).graph.node]
        return 10 + sum(COST[words[kind]] for kind in kinds if kind in words)

    return time(first) / time(second)


def test_what_makes_a_graph_slower_is_left_out_and_what_hardly_does_stays() -> None:
    chosen = tune(named("simplify", "winograd", "rows", "narrow", "blend"), build, made_up)
    assert [node.op_type for node in chosen.graph.node] == ["Identity", "Abs", "Relu", "Sin"]
    assert note_of(chosen) == {"left_out": ["winograd"], "of_plain": pytest.approx(0.89)}


def test_the_plain_graph_takes_the_place_of_a_slower_one() -> None:
    chosen = tune(named("simplify", "blend", "winograd"), build, made_up)
    assert [node.op_type for node in chosen.graph.node] == ["Identity"]
    assert note_of(chosen) == {"left_out": ["blend", "winograd"], "of_plain": 1.0}


def test_rewrites_that_find_nothing_are_not_measured() -> None:
    measured = []

    def counting(first: bytes, second: bytes) -> float:
        measured.append((first, second))
        return made_up(first, second)

    tune(named("simplify", "enlarged", "upsample"), build, counting)
    assert not measured


def test_a_graph_that_was_not_tuned_has_no_note() -> None:
    assert note_of(graph("Neg")) is None


def test_times_are_real() -> None:
    long, short = (graph(*["Sin"] * count).SerializeToString() for count in (40, 2))
    assert compare(short, long) < 0.5
    slow = [Rewrite("winograd", lambda _: 0)]
    chosen = tune(slow, lambda rewrites: graph(*["Sin"] * (40 if rewrites else 2)))
    assert len(chosen.graph.node) == 2


@pytest.mark.parametrize("wrong", [{"precision": "fp16"}, {"target": "web", "opset": 19}])
def test_tuning_is_for_this_machines_cpu(wrong) -> None:
    with pytest.raises(OptionError, match="CPU"):
        Options(tune=True, **wrong).rewrites()
    assert len(Options(tune=True).rewrites()) == len(REWRITES)
