"""33 points of a body by MediaPipe's BlazePose (Bazarevsky et al. 2020), run by ONNX Runtime; see NOTICE.

The steps are those of MediaPipe's graph for single pictures: find the person, cut out a square that would hold the
whole body, place the points there, move each to the middle of its heat map.
"""

from __future__ import annotations

import lzma
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from training.evaluation.measure import Clip, Tracks
from training.evaluation.metrics.parts import Layout
from training.evaluation.networks.warp import Similarity

ASSETS = Path(__file__).resolve().parent.parent / "assets"
FINDER, POINTS_MODEL = ASSETS / "pose_finder.onnx.xz", ASSETS / "pose_points.onnx.xz"
FINDER_SIDE, SIDE, POINTS = 224, 256, 33
MIN_SCORE = 0.5
"""Least probability of a person, and of a point's being seen: MediaPipe's defaults."""

_MARGIN = 1.25
"""Side of the square as a multiple of the circle through the body (MediaPipe's graph)."""
_SAME = 0.3
"""Boxes that overlap by this much (intersection over union) show the same person."""
_REACH = 3
"""Cells of the heat map to either side of a point that have a say in where it is."""


class Pose:
    """Detector of the surest person of every frame; no frame depends on another, so nothing is smoothed away."""

    name = "pose"
    layout: ClassVar[Layout | None] = None

    def __init__(self) -> None:
        self._finder, self._network = _open(FINDER), _open(POINTS_MODEL)

    def __call__(self, frames: Clip) -> Tracks:
        """Points (T, 33, 2) in pixels, 0 at the first pixel's corner, and for each (T, 33) whether it is seen; zeros
        where no person was found. Points may lie outside the picture. Their order is MediaPipe's: nose, eyes, ears,
        mouth, then left and right shoulder, elbow, wrist, fingers, hip, knee, ankle, heel, toes.
        """
        points = np.zeros((len(frames), POINTS, 2))
        found = np.zeros((len(frames), POINTS), bool)
        for index, frame in enumerate(frames):
            view = self._look(frame)
            if view is not None:
                points[index], found[index] = self._place(frame, view)
        return Tracks(points, found)

    def _look(self, frame: NDArray[np.uint8]) -> Similarity | None:
        """From the picture to the second network's square: the middle of the hips in its middle, the body upright."""
        height, width = frame.shape[:2]
        side = max(height, width)
        scale = FINDER_SIDE / side
        whole = Similarity(complex(scale), complex(side - width, side - height) / 2 * scale)
        small = whole.cut(frame, FINDER_SIDE)[None]
        boxes, places, scores = (each[0] for each in self._finder.run(["boxes", "places", "scores"], {"frame": small}))
        best = int(scores.argmax())
        if scores[best] < MIN_SCORE:
            return None
        # The mean of all anchors that agree trembles less from frame to frame than the best of them.
        same = (scores >= MIN_SCORE) & (_overlaps(boxes[best], boxes) > _SAME)
        same[best] = True
        hips, top = np.average(places[same, :2], axis=0, weights=scores[same].astype(np.float64)) * FINDER_SIDE
        middle, end = (complex(*whole.inverse(place)) for place in (hips, top))
        turn = SIDE / (2 * _MARGIN * max(abs(end - middle), 1.0)) * np.exp(-1j * np.angle((end - middle) * 1j))
        return Similarity(complex(turn), complex(SIDE / 2, SIDE / 2) - turn * middle)

    def _place(self, frame: NDArray[np.uint8], view: Similarity) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        square = view.cut(frame, SIDE, beyond="edge")[None]
        numbers, heat, scores = self._network.run(["points", "heat", "scores"], {"frame": square})
        if scores[0] < MIN_SCORE:
            return np.zeros((POINTS, 2)), np.zeros(POINTS, bool)
        places = np.stack([_refined(*pair) for pair in zip(numbers[0, :POINTS, :2], heat[0], strict=False)])
        seen = _probability(numbers[0, :POINTS, 3]) > MIN_SCORE
        return view.inverse(places * SIDE), seen


def _open(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(lzma.decompress(path.read_bytes()), options, providers=["CPUExecutionProvider"])


def _refined(place: NDArray[np.float32], heat: NDArray[np.float32]) -> NDArray[np.float64]:
    """`place` (2,), (x, y) in [0, 1], moved to the middle of the heat (h, w) around it where there is enough."""
    height, width = heat.shape
    column, row = int(place[0] * width), int(place[1] * height)
    if not (place.min() >= 0 and column < width and row < height):
        return place.astype(np.float64)
    left, top = max(0, column - _REACH), max(0, row - _REACH)
    near = _probability(heat[top : row + _REACH + 1, left : column + _REACH + 1])
    if near.max() < MIN_SCORE:
        return place.astype(np.float64)
    rows, columns = (np.arange(size) for size in near.shape)
    x, y = left + near.sum(0) @ columns / near.sum(), top + near.sum(1) @ rows / near.sum()
    return np.array([x / width, y / height])


def _probability(odds: NDArray[np.float32]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-odds.astype(np.float64)))


def _overlaps(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one box (4,) with each of (N, 4); left, top, right, bottom."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / np.maximum(np.prod(box[2:] - box[:2]) + areas - shared, 1e-9)
