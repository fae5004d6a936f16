"""A head and shoulders as most people's are, for pictures in which a face is seen and no person: the network that tells
persons from their backdrop has learned from photographs, and loses some drawings, masks and tinted pictures.
"""

from __future__ import annotations

import numpy as np

from runtime.layers.frames import Affine, Pixels
from runtime.layers.shutters import smooth

OUTLINE = (
    *((-1.25, 0.0), (-1.15, 0.38), (-1.0, 0.65), (-0.8, 0.8), (-0.55, 0.88), (0.1, 0.92), (0.4, 0.83), (0.65, 0.73)),
    *((0.85, 0.68), (1.0, 0.74), (1.2, 1.05), (1.45, 1.75), (2.0, 2.1)),
)
"""Heights in the head's own frame, and half of the width there: medians of the mattes of sixty portraits."""
_SOFT = 0.25
"""Width of its edge."""
_CORE, _CORE_MIDDLE = (0.45, 0.6), (0.0, 0.3)
"""Half axes and middle of an ellipse that lies in every face."""
_LEAST = 0.6
"""Mean probability of a person there; where it is less, the network has not seen who is there."""


def completed(person: Pixels, head: Affine) -> Pixels:
    """The probabilities f32 `person` (n, n) of a picture that shows a face in the frame `head`, in their cells: as they
    are, or, where they leave out most of that face, with a usual silhouette about it.
    """
    at = np.arange(len(person), dtype=np.float64)
    own = head.inverse()(np.stack(np.meshgrid(at, at), -1))
    away = (own - np.array(_CORE_MIDDLE)) / np.array(_CORE)
    core = np.hypot(away[..., 0], away[..., 1]) < 1
    if not core.any() or float(person[core].mean()) >= _LEAST:
        return person
    heights, widths = np.array(OUTLINE).T
    half = np.interp(own[..., 1], heights, widths, left=-1.0)
    usual = smooth((half - np.abs(own[..., 0])) / _SOFT + 0.5)
    return np.maximum(person, usual).astype(np.float32)
