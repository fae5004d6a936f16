"""What a drawn performance makes a photograph's face do, as the engine's shutters are told it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch

from runtime.layers.expression import Expression
from runtime.layers.frames import Array

from ..person.actor import Actor
from ..person.contours import contour_vertices
from ..person.head import HeadAsset
from ..person.performance import Pose
from ..person.points import POINT_NAMES, point_vertices
from ..person.pose import pose_vertices, project_points, to_camera
from .movement import Acted

_SIDES = ("left", "right")
_THIN, _THICKNESS = 0.03, (0.7, 1.35)
"""Least thickness of a lip, in the head's own frame; and how thin and thick they become, of what they are at rest."""
_WIDEST = 1.12
"""How far eyes open, of how far they are open at rest."""
_SHUT, _OPENER = 0.06, 0.8
"""Of an opening: less is shut; and the exponent by which it narrows: photographs look sleepy sooner."""
_TOGETHER = 0.85
"""How much of what lids do differently they do alike: half a wink looks like a fault."""


@dataclass(frozen=True)
class Marks:
    """Vertices that tell what a face does."""

    every: Array
    """(N,) all of them, once each."""
    rows: dict[str, Array]
    """Name of a line or point -> where in `every` it is."""


@cache
def marks(asset: HeadAsset) -> Marks:
    """Of an asset: lines of lips, lids and irises, chin and brows."""
    lines = {name: line.numpy() for name, line in contour_vertices(asset).items()}
    for name, vertex in zip(POINT_NAMES, point_vertices(asset).tolist(), strict=True):
        lines[name] = np.array([vertex])
    every, index = np.unique(np.concatenate(list(lines.values())), return_inverse=True)
    ends = np.cumsum([len(line) for line in lines.values()])[:-1]
    return Marks(every, dict(zip(lines, np.split(index, ends), strict=True)))


class Told:
    """Turns poses of one actor into expressions."""

    def __init__(self, asset: HeadAsset, actor: Actor, rest: Pose, own: Callable[[Array], Array]) -> None:
        """`own`: from the frame to the head's own frame."""
        self._asset, self._actor, self._rest, self._own = asset, actor, rest, own
        self._marks = marks(asset)
        self._calm = self._seen(rest)

    def _seen(self, pose: Pose) -> Array:
        points = to_camera(pose_vertices(self._asset, [self._actor], pose), [self._actor])[:, self._marks.every]
        return self._own(project_points(points, [self._actor], torch.eye(3)[None, :2])[0, :, :2].double().numpy())

    def _of(self, seen: Array, name: str) -> Array:
        return seen[self._marks.rows[name]]

    def __call__(self, acted: Acted) -> Expression:
        """What the face does that it does not in the photograph."""
        rest = self._rest
        now = self._seen(replace(rest, actions=acted.pose.actions, gaze=acted.pose.gaze))
        before = self._seen(replace(rest, actions=acted.left))
        calm = self._calm
        seam = sum(self._middle(now, name) - self._middle(calm, name) for name in ("upper", "lower")) / 2
        opens = self._gap(now) - self._gap(before)
        shut = (1 - acted.kept) * max(self._gap(calm), 0.0)
        upper = seam - opens / 2 + shut / 2
        ends = np.stack([self._of(now, "lip_upper_inner")[i] - self._of(calm, "lip_upper_inner")[i] for i in (-1, 0)])
        chin = self._of(now, "mouth.chin") - self._of(before, "mouth.chin")
        return Expression(
            upper_lip=float(upper), lower_lip=float(upper + opens), chin=float(chin[0, 1]), corners=ends,
            lids=self._lids(now),
            brows=np.array([self._brow(now, side) for side in _SIDES]),
            gaze=self._gaze(now),
            closed=1 - acted.kept, thickness=self._thickness(now),
        )  # fmt: skip

    def _middle(self, seen: Array, lip: str) -> float:
        return float(self._of(seen, f"lip_{lip}_inner")[4:8, 1].mean())

    def _gap(self, seen: Array) -> float:
        return self._middle(seen, "lower") - self._middle(seen, "upper")

    def _thickness(self, now: Array) -> Array:
        found = []
        for lip in ("upper", "lower"):
            thick = [
                max(
                    abs(
                        float((self._of(each, f"lip_{lip}_outer") - self._of(each, f"lip_{lip}_inner"))[4:8, 1].mean())
                    ),
                    _THIN,
                )
                for each in (now, self._calm)
            ]
            found.append(thick[0] / thick[1])
        return np.clip(np.array(found), *_THICKNESS)

    def _lids(self, now: Array) -> Array:
        """(2,): how far the eyes are open, of what they are at rest."""
        shares = []
        for side in _SIDES:
            lines = [f"{lid}_lid_{side}" for lid in ("upper", "lower")]
            now_gap, gap = (
                float((self._of(each, lines[1]) - self._of(each, lines[0]))[3:7, 1].mean())
                for each in (now, self._calm)
            )
            shares.append(np.clip(now_gap / max(gap, 1e-3), 0, _WIDEST))
        found = np.array(shares)
        found += _TOGETHER * (found.mean() - found)
        return np.where(found > _SHUT, np.minimum(found**_OPENER, _WIDEST), 0.0)

    def _brow(self, now: Array, side: str) -> float:
        name = f"eye_{side}.brow"
        return float((self._of(now, name) - self._of(self._calm, name))[0, 1])

    def _gaze(self, now: Array) -> Array:
        """(2, 2): both eyes look to the same side: what differs would be a squint."""
        (left_in, left_down), (right_in, right_down) = (self._iris(now, side) for side in _SIDES)
        aside, down = (left_in - right_in) / 2, (left_down + right_down) / 2
        return np.array([[aside, down], [-aside, down]])

    def _iris(self, now: Array, side: str) -> tuple[float, float]:
        line = f"iris_{side}"
        way = (self._of(now, line) - self._of(self._calm, line)).mean(0)
        ends = self._of(self._calm, f"upper_lid_{side}")[[0, -1]]
        width = max(float(np.hypot(*(ends[1] - ends[0]))), 1e-3)
        inward = -1.0 if side == "left" else 1.0  # x of the head's own frame leads to the person's left
        return inward * float(way[0]) / width, float(way[1]) / width
