"""68 points of a face by dlib (King 2009; Kazemi and Sullivan 2014): a second opinion beside MediaPipe's, of which the
engine itself makes use.

Its weights learned on iBUG's 300-W, which may be used for research: for measuring only, and never with the product.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from training.evaluation.measure import Clip, Tracks
from training.evaluation.metrics.parts import SIXTY_EIGHT, Layout
from training.evaluation.networks.dlib_package import load_dlib, weights

WEIGHTS = "shape_predictor_68_face_landmarks.dat"
_WHAT = "--keypoints dlib"


class DlibLandmarks:
    """Detector of the surest face of every frame; no frame depends on another."""

    name = "dlib's landmarks"
    layout: ClassVar[Layout | None] = SIXTY_EIGHT

    def __init__(self) -> None:
        """Raises `ModelError` when a package is missing."""
        dlib: Any = load_dlib(_WHAT)
        self._find = dlib.get_frontal_face_detector()
        self._place = dlib.shape_predictor(str(weights(WEIGHTS, _WHAT)))

    def __call__(self, frames: Clip) -> Tracks:
        """Points (T, 68, 2) in pixels; zeros where no face was found."""
        points, found = np.zeros((len(frames), 68, 2)), np.zeros(len(frames), bool)
        for index, frame in enumerate(frames):
            picture = np.ascontiguousarray(frame)
            faces = self._find(picture, 1)  # enlarged once, for small faces
            if len(faces):
                shape = self._place(picture, faces[0])
                points[index] = [(shape.part(part).x, shape.part(part).y) for part in range(68)]
                found[index] = True
        return Tracks(points, found)
