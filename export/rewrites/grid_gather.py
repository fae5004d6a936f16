"""Grid sampling from gathers, for runtimes that have no `GridSample`, or none of volumes.

The picture, or the volume, is laid out as rows of pixels (N, D H W, C). For each grid point the neighbouring pixels,
four or eight, are fetched with `GatherND` (one batch dimension) and blended with the linear weights of every axis. A
neighbour outside has its index clamped, so that the fetch is valid, and its weight set to zero (zeros padding); with
border padding the pixel coordinate itself is clamped first, as PyTorch does.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import onnx_ir as ir

from export.rewrites.splice import Splice, number, static_shape, text, tidy

_FLOAT = int(ir.DataType.FLOAT)
_RANKS = (4, 5)
"""Of what is sampled: pictures and volumes."""


class _Pixels:
    """Pixel coordinates of one axis: lower neighbour, upper neighbour and their weights, each (N, P, 1)."""

    def __init__(self, new: Splice, coordinate: ir.Value, size: int, aligned: bool, border: bool) -> None:
        self._new, self.size = new, size
        factor, offset = ((size - 1) / 2, (size - 1) / 2) if aligned else (size / 2, (size - 1) / 2)
        position = new.op("Add", [new.op("Mul", [coordinate, self._float(factor)]), self._float(offset)])
        if border:
            position = new.op("Clip", [position, self._float(0), self._float(size - 1)])
        lower = new.op("Floor", [position])
        upper = new.op("Add", [lower, self._float(1)])
        above = new.op("Sub", [position, lower])
        self.neighbours = [
            self._neighbour(lower, new.op("Sub", [self._float(1), above])),
            self._neighbour(upper, above),
        ]

    def _float(self, number_: float) -> ir.Value:
        return self._new.constant(np.array(number_, np.float32), "c")

    def _neighbour(self, position: ir.Value, weight: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Clamped position and the weight, zero where the position lay outside."""
        new = self._new
        clamped = new.op("Clip", [position, self._float(0), self._float(self.size - 1)])
        inside = new.op("Cast", [new.op("Equal", [clamped, position])], to=_FLOAT)
        return clamped, new.op("Mul", [weight, inside])


def _corners(new: Splice, axes: Sequence[_Pixels]) -> list[tuple[ir.Value, ir.Value]]:
    """Of every grid point the flat numbers of all its neighbours, and their weights; `axes` from the slowest on."""
    found = axes[0].neighbours
    for axis in axes[1:]:
        # Exact in float32: neither a picture nor a volume has anywhere near 2^24 pixels.
        stride = new.constant(np.array(axis.size, np.float32), "stride")
        rows = [(new.op("Mul", [flat, stride]), weight) for flat, weight in found]
        found = [
            (new.op("Add", [row, place]), new.op("Mul", [weight, part]))
            for row, weight in rows
            for place, part in axis.neighbours
        ]
    return found


def _blend(new: Splice, pixels: ir.Value, axes: Sequence[_Pixels]) -> ir.Value:
    """(N, P, C): the weighted sum of the neighbours of each grid point; `pixels` is (N, D H W, C)."""
    total: ir.Value | None = None
    for flat, weight in _corners(new, axes):
        index = new.op("Cast", [flat], to=int(ir.DataType.INT64))
        fetched = new.op("GatherND", [pixels, index], batch_dims=1)
        part = new.op("Mul", [fetched, weight])
        total = part if total is None else new.op("Add", [total, part])
    assert total is not None
    return total


def _rewrite_site(node: ir.Node, channels: int, sizes: tuple[int, ...], out: tuple[int, ...]) -> None:
    """`sizes` of what is sampled and `out` of the grid: (height, width), or (depth, height, width)."""
    new = Splice(node)
    image, grid = node.inputs
    aligned = bool(number(node, "align_corners", 0))
    border = text(node, "padding_mode", "zeros") == "border"
    rows = new.op("Reshape", [image, new.constant([0, channels, prod(sizes)], "rows_shape")])
    pixels = new.op("Transpose", [rows], perm=[0, 2, 1])
    points = new.op("Reshape", [grid, new.constant([0, prod(out), len(sizes)], "points_shape")])
    axes = []
    for axis, size in enumerate(sizes):
        place = len(sizes) - 1 - axis  # grids have x first
        bounds = [new.constant(v, h) for v, h in (([place], "start"), ([place + 1], "end"), ([2], "axis"))]
        axes.append(_Pixels(new, new.op("Slice", [points, *bounds]), size, aligned, border))
    blended = new.op("Transpose", [_blend(new, pixels, axes)], perm=[0, 2, 1])
    new.replace(
        node.outputs[0],
        new.op("Reshape", [blended, new.constant([0, channels, *out], "image_shape")]),
    )


def apply(model: ir.Model) -> int:
    """Rewrite every linear `GridSample` of pictures or volumes with zeros or border padding and known sizes (batch may
    be dynamic)."""
    changed = 0
    for node in [node for node in model.graph if node.op_type == "GridSample"]:
        image, grid = static_shape(node.inputs[0]), static_shape(node.inputs[1])
        mode, padding = text(node, "mode", "linear"), text(node, "padding_mode", "zeros")
        if mode not in ("linear", "bilinear") or padding == "reflection" or image is None or grid is None:
            continue
        if len(image) not in _RANKS or None in image[1:] or None in grid[1:-1]:
            continue
        channels, *sizes = image[1:]
        _rewrite_site(node, channels, tuple(sizes), grid[1:-1])  # type: ignore[arg-type]
        changed += 1
    tidy(model)
    return changed
