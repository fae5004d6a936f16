"""The pose detector from MediaPipe's weights: run once, its results are kept as assets, for people who are moved
(`runtime/layers/figure/pose.py`) and for the evaluation.

    python -m export.assets.pose pose_detection.tflite pose_landmark_full.tflite runtime/assets

BlazePose (Bazarevsky et al. 2020, arXiv:2006.10204; Apache-2.0): the files lie in the wheel of mediapipe 0.10.21 under
mediapipe/modules. Reading them needs the package `tflite` (2.18).

Kept small: weights are rounded, in the first network, which only says where to look, to 8 bits, in the second to 12 (8
would move points by 2 to 3 pixels of 256); the files are compressed. docs/evaluation.md says what that costs.
"""

from __future__ import annotations

import lzma
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.assets.tflite import Converter

FINDER_SIDE, POINTS_SIDE = 224, 256
"""Height and width in pixels of what the two networks look at."""
PLACES = 4
"""Of every found person: middle of the hips, and a point above that tells size and slant; the same for the chest."""
POINTS = 39
"""33 points of the body, two that tell where to look next, four that MediaPipe does not use."""
NUMBERS = 5
"""Of every point: x, y, depth, visibility, presence."""
STRIDES = (8, 16, 32, 32, 32)
FINDER_BITS, POINTS_BITS = 8, 12


def anchors() -> np.ndarray:
    """Centres (2254, 2) of the finder's anchors, (x, y) as parts of the side, in the order of its outputs: two a
    cell of each map, six where three layers share it.
    """
    maps = []
    for stride in sorted(set(STRIDES)):
        cells = FINDER_SIDE // stride
        y, x = (np.indices((cells, cells)) + 0.5) / cells
        maps.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), 2 * STRIDES.count(stride), axis=0))
    return np.concatenate(maps).astype(np.float32)


def convert_finder(data: bytes, bits: int | None = FINDER_BITS) -> onnx.ModelProto:
    """The ONNX graph that finds people, from the TensorFlow Lite file `data`.

    In: `frame` uint8 (B, 224, 224, 3). Out: `boxes` f32 (B, 2254, 4) of their faces as left, top, right, bottom,
    `places` f32 (B, 2254, 4, 2), both as parts of the side, and `scores` f32 (B, 2254), probabilities. Raises
    `ValueError` or `AttributeError` for another graph.
    """
    work = Converter(data, bits)
    node, constant = work.node, work.constant
    node("Cast", ["frame"], "bytes", to=TensorProto.FLOAT)
    node("Div", ["bytes", constant("half", np.float32(127.5))], "doubled")
    node("Sub", ["doubled", constant("one", np.float32(1))], "scaled")
    node("Transpose", ["scaled"], f"t{int(work.graph.Inputs(0))}", perm=[0, 3, 1, 2])
    work.run()
    node("Mul", [work.output(0), constant("pixel", np.float32(1 / FINDER_SIDE))], "parts")
    split = constant("split", np.array([2, 2, 2 * PLACES], np.int64))
    work.nodes.append(helper.make_node("Split", ["parts", split], ["offset", "size", "spread"], axis=2))
    node("Add", ["offset", constant("anchors", anchors())], "centre")
    node("Mul", ["size", constant("two", np.float32(0.5))], "reach")
    node("Sub", ["centre", "reach"], "low")
    node("Add", ["centre", "reach"], "high")
    node("Concat", ["low", "high"], "boxes", axis=2)
    node("Reshape", ["spread", constant("pairs", np.array([0, -1, PLACES, 2], np.int64))], "offsets")
    node("Add", ["offsets", constant("anchors_of_four", anchors()[:, None])], "places")
    node("Sigmoid", [work.output(1)], "probability")
    node("Squeeze", ["probability", constant("last", np.array([2], np.int64))], "scores")
    count = len(anchors())
    outputs = {"boxes": [count, 4], "places": [count, PLACES, 2], "scores": [count]}
    return work.assemble("pose_finder", "BlazePose", FINDER_SIDE, outputs)


def convert_points(data: bytes, bits: int | None = POINTS_BITS) -> onnx.ModelProto:
    """The ONNX graph that places the points of a person, from the TensorFlow Lite file `data`.

    In: `frame` uint8 (B, 256, 256, 3), one person, upright. Out: `points` f32 (B, 39, 5): x and y as parts of the
    side, depth, visibility and presence as logarithms of odds; `heat` f32 (B, 39, 64, 64), where each is, the same;
    `scores` f32 (B,), the probability that it is a person; `person` f32 (B, 1, 256, 256), which pixels show it, as
    logarithms of odds. The points in metres are left out. Raises `ValueError` or `AttributeError` for another graph.
    """
    work = Converter(data, bits)
    node, constant = work.node, work.constant
    node("Cast", ["frame"], "bytes", to=TensorProto.FLOAT)
    node("Div", ["bytes", constant("white", np.float32(255))], "scaled")
    node("Transpose", ["scaled"], f"t{int(work.graph.Inputs(0))}", perm=[0, 3, 1, 2])
    work.run()
    node("Reshape", [work.output(0), constant("fives", np.array([0, POINTS, NUMBERS], np.int64))], "numbers")
    units = np.array([1 / POINTS_SIDE] * 3 + [1, 1], np.float32)
    node("Mul", ["numbers", constant("units", units)], "points")
    node("Identity", [work.output(3)], "heat")
    node("Reshape", [work.output(1), constant("line", np.array([-1], np.int64))], "scores")
    node("Identity", [work.output(2)], "person")
    outputs = {"points": [POINTS, NUMBERS], "heat": [POINTS, 64, 64], "scores": [], "person": [1, *[POINTS_SIDE] * 2]}
    return work.assemble("pose_points", "BlazePose", POINTS_SIDE, outputs)


def _compressed(model: onnx.ModelProto) -> bytes:
    # Rounded weights are 16-bit numbers of which few bits vary: the compressor is told of their alignment.
    aligned = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 3, "lp": 1, "pb": 1}]
    return lzma.compress(model.SerializeToString(), filters=aligned)


if __name__ == "__main__":
    finder, points, folder = map(Path, sys.argv[1:])
    (folder / "pose_finder.onnx.xz").write_bytes(_compressed(convert_finder(finder.read_bytes())))
    (folder / "pose_points.onnx.xz").write_bytes(_compressed(convert_points(points.read_bytes())))
