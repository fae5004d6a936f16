"""Nearest upsampling and a 3x3 convolution of many channels become nine products at the low resolution.

With u the map x enlarged f times, u[f i + a] = x[i], and S the sum of the taps, the convolution reads in each direction

    y[f i]         = S x[i] - w[-1] (x[i] - x[i-1]),
    y[f i + f - 1] = S x[i] + w[1] (x[i+1] - x[i]),
    y[f i + a]     = S x[i]  for all between,

so that along both axes nine matrices serve for a whole group of f x f pixels, which convolved directly take 9 f^2
and as four phases (`upsample`, f = 2) sixteen. Pixels are sums of up to four of the products; beyond the
border x is zero. The differences are made once for all convolutions that read the same map.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx_ir as ir

from export.rewrites.interleave import interleave
from export.rewrites.splice import Splice, constant_of, is_plain_conv3, static_shape, text, tidy

LEAST_CHANNELS = (64, 24)
"""Input and output channels from which products outweigh the sums of their results."""

BLOCK = 16
"""Input channels come in multiples of it: in blocks of so many ONNX Runtime's CPU has a kernel that convolves each
channel for itself."""

MOST = 8
"""Times that a map is enlarged, at most."""

_TAPS = {-1: np.array([-1.0, 0, 0]), 0: np.array([1.0, 1, 1]), 1: np.array([0.0, 0, 1])}
"""Of a place of the difference, or of x itself: what each tap counts in its matrix."""

Place = tuple[int, int]
"""Row and column: -1 for the difference to the pixel before, 1 to the one behind, 0 for none."""


def _factor(node: ir.Node) -> int | None:
    """How many times `node` enlarges a map in both directions, by nearest neighbours; None for whatever else it is."""
    if node.op_type != "Resize" or text(node, "mode", "nearest") != "nearest":
        return None
    before, after = static_shape(node.inputs[0]), static_shape(node.outputs[0])
    if before is None or after is None or len(before) != 4 or None in before[1:] or None in after[1:]:
        return None
    (_, channels, height, width), (_, same, tall, wide) = before, after
    if not height or tall is None:
        return None
    factor = tall // height
    convention = text(node, "coordinate_transformation_mode", "half_pixel")
    rounding = text(node, "nearest_mode", "round_prefer_floor")
    # Both pairs pick x[r // f] for pixel r; half_pixel with floor would not.
    if (convention, rounding) not in {("asymmetric", "floor"), ("half_pixel", "round_prefer_floor")}:
        return None
    whole = width is not None and (same, tall, wide) == (channels, factor * height, factor * width)
    return factor if whole and 2 <= factor <= MOST else None


def matrices(weight: np.ndarray) -> dict[Place, np.ndarray]:
    """(C_out, C_in, 1, 1) of each place from a kernel (C_out, C_in, 3, 3), summed in float64."""
    exact = weight.astype(np.float64)
    return {
        (row, column): np.einsum("oiuv,u,v->oi", exact, _TAPS[row], _TAPS[column]).astype(weight.dtype)[..., None, None]
        for row, column in product((-1, 0, 1), repeat=2)
    }


def _differences(new: Splice, source: ir.Value, channels: int) -> dict[Place, ir.Value]:
    """(B, C, h, w) each: x, its differences along one axis, and along both, each a convolution of every channel for
    itself: slices of a padded map, subtracted, take four times as long on a CPU, and leave its layout of blocks."""
    found: dict[Place, ir.Value] = {(0, 0): source}
    for row, column in product((-1, 0, 1), repeat=2):
        if row == column == 0:
            continue
        along = [np.array([-1, 1] if side else [1], np.float32) for side in (row, column)]
        kernel = np.outer(along[0], along[1])
        weight = new.constant(np.tile(kernel, (channels, 1, 1, 1)), "difference")
        pads = [int(row < 0), int(column < 0), int(row > 0), int(column > 0)]
        settings = {"kernel_shape": list(kernel.shape), "pads": pads, "group": channels}
        found[row, column] = new.op("Conv", [source, weight], **settings)
    return found


def _pixels(new: Splice, products: dict[Place, ir.Value], factor: int) -> list[ir.Value]:
    """Of a group of `factor` x `factor` pixels, row by row; those that are equal are one value."""

    def added(*values: ir.Value) -> ir.Value:
        total = values[0]
        for value in values[1:]:
            total = new.op("Add", [total, value])
        return total

    rows = {0: products[0, 0]} | {row: added(products[0, 0], products[row, 0]) for row in (-1, 1)}
    found = {(row, 0): value for row, value in rows.items()}
    for row, column in product((-1, 0, 1), (-1, 1)):
        side = [products[0, column]] if row == 0 else [added(products[0, column], products[row, column])]
        found[row, column] = added(rows[row], *side)
    places = [-1, *[0] * (factor - 2), 1]
    return [found[row, column] for row, column in product(places, repeat=2)]


def _rewrite_site(conv: ir.Node, source: ir.Value, factor: int, known: dict[ir.Value, dict[Place, ir.Value]]) -> None:
    weight, shape = constant_of(conv.inputs[1]), static_shape(source)
    bias = constant_of(conv.inputs[2]) if len(conv.inputs) > 2 else None
    assert weight is not None
    assert shape is not None
    height, width = shape[2], shape[3]
    assert height is not None
    assert width is not None
    new = Splice(conv)
    if source not in known:
        known[source] = _differences(new, source, weight.shape[1])
    products = {}
    for place, matrix in matrices(weight).items():
        given = [known[source][place], new.constant(matrix, "matrix")]
        if place == (0, 0) and bias is not None:
            given.append(new.constant(bias, "matrix_bias"))
        products[place] = new.op("Conv", given, kernel_shape=[1, 1])
    phases = new.op("Concat", _pixels(new, products, factor), axis=1)
    new.replace(conv.outputs[0], interleave(new, phases, (factor, factor), (weight.shape[0], height, width)))


def _fits(conv: ir.Node) -> bool:
    if conv.op_type != "Conv" or not is_plain_conv3(conv):
        return False
    weight = constant_of(conv.inputs[1])
    if weight is None or weight.shape[1] % BLOCK:
        return False
    return weight.shape[1] >= LEAST_CHANNELS[0] and weight.shape[0] >= LEAST_CHANNELS[1]


def apply(model: ir.Model) -> int:
    """Rewrite every plain 3x3 convolution of many channels that reads an enlarged map; returns how many there were."""
    sites = [
        (conv, node.inputs[0], factor)
        for node in model.graph
        if (factor := _factor(node)) is not None
        for conv in node.outputs[0].consumers()
        if _fits(conv)
    ]
    known: dict[ir.Value, dict[Place, ir.Value]] = {}
    for conv, source, factor in sites:
        assert source is not None
        _rewrite_site(conv, source, factor, known)
    tidy(model)
    return len(sites)
