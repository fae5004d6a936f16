"""A large convolution to few channels, row of the kernel by row: every row becomes channels of its own.

A k x k kernel is k kernels of one row, whose results are added, each a row further:

    y[i, j] = sum_u z_u[i + u, j],    z_u[i, j] = sum_v w[u, v] x[i, j + v].

One convolution with a 1 x k kernel gives the z of all u as k C_out channels, which fill the blocks of 8 or 16 that the
CPU computes at a time; `narrow` fills them with neighbouring pixels and multiplies by zeros for it. Groups of 1 x q
pixels fill what is left, as there. On one core with AVX-512, direct, by `narrow` and by this, in ms: 64 to 3 channels,
7x7 at 256x256, (not taken), 22.5 and 17.2; 112 to 12 at 64x64, (not taken), 7.2 and 6.2; 35 to 11, 3.4, 2.9 and 1.8.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from export.rewrites.interleave import interleave
from export.rewrites.narrow import GAIN, LEAST_INPUTS, block_cost, is_square
from export.rewrites.splice import Splice, constant_of, ints, rewrite_convolutions, static_shape

LEAST_KERNEL = 5
"""Rows and columns of a kernel from which a rewrite is looked for."""

MOST_OUTPUTS = 24
"""Output channels up to which it is."""

_GROUPS = (1, 2, 4)
_MOVED = 45
"""What adding up one number of one row costs, in multiplications."""


def _cost(outputs: int, inputs: int, kernel: int, columns: int) -> float:
    """An estimate for one pixel, in units of multiplications."""
    products = block_cost(outputs * kernel * columns, inputs * (kernel + columns - 1)) / columns
    return products + _MOVED * outputs * kernel


def _choose(conv: ir.Node) -> tuple[int, int] | None:
    """Kernel and pixels of a group, None where `conv` stays as it is."""
    weight, shape = constant_of(conv.inputs[1]), static_shape(conv.outputs[0])
    if weight is None or shape is None or not is_square(conv) or shape[2] is None or shape[3] is None:
        return None
    outputs, inputs, kernel, _ = weight.shape
    if kernel < LEAST_KERNEL or outputs > MOST_OUTPUTS or inputs < LEAST_INPUTS:
        return None
    costs = {columns: _cost(outputs, inputs, kernel, columns) for columns in _GROUPS if shape[3] % columns == 0}
    best = min(costs, key=lambda columns: costs[columns])
    return (kernel, best) if costs[best] < GAIN * block_cost(outputs, inputs * kernel**2) else None


def row_kernels(weight: np.ndarray, columns: int) -> np.ndarray:
    """(k columns C_out, C_in, 1, k + columns - 1) from (C_out, C_in, k, k): rows of the kernel, and of each those
    shifted by the place of a pixel in its group.
    """
    outputs, inputs, kernel, width = weight.shape
    kernels = np.zeros((kernel, columns, outputs, inputs, 1, width + columns - 1), weight.dtype)
    for column in range(columns):
        kernels[:, column, :, :, 0, column : column + width] = weight.transpose(2, 0, 1, 3)
    return kernels.reshape(-1, *kernels.shape[3:])


def _rewrite_site(conv: ir.Node, kernel: int, columns: int) -> None:
    new = Splice(conv)
    weight, shape = constant_of(conv.inputs[1]), static_shape(conv.outputs[0])
    assert weight is not None
    assert shape is not None
    outputs, height, width = weight.shape[0], shape[2], shape[3]
    assert height is not None
    assert width is not None
    each = outputs * columns
    inputs = [conv.inputs[0], new.constant(row_kernels(weight, columns), "rows")]
    bias = constant_of(conv.inputs[2]) if len(conv.inputs) > 2 else None
    if bias is not None:  # once: with the first row
        inputs.append(new.constant(np.pad(np.tile(bias, columns), (0, (kernel - 1) * each)), "rows_bias"))
    settings = {"kernel_shape": [1, weight.shape[3] + columns - 1], "strides": [1, columns]}
    rows = new.op("Conv", inputs, pads=ints(conv, "pads", [0] * 4), **settings)
    axes = new.constant([1, 2], "axes")
    parts = []
    for row in range(kernel):
        first, last = [row * each, row], [(row + 1) * each, row + height]
        parts.append(new.op("Slice", [rows, new.constant(first, "first"), new.constant(last, "last"), axes]))
    summed = new.op("Sum", parts)
    new.replace(conv.outputs[0], interleave(new, summed, (1, columns), (outputs, height, width // columns)))


def apply(model: ir.Model) -> int:
    """Rewrite every convolution for which it pays; returns the number of sites."""
    return rewrite_convolutions(model, _choose, _rewrite_site)
