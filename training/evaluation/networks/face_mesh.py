"""468 points of a face by MediaPipe's face mesh (Kartynnik et al. 2019), run by ONNX Runtime; see NOTICE."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from training.evaluation.measure import Clip, Tracks
from training.evaluation.metrics.parts import Layout
from training.evaluation.networks.warp import Similarity

MODEL = Path(__file__).resolve().parent.parent / "assets" / "face_mesh.onnx"
SIDE, POINTS = 192, 468
MIN_SCORE = 0.5
"""Least probability of a face, MediaPipe's default."""

RIGHT_EYE, LEFT_EYE = 33, 263
"""Outer corners, of the person."""
_MARGIN = 1.5
"""Side of what the network looks at, as a multiple of the face's longer side (MediaPipe's graph)."""
_LOOKS = 2
"""First at the detected box, then at the points found there: as MediaPipe does from one frame to the next."""


class FaceMesh:
    """Detector of the largest face of every frame; no frame depends on another, so nothing is smoothed away."""

    name = "face mesh"
    layout: ClassVar[Layout | None] = Layout(
        mouth=((82, 87), (13, 14), (312, 317)),
        lids=((160, 144), (158, 153), (385, 380), (387, 373)),
        lips=(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95),
        eyes=((362, LEFT_EYE), (133, RIGHT_EYE)),
    )

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])

    def __call__(self, frames: Clip) -> Tracks:
        """Points (T, 468, 2) in pixels, 0 at the first pixel's corner; zeros where no face was found."""
        points = np.zeros((len(frames), POINTS, 2))
        found = np.zeros(len(frames), bool)
        for index, frame in enumerate(frames):
            mesh = self._find(frame)
            if mesh is not None:
                points[index], found[index] = mesh, True
        return Tracks(points, found)

    def _find(self, frame: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        from runtime.framing.faces import find_faces

        faces = find_faces(frame, levels=2)
        if not faces:
            return None
        face = faces[0]
        eyes = np.array(face.landmarks[:2])
        box = np.array([[face.left, face.top], [face.right, face.bottom]])
        points = None
        for _ in range(_LOOKS):
            view = _view(eyes, box)
            found, score = self._session.run(None, {"frame": view.cut(frame, SIDE)[None]})
            if score[0] < MIN_SCORE:
                return None
            points = view.inverse(found[0] * SIDE)
            eyes, box = points[[RIGHT_EYE, LEFT_EYE]], np.stack([points.min(0), points.max(0)])
        return points


def _view(eyes: NDArray[np.float64], box: NDArray[np.float64]) -> Similarity:
    """From the picture to the network's square: the box's middle in the middle, the eyes level."""
    across = eyes[1] - eyes[0]
    angle = np.arctan2(across[1], across[0])
    turn = SIDE / (_MARGIN * max(float((box[1] - box[0]).max()), 1.0)) * np.exp(-1j * angle)
    middle = complex(*box.mean(0))
    return Similarity(complex(turn), complex(SIDE / 2, SIDE / 2) - turn * middle)
