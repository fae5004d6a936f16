"""The face detector of `runtime/faces.py` from MediaPipe's weights: run once, its result lies in runtime/assets.

    python -m export.face_detector face_detection_short_range.tflite runtime/assets/face.onnx

BlazeFace, short range (Bazarevsky et al. 2019, arXiv:1907.05047; Apache-2.0): the file lies in the wheel of
mediapipe 0.10.21 under mediapipe/modules/face_detection. Reading it needs the package `tflite` (2.18). Scaling of
the bytes and decoding of the anchors become parts of the graph, so that the engine gets boxes and probabilities.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 128
"""Height and width in pixels of what the network looks at."""

ANCHORS = ((16, 2), (8, 6))
"""Cells along a side, and anchors a cell, of the two feature maps. All anchors are cell centres of unit size."""

_HALF, _FLOAT, _INT = 1, 0, 2  # tensor types in the schema
_PADDINGS = {0: "SAME_UPPER", 1: "VALID"}


class _Converter:
    """Turns the operators of a TensorFlow Lite graph, which is NHWC, into ONNX nodes in NCHW."""

    def __init__(self, data: bytes) -> None:
        import tflite  # here: only this conversion, done once, needs it

        self.schema: Any = tflite
        self.model: Any = tflite.Model.GetRootAs(data, 0)
        self.graph: Any = self.model.Subgraphs(0)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._kinds = {number: name for name, number in vars(tflite.BuiltinOperator).items() if name.isupper()}
        self._halves: dict[int, int] = {}  # dequantised tensor -> the stored one

    def run(self) -> None:
        for index in range(self.graph.OperatorsLength()):
            operator = self.graph.Operators(index)
            kind = self._kinds[self.model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()]
            inputs, outputs = (list(map(int, each())) for each in (operator.InputsAsNumpy, operator.OutputsAsNumpy))
            if kind == "DEQUANTIZE":
                self._halves[outputs[0]] = inputs[0]
            else:
                getattr(self, f"_{kind.lower()}")(operator, inputs, f"t{outputs[0]}")

    def output(self, index: int) -> str:
        return f"t{int(self.graph.Outputs(index))}"

    def constant(self, name: str, value: np.ndarray) -> str:
        """A constant in the precision in which it is stored; half precision becomes float32 when it is loaded."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        if value.dtype != np.float16:
            return name
        return self.node("Cast", [name], f"{name}_float", to=TensorProto.FLOAT)

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _stored(self, tensor: int) -> np.ndarray:
        described = self.graph.Tensors(self._halves.get(tensor, tensor))
        kind = {_HALF: np.float16, _FLOAT: np.float32, _INT: np.int32}[described.Type()]
        return self.model.Buffers(described.Buffer()).DataAsNumpy().view(kind).reshape(described.ShapeAsNumpy())

    def _options(self, operator: Any, kind: str) -> Any:
        options = getattr(self.schema, kind)()
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        if kind != "ConcatenationOptions" and options.FusedActivationFunction():
            raise ValueError(f"{kind} with a fused activation, which this file is not expected to have")
        return options

    def _convolve(self, options: Any, inputs: list[int], output: str, weight: np.ndarray, group: int) -> None:
        names = [self.constant(f"{output}_w", weight), self.constant(f"{output}_b", self._stored(inputs[2]))]
        strides = [options.StrideH(), options.StrideW()]
        pad = _PADDINGS[options.Padding()]
        self.node("Conv", [f"t{inputs[0]}", *names], output, strides=strides, auto_pad=pad, group=group)

    def _conv_2d(self, operator: Any, inputs: list[int], output: str) -> None:
        weight = self._stored(inputs[1]).transpose(0, 3, 1, 2)
        self._convolve(self._options(operator, "Conv2DOptions"), inputs, output, weight, 1)

    def _depthwise_conv_2d(self, operator: Any, inputs: list[int], output: str) -> None:
        weight = self._stored(inputs[1]).transpose(3, 0, 1, 2)
        self._convolve(self._options(operator, "DepthwiseConv2DOptions"), inputs, output, weight, len(weight))

    def _max_pool_2d(self, operator: Any, inputs: list[int], output: str) -> None:
        options = self._options(operator, "Pool2DOptions")
        kernel, strides = [options.FilterHeight(), options.FilterWidth()], [options.StrideH(), options.StrideW()]
        pad = _PADDINGS[options.Padding()]
        self.node("MaxPool", [f"t{inputs[0]}"], output, kernel_shape=kernel, strides=strides, auto_pad=pad)

    def _pad(self, operator: Any, inputs: list[int], output: str) -> None:
        pads = self._stored(inputs[1])[[0, 3, 1, 2]].T.reshape(-1).astype(np.int64)
        self.node("Pad", [f"t{inputs[0]}", self.constant(f"{output}_pads", pads)], output)

    def _relu(self, operator: Any, inputs: list[int], output: str) -> None:
        self.node("Relu", [f"t{inputs[0]}"], output)

    def _add(self, operator: Any, inputs: list[int], output: str) -> None:
        self.node("Add", [f"t{each}" for each in inputs], output)

    def _reshape(self, operator: Any, inputs: list[int], output: str) -> None:
        values = int(self.graph.Tensors(int(operator.Outputs(0))).ShapeAsNumpy()[-1])
        self.node("Transpose", [f"t{inputs[0]}"], f"{output}_last", perm=[0, 2, 3, 1])
        shape = self.constant(f"{output}_shape", np.array([0, -1, values], np.int64))
        self.node("Reshape", [f"{output}_last", shape], output)

    def _concatenation(self, operator: Any, inputs: list[int], output: str) -> None:
        axis = self._options(operator, "ConcatenationOptions").Axis()
        self.node("Concat", [f"t{each}" for each in inputs], output, axis=axis)


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
    work = _Converter(data)
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
    return _assemble(work)


def _assemble(work: _Converter) -> onnx.ModelProto:
    count = len(anchors())
    outputs = {"boxes": [count, 4], "landmarks": [count, 6, 2], "scores": [count]}
    graph = helper.make_graph(
        work.nodes,
        "blazeface_short_range",
        [helper.make_tensor_value_info("frame", TensorProto.UINT8, ["batch", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape]) for name, shape in outputs.items()],
        work.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    model.doc_string = "BlazeFace short range from MediaPipe 0.10.21, Apache-2.0, Copyright The MediaPipe Authors"
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    onnx.save(convert(Path(sys.argv[1]).read_bytes()), sys.argv[2])
