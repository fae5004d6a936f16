"""How far lips and lids of a face are apart, whatever model moves it: by the face detector, the face mesh and the
network of eyes.
"""

from __future__ import annotations

import numpy as np

from runtime.framing.faces import find_faces
from runtime.layers.eyes import find_eyes
from runtime.layers.frames import Array
from runtime.layers.mesh import find_mesh, lips_of
from runtime.values import Bytes, Floats

UNSEEN = -1.0
"""Stands for every opening of a picture in which no face is seen."""
LIPS, EYES = slice(0, 1), slice(1, 3)
"""Where the openings of `see_openings` have those of which part."""

_RIGHT_EYE, _LEFT_EYE = (33, 133), (263, 362)
"""Landmarks of the mesh: outer and inner corners of the person's eyes."""


def see_openings(frames: Bytes) -> Floats:
    """Of the largest face in each of `frames`, uint8 (B, R, R, 3): (B, 3), how far apart its lips are, in widths of the
    mouth, and its lids, in widths of the eye: of the eye on the picture's left, and of that on its right. `UNSEEN`
    where there is no face.

    They are LivePortrait's ratios (Guo et al. 2024, 3.3), by other landmarks than its publication's.
    """
    return np.array([_openings(frame) for frame in frames], np.float32)


def _openings(frame: Bytes) -> Array:
    faces = find_faces(frame, 1) or find_faces(frame, 2)  # in most squares the face is large
    if not faces:
        return np.full(3, UNSEEN)
    face = faces[0]
    eyes, box = np.array(face.landmarks[:2]), np.array([[face.left, face.top], [face.right, face.bottom]])
    mesh = find_mesh(frame, eyes, box)
    if mesh is None:
        return np.full(3, UNSEEN)
    corners = np.array([[mesh[inner], mesh[outer]] for outer, inner in (_LEFT_EYE, _RIGHT_EYE)])
    ((left, right),) = find_eyes([frame], corners[None])
    return np.array([lips_of(mesh).opening, right.opening, left.opening])
