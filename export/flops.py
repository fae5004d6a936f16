"""How much a graph computes: multiplications and additions of its convolutions and matrix products.

Counted on the shapes of the ONNX graph for one frame, so that rewrites which save work show. Element-wise
operations, norms and sampling are left out: they are bound by memory, not by arithmetic. So are products of
constants, which a runtime computes once, when it opens the graph.
"""

from __future__ import annotations

from math import prod

import onnx


def _shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    """Shape of every value with the dynamic batch set to one; 0 for a size that is not known."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    graph = fixed.graph
    names = {dim.dim_param for value in graph.input for dim in value.type.tensor_type.shape.dim}
    for value in [*graph.input, *graph.output, *graph.value_info]:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in names and dim.dim_param:
                dim.dim_value = 1
            elif dim.dim_param:  # an expression such as 11*batch, to be inferred again
                dim.Clear()
    inferred = onnx.shape_inference.infer_shapes(fixed, data_prop=True).graph
    shapes = {tensor.name: list(tensor.dims) for tensor in inferred.initializer}
    for value in [*inferred.value_info, *inferred.input, *inferred.output]:
        if value.type.HasField("tensor_type"):
            dims = value.type.tensor_type.shape.dim
            shapes[value.name] = [dim.dim_value if dim.HasField("dim_value") else 0 for dim in dims]
    return shapes


def _macs(node: onnx.NodeProto, shapes: dict[str, list[int]]) -> int:
    """Multiply-accumulates of one node; 0 for operators that do not count."""
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return 0
    missing = [name for name in (*node.input[:2], node.output[0]) if 0 in shapes.get(name, [0])]
    if missing:
        raise ValueError(f"the shapes of {', '.join(missing)} cannot be inferred")
    first, second, result = (shapes[name] for name in (*node.input[:2], node.output[0]))
    if node.op_type == "Conv":
        return prod(result) * prod(second[1:])
    if node.op_type == "ConvTranspose":
        return prod(first) * prod(second[1:])
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return prod(result) * (first[0] if transposed else first[-1])


def count_gflops(model: onnx.ModelProto) -> float:
    """1e9 floating point operations (two a multiply-accumulate) of `model` for one frame.

    Raises `ValueError` where a shape cannot be inferred.
    """
    shapes = _shapes(model)
    fixed = {tensor.name for tensor in model.graph.initializer}
    total = 0
    for node in model.graph.node:
        if all(name in fixed or not name for name in node.input):
            fixed.update(node.output)
        else:
            total += _macs(node, shapes)
    return 2 * total / 1e9
