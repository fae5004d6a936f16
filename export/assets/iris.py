"""The finder of lids and irises of `runtime/layers/eyes.py` from MediaPipe's weights: run once, its result lies in
runtime/assets.

    python -m export.assets.iris iris_landmark.tflite runtime/assets/eye.onnx

Iris landmarks (Ablavatski et al. 2020, arXiv:2006.11341; Apache-2.0): the file lies in the wheel of mediapipe 0.10.21
under mediapipe/modules/iris_landmark. Reading it needs the package `tflite` (2.18).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from export.assets.tflite import Converter

SIDE = 64
"""Height and width in pixels of what the network looks at: one eye, its inner corner to the right (a left eye is shown
mirrored).
"""
CONTOUR, IRIS = 71, 5
"""Points of lids and brow, and of the iris (its middle, then four on its edge)."""


def convert(data: bytes) -> onnx.ModelProto:
    """The ONNX graph of the network in the TensorFlow Lite file `data`.

    In: `frame` uint8 (B, 64, 64, 3). Out: `contour` f32 (B, 71, 2) and `iris` f32 (B, 5, 2), (x, y) in pixels.
    Raises `ValueError` or `AttributeError` for another graph than the expected one.
    """
    work = Converter(data, bits=8, plain=False)
    node, constant = work.node, work.constant
    node("Cast", ["frame"], "bytes", to=TensorProto.FLOAT)
    node("Div", ["bytes", constant("white", np.array(255, np.float32))], "scaled")
    node("Transpose", ["scaled"], f"t{int(work.graph.Inputs(0))}", perm=[0, 3, 1, 2])
    work.run()
    flat = [constant(name, np.array([at], np.int64)) for name, at in (("start", 0), ("stop", 2), ("axis", 2))]
    outputs = {"contour": [CONTOUR, 2], "iris": [IRIS, 2]}
    for index, (name, (count, _)) in enumerate(outputs.items()):
        node(
            "Reshape", [work.output(index), constant(f"{name}_triples", np.array([0, count, 3], np.int64))], f"{name}_3"
        )
        node("Slice", [f"{name}_3", *flat], name)
    return work.assemble("iris_landmark", "Iris landmarks", SIDE, outputs)


if __name__ == "__main__":
    onnx.save(convert(Path(sys.argv[1]).read_bytes()), sys.argv[2])
