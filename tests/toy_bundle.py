"""A real bundle, small enough to be made in a test: it moves a source as a bright spot in the driving video moves.

Points are the four corners of a box around the centroid of what is brighter than mid-grey, as wide and high as its
standard deviation; `render` shifts the source by the mean displacement of the points. The "affine" variant adds
jacobians (the standard deviations on the diagonal) and covariances, and scales too. The "tree" variant has what
drawings need: masks, two intermediate anchors, each of which binds two of the corners, and a root in the middle.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper, parser

from checkpoints.bundle import Bundle, describe_graph, write_bundle
from checkpoints.parameters import usual

SIZE = 64

_DETECT = """
  bytes_as_float = Cast <to = 1> ({image})
  brightness = ReduceMean <keepdims = 0> (bytes_as_float, last)
  excess = Sub (brightness, grey)
  above = Relu (excess)
  weight = Add (above, tiny)
  total = ReduceSum <keepdims = 1> (weight, space)
  weight_x = Mul (weight, xs)
  weight_y = Mul (weight, ys)
  sum_x = ReduceSum <keepdims = 1> (weight_x, space)
  sum_y = ReduceSum <keepdims = 1> (weight_y, space)
  mean_x = Div (sum_x, total)
  mean_y = Div (sum_y, total)
  off_x = Sub (xs, mean_x)
  off_y = Sub (ys, mean_y)
  square_x = Mul (off_x, off_x)
  square_y = Mul (off_y, off_y)
  moment_x = Mul (square_x, weight)
  moment_y = Mul (square_y, weight)
  sum_xx = ReduceSum <keepdims = 1> (moment_x, space)
  sum_yy = ReduceSum <keepdims = 1> (moment_y, space)
  variance_x = Div (sum_xx, total)
  variance_y = Div (sum_yy, total)
  mean = Concat <axis = 2> (mean_x, mean_y)
  variance = Concat <axis = 2> (variance_x, variance_y)
  deviation = Sqrt (variance)
  offsets = Mul (deviation, corners)
  points = Add (mean, offsets)
"""

_LINEAR = """
  diagonal = Unsqueeze (deviation, last)
  jacobian = Mul (diagonal, unit)
  jacobians = Tile (jacobian, four)
  variances = Unsqueeze (variance, last)
  covariance = Mul (variances, unit)
  covariances = Tile (covariance, four)
"""

_TREE = """
  upper = Slice (points, zero, two, points_axis)
  lower = Slice (points, two, end, points_axis)
  upper_anchor = ReduceMean <keepdims = 1> (upper, points_axis)
  lower_anchor = ReduceMean <keepdims = 1> (lower, points_axis)
  root = ReduceMean <keepdims = 1> (points, points_axis)
  anchors = Concat <axis = 1> (points, upper_anchor, lower_anchor, root)
  points_shape = Shape (points)
  frames = Slice (points_shape, zero, one)
  attention_shape = Concat <axis = 0> (frames, rows_and_columns)
  attention = Expand (binding, attention_shape)
"""

_MASKS = """
  hidden = Sub (whole, occlusion)
  share = Mul (occlusion, quarter)
  masks = Concat <axis = 1> (hidden, share, share, share, share)
"""

_FEATURE = "  feature_0 = Transpose <perm = [0, 3, 1, 2]> (bytes_as_float)\n"

_SHIFT = """
  source_center = ReduceMean <keepdims = 1> (source_points, points_axis)
  driving_center = ReduceMean <keepdims = 1> (driving_points, points_axis)
  source_mean = Unsqueeze (source_center, points_axis)
  driving_mean = Unsqueeze (driving_center, points_axis)
  from_driving = Sub (grid, driving_mean)
  {scale}
  flow = Add (source_mean, scaled)
"""
_NO_SCALE = "scaled = Identity (from_driving)"
_SCALE = """
  source_columns = ReduceSum <keepdims = 0> (source_jacobians, last_axis)
  driving_columns = ReduceSum <keepdims = 0> (driving_jacobians, last_axis)
  source_scale = ReduceMean <keepdims = 1> (source_columns, points_axis)
  driving_scale = ReduceMean <keepdims = 1> (driving_columns, points_axis)
  scales = Div (source_scale, driving_scale)
  scales_on_grid = Unsqueeze (scales, points_axis)
  scaled = Mul (from_driving, scales_on_grid)
"""
_SAMPLE = """
  batch_shape = Shape (driving_points)
  batch = Slice (batch_shape, zero, one)
  feature_shape = Concat <axis = 0> (batch, channels_and_size)
  features = Expand (feature_0, feature_shape)
  moved = GridSample <align_corners = 1> (features, flow)
  seen = Sign (moved)
  visible = Abs (seen)
  occlusion = ReduceMax <keepdims = 1> (visible, points_axis)
  {check}
  rounded = Round (moved)
  last_channel = Transpose <perm = [0, 2, 3, 1]> (rounded)
  image = Cast <to = 2> (last_channel)
"""

_DISENTANGLE = """
  source_mean = ReduceMean <keepdims = 1> (source_points, points_axis)
  driving_mean = ReduceMean <keepdims = 1> (driving_points, points_axis)
  shape = Sub (source_points, source_mean)
  points = Add (driving_mean, shape)
