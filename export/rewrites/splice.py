"""Reading and editing an `onnx_ir` graph: what every rewrite needs and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir


def constant_of(value: ir.Value | None) -> np.ndarray | None:
    """The array behind an initializer or a `Constant` node, None for everything that is computed."""
    if value is None or value.is_graph_input():
        return None
    tensor = ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.numpy()


def static_shape(value: ir.Value | None) -> tuple[int | None, ...] | None:
    """Shape with None for every dynamic dimension; None where even the rank is unknown."""
    if value is None or value.shape is None:
        return None
    return tuple(dim if isinstance(dim, int) else None for dim in value.shape)


def ints(node: ir.Node, name: str, default: Sequence[int]) -> list[int]:
    """An attribute that is a list of integers, or `default` where the node has none."""
    attribute = node.attributes.get(name)
    return list(default) if attribute is None else list(attribute.as_ints())


def text(node: ir.Node, name: str, default: str) -> str:
    """An attribute that is a string, or `default` where the node has none."""
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_string()


def number(node: ir.Node, name: str, default: float) -> float:
    """An attribute that is one number, or `default` where the node has none."""
    attribute = node.attributes.get(name)
    return default if attribute is None else float(attribute.value)


def sole_user(value: ir.Value) -> ir.Node | None:
    """The one node that reads `value`, None where several do or where the graph gives it out."""
    users = value.consumers()
    return users[0] if len(users) == 1 and not value.is_graph_output() else None


def has_plain_bias(conv: ir.Node) -> bool:
    """Whether a convolution of known weights has no bias, or a known one of a number for every channel that it gives.

    Any other makes no valid graph: it is left for the checker to tell.
    """
    given = conv.inputs[2] if len(conv.inputs) > 2 else None
    weight, bias = constant_of(conv.inputs[1]), constant_of(given)
    return given is None or (weight is not None and bias is not None and bias.shape == weight.shape[:1])


def is_plain_conv3(node: ir.Node) -> bool:
    """Whether `node` is a 3x3 convolution of known weights, ungrouped, with stride 1 and a border of one zero."""
    weight = constant_of(node.inputs[1])
    return (
        weight is not None
        and has_plain_bias(node)
        and weight.shape[2:] == (3, 3)
        and ints(node, "pads", [0] * 4) == [1] * 4
        and ints(node, "strides", [1, 1]) == [1, 1]
        and ints(node, "dilations", [1, 1]) == [1, 1]
        and text(node, "auto_pad", "NOTSET") == "NOTSET"
        and number(node, "group", 1) == 1
    )


class Splice:
    """New nodes in front of `anchor`, then `replace` puts their result in an old value's place.

    The replaced nodes stay behind without users; `tidy` removes them once a rewrite is through.
    """

    def __init__(self, anchor: ir.Node) -> None:
        if anchor.graph is None:
            raise ValueError(f"node {anchor.name!r} stands in no graph")
        self.anchor = anchor
        self.graph: ir.Graph = anchor.graph
        self._prefix = anchor.outputs[0].name or "value"

    def _name(self, hint: str) -> str:
        name, count = f"{self._prefix}.{hint}", 1
        while name in self.graph.initializers:
            count += 1
            name = f"{self._prefix}.{hint}.{count}"
        return name

    def constant(self, array: np.ndarray | Sequence[int], hint: str) -> ir.Value:
        """An initializer with the given content; lists of integers become int64."""
        data = np.array(array, order="C")
        name = self._name(hint)
        value = ir.Value(
            name=name,
            shape=ir.Shape(data.shape),
            type=ir.TensorType(ir.DataType.from_numpy(data.dtype)),
            const_value=ir.tensor(data, name=name),
        )
        self.graph.register_initializer(value)
        return value

    def op(self, op_type: str, inputs: Sequence[ir.Value | None], **attributes: Any) -> ir.Value:
        """One node of the standard domain with one output, which is returned."""
        node = ir.node(op_type, inputs, attributes=attributes or None)
        self.graph.insert_before(self.anchor, node)
        return node.outputs[0]

    def replace(self, old: ir.Value, new: ir.Value) -> None:
        """Every reader of `old`, the graph's outputs included, now reads `new`, which takes over name and
        shape."""
        new.type, new.shape = old.type, old.shape
        name, old.name = old.name, None
        new.name = name
        ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)


def rewrite_convolutions(
    model: ir.Model,
    choose: Callable[[ir.Node], tuple[int, int] | None],
    rewrite: Callable[[ir.Node, int, int], None],
) -> int:
    """Have `rewrite` replace every convolution for which `choose` gives two numbers, which it is given too; all are
    chosen before any is replaced. Returns how many there were.
    """
    chosen = [(node, choose(node)) for node in model.graph if node.op_type == "Conv"]
    changed = 0
    for conv, choice in chosen:
        if choice is not None:
            rewrite(conv, *choice)
            changed += 1
    tidy(model)
    return changed


def tidy(model: ir.Model) -> None:
    """Drop what nobody reads, name what has no name, and infer the new values' shapes."""
    from onnx_ir.passes import common

    for step in (common.RemoveUnusedNodesPass(), common.NameFixPass(), common.ShapeInferencePass()):
        step(model)
