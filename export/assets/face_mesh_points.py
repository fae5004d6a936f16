"""The face mesh's second output: where its landmarks tell a model's points of the head to be.

    python -m export.assets.face_mesh_points runtime/assets/face_mesh.onnx points.safetensors

adds the output `head` f32 (B, 40, 2) to the graph, or changes it, in place: the landmarks' mean, and what each is away
from it by the weights (40, 468) that `training/mended.py` has found.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

OUTPUT = "head"


def with_points(model: onnx.ModelProto, weights: np.ndarray) -> onnx.ModelProto:
    """`model`, in a copy, with the output `head` by `weights` (K, 468)."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    graph = found.graph
    for field in (graph.node, graph.initializer):
        kept = [each for each in field if not each.name.startswith(OUTPUT)]
        del field[:]
        field.extend(kept)
    outputs = [each for each in graph.output if each.name != OUTPUT]
    del graph.output[:]
    # With the mean's own weights in them one product does all.
    exact = weights.astype(np.float64)
    whole = exact + (1 - exact.sum(1, keepdims=True)) / exact.shape[1]
    graph.initializer.append(numpy_helper.from_array(whole.astype(np.float32), "head_weights"))
    graph.node.append(helper.make_node("MatMul", ["head_weights", "points"], [OUTPUT], name="head_points"))
    shape: list[str | int] = ["batch", len(weights), 2]
    graph.output.extend([*outputs, helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape)])
    onnx.checker.check_model(found, full_check=True)
    return found


def main(graph: Path, weights: Path) -> None:
    """Change the file `graph`."""
    onnx.save(with_points(onnx.load(graph), load_file(weights)["weights"]), graph)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
