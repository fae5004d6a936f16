"""Identity embeddings by SFace (Zhong et al. 2021, Apache-2.0), OpenCV's ONNX file from the Hub."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from training.evaluation.measure import Clip, Floats, Tracks
from training.evaluation.networks.aligned import embed_faces
from training.evaluation.networks.hub import fetch, open_fetched
from training.evaluation.networks.warp import Similarity

REPOSITORY, FILE = "opencv/face_recognition_sface", "face_recognition_sface_2021dec.onnx"
PURPOSE = "identity (AED, CSIM)"
SIDE = 112

PLACES = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
"""Where the network wants right eye, left eye, nose and corners of the mouth, in its 112 pixels (ArcFace)."""

FIVE = {468: ((33, 133), (362, 263), (1,), (61,), (291,)), 68: (range(36, 42), range(42, 48), (30,), (48,), (54,))}
"""Which points' means those are, by the detector's number of points."""


class SFace:
    """Embeds the face of every frame, cut out and turned upright by its keypoints."""

    name = "SFace"

    def __init__(self, path: Path | None = None) -> None:
        """`path`: the ONNX file; by default from the Hub. Raises `ModelError` when it cannot be fetched or opened."""
        file = path or fetch(REPOSITORY, FILE, PURPOSE)
        self._session = open_fetched(file, PURPOSE, _open)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, frames: Clip, tracks: Tracks) -> Floats:
        """(T, 128); NaN where no face was found. Raises `OptionError` for keypoints that it cannot align by."""
        return embed_faces(frames, tracks, FIVE, self._embed)

    def _embed(self, frame: NDArray[np.uint8], points: Floats) -> Floats:
        five = np.stack([points[list(which)].mean(0) for which in FIVE[len(points)]])
        face = Similarity.between(five, PLACES).cut(frame, SIDE)
        # RGB in [0, 255]: OpenCV's own use of the file swaps its BGR first.
        blob = face.astype(np.float32).transpose(2, 0, 1)[None]
        return self._session.run(None, {self._input: blob})[0].ravel()


def _open(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
