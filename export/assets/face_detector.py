"""The face detector of `runtime/framing/faces.py` from MediaPipe's weights: run once, its result is kept in
runtime/assets.

    python -m export.assets.face_detector face_detection_short_range.tflite runtime/assets/face.onnx

BlazeFace, short range (Bazarevsky et al. 2019, arXiv:1907.05047; Apache-2.0): the file lies in the wheel of
mediapipe 0.10.21 under mediapipe/modules/face_detection. Reading it needs the package `tflite` (2.18). Scaling of
the bytes and decoding of the anchors become parts of the graph, so that the engine gets boxes and probabilities.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.assets.tflite import Converter

SIDE = 128
"""Height and width in pixels of what the network looks at."""

ANCHORS = ((16, 2), (8, 6))
"""Cells along a side, and anchors a cell, of the two feature maps. All anchors are cell centres of unit size."""


def anchors() -> np.ndarray:
    """Centres (896, 2) of all anchors, (x, y) as parts of the picture's side, in the order of the outputs."""
    maps = []
    for cells, count in ANCHORS:
        y, x = (np.indices((cells, cells)) + 0.5) / cells
        maps.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), count, axis=0))
    return np.concatenate(maps).astype(np.float32)


def convert(data: bytes) -> onnx.ModelProto:
    """The ONNX graph of the detector in the TensorFlow Lite file `data`.

    In: `frame` uint8 (B, 128, 128, 3). Out: `boxes` f32 (B, 896, 4) as left, top, right, bottom, `landmarks` f32
    (B, 896, 6, 2) (eyes, nose, mouth, ears; of the person, right first), both as parts of the side, and `scores`
    f32 (B, 896), probabilities. Raises `ValueError` or `AttributeError` for another graph than the expected one.
    """
    work = Converter(data)
    node, constant = work.node, work.constant
    node("Cast", ["frame"], "bytes", to=TensorProto.FLOAT)
    node("Div", ["bytes", constant("half", np.array(127.5, np.float32))], "doubled")
    node("Sub", ["doubled", constant("one", np.array(1, np.float32))], "scaled")
    node("Transpose", ["scaled"], f"t{int(work.graph.Inputs(0))}", perm=[0, 3, 1, 2])
    work.run()
    # Sixteen numbers an anchor, in pixels: offset of the box's centre, its size, offsets of six landmarks.
    node("Mul", [work.output(0), constant("pixel", np.array(1 / SIDE, np.float32))], "parts")
    split = constant("split", np.array([2, 2, 12], np.int64))
    work.nodes.append(helper.make_node("Split", ["parts", split], ["offset", "size", "spread"], axis=2))
    node("Add", ["offset", constant("anchors", anchors())], "centre")
    node("Mul", ["size", constant("two", np.array(0.5, np.float32))], "reach")
    node("Sub", ["centre", "reach"], "low")
    node("Add", ["centre", "reach"], "high")
    node("Concat", ["low", "high"], "boxes", axis=2)
    node("Reshape", ["spread", constant("pairs", np.array([0, -1, 6, 2], np.int64))], "offsets")
    node("Add", ["offsets", constant("anchors_of_six", anchors()[:, None])], "landmarks")
    node("Sigmoid", [work.output(1)], "probability")
    node("Squeeze", ["probability", constant("last", np.array([2], np.int64))], "scores")
    count = len(anchors())
    outputs = {"boxes": [count, 4], "landmarks": [count, 6, 2], "scores": [count]}
    return work.assemble("blazeface_short_range", "BlazeFace short range", SIDE, outputs)


if __name__ == "__main__":
    onnx.save(convert(Path(sys.argv[1]).read_bytes()), sys.argv[2])
