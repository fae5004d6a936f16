"""Convolutions that read the same map become one with all their output channels.

The CPU's kernels compute 8 or 16 output channels at a time and fill up with zeros: 11 masks and one occlusion, each
convolved for itself, cost 16 and 8 channels, together 16.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import onnx_ir as ir

from export.rewrites.splice import Splice, constant_of, ints, number, text, tidy

MOST_OUTPUTS = 16
"""Output channels of each from which nothing is filled up, and so nothing gained."""


def _kind(conv: ir.Node) -> tuple[object, ...] | None:
    """What two convolutions must have in common; None where `conv` cannot be joined to another."""
    weight = constant_of(conv.inputs[1])
    bias = conv.inputs[2] if len(conv.inputs) > 2 else None
    if weight is None or weight.ndim != 4 or weight.shape[0] >= MOST_OUTPUTS or number(conv, "group", 1) != 1:
        return None
    if (bias is not None and constant_of(bias) is None) or text(conv, "auto_pad", "NOTSET") != "NOTSET":
        return None
    settings = (ints(conv, "pads", [0] * 4), ints(conv, "strides", [1, 1]), ints(conv, "dilations", [1, 1]))
    return (conv.inputs[0], weight.shape[1:], weight.dtype, *map(tuple, settings))


def _bias(conv: ir.Node) -> np.ndarray:
    bias = constant_of(conv.inputs[2]) if len(conv.inputs) > 2 else None
    weight = constant_of(conv.inputs[1])
    assert weight is not None
    return np.zeros(weight.shape[0], weight.dtype) if bias is None else bias


def _join(convs: list[ir.Node]) -> None:
    first = convs[0]
    new = Splice(first)
    weights = [constant_of(conv.inputs[1]) for conv in convs]
    kernel = np.concatenate([weight for weight in weights if weight is not None])
    inputs = [first.inputs[0], new.constant(kernel, "joined")]
    inputs.append(new.constant(np.concatenate([_bias(conv) for conv in convs]), "joined_bias"))
    result = new.op("Conv", inputs, **{name: attribute.value for name, attribute in first.attributes.items()})
    ends = np.cumsum([0, *(len(_bias(conv)) for conv in convs)])
    for conv, start, end in zip(convs, ends, ends[1:], strict=False):
        edges = [new.constant([int(value)], hint) for value, hint in ((start, "start"), (end, "end"), (1, "axis"))]
        new.replace(conv.outputs[0], new.op("Slice", [result, *edges]))


def apply(model: ir.Model) -> int:
    """Join all that can be; returns how many convolutions that takes away."""
    families: dict[tuple[object, ...], list[ir.Node]] = defaultdict(list)
    for node in model.graph:
        if node.op_type == "Conv" and (kind := _kind(node)) is not None:
            families[kind].append(node)
    gone = 0
    for convs in families.values():
        if len(convs) > 1:
            _join(convs)
            gone += len(convs) - 1
    tidy(model)
    return gone
