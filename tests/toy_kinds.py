"""Toy bundles whose motion is of other kinds than points in the plane; each moves its source as `toy_bundle` does.

* "coefficients": no points at all; two coefficients say where the bright spot is, a code how wide and high it is.
* "head": motions of LivePortrait's kinds: a turn in space (by as much as the spot is beside the middle), an expression
  whose rows belong to parts of a face, a scale, and a translation, which says where the spot is. What `render` is told
  moves the spot: without stitching to the left and up, lips that open up, lids that open to the left.
* "space": the four corners as points in space, with the mean deviation as their z, a linear part in space each, and the
  box's outline as a contour.
"""

from __future__ import annotations

from pathlib import Path

import toy_bundle
from toy_bundle import SIZE, described

from checkpoints.bundle import Bundle, write_bundle
from checkpoints.parameters import Parameter

MOTIONS: dict[str, dict[str, Parameter]] = {
    "coefficients": {
        "where": Parameter("coefficient", (2,), ("right", "down"), ((-0.5, 0.5), (-1.0, 1.0))),
        "shape": Parameter("code", (2,)),
    },
    "head": {
        "rotation": Parameter("rotation", (1, 3, 3), parts=("head",)),
        "expression": Parameter("code", (3, 2), kept=(5,), parts=("mouth", "eyes", "brows")),
        "scale": Parameter("ratio", (1,)),
        "translation": Parameter("code", (2,), parts=("head", "head")),
    },
    "space": {
        "points": Parameter("point", (4, 3)),
        "jacobians": Parameter("linear", (4, 3, 3)),
        "outline": Parameter("contour", (1, 4, 2)),
    },
}

_FIND = {
    "coefficients": """
  where = Squeeze (mean, points_axis)
  shape = Squeeze (deviation, points_axis)
""",
    "head": """
  cosine = Cos (mean_x)
  sine = Sin (mean_x)
  against = Neg (sine)
  nil = Sub (sine, sine)
  unity = Exp (nil)
  entries = Concat <axis = 2> (cosine, sine, nil, against, cosine, nil, nil, nil, unity)
  rotation = Reshape (entries, turns_shape)
  expression = Tile (deviation, three_points)
  scale = ReduceMean <keepdims = 0> (deviation, two)
  translation = Squeeze (mean, points_axis)
""",
    "space": """
  depth = ReduceMean <keepdims = 1> (deviation, two)
  depths = Tile (depth, four_points)
  corners_in_space = Concat <axis = 2> (plane_points, depths)
  points = Identity (corners_in_space)
  sizes = Concat <axis = 2> (deviation, depth)
  diagonal = Unsqueeze (sizes, last)
  jacobian = Mul (diagonal, unit_in_space)
  jacobians = Tile (jacobian, four)
  outline = Unsqueeze (plane_points, points_axis)
""",
}

_PLACE = {
    "coefficients": """
  {role}_mean = Unsqueeze ({role}_where, places_axes)
""",
    "head": """
  {role}_mean = Unsqueeze ({role}_translation, places_axes)
""",
    "space": """
  {role}_plane = Slice ({role}_points, zero, two, two)
  {role}_center = ReduceMean <keepdims = 1> ({role}_plane, points_axis)
  {role}_mean = Unsqueeze ({role}_center, points_axis)
""",
}

_FLOW = """
  from_driving = Sub (grid, driving_mean)
  {told}
  flow = Add (source_mean, told)
"""
_TOLD = {
    "head": """
  lips, lips_wanted, lips_weight = Split <axis = 1, num_outputs = 3> (lip_opening)
  lips_more = Sub (lips_wanted, lips)
  lips_by = Mul (lips_more, lips_weight)
  left, right, lids_wanted, lids_weight = Split <axis = 1, num_outputs = 4> (eye_opening)
  lids = Mean (left, right)
  lids_more = Sub (lids_wanted, lids)
  lids_by = Mul (lids_more, lids_weight)
  opened = Concat <axis = 1> (lids_by, lips_by)
  opened_by = Unsqueeze (opened, places_axes)
  loose = Sub (whole, stitching)
  loosely = Mul (loose, quarter)
  opening = Add (from_driving, opened_by)
  told = Add (opening, loosely)
""",
}
"""What `render` makes of what it is told, where it can be told anything."""
_SWITCHES = {"head": ", float[1] stitching, float[B,3] lip_opening, float[B,4] eye_opening"}

_USED = {
    # Every parameter is read, so that a mode that lost one would be noticed.
    "coefficients": "  spread = Sub (driving_shape, source_shape)\n",
    "head": """
  turn = Sub (driving_rotation, source_rotation)
  smile = Sub (driving_expression, source_expression)
  growth = Div (driving_scale, source_scale)
""",
    "space": "  turn = Sub (driving_jacobians, source_jacobians)\n  bend = Sub (driving_outline, source_outline)\n",
}
_EXTRA = {
    "coefficients": "float[B,2] spread",
    "head": "float[B,1,3,3] turn, float[B,3,2] smile, float[B,1] growth",
    "space": "float[B,4,3,3] turn, float[B,1,4,2] bend",
}


def build(folder: Path, kind: str) -> Bundle:
    """Write the toy bundle `kind`, one of `MOTIONS`, to `folder`."""
    motion = MOTIONS[kind]
    detect = toy_bundle._DETECT.replace("points = Add (mean, offsets)", "plane_points = Add (mean, offsets)")
    place = "".join(_PLACE[kind].format(role=role) for role in ("source", "driving"))
    first = next(iter(motion))
    flow = _FLOW.format(told=_TOLD.get(kind, "told = Identity (from_driving)"))
    body = place + flow + toy_bundle._SAMPLE.format(check=_USED[kind]).replace("driving_points", f"driving_{first}")
    models = {
        "source": toy_bundle._model(
            f"source (uint8[V,{SIZE},{SIZE},3] image) => ({_declared(motion, 'V')}, "
            f"float[V,3,{SIZE},{SIZE}] feature_0)",
            detect.format(image="image") + _FIND[kind] + toy_bundle._FEATURE,
            SIZE,
        ),
        "motion": toy_bundle._model(
            f"motion (uint8[B,{SIZE},{SIZE},3] frame) => ({_declared(motion, 'B')})",
            detect.format(image="frame") + _FIND[kind],
            SIZE,
        ),
        "render": toy_bundle._model(
            f"render (float[V,3,{SIZE},{SIZE}] feature_0, {_declared(motion, 'V', 'source_')}, "
            f"{_declared(motion, 'B', 'driving_')}{_SWITCHES.get(kind, '')}) => (uint8[B,{SIZE},{SIZE},3] image, "
            f"float[B,{SIZE},{SIZE},2] flow, float[B,1,{SIZE},{SIZE}] occlusion, {_EXTRA[kind]})",
            body,
            SIZE,
        ),
    }
    data, graphs = described(models)
    bundle = Bundle(
        name=f"toy-{kind}",
        family=f"toy-{kind}",
        resolution=SIZE,
        motion=motion,
        modes=("absolute", "relative"),
        outputs=("image", "flow", "occlusion"),
        graphs=graphs,
        licence="Apache-2.0",
        framing={"subject": "points" if kind == "space" else "spot"},
    )
    return write_bundle(folder, bundle, data)


def _declared(motion: dict[str, Parameter], batch: str, role: str = "") -> str:
    shapes = {name: ",".join(map(str, (batch, *what.shape))) for name, what in motion.items()}
    return ", ".join(f"float[{shape}] {role}{name}" for name, shape in shapes.items())
