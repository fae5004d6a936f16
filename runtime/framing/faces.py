"""Where the faces are: BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047; see NOTICE) over a pyramid of views.

The network looks at 128x128 pixels and finds faces that fill at least a tenth of them. Small faces in large
pictures are found by looking again at overlapping squares of half and a quarter of the size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.framing.window import Window
from runtime.graphs.sessions import Graph, open_graph
from runtime.values import Bytes

MODEL = Path(__file__).parents[1] / "assets" / "face.onnx"
SIDE = 128
"""Pixels along a side of what the network looks at."""

MIN_SCORE = 0.7
"""Least probability of a face in the whole picture ..."""
MIN_SCORE_CLOSER = 0.75
"""... and in a part of it: the more parts are looked at, the more often chance looks like a face."""

_SAME = 0.3
"""Boxes that overlap by this much (intersection over union) show the same face."""
_INSIDE = 0.6
"""Nor is there a face of its own in a box of which this part lies inside another."""
_BATCH = 8


@dataclass(frozen=True)
class Face:
    """A face in a picture; all coordinates in pixels of that picture."""

    left: float
    top: float
    right: float
    bottom: float
    """The box reaches from the forehead to the chin and about from ear to ear."""
    score: float
    """Probability, in [0, 1]."""
    landmarks: tuple[tuple[float, float], ...]
    """(x, y) of the person's right and left eye, nose, mouth, right and left ear."""

    @property
    def size(self) -> float:
        """Side of the square of the same area."""
        return float(np.sqrt(max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)))

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the middle of the box."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def scaled(self, factor: float) -> Face:
        """The same face when the picture is resized by `factor`."""
        left, top, right, bottom = (value * factor for value in (self.left, self.top, self.right, self.bottom))
        return Face(left, top, right, bottom, self.score, tuple((x * factor, y * factor) for x, y in self.landmarks))


def find_faces(picture: Bytes, levels: int = 3) -> list[Face]:
    """The faces in `picture`, uint8 (H, W, 3) in RGB, the largest first.

    `levels`: 1 looks at the whole picture only, 2 also at squares of half its longer side, and so on.
    """
    found: list[Face] = []
    image = Image.fromarray(picture)
    for level in range(levels):
        least = MIN_SCORE if level == 0 else MIN_SCORE_CLOSER
        views = list(_views(image.size, level))
        for start in range(0, len(views), _BATCH):
            found += _look(image, views[start : start + _BATCH], least, whole=level == 0)
    return sorted(_distinct(found), key=lambda face: -face.size)


def _detector() -> Graph:
    with _opening:  # source and driver are looked at side by side
        return _opened()


@cache
def _opened() -> Graph:
    return open_graph(MODEL, "face")


_opening = Lock()


def _views(size: tuple[int, int], level: int) -> Iterator[Window]:
    """Squares that cover a picture of `size` (width, height), overlapping by half."""
    width, height = size
    longest = max(size)
    side = longest / 2**level
    if level and side < SIDE:  # the pixels of these were seen already
        return
    left, top = (width - longest) / 2, (height - longest) / 2
    for row in range(2 ** (level + 1) - 1):
        for column in range(2 ** (level + 1) - 1):
            view = Window(left + column * side / 2, top + row * side / 2, side)
            if view.touches(size):
                yield view


def _look(image: Image.Image, views: list[Window], least: float, *, whole: bool) -> list[Face]:
    """The faces of at least that probability in square `views` of `image`."""
    found = _detector()({"frame": np.stack([view.cut(image, SIDE, replicate=False) for view in views])})
    faces = []
    for view, boxes, landmarks, scores in zip(views, found["boxes"], found["landmarks"], found["scores"], strict=True):
        for box, points, score in _clusters(boxes, landmarks, scores, least):
            if whole or (box.min() >= 0 and box.max() <= 1):  # else a face that the view cuts
                corner = np.array([view.left, view.top])
                x0, y0, x1, y1 = (box.reshape(2, 2) * view.side + corner).reshape(4).tolist()
                placed = tuple((float(x), float(y)) for x, y in points * view.side + corner)
                faces.append(Face(x0, y0, x1, y1, score, placed))
    return faces


def _clusters(
    boxes: NDArray[np.float32], landmarks: NDArray[np.float32], scores: NDArray[np.float32], least: float
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64], float]]:
    """One box (4,), its landmarks (6, 2) and score for all anchors that agree: their mean, weighted by score, which
    trembles less from frame to frame than the best of them (the paper's "blending").
    """
    rest = np.flatnonzero(scores >= least)
    rest = rest[np.argsort(-scores[rest], kind="stable")]
    while len(rest):
        same = np.array([_overlap(boxes[rest[0]], boxes[other])[0] > _SAME for other in rest])
        same[0] = True
        group, weight = rest[same], scores[rest[same]].astype(np.float64)
        yield (
            np.average(boxes[group], axis=0, weights=weight),
            np.average(landmarks[group], axis=0, weights=weight),
            float(scores[rest[0]]),
        )
        rest = rest[~same]


def _distinct(faces: list[Face]) -> list[Face]:
    """Each face once, out of what several views saw; the surest view of it counts."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        box = np.array([face.left, face.top, face.right, face.bottom])
        for other in kept:
            union, smaller = _overlap(box, np.array([other.left, other.top, other.right, other.bottom]))
            if union > _SAME or smaller > _INSIDE:
                break
        else:
            kept.append(face)
    return kept


def _overlap(a: NDArray[np.floating], b: NDArray[np.floating]) -> tuple[float, float]:
    """The intersection of two boxes as a part of their union, and of the smaller one."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    areas = sorted((float(np.prod(a[2:] - a[:2])), float(np.prod(b[2:] - b[:2]))))
    return shared / max(sum(areas) - shared, 1e-9), shared / max(areas[0], 1e-9)
