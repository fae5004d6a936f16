"""The graph of `runtime/layers/compose.py`, which lays a moved person over a backdrop: runtime/assets.

    python -m export.assets.layers_graph runtime/assets/layers.onnx

It belongs to no model: any size of picture, flow and result goes through the same graph. Like that of
`export/assets/detail_graph.py` it is matrices from the left and the right, which the engine makes and hands in once,
and grid sampling. What a model paints is computed only where `limits` lie within what colours can differ by: a source
in layers whose driver is watched has none of it, and it was two thirds of the time.
"""

from __future__ import annotations

import sys

import onnx

from export.assets.detail_graph import parsed

TEXT = """
<ir_version: 10, opset_import: ["": 19]>
layers (uint8[1, r, r, 3] image, float[1, 2, f, f] moved, float[1, 2, f, f] head, float[1, 2, f, f] trunk,
        float[1, 2, f, f] more, float[1, 1, f, f] light, float[1, 5, c, c] texture, float[1, 1, c, c] painted,
        float[1, 3, n, n] plate, float[1, 3, h, h] rest, float[1, 2, n, n] grid, float[1, 2, h, h] half_grid,
        float[n, f] flow_up, float[h, f] flow_half, float[n, q] missing_up, float[q, q] blur, float[2] reach,
        float[2] limits, int64[4] size, int64[1] row, float[1, 3, n, n] wrong, float[1] stillness, float[1] ratio)
    => (uint8[1, n, n, 3] result, float[1, 1, n, n] alpha)
{
    one = Constant <value_float = 1.0> ()
    zero = Constant <value_float = 0.0> ()
    white = Constant <value_float = 255.0> ()
    channels = Constant <value_ints = [1]> ()
    rows = Constant <value_ints = [2]> ()
    bottom = Constant <value_ints = [9223372036854775807]> ()
    index_0 = Constant <value = int64 {0}> ()
    index_1 = Constant <value = int64 {1}> ()
    at_0 = Constant <value_ints = [0]> ()
    at_3 = Constant <value_ints = [3]> ()
    at_4 = Constant <value_ints = [4]> ()
    at_5 = Constant <value_ints = [5]> ()
    reach_large = Gather <axis = 0> (reach, index_0)
    reach_half = Gather <axis = 0> (reach, index_1)

    flow_up_t = Transpose <perm = [1, 0]> (flow_up)
    least = Neg (reach_large)
    head_across = MatMul (head, flow_up_t)
    head_full = MatMul (flow_up, head_across)
    head_places = Add (grid, head_full)
    head_inside = Clip (head_places, least, reach_large)
    head_look = Transpose <perm = [0, 2, 3, 1]> (head_inside)
    head_warped = GridSample <mode = "bilinear", padding_mode = "zeros", align_corners = 0> (texture, head_look)
    head_layer = Slice (head_warped, at_0, at_4, channels)
    trunk_across = MatMul (trunk, flow_up_t)
    trunk_full = MatMul (flow_up, trunk_across)
    trunk_places = Add (grid, trunk_full)
    trunk_low = Slice (trunk_places, row, bottom, rows)
    trunk_inside = Clip (trunk_low, least, reach_large)
    trunk_look = Transpose <perm = [0, 2, 3, 1]> (trunk_inside)
    trunk_whole = GridSample <mode = "bilinear", padding_mode = "zeros", align_corners = 0> (texture, trunk_look)
    trunk_warped = Slice (trunk_whole, at_0, at_4, channels)
    head_high = Slice (head_layer, at_0, row, rows)
    head_low = Slice (head_layer, row, bottom, rows)
    before = Slice (head_warped, at_4, at_5, channels)
    before_low = Slice (before, row, bottom, rows)
    front = Clip (before_low, zero, one)
    between = Sub (head_low, trunk_warped)
    chosen = Mul (front, between)
    low = Add (trunk_warped, chosen)
    warped = Concat <axis = 2> (head_high, low)
    light_across = MatMul (light, flow_up_t)
    light_full = MatMul (flow_up, light_across)
    gain = Exp (light_full)
    unlit = Slice (warped, at_0, at_3, channels)
    colours = Mul (unlit, gain)
    alpha_open = Slice (warped, at_3, at_4, channels)
    alpha = Clip (alpha_open, zero, one)
    behind = Sub (one, alpha)
    plate_seen = Mul (behind, plate)
    over_plate = Add (colours, plate_seen)
    head_way = Abs (head_full)
    across_way, down_way = Split <axis = 1, num_outputs = 2> (head_way)
    farthest = Max (across_way, down_way)
    gone = Mul (farthest, stillness)
    stays = Sub (one, gone)
    still = Clip (stays, zero, one)
    wrong_seen = Mul (still, wrong)
    layered = Add (over_plate, wrong_seen)

    lowest = Gather <axis = 0> (limits, index_0)
    counts = Less (lowest, white)
    full = If (counts) <
        then_branch = corrected () => (float[1, 3, n, n] painted_over) {
            bytes = Cast <to = 1> (image)
            picture = Transpose <perm = [0, 3, 1, 2]> (bytes)
            picture_half = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (picture)
            flow_half_t = Transpose <perm = [1, 0]> (flow_half)
            moved_across = MatMul (moved, flow_half_t)
            moved_half = MatMul (flow_half, moved_across)
            half_places = Add (half_grid, moved_half)
            half_least = Neg (reach_half)
            half_inside = Clip (half_places, half_least, reach_half)
            half_look = Transpose <perm = [0, 2, 3, 1]> (half_inside)
            rest_warped = GridSample <mode = "bilinear", padding_mode = "zeros", align_corners = 0> (rest, half_look)
            difference = Sub (picture_half, rest_warped)
            coarse = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (difference)
            error = Abs (coarse)
            worst = ReduceMax <keepdims = 1> (error, channels)
            highest = Gather <axis = 0> (limits, index_1)
            over = Sub (worst, lowest)
            span = Sub (highest, lowest)
            missing_open = Div (over, span)
            missing_hard = Clip (missing_open, zero, one)
            blur_t = Transpose <perm = [1, 0]> (blur)
            missing_across = MatMul (missing_hard, blur_t)
            missing = MatMul (blur, missing_across)
            missing_up_t = Transpose <perm = [1, 0]> (missing_up)
            missing_wide = MatMul (missing, missing_up_t)
            missing_tall = MatMul (missing_up, missing_wide)
            missing_full = Clip (missing_tall, zero, one)
            paint_there = Resize <mode = "linear", coordinate_transformation_mode = "half_pixel"> (picture, , , size)
            painting = Concat <axis = 1> (paint_there, missing_full)
            more_size = Abs (more)
            most_more = ReduceMax <keepdims = 0> (more_size)
            goes_on = Greater (most_more, zero)
            moved_painting = If (goes_on) <
                then_branch = further () => (float[1, 4, n, n] there) {
                    more_across = MatMul (more, flow_up_t)
                    more_full = MatMul (flow_up, more_across)
                    own_grid = Mul (grid, ratio)
                    more_grid = Add (own_grid, more_full)
                    more_look = Transpose <perm = [0, 2, 3, 1]> (more_grid)
                    there =
                        GridSample <mode = "bilinear", padding_mode = "border", align_corners = 0> (painting, more_look)
                },
                else_branch = here () => (float[1, 4, n, n] same) {
                    same = Identity (painting)
                }>
            paint = Slice (moved_painting, at_0, at_3, channels)
            missing_there = Slice (moved_painting, at_3, at_4, channels)
            faced = GridSample <mode = "bilinear", padding_mode = "zeros", align_corners = 0> (painted, head_look)
            weight = Mul (missing_there, faced)
            correction = Sub (paint, layered)
            weighted = Mul (weight, correction)
            painted_over = Add (layered, weighted)
        },
        else_branch = alone () => (float[1, 3, n, n] as_layered) {
            as_layered = Identity (layered)
        }>
    clipped = Clip (full, zero, white)
    rounded = Round (clipped)
    result_bytes = Cast <to = 2> (rounded)
    result = Transpose <perm = [0, 2, 3, 1]> (result_bytes)
}
"""


def build() -> onnx.ModelProto:
    """The graph, checked; always the same bytes."""
    return parsed(TEXT)


if __name__ == "__main__":
    onnx.save(build(), sys.argv[1])
