"""Weights stored in 16 bits and computed with in 32: half the size of a file, the speed of before.

A weight becomes an int16 initializer and a float32 scale for every slice of it, followed by a `Cast` and a `Mul`. ONNX
Runtime computes what depends on constants alone once, when it opens the graph, so that neither the CPU nor the GPU ever
sees the integers. Only what multiplies features is stored so (weights of convolutions, linear layers and matrix
products): coordinates, biases and norms are small and would lose what cannot be spared.

Why not float16, which takes one node less: it spends bits on a range that the weights of one channel do not have. The
error of an integer is at most 1/65534 of the slice's largest weight, that of a float16 up to 1/4096 of the weight
itself. Measured with faces-lite (22.6 MB, 11.5 MB either way) over eight frames in three modes, the largest change of a
picture was 3.3/255 with float16 and 0.33/255 with integers on a photo and a video, 12.7 and 0.70 on rendered people.

A weight that float16 holds exactly, as those of a checkpoint in 16 bits that no norm was folded into, is stored as
that, since it then loses nothing. In faces-lite the last layer of the detector is such a one: as integers it moved
points by 2.6e-5, twenty times as much as any other weight, and edges of the picture by 5/255.

Rounding a weight is not exact, so what it changes in the pictures is measured (`export.parity.Spread`), and graphs
that change them too much keep single precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LEAST_SIZE = 1024
"""Elements of a weight from which halving it is worth two nodes."""

LEAST_SLICE = 64
"""Elements that share a scale, at least: the scales are then no more than a thirty-second of what they scale."""

LIMIT = 1.0
"""Change of a picture, in 1/255 before rounding to bytes, from which a graph keeps single precision."""

CHOICES = ("auto", "int16", "fp32")
"""How weights may be stored: by what the measurement says, or one of the two in any case."""

EXACT = ".exact16"
"""End of the names of weights that float16 holds exactly."""

_LARGEST = np.iinfo(np.int16).max
_WEIGHT_OF = {"Conv": 1, "ConvTranspose": 1, "Gemm": 1, "MatMul": 1}
"""Operators whose input of that index is a weight where it is constant."""


def _outputs_axis(node: onnx.NodeProto) -> int | None:
    """The axis of the weight of `node` along which its results lie; None where that is no single one."""
    if node.op_type == "Conv":
        return 0
    if node.op_type == "Gemm":
        return 0 if any(attribute.name == "transB" and attribute.i for attribute in node.attribute) else 1
    return None


def quantise(weight: NDArray[np.float32], outputs: int | None = None) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Integers of the shape of `weight`, and scales that broadcast over it: their product is `weight`, to within half
    a scale.

    The scales run along one axis whose slices have at least `LEAST_SLICE` elements: `outputs`, that of the weights of
    one result (a third of the error in pictures, with faces-lite), or else the one with most slices.
    """
    axes = [axis for axis, size in enumerate(weight.shape) if weight.size >= size * LEAST_SLICE]
    along = outputs if outputs in axes else max(axes, key=lambda axis: weight.shape[axis], default=None)
    others = tuple(axis for axis in range(weight.ndim) if axis != along)
    largest = np.abs(weight).max(axis=others, keepdims=True)
    scale = np.where(largest > 0, largest / _LARGEST, 1).astype(np.float32)
    integers = np.clip(np.rint(weight / scale), -_LARGEST, _LARGEST)
    return integers.astype(np.int16), scale


def _is_worth_it(tensor: onnx.TensorProto) -> bool:
    if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < LEAST_SIZE:
        return False
    weight = numpy_helper.to_array(tensor)
    # A scale that is no normal number would lose the weights.
    return bool(np.isfinite(weight).all() and np.abs(weight).max() > _LARGEST * np.finfo(np.float32).tiny)


def _is_exact(weight: NDArray[np.float32]) -> bool:
    """Whether float16 holds every value."""
    with np.errstate(over="ignore"):  # beyond float16's range: infinite, and so not equal
        return bool(np.array_equal(weight.astype(np.float16).astype(np.float32), weight))


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` whose large weights are stored in 16 bits; the names of all values stay as they are."""
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    graph = halved.graph
    weights = {
        node.input[_WEIGHT_OF[node.op_type]]: _outputs_axis(node) for node in graph.node if node.op_type in _WEIGHT_OF
    }
    nodes: list[onnx.NodeProto] = []
    for tensor in [tensor for tensor in graph.initializer if tensor.name in weights and _is_worth_it(tensor)]:
        name, weight = tensor.name, numpy_helper.to_array(tensor)
        if _is_exact(weight):
            tensor.CopyFrom(numpy_helper.from_array(weight.astype(np.float16), f"{name}{EXACT}"))
            nodes.append(helper.make_node("Cast", [f"{name}{EXACT}"], [name], to=TensorProto.FLOAT))
            continue
        integers, scale = quantise(weight, weights[name])
        tensor.CopyFrom(numpy_helper.from_array(integers, f"{name}.int16"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
        nodes.append(helper.make_node("Cast", [f"{name}.int16"], [f"{name}.cast"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [f"{name}.cast", f"{name}.scale"], [name]))
    nodes.extend(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(halved)
    return halved


def choose(
    models: Mapping[str, onnx.ModelProto],
    measure: Callable[[Mapping[str, onnx.ModelProto]], float],
    limit: float,
    change_of: Callable[[onnx.ModelProto], onnx.ModelProto] = halve,
) -> tuple[dict[str, onnx.ModelProto], float]:
    """`models` with as many graphs changed (their weights halved, by default) as `measure` (the change of pictures in
    1/255) keeps below `limit`, and what it says of them.

    All are tried together first; where that is too much, one after another, the largest first.
    """
    candidates = {name: change_of(model) for name, model in models.items()}
    change = measure(candidates)
    if change < limit:
        return candidates, change
    chosen, change = dict(models), 0.0
    for name in sorted(models, key=lambda name: -models[name].ByteSize()):
        attempt = {**chosen, name: candidates[name]}
        found = measure(attempt)
        if found < limit:
            chosen, change = attempt, found
    return chosen, change


def is_halved(model: onnx.ModelProto) -> bool:
    """Whether any weight of `model` is stored in 16 bits and computed with in 32."""
    return any(
        tensor.data_type == TensorProto.INT16 or tensor.name.endswith(EXACT) for tensor in model.graph.initializer
    )
