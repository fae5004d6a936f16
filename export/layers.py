"""The graph of `runtime/layers/compose.py`, which lays a moved person over a backdrop: runtime/assets.

    python -m export.layers runtime/assets/layers.onnx

It belongs to no model: any size of picture, flow and result goes through the same graph. Like that of `export/detail.py`
it is matrices from the left and the right, which the engine makes and hands in once, and grid sampling.
"""

from __future__ import annotations

import sys

import onnx
from onnx import parser

TEXT = """
<ir_version: 10, opset_import: ["": 19]>
layers (uint8[1, r, r, 3] image, float[1, 2, f, f] moved, float[1, 2, f, f] person, float[1, 5, c, c] texture,
        float[1, 3, n, n] plate, float[1, 3, r, r] rest, float[1, 2, n, n] grid, float[1, 2, r, r] small_grid,
        float[n, r] up, float[n, f] flow_up, float[r, f] flow_small, float[r, r] blur, float[2] reach, float[2] limits)
    => (uint8[1, n, n, 3] result, float[1, 1, n, n] alpha)
{
    one = Constant <value_float = 1.0> ()
    zero = Constant <value_float = 0.0> ()
    white = Constant <value_float = 255.0> ()
    channels = Constant <value_ints = [1]> ()
    index_0 = Constant <value = int64 {0}> ()
    index_1 = Constant <value = int64 {1}> ()
    at_0 = Constant <value_ints = [0]> ()
    at_3 = Constant <value_ints = [3]> ()
    at_4 = Constant <value_ints = [4]> ()
    at_5 = Constant <value_ints = [5]> ()
    reach_large = Gather <axis = 0> (reach, index_0)
    reach_small = Gather <axis = 0> (reach, index_1)

    flow_up_t = Transpose <perm = [1, 0]> (flow_up)
    person_across = MatMul (person, flow_up_t)
    person_full = MatMul (flow_up, person_across)
    places = Add (grid, person_full)
    least = Neg (reach_large)
    inside = Clip (places, least, reach_large)
    look = Transpose <perm = [0, 2, 3, 1]> (inside)
    warped = GridSample <mode = "bilinear", padding_mode = "zeros", align_corners = 0> (texture, look)
    colours = Slice (warped, at_0, at_3, channels)
    alpha_open = Slice (warped, at_3, at_4, channels)
    alpha = Clip (alpha_open, zero, one)
    painted = Slice (warped, at_4, at_5, channels)
    behind = Sub (one, alpha)
    plate_seen = Mul (behind, plate)
    layered = Add (colours, plate_seen)

    bytes = Cast <to = 1> (image)
    picture = Transpose <perm = [0, 3, 1, 2]> (bytes)
    flow_small_t = Transpose <perm = [1, 0]> (flow_small)
    moved_across = MatMul (moved, flow_small_t)
    moved_small = MatMul (flow_small, moved_across)
    small_places = Add (small_grid, moved_small)
    small_least = Neg (reach_small)
    small_inside = Clip (small_places, small_least, reach_small)
    small_look = Transpose <perm = [0, 2, 3, 1]> (small_inside)
    rest_warped = GridSample <mode = "bilinear", padding_mode = "zeros", align_corners = 0> (rest, small_look)
    difference = Sub (picture, rest_warped)
    blur_t = Transpose <perm = [1, 0]> (blur)
    difference_across = MatMul (difference, blur_t)
    blurred = MatMul (blur, difference_across)
    error = Abs (blurred)
    worst = ReduceMax <keepdims = 1> (error, channels)
    lowest = Gather <axis = 0> (limits, index_0)
    highest = Gather <axis = 0> (limits, index_1)
    over = Sub (worst, lowest)
    span = Sub (highest, lowest)
    missing_open = Div (over, span)
    missing_hard = Clip (missing_open, zero, one)
    missing_across = MatMul (missing_hard, blur_t)
    missing = MatMul (blur, missing_across)

    both = Concat <axis = 1> (picture, missing)
    up_t = Transpose <perm = [1, 0]> (up)
    both_across = MatMul (both, up_t)
    both_full = MatMul (up, both_across)
    paint = Slice (both_full, at_0, at_3, channels)
    missing_full_open = Slice (both_full, at_3, at_4, channels)
    missing_full = Clip (missing_full_open, zero, one)
    weight = Mul (missing_full, painted)
    correction = Sub (paint, layered)
    weighted = Mul (weight, correction)
    full = Add (layered, weighted)
    clipped = Clip (full, zero, white)
    rounded = Round (clipped)
    result_bytes = Cast <to = 2> (rounded)
    result = Transpose <perm = [0, 2, 3, 1]> (result_bytes)
}
"""


def build() -> onnx.ModelProto:
    """The graph, checked; always the same bytes."""
    model = parser.parse_model(TEXT)
    model.producer_name = "bunraku"
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    onnx.save(build(), sys.argv[1])
