"""Identity embeddings by dlib's face network (King 2017, CC0), whose weights lie in a package: nothing is fetched.

Two pictures show the same person, say its makers, where embeddings are less than 0.6 apart (99.4% right on LFW). All
of them lie in one direction more or less: cosines of different people are 0.8 and more, so go by the distance, AED.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.measure import Clip, Floats, Tracks
from training.evaluation.networks.aligned import embed_faces
from training.evaluation.networks.dlib_package import load_dlib, weights

WEIGHTS = "dlib_face_recognition_resnet_model_v1.dat"
_WHAT = "--also identity-dlib"
CORNERS = {468: (263, 362, 33, 133, 2), 68: (45, 42, 36, 39, 33)}
"""Outer and inner corner of the left eye, of the right one, and the point below the nose, by the detector's number of
points: what dlib's five-point alignment goes by."""


class DlibFace:
    """Embeds the face of every frame, cut out and turned upright by its keypoints."""

    name = "dlib"

    def __init__(self) -> None:
        """Raises `ModelError` when a package is missing."""
        self._dlib: Any = load_dlib(_WHAT)
        self._network = self._dlib.face_recognition_model_v1(str(weights(WEIGHTS, _WHAT)))

    def __call__(self, frames: Clip, tracks: Tracks) -> Floats:
        """(T, 128); NaN where no face was found. Raises `OptionError` for keypoints that it cannot align by."""
        return embed_faces(frames, tracks, CORNERS, self._embed)

    def _embed(self, frame: NDArray[np.uint8], points: Floats) -> Floats:
        dlib = self._dlib
        places = [dlib.point(*map(round, points[index])) for index in CORNERS[len(points)]]
        (left, top), (right, bottom) = points.min(0).round().astype(int), points.max(0).round().astype(int)
        face = dlib.full_object_detection(dlib.rectangle(int(left), int(top), int(right), int(bottom)), places)
        return np.array(self._network.compute_face_descriptor(np.ascontiguousarray(frame), face))
