"""Grid sampling in the one form for which ONNX Runtime's CPU kernel has a fast path.

That form is 4-D, linear, zeros outside, align_corners = 0. The other conventions differ only in where a
coordinate g falls in pixels, ((g + 1) W - 1) / 2 with align_corners = 0 and (g + 1) (W - 1) / 2 with 1:

* align_corners = 1 at g equals align_corners = 0 at g (W - 1) / W;
* border padding equals zeros padding on the grid clamped to the centres of the first and last pixel,
  which lie at -+(W - 1) / W.

ONNX Runtime 1.31 runs the fast path 7 to 9 times faster than the general one at 64 to 256 channels.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from export.rewrites.splice import Splice, number, static_shape, text, tidy


def _rewrite_site(node: ir.Node, height: int, width: int, aligned: bool, border: bool) -> None:
    new = Splice(node)
    image, grid = node.inputs
    assert grid is not None
    edge = np.array([(width - 1) / width, (height - 1) / height], dtype=np.float32)
    if width == height:
        edge = edge[0]  # one number for both: ONNX Runtime is slow at broadcasting along an axis of two
    if aligned:
        grid = new.op("Mul", [grid, new.constant(edge, "scale")])
    if border:
        low = new.op("Max", [grid, new.constant(-edge, "low")])
        grid = new.op("Min", [low, new.constant(edge, "high")])
    # The mode keeps its word: opsets before 20 say "bilinear" where later ones say "linear".
    mode = text(node, "mode", "linear")
    sampled = new.op("GridSample", [image, grid], align_corners=0, mode=mode, padding_mode="zeros")
    new.replace(node.outputs[0], sampled)


def apply(model: ir.Model) -> int:
    """Rewrite every 4-D linear `GridSample` whose image has a known size and which is not in the fast form
    yet."""
    changed = 0
    for node in [node for node in model.graph if node.op_type == "GridSample"]:
        shape = static_shape(node.inputs[0])
        aligned = bool(number(node, "align_corners", 0))
        padding = text(node, "padding_mode", "zeros")
        if text(node, "mode", "linear") not in ("linear", "bilinear") or padding == "reflection":
            continue
        if shape is None or len(shape) != 4 or shape[2] is None or shape[3] is None:
            continue
        if aligned or padding == "border":
            _rewrite_site(node, shape[2], shape[3], aligned, padding == "border")
            changed += 1
    tidy(model)
    return changed
