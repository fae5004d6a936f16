"""Looking for faces in whole pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from runtime.framing.faces import Face, find_faces
from runtime.layers.mesh import find_mesh
from runtime.values import Bytes

_DOUBTFUL = 0.9
"""Below this probability leaves and engines are taken for faces, too."""

_SEARCHED = 1280
"""Longer side, in pixels, of the picture in which faces are looked for; their box needs no more."""


def search_everywhere(image: Image.Image) -> list[Face]:
    """The faces in a picture to be moved, the largest first: a closer look where a first one finds none that is one."""
    return confirmed(image, search_faces(image, levels=3)) or confirmed(image, search_faces(image, levels=4))


def search_faces(image: Image.Image, levels: int) -> list[Face]:
    """The faces in `image`, the largest first, in its own pixels."""
    factor = min(1.0, _SEARCHED / max(image.size))
    if factor == 1:
        return find_faces(np.asarray(image), levels)
    width, height = (max(1, round(length * factor)) for length in image.size)
    small = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return [face.scaled(1 / factor) for face in find_faces(np.asarray(small), levels)]


def confirmed(image: Image.Image, faces: Sequence[Face]) -> list[Face]:
    """Those of the `faces` in `image` that are ones: where the detector doubts, the network of meshes decides."""
    picture = np.asarray(image)
    return [face for face in faces if face.score >= _DOUBTFUL or _has_mesh(picture, face)]


def _has_mesh(picture: Bytes, face: Face) -> bool:
    corners = np.array([[face.left, face.top], [face.right, face.bottom]])
    return find_mesh(picture, np.array(face.landmarks[:2]), corners) is not None
