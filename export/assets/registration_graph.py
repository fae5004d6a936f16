"""The graph of `runtime/layers/residual.py`, which finds how one picture of a head must be moved to be another:
runtime/assets.

    python -m export.assets.registration_graph runtime/assets/registration.onnx

Registration by least squares over a window about every pixel (Lucas and Kanade, IJCAI 1981), from coarse to fine, the
gradient that of both pictures, weighed down where they differ in more than motion. It belongs to no model. Matrices
that blur are computed in the graph, which ONNX Runtime does once, when it opens it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import onnx

from export.assets.detail_graph import parsed

SIDE = 128
"""Pixels a side in which both pictures are compared."""
_ROUNDS = {32: 3, 64: 2, 128: 2}
"""Of every level, in pixels a side."""
_WINDOW = {32: 2.5, 64: 2.5, 128: 1.6}
_CALM = {32: 1.5, 64: 1.5, 128: 1.0}
"""Deviations, in pixels of every level, of the windows and of the blur that holds neighbours together."""
_LOCAL = 16
"""A picture's own blur over this part of its side is light that changes, not motion."""
_ROBUST, _FLAT, _STEP = 12.0, 4.0, 1.5
"""Difference (of 255) that halves a pixel's weight; what stands for flatness; the farthest step a round, in pixels."""
_FILL, _WIDE = 2.0, 6.4
"""Deviations of the blurs that fill what is left out, and that hold together what lies beyond the face."""
_CLEAR = 16.0
"""Squared gradient from which on a pixel beyond the face tells how it moves."""
_LEAST = 0.02
"""Weight of nothing at all, against which what is known is held: far from it nothing is found."""
_LIGHT, _DIM, _DARK = 3.0, 10.0, 8.0
"""Deviations of the blurs that part light from looks, in the face and wherever somebody is; what is added to brightness
(of 255) before its logarithm.
"""
_OWN, _HAIR = 0.6, 0.3
"""Alpha from which on a pixel is somebody's own: its ratio of brightness then tells of light; what it counts outside of
the face, where hair and skin change places.
"""
_ODD, _ODDER, _ODDEST = 0.25, 0.3, 0.1
"""Logarithms of ratios that halve a pixel's weight: of what is light everywhere, and beyond it in the face; of what
becomes lighter behind.
"""
_FEW = 50.0
"""Pixels behind somebody against which those that are seen are held: few do not tell of the camera."""

_HEADER = """
<ir_version: 10, opset_import: ["": 19]>
registration (uint8[1, r, r, 3] seen, uint8[1, n, n, 3] told, float[1, 1, n, n] alpha, float[1, 128, 128, 2] look,
        float[1, 1, 128, 128] weight, float[1, 1, 128, 128] face)
    => (float[1, 64, 64, 2] residual, float[1, 64, 64, 1] light)
<float[2, 1, 3, 3] differences = {0, 0, 0, -0.5, 0, 0.5, 0, 0, 0,  0, -0.5, 0, 0, 0, 0, 0, 0.5, 0},
 float[3, 1] luma = {0.299, 0.587, 0.114}>
{
    one = Constant <value_float = 1.0> ()
    zero = Constant <value_float = 0.0> ()
    twice = Constant <value_float = 2.0> ()
    double = Constant <value_floats = [1.0, 1.0, 2.0, 2.0]> ()
    half = Constant <value_float = 0.5> ()
    rows_only = Constant <value_ints = [1]> ()
    columns_only = Constant <value_ints = [0]> ()
    last = Constant <value_ints = [-1]> ()
"""


