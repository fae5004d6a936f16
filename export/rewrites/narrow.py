"""A convolution to few channels computes several neighbouring pixels as channels of their own.

The CPU's kernels work on blocks of 8 (AVX2) or 16 (AVX-512) output channels, and only several blocks at once keep the
arithmetic units busy: a picture's three channels waste five of eight and half the rest. A p x q group of pixels sees
the same window, (k + p - 1) x (k + q - 1) pixels large, so one convolution with that kernel and strides (p, q) gives
all of them, with zeros where a pixel's own window does not reach:

    y[p i + a, q j + b] = sum_uv w[u, v] x[p i + a + u, q j + b + v]
                        = sum_uv w_ab[u, v] x[p i + u, q j + v],   w_ab[u, v] = w[u - a, v - b]

The products with zeros are fewer than those of a block that is filled up. Measured on one core with AVX2, direct and
rewritten, in ms: 12 to 3 channels, 3x3 at 256x256, 7.5 and 2.9. The sums are the same to the last bit: zeros are added,
nothing is reordered. Larger kernels are for `rows`, which comes first.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx_ir as ir

from export.rewrites.interleave import interleave
from export.rewrites.splice import (
    Splice,
    constant_of,
    has_plain_bias,
    ints,
    number,
    rewrite_convolutions,
    static_shape,
    text,
)

MOST_OUTPUTS = 12
"""Output channels up to which a rewrite is looked for."""

LEAST_INPUTS = 8
"""Input channels from which: fewer run in another kernel."""

GAIN = 0.85
"""Part of the direct cost below which an estimate must lie."""

_STEPS = (1, 2, 4)
_BLOCKS = (8, 16)


def block_cost(outputs: int, window: int) -> float:
    """What convolving to `outputs` channels costs a pixel, in multiplications, the mean over both sizes of block;
    `window` is how many numbers each of them reads.
    """
    total = 0.0
    for block in _BLOCKS:
        blocks = -(-outputs // block)
        # One block alone waits for its own sums; four hide that.
        total += blocks * block * window * {1: 2.0, 2: 1.15}.get(blocks, 1.0)
    return total / len(_BLOCKS)


def _cost(outputs: int, kernel: int, rows: int, columns: int, inputs: int) -> float:
    """An estimate for one pixel, in units of multiplications."""
    window = inputs * (kernel + rows - 1) * (kernel + columns - 1)
    products = block_cost(outputs * rows * columns, window) / (rows * columns)
    return products + (60 * outputs if rows * columns > 1 else 0)  # about 1.4 ns a number, at 85 GFLOP/s


def is_square(conv: ir.Node) -> bool:
    """Whether `conv` is an ungrouped convolution of pictures with a known kernel of k x k, k > 1, and no strides."""
    weight = constant_of(conv.inputs[1])
    return (
        weight is not None
        and weight.ndim == 4
        and has_plain_bias(conv)
        and weight.shape[2] == weight.shape[3] > 1
        and ints(conv, "strides", [1, 1]) == [1, 1]
        and ints(conv, "dilations", [1, 1]) == [1, 1]
        and text(conv, "auto_pad", "NOTSET") == "NOTSET"
        and number(conv, "group", 1) == 1
    )


def _choose(conv: ir.Node) -> tuple[int, int] | None:
    """Rows and columns of the groups of pixels, None where `conv` stays as it is."""
    weight, shape = constant_of(conv.inputs[1]), static_shape(conv.outputs[0])
    if weight is None or shape is None or not is_square(conv) or shape[2] is None or shape[3] is None:
        return None
    outputs, inputs, kernel, _ = weight.shape
    if outputs > MOST_OUTPUTS or inputs < LEAST_INPUTS:
        return None
    steps = [(p, q) for p, q in product(_STEPS, _STEPS) if shape[2] % p == 0 and shape[3] % q == 0]
    costs = {step: _cost(outputs, kernel, *step, inputs) for step in steps}
    best = min(costs, key=lambda step: costs[step])
    return best if costs[best] < GAIN * costs[1, 1] else None


def group_kernels(weight: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """(rows columns C_out, C_in, k + rows - 1, k + columns - 1) from (C_out, C_in, k, k): `weight` shifted by each
    pixel's place in its group.
    """
    outputs, inputs, height, width = weight.shape
    kernels = np.zeros((rows, columns, outputs, inputs, height + rows - 1, width + columns - 1), weight.dtype)
    for row, column in product(range(rows), range(columns)):
        kernels[row, column, :, :, row : row + height, column : column + width] = weight
    return kernels.reshape(-1, *kernels.shape[3:])


def _rewrite_site(conv: ir.Node, rows: int, columns: int) -> None:
    new = Splice(conv)
    weight, shape = constant_of(conv.inputs[1]), static_shape(conv.outputs[0])
    assert weight is not None
    assert shape is not None
    height, width = shape[2], shape[3]
    assert height is not None
    assert width is not None
    inputs = [conv.inputs[0], new.constant(group_kernels(weight, rows, columns), "groups")]
    bias = constant_of(conv.inputs[2]) if len(conv.inputs) > 2 else None
    if bias is not None:
        inputs.append(new.constant(np.tile(bias, rows * columns), "groups_bias"))
    kernel = [weight.shape[2] + rows - 1, weight.shape[3] + columns - 1]
    pads = ints(conv, "pads", [0] * 4)
    groups = new.op("Conv", inputs, kernel_shape=kernel, strides=[rows, columns], pads=pads)
    size = (weight.shape[0], height // rows, width // columns)
    new.replace(conv.outputs[0], interleave(new, groups, (rows, columns), size))


def apply(model: ir.Model) -> int:
    """Rewrite every convolution for which it pays; returns the number of sites."""
    return rewrite_convolutions(model, _choose, _rewrite_site)
