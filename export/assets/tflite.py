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
_PLAIN, _RELU6 = 0, 3  # activations in the schema
_LEAST_SIZE = 4096
"""Elements of a weight from which rounding it is worth two nodes."""


class Converter:
    """Turns the operators of a TensorFlow Lite graph, which is NHWC, into ONNX nodes in NCHW."""

    def __init__(self, data: bytes, bits: int | None = None, *, plain: bool = True) -> None:
        """`bits`: round large weights to so many (at most 16), with a scale for every output channel; by default they
        are kept as they are stored. `plain`: one node for every operator, rather than the fastest ones.
        """
        import tflite  # here: only this conversion, done once, needs it

        self.bits, self.plain = bits, plain

        self.schema: Any = tflite
        self.model: Any = tflite.Model.GetRootAs(data, 0)
        self.graph: Any = self.model.Subgraphs(0)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._kinds = {number: name for name, number in vars(tflite.BuiltinOperator).items() if name.isupper()}
        self._stored_as: dict[int, int] = {}  # dequantised or densified tensor -> the stored one

    def run(self) -> None:
        """Convert all operators; tensor n of the graph becomes the value `tn`.

        Raises `ValueError` or `AttributeError` for what these networks do not have.
        """
        for index in range(self.graph.OperatorsLength()):
            operator = self.graph.Operators(index)
            code = self.model.OperatorCodes(operator.OpcodeIndex())
            kind = self._kinds[code.BuiltinCode()]
            if kind == "CUSTOM":
                kind = code.CustomCode().decode()
            inputs, outputs = (list(map(int, each())) for each in (operator.InputsAsNumpy, operator.OutputsAsNumpy))
            if kind in ("DEQUANTIZE", "DENSIFY"):
                self._stored_as[outputs[0]] = inputs[0]
            else:
                getattr(self, f"_{kind.lower()}")(operator, inputs, f"t{outputs[0]}")

    def keep(self, outputs: list[str]) -> None:
        """Drop the nodes and constants on which none of the values `outputs` depends."""
        wanted, kept = set(outputs), []
        for node in reversed(self.nodes):
            if wanted & set(node.output):
                wanted |= set(node.input)
                kept.append(node)
        self.nodes = kept[::-1]
        self.weights = [weight for weight in self.weights if weight.name in wanted]

    def assemble(self, name: str, source: str, side: int, outputs: dict[str, list[int]]) -> onnx.ModelProto:
        """The checked model: `frame` uint8 (B, side, side, 3) to the float `outputs`, given with their shapes but the
        first dimension. `source` says whose network it is.
        """
        self.keep(list(outputs))
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("frame", TensorProto.UINT8, ["batch", side, side, 3])],
            [
                helper.make_tensor_value_info(key, TensorProto.FLOAT, ["batch", *shape])
                for key, shape in outputs.items()
            ],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        model.doc_string = f"{source} from MediaPipe 0.10.21, Apache-2.0, Copyright The MediaPipe Authors"
        onnx.checker.check_model(model, full_check=True)
        return model

    def output(self, index: int) -> str:
        """Name of the graph's output number `index`."""
        return f"t{int(self.graph.Outputs(index))}"

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        """A constant in the precision in which it is stored; half precision becomes float32 when it is loaded."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        if value.dtype != np.float16:
            return name
        return self.node("Cast", [name], f"{name}_float", to=TensorProto.FLOAT)

    def weight(self, name: str, value: np.ndarray) -> str:
        """A convolution's weight (O, I, h, w), rounded if this converter was asked for it."""
        if self.bits is None or value.size < _LEAST_SIZE:
            return self.constant(name, value)
        value = value.astype(np.float32)
        largest = np.abs(value).max(axis=(1, 2, 3), keepdims=True)
        scale = np.where(largest > 0, largest / (2 ** (self.bits - 1) - 1), 1).astype(np.float32)
        rounded = np.rint(value / scale).astype(np.int8 if self.bits <= 8 else np.int16)
        self.weights.append(numpy_helper.from_array(rounded, f"{name}_rounded"))
        self.node("Cast", [f"{name}_rounded"], f"{name}_cast", to=TensorProto.FLOAT)
        return self.node("Mul", [f"{name}_cast", self.constant(f"{name}_scale", scale)], name)

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node with one output; returns that."""
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _stored(self, tensor: int) -> np.ndarray:
        while tensor in self._stored_as:
            tensor = self._stored_as[tensor]
        described = self.graph.Tensors(tensor)
        kind = {_HALF: np.float16, _FLOAT: np.float32, _INT: np.int32}[described.Type()]
        values = self.model.Buffers(described.Buffer()).DataAsNumpy().view(kind)
        shape = described.ShapeAsNumpy()
        return values.reshape(shape) if described.Sparsity() is None else _dense(values, shape, described.Sparsity())

    def _options(self, operator: Any, kind: str) -> Any:
        options = getattr(self.schema, kind)()
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def _activated(self, kind: str, options: Any, inputs: list[str], output: str, **attributes: Any) -> None:
        """A node, and the activation that is fused into it. Raises `ValueError` for one that we do not have."""
        activation = options.FusedActivationFunction()
        if activation not in (_PLAIN, _RELU6):
            raise ValueError(f"{kind} with fused activation {activation}, which this file is not expected to have")
        if activation == _PLAIN:
            self.node(kind, inputs, output, **attributes)
            return
        self.node(kind, inputs, f"{output}_open", **attributes)
        ends = [self.constant(f"{output}_{end}", np.float32(end)) for end in (0, 6)]
        self.node("Clip", [f"{output}_open", *ends], output)

    def _convolve(self, options: Any, inputs: list[int], output: str, weight: np.ndarray, group: int) -> None:
        names = [self.weight(f"{output}_w", weight), self.constant(f"{output}_b", self._stored(inputs[2]))]
        strides = [options.StrideH(), options.StrideW()]
        pad = _PADDINGS[options.Padding()]
        self._activated("Conv", options, [f"t{inputs[0]}", *names], output, strides=strides, auto_pad=pad, group=group)

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
        self._activated(
            "MaxPool", options, [f"t{inputs[0]}"], output, kernel_shape=kernel, strides=strides, auto_pad=pad
        )

    def _pad(self, operator: Any, inputs: list[int], output: str) -> None:
        pads = self._stored(inputs[1])[[0, 3, 1, 2]].T.reshape(-1).astype(np.int64)
        self.node("Pad", [f"t{inputs[0]}", self.constant(f"{output}_pads", pads)], output)

    def _relu(self, operator: Any, inputs: list[int], output: str) -> None:
        self.node("Relu", [f"t{inputs[0]}"], output)

    def _prelu(self, operator: Any, inputs: list[int], output: str) -> None:
        slope, x = self._stored(inputs[1]).reshape(-1, 1, 1), f"t{inputs[0]}"
        if self.plain:
            self.node("PRelu", [x, self.constant(f"{output}_slope", slope)], output)
            return
        # s x + (1 - s) max(x, 0): the same, and several times faster in ONNX Runtime, whose PRelu goes value by value.
        below = self.node("Mul", [x, self.constant(f"{output}_slope", slope)], f"{output}_below")
        rest = self.constant(f"{output}_rest", (1 - slope.astype(np.float32)).astype(np.float32))
        above = self.node("Mul", [self.node("Relu", [x], f"{output}_relu"), rest], f"{output}_above")
        self.node("Add", [below, above], output)

    def _add(self, operator: Any, inputs: list[int], output: str) -> None:
        self._activated("Add", self._options(operator, "AddOptions"), [f"t{each}" for each in inputs], output)

    def _logistic(self, operator: Any, inputs: list[int], output: str) -> None:
        self.node("Sigmoid", [f"t{inputs[0]}"], output)

    def _resize_bilinear(self, operator: Any, inputs: list[int], output: str) -> None:
        options = self._options(operator, "ResizeBilinearOptions")
        if options.AlignCorners() or not options.HalfPixelCenters():
            raise ValueError("RESIZE_BILINEAR on other grids than that of half pixels, which is not expected here")
        before = self.graph.Tensors(inputs[0]).ShapeAsNumpy()[1:3]
        factors = (self._stored(inputs[1]) / before).astype(np.float32)
        scales = self.constant(f"{output}_scales", np.concatenate([np.ones(2, np.float32), factors]))
        self.node("Resize", [f"t{inputs[0]}", "", scales], output, mode="linear")

    def _hard_swish(self, operator: Any, inputs: list[int], output: str) -> None:
        self.node("HardSwish", [f"t{inputs[0]}"], output)

    def _average_pool_2d(self, operator: Any, inputs: list[int], output: str) -> None:
        options = self._options(operator, "Pool2DOptions")
        before = self.graph.Tensors(inputs[0]).ShapeAsNumpy()[1:3].tolist()
        if [options.FilterHeight(), options.FilterWidth()] != before or options.FusedActivationFunction():
            raise ValueError("AVERAGE_POOL_2D of a part of the map, or with an activation, which is not expected here")
        self.node("GlobalAveragePool", [f"t{inputs[0]}"], output)

    def _mul(self, operator: Any, inputs: list[int], output: str) -> None:
        self._activated("Mul", self._options(operator, "MulOptions"), [f"t{each}" for each in inputs], output)

    def _convolution2dtransposebias(self, operator: Any, inputs: list[int], output: str) -> None:
        """MediaPipe's own operator: a transposed convolution whose steps are as long as its kernel, and a bias."""
        weight = self._stored(inputs[1]).transpose(3, 0, 1, 2)  # (O, h, w, I) -> (I, O, h, w)
        names = [self.constant(f"{output}_w", weight), self.constant(f"{output}_b", self._stored(inputs[2]))]
        self.node("ConvTranspose", [f"t{inputs[0]}", *names], output, strides=list(weight.shape[2:]))

    def _depth_to_space(self, operator: Any, inputs: list[int], output: str) -> None:
        size = self._options(operator, "DepthToSpaceOptions").BlockSize()
        self.node("DepthToSpace", [f"t{inputs[0]}"], output, blocksize=size, mode="DCR")

    def _reshape(self, operator: Any, inputs: list[int], output: str) -> None:
        values = int(self.graph.Tensors(int(operator.Outputs(0))).ShapeAsNumpy()[-1])
        self.node("Transpose", [f"t{inputs[0]}"], f"{output}_last", perm=[0, 2, 3, 1])
        shape = self.constant(f"{output}_shape", np.array([0, -1, values], np.int64))
        self.node("Reshape", [f"{output}_last", shape], output)

    def _concatenation(self, operator: Any, inputs: list[int], output: str) -> None:
        axis = self._options(operator, "ConcatenationOptions").Axis()
        self.node("Concat", [f"t{each}" for each in inputs], output, axis=axis)


