"""What does not depend on an input is computed now, and clumsy spellings of the exporter are straightened.

Coordinate grids, fixed kernels and shapes become constants; padding moves into convolutions; slices, reshapes, casts
and expansions that change nothing go; equal sub-expressions are merged. The rules are onnxscript's, but not its whole
set: its "x + 0 is x" takes every constant below 1e-8 for zero, and thus drops the 1e-9 under the logarithm of a
thin-plate spline, which then is not a number where a point meets itself. The exporter's own optimisation
applies that set, so it is switched off (`export.graphs.trace`) and this takes its place.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript.optimizer import fold_constants
from onnxscript.rewriter import RewritePass
from onnxscript.rewriter.rules import common as rules

from export.rewrites.splice import tidy

_LARGEST = 16 * 1024 * 1024
"""Elements of a folded constant; above any that a motion model has, so in effect no limit."""

_RULES = (
    rules.normalize_pad_format_conv_rule,
    rules.fuse_pad_into_conv_rule,
    rules.collapse_slice_rule,
    rules.collapse_slice2_rule,
    rules.materialize_reshape_shape_rule,
    rules.cast_cast_rule,
    rules.no_op_cast_rule,
    rules.no_op_expand_rule,
    rules.no_op_transpose_rule,
    rules.transpose_transpose_rule,
    rules.reshape_reshape_rule,
    rules.unsqueeze_unsqueeze_rule,
    rules.expand_before_binary_op_rules,
)


def apply(model: ir.Model) -> int:
    """Fold, straighten and merge until nothing changes; returns the number of nodes that went."""
    before = sum(1 for _ in model.graph.all_nodes())
    flat: list[object] = []
    for rule in _RULES:
        flat.extend(rule) if hasattr(rule, "__iter__") else flat.append(rule)
    common.InlinePass()(model)
    for _ in range(2):
        fold_constants(model, onnx_shape_inference=True, input_size_limit=_LARGEST, output_size_limit=_LARGEST)
        RewritePass(flat)(model)  # type: ignore[arg-type]
        common.RemoveUnusedNodesPass()(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.IdentityEliminationPass()(model)
    common.DeduplicateInitializersPass()(model)
    common.CommonSubexpressionEliminationPass()(model)
    common.RemoveUnusedFunctionsPass()(model)
    common.RemoveUnusedOpsetsPass()(model)
    tidy(model)
    return before - len(model.graph)
