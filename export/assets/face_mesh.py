"""The keypoint detector of the evaluation from MediaPipe's weights: run once, its result is kept as an asset.

    python -m export.assets.face_mesh face_landmark.tflite training/evaluation/assets/face_mesh.onnx
    python -m export.assets.face_mesh face_landmark.tflite runtime/assets/face_mesh.onnx 8

The second one, for the lips of a source (`runtime/layers/mesh.py`), has its weights in 8 bits, which moves points by
less than half a pixel of 192.

Face mesh (Kartynnik et al. 2019, arXiv:1907.06724; Apache-2.0): the file lies in the wheel of mediapipe 0.10.21 under
mediapipe/modules/face_landmark. Reading it needs the package `tflite` (2.18).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.assets.tflite import Converter

SIDE = 192
"""Height and width in pixels of what the network looks at."""
POINTS = 468


def convert(data: bytes, bits: int | None = None) -> onnx.ModelProto:
    """The ONNX graph of the face mesh in the TensorFlow Lite file `data`.

    In: `frame` uint8 (B, 192, 192, 3), a face. Out: `points` f32 (B, 468, 2), (x, y) as parts of the side, and
    `scores` f32 (B,), the probability that it is a face. `bits`: what
    large weights are rounded to. Raises `ValueError` or `AttributeError` for another graph.
    """
    work = Converter(data, bits, plain=bits is None)
    node, constant = work.node, work.constant
    node("Cast", ["frame"], "bytes", to=TensorProto.FLOAT)
    node("Div", ["bytes", constant("white", np.float32(255))], "scaled")
    node("Transpose", ["scaled"], f"t{int(work.graph.Inputs(0))}", perm=[0, 3, 1, 2])
    work.run()
    node("Reshape", [work.output(0), constant("triples", np.array([0, POINTS, 3], np.int64))], "places")
    flat = [constant(name, np.array([at], np.int64)) for name, at in (("start", 0), ("stop", 2), ("axis", 2))]
    node("Slice", ["places", *flat], "pixels")
    node("Div", ["pixels", constant("side", np.float32(SIDE))], "points")
    node("Sigmoid", [work.output(1)], "probability")
    node("Reshape", ["probability", constant("line", np.array([-1], np.int64))], "scores")
    outputs: dict[str, list[str | int]] = {"points": ["batch", POINTS, 2], "scores": ["batch"]}
    graph = helper.make_graph(
        work.nodes,
        "face_mesh",
        [helper.make_tensor_value_info("frame", TensorProto.UINT8, ["batch", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        work.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    model.doc_string = "Face mesh from MediaPipe 0.10.21, Apache-2.0, Copyright The MediaPipe Authors"
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    onnx.save(convert(Path(sys.argv[1]).read_bytes(), *map(int, sys.argv[3:])), sys.argv[2])