def _dense(values: np.ndarray, shape: np.ndarray, sparsity: Any) -> np.ndarray:
    """The array of `shape` whose non-zero `values` are stored row by row, the last axis compressed.

    Raises `ValueError` for other ways of storing (blocks, another order, more axes compressed).
    """
    axes = [sparsity.DimMetadata(axis) for axis in range(sparsity.DimMetadataLength())]
    in_order = sparsity.TraversalOrderAsNumpy().tolist() == list(range(len(shape)))
    if not in_order or [axis.Format() for axis in axes] != [0] * (len(shape) - 1) + [1]:
        raise ValueError("a sparse weight whose last axis is not the only compressed one, which is not expected here")
    ends, places = (_numbers(axes[-1], name) for name in ("ArraySegments", "ArrayIndices"))
    rows = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    whole = np.zeros((len(ends) - 1, shape[-1]), values.dtype)
    whole[rows, places] = values
    return whole.reshape(shape)


def _numbers(axis: Any, name: str) -> np.ndarray:
    """A vector of whole numbers, which the schema allows to have any of three widths."""
    import tflite

    table = getattr(axis, name)()
    kind = {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"}[getattr(axis, f"{name}Type")()]
    vector = getattr(tflite, kind)()
    vector.Init(table.Bytes, table.Pos)
    return vector.ValuesAsNumpy().astype(np.int64)