"""


def build(folder: Path, *, affine: bool = False, tree: bool = False, size: int = SIZE, subject: str = "spot") -> Bundle:
    """Write the toy bundle to `folder`; `affine` adds jacobians and covariances, `tree` masks, anchors and attention.
    With the `subject` "face" the engine looks for faces in its pictures.
    """
    kinds = {"source": ["points"], "motion": ["points"]}
    if affine:
        kinds = {name: ["points", "jacobians", "covariances"] for name in kinds}
    models = {
        "source": _model(
            f"source (uint8[V,{size},{size},3] image) => ({_motion(kinds['source'], 'V')}, "
            f"float[V,3,{size},{size}] feature_0)",
            _DETECT.format(image="image") + (_LINEAR if affine else "") + _FEATURE,
            size,
        ),
        "motion": _model(
            f"motion (uint8[B,{size},{size},3] frame) => ({_motion(kinds['motion'], 'B')}"
            + (", float[B,7,2] anchors, float[B,2,4] attention)" if tree else ")"),
            _DETECT.format(image="frame") + (_LINEAR if affine else "") + (_TREE if tree else ""),
            size,
        ),
        "render": _model(
            f"render (float[V,3,{size},{size}] feature_0, {_motion(kinds['source'], 'V', 'source_')}, "
            f"{_motion(kinds['motion'], 'B', 'driving_')}) => (uint8[B,{size},{size},3] image, "
            f"float[B,{size},{size},2] flow, float[B,1,{size},{size}] occlusion"
            + (", float[B,4,2,2] excess" if affine else "")
            + (f", float[B,5,{size},{size}] masks)" if tree else ")"),
            _SHIFT.format(scale=_SCALE if affine else _NO_SCALE)
            + _SAMPLE.format(check="excess = Sub (driving_covariances, source_covariances)" if affine else "")
            + (_MASKS if tree else ""),
            size,
        ),
        "disentangle": _model(
            "disentangle (float[V,4,2] source_points, float[B,4,2] driving_points) => (float[B,4,2] points)",
            _DISENTANGLE,
            size,
        ),
    }
    if affine:
        del models["disentangle"]
    data, graphs = described(models)
    bundle = Bundle(
        name="toy-affine" if affine else "toy",
        family="toy",
        resolution=size,
        motion=usual(4, jacobians=affine, covariances=affine),
        modes=("absolute", "relative") if affine else ("absolute", "relative", "disentangled"),
        outputs=("image", "flow", "occlusion", *(["masks"] if tree else [])),
        graphs=graphs,
        licence="Apache-2.0",
        framing={"subject": subject},
        structure={"parts": 4, "dead": [3]} if tree else {},
    )
    return write_bundle(folder, bundle, data)


def described(models: dict[str, onnx.ModelProto]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Every graph's bytes, and what a bundle says of it."""
    data = {name: model.SerializeToString() for name, model in models.items()}
    graphs = {
        name: describe_graph(
            f"{name}.onnx",
            data[name],
            inputs=[value.name for value in model.graph.input],
            outputs=[value.name for value in model.graph.output],
            gflops=0.001,
        )
        for name, model in models.items()
    }
    return data, graphs


def damage(folder: Path, **changes: object) -> Bundle:
    """Rewrite `bundle.json` in `folder` with some values changed, as a newer or broken program might have."""
    bundle = replace(Bundle.load(folder), **changes)  # type: ignore[arg-type]
    (folder / "bundle.json").write_text(bundle.to_json())
    return bundle


def as_format_1(values: dict[str, Any], version: str = "1.3") -> dict[str, Any]:
    """The description `values` of a toy as it was before format 2."""
    values = dict(values, format=version)
    parameters = values.pop("motion")
    return values | {"num_points": parameters["points"]["shape"][0], "jacobians": "jacobians" in parameters}


def _motion(parts: list[str], batch: str, role: str = "") -> str:
    shapes = {"points": "4,2", "jacobians": "4,2,2", "covariances": "4,2,2"}
    return ", ".join(f"float[{batch},{shapes[part]}] {role}{part}" for part in parts)


def _model(signature: str, body: str, size: int) -> onnx.ModelProto:
    text = f'<ir_version: 10, opset_import: ["": 20]>\n{signature}\n{{{body}}}'
    model = parser.parse_model(text)
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)[None]
    constants = {
        "xs": axis[None, None, :],
        "ys": axis[None, :, None],
        "grid": grid,
        "corners": np.array([[[-1, -1], [1, -1], [1, 1], [-1, 1]]], np.float32),
        "unit": np.eye(2, dtype=np.float32)[None, None],
        "grey": np.float32(128),
        "tiny": np.float32(1e-6),
        "last": np.array([3]),
        "last_axis": np.array([3]),
        "space": np.array([1, 2]),
        "points_axis": np.array([1]),
        "four": np.array([1, 4, 1, 1]),
        "zero": np.array([0]),
        "one": np.array([1]),
        "two": np.array([2]),
        "end": np.array([4]),
        "rows_and_columns": np.array([2, 4]),
        "binding": np.array([[[0.8, 0.2, 0, 0], [0, 0.1, 0.9, 0]]], np.float32),
        "whole": np.float32(1),
        "quarter": np.float32(0.25),
        "unit_in_space": np.eye(3, dtype=np.float32)[None, None],
        "four_points": np.array([1, 4, 1]),
        "three_points": np.array([1, 3, 1]),
        "turns_shape": np.array([-1, 1, 3, 3]),
        "places_axes": np.array([1, 2]),
        "channels_and_size": np.array([3, size, size]),
    }
    used = {name for node in model.graph.node for name in node.input}
    for name, value in constants.items():
        if name in used:
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    onnx.checker.check_model(model, full_check=True)
    return model
