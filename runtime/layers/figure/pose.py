"""A person's joints in a picture, and which of its pixels show them: MediaPipe's BlazePose (Bazarevsky et al. 2020,
arXiv:2006.10204; see NOTICE).

The steps are those of MediaPipe's graph for single pictures: find people, cut out a square that would hold the whole
body, upright, place the joints there, move each to the middle of its heat map. No frame depends on another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.graphs.sessions import Graph, open_graph
from runtime.layers.frames import Affine, Array, Pixels
from runtime.values import Bytes

_ASSETS = Path(__file__).parents[2] / "assets"
FINDER, MODEL = _ASSETS / "pose_finder.onnx.xz", _ASSETS / "pose_points.onnx.xz"
FINDER_SIDE, SIDE, JOINTS = 224, 256, 33
"""Pixels along the sides of what the two networks look at, and how many joints the second one places, in MediaPipe's
order: nose, eyes, ears, mouth, then left and right shoulder, elbow, wrist, fingers, hip, knee, ankle, heel, toes.
"""
MIN_SCORE = 0.5
"""Least probability of a person: MediaPipe's default."""
BODY = 2.2
"""Radius of the circle through a whole body about the hips, in lengths from there to the pit of the neck."""

_MARGIN = 1.25
"""Side of the square as a multiple of the circle through the body (MediaPipe's graph)."""
_SAME = 0.3
"""Boxes that overlap by this much (intersection over union) show the same person."""
_REACH = 3
"""Cells of the heat map to either side of a joint that have a say in where it is."""


@dataclass(frozen=True)
class Look:
    """What the networks see of one person."""

    joints: Array
    """(33, 2): places (x, y) in pixels of the picture, 0 in the middle of the first one; they may lie outside."""
    seen: Array
    """(33,): the probability that each is in the picture and not hidden."""
    score: float
    """The probability that it is a person."""
    shown: Pixels
    """f32 (256, 256): the probability that a pixel of what was looked at shows the person."""
    view: Affine
    """From there to the picture, in pixels with the first one's corner at 0."""

    def mask(self, places: Array) -> Pixels:
        """f32 (h, w): the probability that the picture shows the person at `places` (h, w, 2), in its pixels; 0 where
        it was not looked at.
        """
        at = self.view.inverse()(places + 0.5) - 0.5
        inside = ((at > -0.5) & (at < SIDE - 0.5)).all(-1)
        x, y = np.moveaxis(np.clip(at, 0, SIDE - 1.001), -1, 0)
        left, top = x.astype(np.intp), y.astype(np.intp)
        across, down = x - left, y - top
        upper, lower = (
            self.shown[row, left] + across * (self.shown[row, left + 1] - self.shown[row, left])
            for row in (top, top + 1)
        )
        return np.where(inside, upper + down * (lower - upper), 0).astype(np.float32)


@cache
def _finder() -> Graph:
    return open_graph(FINDER, "pose finder")


@cache
def _network() -> Graph:
    return open_graph(MODEL, "pose")


def look_at(picture: Bytes, circle: tuple[Array, Array] | None = None) -> Look | None:
    """The person in `picture`, uint8 (H, W, 3); None where none is seen. `circle`, where it is known about where they
    are: the middle of their hips (2,), and the end (2,) upwards of a circle about it through the whole body, in pixels
    of the picture. Of several people it is the one there; and there is looked where none is found.
    """
    known = None if circle is None else tuple(each + 0.5 for each in circle)
    found = _found(picture, None if known is None else known[0])
    for middle, end in (each for each in (found, known) if each is not None):
        look = _placed(picture, middle, end)
        if look.score >= MIN_SCORE:
            return look
    return None


