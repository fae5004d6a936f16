"""Toy bundles whose motion is of other kinds than points in the plane; each moves its source as `toy_bundle` does.

* "coefficients": no points at all; two coefficients say where the bright spot is, a code how wide and high it is.
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
    "space": """
  {role}_plane = Slice ({role}_points, zero, two, two)
  {role}_center = ReduceMean <keepdims = 1> ({role}_plane, points_axis)
  {role}_mean = Unsqueeze ({role}_center, points_axis)
""",
}

_FLOW = """
  from_driving = Sub (grid, driving_mean)
  flow = Add (source_mean, from_driving)
"""

_USED = {
    # Every parameter is read, so that a mode that lost one would be noticed.
    "coefficients": "  spread = Sub (driving_shape, source_shape)\n",
    "space": "  turn = Sub (driving_jacobians, source_jacobians)\n  bend = Sub (driving_outline, source_outline)\n",
}
_EXTRA = {"coefficients": "float[B,2] spread", "space": "float[B,4,3,3] turn, float[B,1,4,2] bend"}


def build(folder: Path, kind: str) -> Bundle:
    """Write the toy bundle `kind`, one of `MOTIONS`, to `folder`."""
    motion = MOTIONS[kind]
    detect = toy_bundle._DETECT.replace("points = Add (mean, offsets)", "plane_points = Add (mean, offsets)")
    place = "".join(_PLACE[kind].format(role=role) for role in ("source", "driving"))
    first = next(iter(motion))
    body = place + _FLOW + toy_bundle._SAMPLE.format(check=_USED[kind]).replace("driving_points", f"driving_{first}")
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
            f"{_declared(motion, 'B', 'driving_')}) => (uint8[B,{SIZE},{SIZE},3] image, "
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
