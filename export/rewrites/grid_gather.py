"""Grid sampling from gathers, for runtimes that have no `GridSample`.

The picture is laid out as rows of pixels (N, H W, C). For each grid point the four neighbouring pixels are
fetched with `GatherND` (one batch dimension) and blended with the bilinear weights. A neighbour outside the
picture has its index clamped, so that the fetch is valid, and its weight set to zero (zeros padding); with
border padding the pixel coordinate itself is clamped first, as PyTorch does.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from export.rewrites.splice import Splice, number, static_shape, text, tidy


class _Pixels:
    """Pixel coordinates of one axis: lower neighbour, upper neighbour and their weights, each (N, P, 1)."""

    def __init__(self, new: Splice, coordinate: ir.Value, size: int, aligned: bool, border: bool) -> None:
        self._new, self._size = new, size
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
        clamped = new.op("Clip", [position, self._float(0), self._float(self._size - 1)])
        inside = new.op("Cast", [new.op("Equal", [clamped, position])], to=int(ir.DataType.FLOAT))
        return clamped, new.op("Mul", [weight, inside])


def _blend(new: Splice, pixels: ir.Value, x: _Pixels, y: _Pixels, width: int) -> ir.Value:
    """(N, P, C): the weighted sum of the four neighbours of each grid point; `pixels` is (N, H W, C)."""
    stride = new.constant(np.array(width, np.float32), "width")
    total: ir.Value | None = None
    for row, row_weight in y.neighbours:
        for column, column_weight in x.neighbours:
            # Exact in float32: a picture has far fewer than 2^24 pixels.
            flat = new.op("Add", [new.op("Mul", [row, stride]), column])
            index = new.op("Cast", [flat], to=int(ir.DataType.INT64))
            fetched = new.op("GatherND", [pixels, index], batch_dims=1)
            part = new.op("Mul", [fetched, new.op("Mul", [row_weight, column_weight])])
            total = part if total is None else new.op("Add", [total, part])
    assert total is not None
    return total


def _rewrite_site(node: ir.Node, shape: tuple[int, int, int], out: tuple[int, int]) -> None:
    channels, height, width = shape
    new = Splice(node)
    image, grid = node.inputs
    aligned = bool(number(node, "align_corners", 0))
    border = text(node, "padding_mode", "zeros") == "border"
    rows = new.op("Reshape", [image, new.constant([0, channels, height * width], "rows_shape")])
    pixels = new.op("Transpose", [rows], perm=[0, 2, 1])
    points = new.op("Reshape", [grid, new.constant([0, out[0] * out[1], 2], "points_shape")])
    axes = []
    for axis, size in ((0, width), (1, height)):
        bounds = [new.constant(v, h) for v, h in (([axis], "start"), ([axis + 1], "end"), ([2], "axis"))]
        axes.append(_Pixels(new, new.op("Slice", [points, *bounds]), size, aligned, border))
    blended = new.op("Transpose", [_blend(new, pixels, axes[0], axes[1], width)], perm=[0, 2, 1])
    new.replace(
        node.outputs[0],
        new.op("Reshape", [blended, new.constant([0, channels, *out], "image_shape")]),
    )


def apply(model: ir.Model) -> int:
    """Rewrite every 4-D linear `GridSample` with zeros or border padding and known sizes (batch may be
    dynamic)."""
    changed = 0
    for node in [node for node in model.graph if node.op_type == "GridSample"]:
        image, grid = static_shape(node.inputs[0]), static_shape(node.inputs[1])
        mode, padding = text(node, "mode", "linear"), text(node, "padding_mode", "zeros")
        if mode not in ("linear", "bilinear") or padding == "reflection" or image is None or grid is None:
            continue
        if len(image) != 4 or None in image[1:] or None in grid[1:3]:
            continue
        _rewrite_site(node, image[1:], grid[1:3])  # type: ignore[arg-type]
        changed += 1
    tidy(model)
    return changed
