"""A batch norm that alone reads a convolution or a linear layer disappears into its weights.

In evaluation mode the norm is y = s x + t per channel, s = gamma / sqrt(var + eps), t = beta - s mean. Behind a
convolution x = W * z + b that is the convolution (s W) * z + (s b + t). In pre-activation residual blocks
(norm-ReLU-conv-norm-ReLU-conv) this takes the second norm; the first reads the sum that the skip carries on
unscaled, so it can be folded neither into what comes before nor, with a ReLU behind it, into what comes after.

onnxscript has such a rule, but it gives up on layers whose (zero) bias is one shared constant.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from export.rewrites.splice import Splice, constant_of, number, sole_user, tidy


def _scale_and_shift(norm: ir.Node) -> tuple[np.ndarray, np.ndarray] | None:
    """Per channel, in float64; None where a parameter is not constant."""
    parameters = [constant_of(value) for value in norm.inputs[1:5]]
    if any(value is None for value in parameters):
        return None
    gamma, beta, mean, variance = (np.asarray(value, np.float64) for value in parameters)
    scale = gamma / np.sqrt(variance + number(norm, "epsilon", 1e-5))
    return scale, beta - scale * mean


def _output_axis(node: ir.Node) -> int | None:
    """The axis of the weight that runs over output channels; None where `node` is no layer that we fold into."""
    if node.op_type == "Conv":
        return 0
    if node.op_type == "Gemm" and number(node, "alpha", 1) == 1 and number(node, "beta", 1) == 1:
        return 0 if number(node, "transB", 0) else 1
    return None


def _fold(layer: ir.Node, norm: ir.Node, axis: int) -> bool:
    weight = constant_of(layer.inputs[1])
    given = layer.inputs[2] if len(layer.inputs) > 2 else None
    bias = constant_of(given)
    affine = _scale_and_shift(norm)
    if weight is None or affine is None or (given is not None and bias is None):
        return False
    scale, shift = affine
    along = [1] * weight.ndim
    along[axis] = -1
    new = Splice(layer)
    folded = (weight.astype(np.float64) * scale.reshape(along)).astype(weight.dtype)
    old_bias = 0.0 if bias is None else bias.astype(np.float64)
    inputs = [layer.inputs[0], new.constant(folded, "folded")]
    inputs.append(new.constant((scale * old_bias + shift).astype(weight.dtype), "folded_bias"))
    attributes = {name: attribute.value for name, attribute in layer.attributes.items()}
    new.replace(norm.outputs[0], new.op(layer.op_type, inputs, **attributes))
    return True


def apply(model: ir.Model) -> int:
    """Fold every norm whose input is the otherwise unread result of a convolution or linear layer."""
    folded = 0
    for norm in [node for node in model.graph if node.op_type == "BatchNormalization"]:
        layer = norm.inputs[0].producer() if norm.inputs[0] is not None else None
        axis = None if layer is None else _output_axis(layer)
        if layer is None or axis is None or sole_user(layer.outputs[0]) is not norm:
            continue
        folded += _fold(layer, norm, axis)
    tidy(model)
    return folded
