"""A convolution of which only every s-th row and column is kept becomes a convolution with stride s.

The anti-aliased down-scaling of all families blurs at full resolution and then keeps the pixels 0, s, 2s,
...; with s = 4 that computes sixteen pixels for each that is used. Both spellings are recognised: slicing
with steps, one `Slice` an axis or one for both, and nearest `Resize` by 1/s with asymmetric coordinates.
"""

from __future__ import annotations

import onnx_ir as ir

from export.rewrites.splice import Splice, constant_of, ints, sole_user, static_shape, text, tidy


def _kept_by_slice(node: ir.Node) -> tuple[int, int] | None:
    """Row and column step of a `Slice` that keeps 0, s, 2s, ... of the last two axes; None for any other."""
    arguments = [constant_of(value) for value in node.inputs[1:]]
    if len(arguments) < 3 or any(value is None for value in arguments):
        return None
    starts, ends, axes = ([int(n) for n in value] for value in arguments[:3])  # type: ignore[union-attr]
    given_steps = arguments[3] if len(arguments) > 3 else None
    steps = [1] * len(starts) if given_steps is None else [int(n) for n in given_steps]
    shape = static_shape(node.inputs[0])
    kept = {2: 1, 3: 1}
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = None if shape is None else shape[axis]
        whole = end >= 2**31 - 1 or (size is not None and end >= size)
        if start != 0 or step < 1 or not whole or (axis not in kept and step != 1):
            return None
        if axis in kept:
            kept[axis] = step
    return kept[2], kept[3]


def _kept_by_resize(node: ir.Node) -> tuple[int, int] | None:
    """Row and column step of a nearest `Resize` that picks pixel s r for output r; None for any other."""
    convention = text(node, "coordinate_transformation_mode", "half_pixel")
    chosen = (text(node, "mode", "nearest"), text(node, "nearest_mode", "round_prefer_floor"), convention)
    if chosen != ("nearest", "floor", "asymmetric"):
        return None
    before, after = static_shape(node.inputs[0]), static_shape(node.outputs[0])
    if before is None or after is None or None in before[1:] or None in after[1:] or before[1] != after[1]:
        return None
    steps = []
    for old, new in zip(before[2:], after[2:], strict=True):
        if old is None or not new or old % new:
            return None
        steps.append(old // new)
    return steps[0], steps[1]


def _kept(node: ir.Node) -> tuple[int, int] | None:
    shape = static_shape(node.inputs[0])
    if shape is None or len(shape) != 4:
        return None
    if node.op_type == "Slice":
        return _kept_by_slice(node)
    return _kept_by_resize(node) if node.op_type == "Resize" else None


def _chain(conv: ir.Node) -> tuple[ir.Value, tuple[int, int]]:
    """The last value of the chain of decimations that starts at `conv`'s result, and the steps in all."""
    value, rows, columns = conv.outputs[0], 1, 1
    while (user := sole_user(value)) is not None and (steps := _kept(user)) is not None:
        value, rows, columns = user.outputs[0], rows * steps[0], columns * steps[1]
    return value, (rows, columns)


def apply(model: ir.Model) -> int:
    """Give every convolution whose result is only decimated the stride of the decimation."""
    changed = 0
    for conv in [node for node in model.graph if node.op_type == "Conv"]:
        end, (rows, columns) = _chain(conv)
        if (rows, columns) == (1, 1) or text(conv, "auto_pad", "NOTSET") != "NOTSET":
            continue
        attributes = {name: attribute.value for name, attribute in conv.attributes.items()}
        old = ints(conv, "strides", [1, 1])
        attributes["strides"] = [old[0] * rows, old[1] * columns]
        new = Splice(conv)
        new.replace(end, new.op("Conv", list(conv.inputs), **attributes))
        changed += 1
    tidy(model)
    return changed