def _gaussian(name: str, length: int, deviation: float) -> Iterator[str]:
    """(length, length): blurs from the left, and transposed from the right; rows sum to 1."""
    yield f"{name}_n = Constant <value_float = {float(length)}> ()"
    yield f"{name}_at = Range (zero, {name}_n, one)"
    yield f"{name}_row = Unsqueeze ({name}_at, columns_only)"
    yield f"{name}_column = Unsqueeze ({name}_at, rows_only)"
    yield f"{name}_way = Sub ({name}_row, {name}_column)"
    yield f"{name}_square = Mul ({name}_way, {name}_way)"
    yield f"{name}_steep = Constant <value_float = {-0.5 / deviation**2}> ()"
    yield f"{name}_power = Mul ({name}_square, {name}_steep)"
    yield f"{name}_open = Exp ({name}_power)"
    yield f"{name}_sum = ReduceSum <keepdims = 1> ({name}_open, last)"
    yield f"{name} = Div ({name}_open, {name}_sum)"
    yield f"{name}_t = Transpose <perm = [1, 0]> ({name})"


def _blurred(result: str, value: str, by: str) -> Iterator[str]:
    yield f"{result}_across = MatMul ({value}, {by}_t)"
    yield f"{result} = MatMul ({by}, {result}_across)"


def _grey(result: str, picture: str) -> Iterator[str]:
    """`picture` as (1, 1, n, n), n the side of `told`."""
    yield f"{result}_float = Cast <to = 1> ({picture})"
    yield f"{result}_mixed = MatMul ({result}_float, luma)"
    yield f"{result}_large = Transpose <perm = [0, 3, 1, 2]> ({result}_mixed)"
    yield (
        f'{result} = Resize <mode = "linear", antialias = 1, coordinate_transformation_mode = "half_pixel"> '
        f"({result}_large, , , size)"
    )


def _pictures() -> Iterator[str]:
    """`there_n` (told) and `here_n` (seen) of every level, without their own blur; `weight_n`, and gradients."""
    yield "shape = Shape <start = 1, end = 3> (told)"
    yield "ones = Constant <value_ints = [1, 1]> ()"
    yield "size = Concat <axis = 0> (ones, shape)"
    yield from _grey("grey_there", "told")
    yield from _grey("grey_here", "seen")
    # Within the middles of the outermost pixels nothing lies beyond: faster than a border that is repeated.
    yield "side = Gather <axis = 0> (shape, columns_only)"
    yield "side_float = Cast <to = 1> (side)"
    yield "outermost = Div (one, side_float)"
    yield "reach = Sub (one, outermost)"
    yield "least_reach = Neg (reach)"
    yield "look_inside = Clip (look, least_reach, reach)"
    yield "grey_all = Concat <axis = 1> (grey_there, grey_here, alpha)"
    yield from _sampled("raw_all", "grey_all", "look_inside")
    yield f"raw_there_{SIDE}, raw_here_{SIDE}, own_{SIDE} = Split <axis = 1, num_outputs = 3> (raw_all)"
    yield f"weight_{SIDE} = Identity (weight)"
    for large, small in ((128, 64), (64, 32)):
        for name in ("raw_there", "raw_here", "weight"):
            yield f"{name}_{small} = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> ({name}_{large})"
    for side in _ROUNDS:
        yield from _gaussian(f"local_{side}", side, side / _LOCAL)
        yield from _gaussian(f"window_{side}", side, _WINDOW[side])
        yield from _gaussian(f"calm_{side}", side, _CALM[side])
        for which in ("there", "here"):
            yield from _blurred(f"soft_{which}_{side}", f"raw_{which}_{side}", f"local_{side}")
            yield f"{which}_{side} = Sub (raw_{which}_{side}, soft_{which}_{side})"
        yield f"slope_{side} = Conv <pads = [1, 1, 1, 1]> (here_{side}, differences)"
        yield from _places(side)


