"""What the engine's small networks see of a face in a photograph: 468 landmarks, lids and irises looked at again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runtime.framing.faces import Face, find_faces
from runtime.layers.eyes import Eye, find_eyes
from runtime.layers.frames import Array
from runtime.layers.mesh import find_mesh
from runtime.values import Bytes

# The face mesh's lids, each from the outer corner to the inner one, as `Eye` has them.
_LIDS = (
    ((263, 466, 388, 387, 386, 385, 384, 398, 362), (263, 249, 390, 373, 374, 380, 381, 382, 362)),
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
)
EYE_LIDS = tuple(tuple(dict.fromkeys(upper + lower)) for upper, lower in _LIDS)
"""Landmarks of the left eye's lids, and of the right one's."""
LIDS = EYE_LIDS[0] + EYE_LIDS[1]
OUTLINE = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
    150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Landmarks of the face's outline."""


@dataclass(frozen=True)
class Seen:
    """A face in a photograph; all in its pixels."""

    face: Face
    mesh: Array
    """(468, 2)."""
    eyes: tuple[Eye, Eye]
    """Left and right."""

    @property
    def scale(self) -> float:
        """Distance of the eyes' outer corners."""
        return float(np.hypot(*(self.mesh[263] - self.mesh[33])))


def see(picture: Bytes) -> Seen | None:
    """The largest face of `picture`, uint8 (H, W, 3); None where the detector or the face mesh finds none."""
    faces = find_faces(picture, levels=1) or find_faces(picture, levels=2)
    if not faces:
        return None
    face = faces[0]
    right, left, *rest = (np.array(mark) for mark in face.landmarks)
    box = np.array([[face.left, face.top], [face.right, face.bottom]])
    mesh = find_mesh(picture, np.stack([right, left]), np.concatenate([box, np.stack([right, left, *rest[:2]])]))
    if mesh is None:
        return None
    corners = np.stack([[mesh[upper[-1]], mesh[upper[0]]] for upper, _ in _LIDS])
    eyes = find_eyes([picture], corners[None])[0]
    for (upper, lower), eye in zip(_LIDS, eyes, strict=True):
        mesh[list(upper)], mesh[list(lower)] = eye.upper, eye.lower
    return Seen(face, mesh, eyes)
