"""Everything that does not depend on an input is computed now: coordinate grids, fixed kernels, shapes.

The exporter folds small constants itself but leaves those above its size limit, such as the coordinate grid
of a 256x256 map, to be computed again in every session.
"""

from __future__ import annotations

import onnx_ir as ir
from onnxscript import optimizer

from export.rewrites.splice import tidy

_LARGEST = 16 * 1024 * 1024
"""Elements; above any constant that a motion model computes, so in effect no limit."""


def apply(model: ir.Model) -> int:
    """Fold constants of any size and merge equal sub-expressions; returns the number of nodes that went."""
    from onnx_ir.passes import common

    before = len(model.graph)
    optimizer.fold_constants(model, input_size_limit=_LARGEST, output_size_limit=_LARGEST)
    common.IdentityEliminationPass()(model)
    common.CommonSubexpressionEliminationPass()(model)
    tidy(model)
    return before - len(model.graph)