def _places(side: int) -> Iterator[str]:
    """`places_n` (1, n, n, 2): the middles of pixels in [-1, 1], and how far a pixel is."""
    yield f"pixel_{side} = Constant <value_float = {2.0 / side}> ()"
    yield f"first_{side} = Constant <value_float = {1.0 / side - 1.0}> ()"
    yield f"last_{side} = Constant <value_float = {1.0 - 1.0 / side}> ()"
    yield f"end_{side} = Constant <value_float = 1.0> ()"
    yield f"line_{side} = Range (first_{side}, end_{side}, pixel_{side})"
    yield f"wide_{side} = Constant <value_ints = [1, 1, {side}, 1]> ()"
    yield f"tall_{side} = Constant <value_ints = [1, {side}, 1, 1]> ()"
    yield f"whole_{side} = Constant <value_ints = [1, {side}, {side}, 1]> ()"
    for axis, name in (("x", "wide"), ("y", "tall")):
        yield f"{axis}_{side}_line = Reshape (line_{side}, {name}_{side})"
        yield f"{axis}_{side} = Expand ({axis}_{side}_line, whole_{side})"
    yield f"places_{side} = Concat <axis = 3> (x_{side}, y_{side})"


def _sampled(result: str, picture: str, places: str) -> Iterator[str]:
    yield f'{result} = GridSample <mode = "bilinear", padding_mode = "zeros", align_corners = 0> ({picture}, {places})'


def _moved(tag: str, picture: str, flow: str, side: int) -> Iterator[str]:
    """`moved_TAG`: what `picture` (1, c, n, n) shows `flow` (1, 2, n, n) pixels further on."""
    yield f"far_{tag} = Mul ({flow}, pixel_{side})"
    yield f"far_last_{tag} = Transpose <perm = [0, 2, 3, 1]> (far_{tag})"
    yield f"at_{tag} = Add (places_{side}, far_last_{tag})"
    yield f"inside_{tag} = Clip (at_{tag}, first_{side}, last_{side})"
    yield from _sampled(f"moved_{tag}", picture, f"inside_{tag}")


def _round(side: int, number: int, flow: str) -> Iterator[str]:
    """One step of least squares from `flow` (1, 2, n, n), in pixels, to `flow_SIDE_NUMBER`."""
    tag = f"{side}_{number}"
    yield from _moved(tag, f"there_{side}", flow, side)
    yield f"own_{tag} = Conv <pads = [1, 1, 1, 1]> (moved_{tag}, differences)"
    yield f"both_{tag} = Add (own_{tag}, slope_{side})"
    yield f"slope_{tag} = Mul (both_{tag}, half)"
    yield f"apart_{tag} = Sub (here_{side}, moved_{tag})"
    yield f"odd_{tag} = Mul (apart_{tag}, robust)"
    yield f"odd_square_{tag} = Mul (odd_{tag}, odd_{tag})"
    yield f"doubt_{tag} = Add (odd_square_{tag}, one)"
    yield f"trust_{tag} = Div (weight_{side}, doubt_{tag})"
    yield f"gx_{tag}, gy_{tag} = Split <axis = 1, num_outputs = 2> (slope_{tag})"
    yield f"trusted_x_{tag} = Mul (gx_{tag}, trust_{tag})"
    yield f"trusted_y_{tag} = Mul (gy_{tag}, trust_{tag})"
    for name, left, right in (("xx", "x", "gx"), ("xy", "x", "gy"), ("yy", "y", "gy")):
        yield f"{name}_{tag} = Mul (trusted_{left}_{tag}, {right}_{tag})"
    for name in ("x", "y"):
        yield f"{name}d_{tag} = Mul (trusted_{name}_{tag}, apart_{tag})"
    yield f"sums_{tag} = Concat <axis = 1> (xx_{tag}, xy_{tag}, yy_{tag}, xd_{tag}, yd_{tag})"
    yield from _blurred(f"means_{tag}", f"sums_{tag}", f"window_{side}")
    names = ", ".join(f"{name}_{tag}" for name in ("mxx", "b", "myy", "p", "q"))
    yield f"{names} = Split <axis = 1, num_outputs = 5> (means_{tag})"
    yield f"a_{tag} = Add (mxx_{tag}, flat)"
    yield f"c_{tag} = Add (myy_{tag}, flat)"
    yield f"ac_{tag} = Mul (a_{tag}, c_{tag})"
    yield f"bb_{tag} = Mul (b_{tag}, b_{tag})"
    yield f"det_{tag} = Sub (ac_{tag}, bb_{tag})"
    for name, own, first, other in (("u", "c", "p", "q"), ("v", "a", "q", "p")):
        yield f"{name}1_{tag} = Mul ({own}_{tag}, {first}_{tag})"
        yield f"{name}2_{tag} = Mul (b_{tag}, {other}_{tag})"
        yield f"{name}3_{tag} = Sub ({name}1_{tag}, {name}2_{tag})"
        yield f"{name}_{tag} = Div ({name}3_{tag}, det_{tag})"
    yield f"way_{tag} = Concat <axis = 1> (u_{tag}, v_{tag})"
    yield f"step_{tag} = Clip (way_{tag}, nearest, farthest)"
    yield f"stepped_{tag} = Add ({flow}, step_{tag})"
    yield from _blurred(f"flow_{tag}", f"stepped_{tag}", f"calm_{side}")