def _found(picture: Bytes, near: Array | None) -> tuple[Array, Array] | None:
    """Hips and circle of the surest person, of those about whom the place `near` is if there are any; None if none."""
    height, width = picture.shape[:2]
    scale = max(height, width) / FINDER_SIDE
    corner = (np.array([width, height]) - max(height, width)) / 2
    whole = Affine(scale * np.eye(2), corner)
    small = whole.cut(Image.fromarray(picture), FINDER_SIDE)[None]
    seen = _finder()({"frame": small})
    boxes, places, scores = (seen[name][0] for name in ("boxes", "places", "scores"))
    circles = whole(places[:, :2].astype(np.float64) * FINDER_SIDE)
    likely = scores >= MIN_SCORE
    if near is not None:
        middle, end = circles[:, 0], circles[:, 1]
        about = likely & (np.hypot(*(middle - near).T) < np.hypot(*(end - middle).T))
        likely = about if about.any() else likely
    best = int(np.where(likely, scores, 0).argmax())
    if not likely[best]:
        return None
    # The mean of all anchors that agree trembles less from frame to frame than the best of them.
    same = (scores >= MIN_SCORE) & (_overlaps(boxes[best], boxes) > _SAME)
    same[best] = True
    middle, end = np.average(circles[same], axis=0, weights=scores[same].astype(np.float64))
    return middle, end


def _placed(picture: Bytes, middle: Array, end: Array) -> Look:
    """What is seen in the square about the circle whose `middle` and upper `end` (2,) are given."""
    way = end - middle
    radius = max(float(np.hypot(*way)), 1.0)
    up = way / radius
    linear = 2 * _MARGIN * radius / SIDE * np.array([[-up[1], -up[0]], [up[0], -up[1]]])
    view = Affine(linear, middle - linear @ np.full(2, SIDE / 2))
    seen = _network()({"frame": _cut(picture, view)[None]})
    numbers, heat = seen["points"][0, :JOINTS].astype(np.float64), seen["heat"][0]
    places = np.stack([_refined(*pair) for pair in zip(numbers[:, :2], heat, strict=False)])
    shown = _probability(seen["person"][0, 0]).astype(np.float32)
    return Look(view(places * SIDE) - 0.5, _probability(numbers[:, 3]), float(seen["scores"][0]), shown, view)


def _cut(picture: Bytes, view: Affine) -> Bytes:
    """uint8 (256, 256, 3): what `picture` shows there, and beyond it what its edge does."""
    corners = view(np.array([[x, y] for x in (0.0, SIDE) for y in (0.0, SIDE)]))
    height, width = picture.shape[:2]
    most = 4 * max(height, width)
    left, top = np.clip(np.ceil(-corners.min(0)), 0, most).astype(int) + 1
    right, bottom = np.clip(np.ceil(corners.max(0) - [width, height]), 0, most).astype(int) + 1
    wide = Image.fromarray(np.pad(picture, ((top, bottom), (left, right), (0, 0)), mode="edge"))
    return Affine(view.linear, view.offset + np.array([left, top])).cut(wide, SIDE)


def _refined(place: Array, heat: Pixels) -> Array:
    """`place` (2,), (x, y) in [0, 1], moved to the middle of the heat (h, w) around it where there is enough."""
    height, width = heat.shape
    column, row = int(place[0] * width), int(place[1] * height)
    if not (place.min() >= 0 and column < width and row < height):
        return place
    left, top = max(0, column - _REACH), max(0, row - _REACH)
    near = _probability(heat[top : row + _REACH + 1, left : column + _REACH + 1])
    if near.max() < MIN_SCORE:
        return place
    rows, columns = (np.arange(size) for size in near.shape)
    x, y = left + near.sum(0) @ columns / near.sum(), top + near.sum(1) @ rows / near.sum()
    return np.array([x / width, y / height])


def _probability(odds: NDArray[np.floating]) -> Array:
    return 1 / (1 + np.exp(-np.clip(odds.astype(np.float64), -50, 50)))


def _overlaps(box: NDArray[np.floating], boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    """Intersection over union of one box (4,) with each of (N, 4); left, top, right, bottom."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / np.maximum(np.prod(box[2:] - box[:2]) + areas - shared, 1e-9)
