"""What identity networks have in common: they see faces, where a detector found some that they can align by."""

from __future__ import annotations

from collections.abc import Callable, Container

import numpy as np
from numpy.typing import NDArray

from checkpoints.errors import OptionError
from training.evaluation.measure import Clip, Floats, Tracks


def embed_faces(
    frames: Clip, tracks: Tracks, known: Container[int], embed: Callable[[NDArray[np.uint8], Floats], Floats]
) -> Floats:
    """(T, D) by `embed` of every frame and its points; NaN where no face was found.

    Raises `OptionError` for keypoints whose number is not `known`: `embed` cannot align by them.
    """
    if tracks.points.shape[1] not in known:
        raise OptionError("identity is measured on aligned faces; choose --keypoints face-mesh or face-alignment")
    cases = zip(frames, tracks.points, tracks.found, strict=True)
    rows = [embed(frame, points) if found else None for frame, points, found in cases]
    width = next((len(row) for row in rows if row is not None), 1)
    return np.stack([np.full(width, np.nan) if row is None else row for row in rows])