def _spread(result: str, flow: str, weight: str, by: str) -> Iterator[str]:
    """`flow` where `weight` says it is known, carried on beyond."""
    yield f"{result}_part = Mul ({flow}, {weight})"
    yield from _blurred(f"{result}_sum", f"{result}_part", by)
    yield from _blurred(f"{result}_known", weight, by)
    yield f"{result}_all = Add ({result}_known, no)"
    yield f"{result} = Div ({result}_sum, {result}_all)"


def _found(flow: str) -> Iterator[str]:
    """In the face as it was found, what is left out filled; beyond it wide means of what can be told."""
    side = SIDE
    yield from _gaussian("fill", side, _FILL)
    yield from _gaussian("beyond", side, _WIDE)
    yield from _spread("filled", flow, "weight", "fill")
    yield "left_out = Sub (one, weight)"
    yield f"inside_own = Mul ({flow}, weight)"
    yield "inside_filled = Mul (filled, left_out)"
    yield "inside = Add (inside_own, inside_filled)"
    yield f"steep = Mul (slope_{side}, slope_{side})"
    yield "channel = Constant <value_ints = [1]> ()"
    yield "steepness = ReduceSum <keepdims = 1> (steep, channel)"
    yield "more = Add (steepness, clear)"
    yield "told_by = Div (steepness, more)"
    yield "sure = Mul (told_by, weight)"
    yield from _spread("outside", flow, "sure", "beyond")
    yield "not_face = Sub (one, face)"
    yield "in_face = Mul (inside, face)"
    yield "out_of_face = Mul (outside, not_face)"
    yield "all = Add (in_face, out_of_face)"
    yield "coarse = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (all)"
    yield f"unit = Constant <value_float = {1.0 / SIDE}> ()"
    yield "sides = Mul (coarse, unit)"
    yield "residual = Transpose <perm = [0, 2, 3, 1]> (sides)"


def _lighter(result: str, told: str) -> Iterator[str]:
    """The logarithm of by how much lighter what is seen is than `told`."""
    yield f"{result}_told = Add ({told}, dark)"
    yield f"{result}_ratio = Div (seen_lifted, {result}_told)"
    yield f"{result} = Log ({result}_ratio)"


def _owned(result: str, alpha: str) -> Iterator[str]:
    """The weight of pixels that are owned by what has that `alpha`."""
    yield f"{result}_over = Sub ({alpha}, owned)"
    yield f"{result}_share = Div ({result}_over, owned_span)"
    yield f"{result}_own = Clip ({result}_share, zero, one)"
    yield f"{result} = Mul ({result}_own, weight)"


def _exposed() -> Iterator[str]:
    """`exposure` (1, 1, 1, 1): by how much lighter what is behind became, which is the camera's doing, no lamp's."""
    side = SIDE
    yield from _lighter("behind_log", f"raw_there_{side}")
    yield f"behind_open = Sub (one, own_{side})"
    yield from _owned("behind_weight", "behind_open")
    yield from _doubted("behind_counts", "behind_log", "behind_weight", "oddest")
    yield "behind_part = Mul (behind_log, behind_counts)"
    yield "picture_axes = Constant <value_ints = [2, 3]> ()"
    yield "behind_sum = ReduceSum <keepdims = 1> (behind_part, picture_axes)"
    yield "behind_known = ReduceSum <keepdims = 1> (behind_counts, picture_axes)"
    yield "behind_all = Add (behind_known, few)"
    yield "exposure = Div (behind_sum, behind_all)"


