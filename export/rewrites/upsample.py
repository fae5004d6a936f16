"""Nearest x2 upsampling and a 3x3 convolution become one 2x2 convolution at the low resolution.

With u the upsampled map, u[2i + a] = x[i] for a in {0, 1}, the convolution sum_d w[d] u[r + d], d in {-1,
0, 1}, reads in each direction only two different pixels:

    r = 2i:      w[-1] x[i-1] + (w[0] + w[1]) x[i]
    r = 2i + 1: (w[-1] + w[0]) x[i] + w[1] x[i+1]

so each of the four phases (row parity, column parity) is a 2x2 convolution: 4 instead of 9 multiplications
a pixel. One convolution with 4C output channels and a zero border of one pixel computes P[j] from x[j-1],
x[j] for every j in 0..h; the even rows are P_even[i], the odd ones P_odd[i + 1]. Interleaved with the odd
phase first, they are P_odd[0], P_even[0], P_odd[1], ..., and dropping one row and column at
each side leaves the answer, exact at the borders too: the zero outside x stands exactly where the zero
outside u stood.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from export.rewrites.interleave import interleave
from export.rewrites.splice import Splice, constant_of, is_plain_conv3, sole_user, static_shape, text, tidy

_EVEN = np.array([[1, 0, 0], [0, 1, 1]], dtype=np.float64)  # (tap of x[i-1], x[i]; tap of w)
_ODD = np.array([[1, 1, 0], [0, 0, 1]], dtype=np.float64)  # (tap of x[i], x[i+1]; tap of w)


def phase_kernels(weight: np.ndarray) -> np.ndarray:
    """(4 C_out, C_in, 2, 2) kernels from (C_out, C_in, 3, 3), summed in float64; odd phases first, in the order of
    `interleave`: channel (row phase * 2 + column phase) * C_out + c."""
    taps = np.stack([_ODD, _EVEN])
    kernels = np.einsum("aur,bvc,oirc->aboiuv", taps, taps, weight.astype(np.float64))
    return kernels.reshape(-1, weight.shape[1], 2, 2).astype(weight.dtype)


def _is_nearest_double(node: ir.Node) -> bool:
    if node.op_type != "Resize" or text(node, "mode", "nearest") != "nearest":
        return False
    convention = text(node, "coordinate_transformation_mode", "half_pixel")
    rounding = text(node, "nearest_mode", "round_prefer_floor")
    # Both pairs pick x[r // 2] for output r; half_pixel with floor would not.
    if (convention, rounding) not in {("asymmetric", "floor"), ("half_pixel", "round_prefer_floor")}:
        return False
    before, after = static_shape(node.inputs[0]), static_shape(node.outputs[0])
    if before is None or after is None or len(before) != 4 or None in before[1:] or None in after[1:]:
        return False
    return after[1:] == (before[1], 2 * before[2], 2 * before[3])  # type: ignore[operator]


def _rewrite_site(conv: ir.Node, source: ir.Value) -> None:
    weight, shape = constant_of(conv.inputs[1]), static_shape(source)
    bias = constant_of(conv.inputs[2]) if len(conv.inputs) > 2 else None
    assert weight is not None
    assert shape is not None
    height, width = shape[2], shape[3]
    assert height is not None
    assert width is not None
    new = Splice(conv)
    inputs = [source, new.constant(phase_kernels(weight), "phases")]
    if bias is not None:
        inputs.append(new.constant(np.tile(bias, 4), "phase_bias"))
    phases = new.op("Conv", inputs, kernel_shape=[2, 2], pads=[1] * 4)
    size = (weight.shape[0], height + 1, width + 1)
    spread = interleave(new, phases, (2, 2), size)
    edges = [new.constant(ends, hint) for ends, hint in (([1, 1], "first"), ([-1, -1], "last"), ([2, 3], "axes"))]
    new.replace(conv.outputs[0], new.op("Slice", [spread, *edges]))


def apply(model: ir.Model) -> int:
    """Rewrite every nearest x2 `Resize` that only feeds one plain 3x3 `Conv`; returns the number of sites."""
    sites = []
    for node in model.graph:
        if _is_nearest_double(node):
            conv = sole_user(node.outputs[0])
            if conv is not None and conv.op_type == "Conv" and is_plain_conv3(conv):
                sites.append((conv, node.inputs[0]))
    for conv, source in sites:
        assert source is not None
        _rewrite_site(conv, source)
    tidy(model)
    return len(sites)
