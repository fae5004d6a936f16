"""The graph of `runtime/result/detail.py`, which lends a source's fine detail to the model's picture: runtime/assets.

    python -m export.assets.detail_graph runtime/assets/detail.onnx

It belongs to no model: any size of picture, flow and result goes through the same graph. Every resizing and
blurring is a matrix from the left and its transpose from the right, which the engine makes (numpy) and hands in
once; what is left is one grid sampling, ONNX Runtime's fast one, of as many pixels as the result has.
"""

from __future__ import annotations

import sys

import onnx
from onnx import parser

TEXT = """
<ir_version: 10, opset_import: ["": 20]>
detail (uint8[1, r, r, 3] image, float[1, f, f, 2] flow, float[1, 1, o, o] occlusion,
        float[1, 3, n, n] source, float[1, 3, r, r] small,
        float[1, 2, f, f] still, float[1, 2, n, n] grid, float[1, 2, r, r] small_grid, float[1] scale, float[1] reach,
        float[1] small_scale, float[1] small_reach,
        float[n, r] up, float[n, f] flow_up, float[r, f] flow_small, float[r, o] occlusion_small,
        float[r, r] blur, float[r, r] wide, float[2] limits)
    => (uint8[1, n, n, 3] result, float[1, 1, r, r] lent)
{
    one = Constant <value_float = 1.0> ()
    zero = Constant <value_float = 0.0> ()
    white = Constant <value_float = 255.0> ()
    channels = Constant <value_ints = [1]> ()
    index_0 = Constant <value = int64 {0}> ()
    index_1 = Constant <value = int64 {1}> ()
    first = Constant <value_ints = [0]> ()
    after_first = Constant <value_ints = [1]> ()
    all = Constant <value_ints = [9223372036854775807]> ()
    before_last = Constant <value_ints = [-1]> ()
    row_axis = Constant <value_ints = [2]> ()
    column_axis = Constant <value_ints = [3]> ()
    bytes = Cast <to = 1> (image)
    picture = Transpose <perm = [0, 3, 1, 2]> (bytes)
    flow_first = Transpose <perm = [0, 3, 1, 2]> (flow)
    moved = Sub (flow_first, still)

    flow_up_t = Transpose <perm = [1, 0]> (flow_up)
    moved_across = MatMul (moved, flow_up_t)
    moved_full = MatMul (flow_up, moved_across)
    moved_scaled = Mul (moved_full, scale)
    places = Add (grid, moved_scaled)
    least = Neg (reach)
    inside = Clip (places, least, reach)
    look = Transpose <perm = [0, 2, 3, 1]> (inside)
    warped = GridSample <mode = "linear", padding_mode = "zeros", align_corners = 0> (source, look)

    flow_small_t = Transpose <perm = [1, 0]> (flow_small)
    moved_small_across = MatMul (moved, flow_small_t)
    moved_small = MatMul (flow_small, moved_small_across)
    moved_small_scaled = Mul (moved_small, small_scale)
    small_places = Add (small_grid, moved_small_scaled)
    small_least = Neg (small_reach)
    small_inside = Clip (small_places, small_least, small_reach)
    small_look = Transpose <perm = [0, 2, 3, 1]> (small_inside)
    warped_small = GridSample <mode = "linear", padding_mode = "zeros", align_corners = 0> (small, small_look)

    difference = Sub (picture, warped_small)
    blur_t = Transpose <perm = [1, 0]> (blur)
    difference_across = MatMul (difference, blur_t)
    blurred = MatMul (blur, difference_across)
    error = Abs (blurred)
    worst = ReduceMax <keepdims = 1> (error, channels)
    around = MaxPool <kernel_shape = [5, 5], pads = [2, 2, 2, 2]> (worst)
    lowest = Gather <axis = 0> (limits, index_0)
    highest = Gather <axis = 0> (limits, index_1)
    room = Sub (highest, around)
    span = Sub (highest, lowest)
    agreement_open = Div (room, span)
    agreement = Clip (agreement_open, zero, one)

    occlusion_small_t = Transpose <perm = [1, 0]> (occlusion_small)
    visible_across = MatMul (occlusion, occlusion_small_t)
    visible = MatMul (occlusion_small, visible_across)
    mask = Mul (agreement, visible)
    mask_across = MatMul (mask, blur_t)
    mask_open = MatMul (blur, mask_across)
    lent = Clip (mask_open, zero, one)

    wide_t = Transpose <perm = [1, 0]> (wide)
    coarse_across = MatMul (difference, wide_t)
    coarse = MatMul (wide, coarse_across)
    correction = Sub (coarse, picture)
    lent_correction = Mul (lent, correction)
    base = Add (picture, lent_correction)
    base_and_mask = Concat <axis = 1> (base, lent)
    up_t = Transpose <perm = [1, 0]> (up)
    base_across = MatMul (base_and_mask, up_t)
    large = MatMul (up, base_across)
    three = Constant <value_ints = [3]> ()
    four = Constant <value_ints = [4]> ()
    base_full = Slice (large, first, three, channels)
    mask_full = Slice (large, three, four, channels)
    detail = Mul (warped, mask_full)
    full = Add (base_full, detail)
    clipped = Clip (full, zero, white)
    rounded = Round (clipped)
    result_bytes = Cast <to = 2> (rounded)
    result = Transpose <perm = [0, 2, 3, 1]> (result_bytes)
}
"""


def parsed(text: str) -> onnx.ModelProto:
    """The model that is written in ONNX's textual form, checked; always the same bytes."""
    model = parser.parse_model(text)
    model.producer_name = "bunraku"
    onnx.checker.check_model(model, full_check=True)
    return model


def build() -> onnx.ModelProto:
    """The graph."""
    return parsed(TEXT)


if __name__ == "__main__":
    onnx.save(build(), sys.argv[1])