def _doubted(result: str, value: str, weight: str, odd: str) -> Iterator[str]:
    """`weight`, less where `value` is far from nothing, by Cauchy's function."""
    yield f"{result}_part = Mul ({value}, {odd})"
    yield f"{result}_square = Mul ({result}_part, {result}_part)"
    yield f"{result}_doubt = Add ({result}_square, one)"
    yield f"{result} = Div ({weight}, {result}_doubt)"


def _lit(flow: str) -> Iterator[str]:
    """By how much lighter what is seen is than what was told, moved by `flow`: the logarithm of a smooth ratio."""
    side = SIDE
    yield f"lit_raw = Concat <axis = 1> (raw_there_{side}, own_{side})"
    yield from _moved("lit", "lit_raw", flow, side)
    yield "lit_there, lit_alpha = Split <axis = 1, num_outputs = 2> (moved_lit)"
    yield f"seen_lifted = Add (raw_here_{side}, dark)"
    yield from _lighter("lit_all", "lit_there")
    yield from _exposed()
    yield "lit_log = Sub (lit_all, exposure)"
    yield from _owned("lit_weight", "lit_alpha")
    yield "lit_region = Max (face, hair)"
    yield "lit_counts = Mul (lit_weight, lit_region)"
    yield from _doubted("lit_wide", "lit_log", "lit_counts", "odd")
    yield from _gaussian("lit_dim", side, _DIM)
    yield from _spread("lit_base", "lit_log", "lit_wide", "lit_dim")
    yield "lit_rest = Sub (lit_log, lit_base)"
    yield "lit_in_face = Mul (lit_weight, face)"
    yield from _doubted("lit_near", "lit_rest", "lit_in_face", "odder")
    yield from _gaussian("lit_by", side, _LIGHT)
    yield from _spread("lit_fine", "lit_rest", "lit_near", "lit_by")
    yield "lit = Add (lit_base, lit_fine)"
    yield "lit_coarse = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (lit)"
    yield "light = Transpose <perm = [0, 2, 3, 1]> (lit_coarse)"


def _lines() -> Iterator[str]:
    named = {"no": _LEAST, "flat": _FLAT, "robust": 1 / _ROBUST, "farthest": _STEP, "nearest": -_STEP, "clear": _CLEAR}
    named |= {"dark": _DARK, "owned": _OWN, "owned_span": 1 - _OWN, "hair": _HAIR}
    named |= {"odd": 1 / _ODD, "odder": 1 / _ODDER, "oddest": 1 / _ODDEST, "few": _FEW}
    for name, value in named.items():
        yield f"{name} = Constant <value_float = {value:.8f}> ()"
    yield from _pictures()
    flow, first = "nothing", min(_ROUNDS)
    yield f"nothing_shape = Constant <value_ints = [1, 2, {first}, {first}]> ()"
    yield "nothing = ConstantOfShape (nothing_shape)"
    for side, rounds in _ROUNDS.items():
        if side != first:
            yield (
                f'flow_{side}_up = Resize <mode = "linear", coordinate_transformation_mode = "half_pixel"> '
                f"({flow}, , double)"
            )
            yield f"flow_{side}_start = Mul (flow_{side}_up, twice)"
            flow = f"flow_{side}_start"
        for number in range(rounds):
            yield from _round(side, number, flow)
            flow = f"flow_{side}_{number}"
    yield from _found(flow)
    yield from _lit(flow)


def build() -> onnx.ModelProto:
    """The graph, checked; always the same bytes."""
    return parsed(_HEADER + "\n".join(f"    {line}" for line in _lines()) + "\n}\n")


if __name__ == "__main__":
    onnx.save(build(), sys.argv[1])
