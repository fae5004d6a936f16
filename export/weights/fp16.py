"""Graphs that compute in 16 bits, for graphics cards, where that changes no picture by more than 2/255.

Inputs and outputs stay float32, as the contract has them. What handles coordinates, and what sums or divides by small
numbers, stays float32 too: half precision has 11 bits, and a coordinate of a 256-pixel picture needs more. On the CPU,
ONNX Runtime computes such graphs in float32 between casts, so that what is measured there is the rounding of weights
and activations, not a card's own order of summation.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from checkpoints.contract import FRAME, IMAGE, is_feature
from export.weights.int16 import EXACT

_OF_POINTS = 3
"""Axes of what holds points: batch, points, coordinates."""
_LOOKED_UP_BY = {"GridSample": 1, "GatherND": 1}
"""Operators that look something up, and which of their inputs says where."""

IN_HALF = (
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Concat",
    "Conv",
    "ConvTranspose",
    "DepthToSpace",
    "Gemm",
    "LeakyRelu",
    "MatMul",
    "MaxPool",
    "Mul",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Slice",
    "Sub",
    "Transpose",
)
"""Operators that compute in float16; sampling, resizing, norms over pictures, exponentials and rounding do not."""

UNFIT = ("winograd",)
"""Rewrites that graphs of half precision go without: Winograd's transforms make more of a rounding error. Of
LivePortrait in its published size, pictures were 3.8/255 off at most with them and 1.8 without (`render`; 3.8 with
`source` in half precision, too), and a graphics card's own library filters so where it pays."""

LIMIT = 2.0
"""Change of a picture, in 1/255 before rounding to bytes, from which a graph stays in float32."""

_LARGEST = float(np.finfo(np.float16).max)


def _is_map(value: onnx.ValueInfoProto) -> bool:
    """Whether an input of a graph has a number for every place of a picture or volume; others are points, or numbers
    that make points."""
    if value.name in (IMAGE, FRAME):
        return True
    return is_feature(value.name) and len(value.type.tensor_type.shape.dim) > _OF_POINTS


def _coordinates(model: onnx.ModelProto) -> set[int]:
    """Places of the nodes that handle coordinates: all from which places to look up are computed, up to convolutions,
    and all that read nothing but points, constants and what those nodes give.
    """
    nodes = model.graph.node
    producers = {output: place for place, node in enumerate(nodes) for output in node.output}
    waiting = [node.input[_LOOKED_UP_BY[node.op_type]] for node in nodes if node.op_type in _LOOKED_UP_BY]
    found: set[int] = set()
    while waiting:
        place = producers.get(waiting.pop())
        if place is None or place in found or nodes[place].op_type in ("Conv", *_LOOKED_UP_BY):
            continue
        found.add(place)
        waiting.extend(nodes[place].input)
    known = {tensor.name for tensor in model.graph.initializer}
    known |= {value.name for value in model.graph.input if not _is_map(value)}
    known |= {name for place in found for name in nodes[place].output}
    for place, node in enumerate(nodes):  # the weights of neighbours, say, which are what is left of a coordinate
        if all(not name or name in known for name in node.input) and node.op_type != "Conv":
            found.add(place)
            known.update(node.output)
    return found


def _float_values(model: onnx.ModelProto) -> set[str]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = [*graph.input, *graph.output, *graph.value_info]
    floats = {value.name for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT}
    return floats | {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}


class _Lowering:
    """Copies the nodes of a graph, with a second, float16 version of every value that is wanted in it."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self._floats = _float_values(model)
        self._weights = {tensor.name: tensor for tensor in self._graph.initializer}
        self._halved: set[str] = set()
        self.nodes: list[onnx.NodeProto] = []

    def half(self, name: str) -> str:
        """The float16 version of the value `name`, made where there is none yet; `name` itself if it is no float."""
        if name not in self._floats:
            return name
        version = f"{name}.half"
        if version not in self._halved:
            self._halved.add(version)
            if name in self._weights:
                values = np.clip(numpy_helper.to_array(self._weights[name]), -_LARGEST, _LARGEST)
                self._graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), version))
            else:
                self.nodes.append(helper.make_node("Cast", [name], [version], to=TensorProto.FLOAT16))
        return version

    def add(self, node: onnx.NodeProto, wanted: set[str]) -> None:
        """`node` in float16, and in float32 those of its results that are `wanted` so."""
        inputs = [self.half(name) for name in node.input]
        lowered = onnx.NodeProto()
        lowered.CopyFrom(node)
        lowered.input[:] = inputs
        lowered.output[:] = [f"{name}.half" for name in node.output]
        self._halved.update(lowered.output)
        self.nodes.append(lowered)
        for name in node.output:
            if name in wanted:
                self.nodes.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))


def lower(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` that computes in float16 what `IN_HALF` names, but for coordinates and constants."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    kept, lowering = _coordinates(copy), _Lowering(copy)
    floats = _float_values(copy)
    halves = {
        place
        for place, node in enumerate(graph.node)
        if node.op_type in IN_HALF and place not in kept and floats.issuperset(node.output)
    }
    wanted = {value.name for value in graph.output}
    wanted.update(name for place, node in enumerate(graph.node) if place not in halves for name in node.input)
    for place, node in enumerate(graph.node):
        if place in halves:
            lowering.add(node, wanted)
        else:
            lowering.nodes.append(node)
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in lowering.nodes]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    read = {name for node in graph.node for name in node.input}
    initializers = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(initializers)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def is_lowered(model: onnx.ModelProto) -> bool:
    """Whether `model` computes in half precision: it then has weights of that kind that are not merely stored so."""
    weights = model.graph.initializer
    return any(t.data_type == TensorProto.FLOAT16 and not t.name.endswith(EXACT) for t in weights)
