"""Convolutions of volumes become convolutions of their slices, and a sum over neighbouring ones.

With the depth in the batch, a convolution with a kernel of d x k x k is a picture's: one k x k convolution gives for
every slice what it adds to each of the d slices around it, as d C channels, and

    y[i] = sum_t z[i + t - p, t],   p = d // 2,

is a product with a fixed matrix of zeros and ones (D, D d). ONNX Runtime's CPU has no blocked kernels for volumes, only
for pictures, and these the other rewrites know: Winograd's filtering, upsampling, convolutions to few channels. What
stands between two convolutions (norm, ReLU, pooling, upsampling and joining in the plane of the slices) is carried over
too, so that slices are taken apart and put together once.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from export.rewrites.splice import Splice, constant_of, has_plain_bias, ints, number, static_shape, text, tidy

_PER_NUMBER = ("Relu", "LeakyRelu", "Sigmoid", "BatchNormalization", "Add", "Concat")
"""Operators that do to slices what they do to a volume, given slices for every volume that they read."""


def _sizes(value: ir.Value | None) -> tuple[int, int, int, int] | None:
    """Channels, depth, height and width of a volume; None for what is none, or where they are not known."""
    shape = static_shape(value)
    if shape is None or len(shape) != 5 or None in shape[1:]:
        return None
    return shape[1:]  # type: ignore[return-value]


def _is_sliced_conv(node: ir.Node) -> bool:
    """Whether `node` is a convolution of known weights with stride 1 whose results are as deep as what it reads."""
    weight = constant_of(node.inputs[1]) if node.op_type == "Conv" else None
    if weight is None or weight.ndim != 5:
        return False
    pads = ints(node, "pads", [0] * 6)
    return (
        has_plain_bias(node)
        and weight.shape[2] % 2 == 1
        and pads[0] == pads[3] == weight.shape[2] // 2
        and ints(node, "strides", [1] * 3) == [1] * 3
        and ints(node, "dilations", [1] * 3) == [1] * 3
        and text(node, "auto_pad", "NOTSET") == "NOTSET"
        and number(node, "group", 1) == 1
    )


def _is_plane_pool(node: ir.Node) -> bool:
    kernel = ints(node, "kernel_shape", [])
    return (
        node.op_type == "AveragePool"
        and len(kernel) == 3
        and (kernel[0], ints(node, "strides", [1] * 3)[0]) == (1, 1)
        and ints(node, "pads", [0] * 6) == [0] * 6
        and not number(node, "ceil_mode", 0)
    )


def _is_plane_resize(node: ir.Node) -> bool:
    if node.op_type != "Resize" or text(node, "mode", "nearest") != "nearest":
        return False
    before, after = _sizes(node.inputs[0]), _sizes(node.outputs[0])
    return before is not None and after is not None and before[:2] == after[:2]


def _volumes(node: ir.Node) -> list[ir.Value]:
    """What `node` reads beside weights and sizes."""
    count = len(node.inputs) if node.op_type in ("Add", "Concat") else 1
    return [value for value in node.inputs[:count] if value is not None]


def _can(node: ir.Node) -> bool:
    if any(_sizes(value) is None for value in (*_volumes(node), node.outputs[0])):
        return False
    if node.op_type == "Concat" and number(node, "axis", 0) != 1:
        return False
    if node.op_type == "Add" and _sizes(node.inputs[0]) != _sizes(node.inputs[1]):
        return False
    return node.op_type in _PER_NUMBER or _is_sliced_conv(node) or _is_plane_pool(node) or _is_plane_resize(node)


class _Slices:
    """The slices (B D, C, H, W) of volumes (B, C, D, H, W), made once each."""

    def __init__(self) -> None:
        self._known: dict[ir.Value, ir.Value] = {}

    def __contains__(self, volume: ir.Value) -> bool:
        return volume in self._known

    def of(self, new: Splice, volume: ir.Value) -> ir.Value:
        """Those of `volume`, which were computed if an operator before gave them."""
        if volume not in self._known:
            channels, _, height, width = _sizes(volume) or (0, 0, 0, 0)
            slower = new.op("Transpose", [volume], perm=[0, 2, 1, 3, 4])
            shape = new.constant([-1, channels, height, width], "slices_shape")
            self._known[volume] = new.op("Reshape", [slower, shape])
        return self._known[volume]

    def give(self, node: ir.Node, new: Splice, slices: ir.Value) -> None:
        """`slices` are those of what `node` gives, and whoever wants that as a volume has it put together again."""
        channels, depth, height, width = _sizes(node.outputs[0]) or (0, 0, 0, 0)
        shape = new.constant([-1, depth, channels, height, width], "volume_shape")
        volume = new.op("Transpose", [new.op("Reshape", [slices, shape])], perm=[0, 2, 1, 3, 4])
        new.replace(node.outputs[0], volume)
        self._known[volume] = slices


def neighbours(depth: int, taps: int) -> np.ndarray:
    """(D, D d) float32 of zeros and ones: which of the results, d to a slice, each slice is the sum of."""
    matrix = np.zeros((depth, depth, taps), np.float32)
    for tap in range(taps):
        for row in range(depth):
            other = row + tap - taps // 2
            if 0 <= other < depth:
                matrix[row, other, tap] = 1
    return matrix.reshape(depth, depth * taps)


def _convolution(node: ir.Node, new: Splice, slices: ir.Value) -> ir.Value:
    weight = constant_of(node.inputs[1])
    assert weight is not None
    outputs, inputs, taps, *kernel = weight.shape
    flat = weight.transpose(2, 0, 1, 3, 4).reshape(taps * outputs, inputs, *kernel)
    given = [slices, new.constant(flat, "taps")]
    bias = constant_of(node.inputs[2]) if len(node.inputs) > 2 else None
    if bias is not None:  # once for each result: by the tap of the slice itself, which none lacks
        per_tap = np.zeros((taps, outputs), bias.dtype)
        per_tap[taps // 2] = bias
        given.append(new.constant(per_tap.reshape(-1), "tap_bias"))
    pads = ints(node, "pads", [0] * 6)
    result = new.op("Conv", given, kernel_shape=kernel, pads=[*pads[1:3], *pads[4:6]])
    _, depth, height, width = _sizes(node.outputs[0]) or (0, 0, 0, 0)
    if taps == 1:
        return result
    lines = new.constant([-1, depth * taps, outputs * height * width], "taps_shape")
    summed = new.op("MatMul", [new.constant(neighbours(depth, taps), "neighbours"), new.op("Reshape", [result, lines])])
    return new.op("Reshape", [summed, new.constant([-1, outputs, height, width], "sliced_shape")])


def _rewrite_site(node: ir.Node, known: _Slices) -> None:
    new = Splice(node)
    slices = [known.of(new, volume) for volume in _volumes(node)]
    if node.op_type == "Conv":
        result = _convolution(node, new, slices[0])
    elif node.op_type == "AveragePool":
        sizes = {name: ints(node, name, [1] * 3)[1:] for name in ("kernel_shape", "strides")}
        result = new.op("AveragePool", slices, **sizes)
    elif node.op_type == "Resize":
        before, after = _sizes(node.inputs[0]), _sizes(node.outputs[0])
        assert before is not None
        assert after is not None
        scales = np.array([1, 1, after[2] / before[2], after[3] / before[3]], np.float32)
        settings = {name: attribute.value for name, attribute in node.attributes.items()}
        result = new.op("Resize", [*slices, None, new.constant(scales, "scales")], **settings)
    else:
        settings = {name: attribute.value for name, attribute in node.attributes.items()}
        result = new.op(node.op_type, [*slices, *node.inputs[len(slices) :]], **settings)
    known.give(node, new, result)


def apply(model: ir.Model) -> int:
    """Rewrite every convolution of a volume, and what stands between them; returns the number of convolutions."""
    nodes = [node for node in model.graph if _can(node)]
    convolutions = sum(node.op_type == "Conv" for node in nodes)
    if not convolutions:
        return 0
    known = _Slices()
    for node in nodes:
        # What no convolution stands before would only be taken apart and put together.
        if node.op_type == "Conv" or any(volume in known for volume in _volumes(node)):
            _rewrite_site(node, known)
    tidy(model)
    return convolutions
