"""Reads the few small TensorFlow Lite networks that we use into ONNX: the operators they need and no more.

Needs the package `tflite` (2.18), the file format's schema; the conversions are done once and their results kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_HALF, _FLOAT, _INT = 1, 0, 2  # tensor types in the schema
_PADDINGS = {0: "SAME_UPPER", 1: "VALID"}


class Converter:
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
        """Convert all operators; tensor n of the graph becomes the value `tn`.

        Raises `ValueError` or `AttributeError` for what these networks do not have.
        """
        for index in range(self.graph.OperatorsLength()):
            operator = self.graph.Operators(index)
            kind = self._kinds[self.model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()]
            inputs, outputs = (list(map(int, each())) for each in (operator.InputsAsNumpy, operator.OutputsAsNumpy))
            if kind == "DEQUANTIZE":
                self._halves[outputs[0]] = inputs[0]
            else:
                getattr(self, f"_{kind.lower()}")(operator, inputs, f"t{outputs[0]}")

    def output(self, index: int) -> str:
        """Name of the graph's output number `index`."""
        return f"t{int(self.graph.Outputs(index))}"

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        """A constant in the precision in which it is stored; half precision becomes float32 when it is loaded."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        if value.dtype != np.float16:
            return name
        return self.node("Cast", [name], f"{name}_float", to=TensorProto.FLOAT)

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node with one output; returns that."""
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

    def _prelu(self, operator: Any, inputs: list[int], output: str) -> None:
        slope = self._stored(inputs[1]).reshape(-1, 1, 1)
        self.node("PRelu", [f"t{inputs[0]}", self.constant(f"{output}_slope", slope)], output)

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
