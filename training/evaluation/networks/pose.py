"""33 points of a body by MediaPipe's BlazePose, as people are moved by (`runtime.layers.figure.pose`)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from runtime.layers.figure.pose import JOINTS, MIN_SCORE, look_at
from training.evaluation.measure import Clip, Tracks
from training.evaluation.metrics.parts import Layout


class Pose:
    """Detector of the surest person of every frame; no frame depends on another, so nothing is smoothed away."""

    name = "pose"
    layout: ClassVar[Layout | None] = None

    def __call__(self, frames: Clip) -> Tracks:
        """Points (T, 33, 2) in pixels, 0 at the first pixel's corner, and for each (T, 33) whether it is seen; zeros
        where no person was found. Points may lie outside the picture. Their order is MediaPipe's.
        """
        points = np.zeros((len(frames), JOINTS, 2))
        found = np.zeros((len(frames), JOINTS), bool)
        for index, frame in enumerate(frames):
            look = look_at(frame)
            if look is not None:
                points[index], found[index] = look.joints + 0.5, look.seen > MIN_SCORE
        return Tracks(points, found)
