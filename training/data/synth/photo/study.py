"""Whether a photograph can be set in motion, and what is needed for it: the face, the fitted head, or why not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runtime.values import Bytes

from ..person.head import HeadAsset
from .fit import Fit, fit_head
from .seen import Seen, see

LEAST_EYES = 28
"""Pixels between the eyes' outer corners below which a face is too small ..."""
LEAST_SHARE = 0.12
"""... and its share of the photograph's shorter side."""
MOST_TURNED = (28.0, 22.0, 30.0)
"""Degrees of yaw, pitch and roll up to which a face counts as seen from the front."""
MOST_ERROR = 0.02
"""Root mean square distance of landmarks, in distances of the eyes' outer corners."""
MOST_UNUSUAL = 4.5
"""Deviations of the largest shape coefficient."""


class Unfit(Exception):
    """A photograph that cannot be set in motion; the message says why."""


@dataclass(frozen=True)
class Study:
    """A photograph with the head that was fitted to it."""

    picture: Bytes
    """uint8 (H, W, 3)."""
    seen: Seen
    fit: Fit


def study(asset: HeadAsset, picture: Bytes) -> Study:
    """What is found in `picture`, uint8 (H, W, 3). Raises `Unfit` where that does not do."""
    seen = see(picture)
    if seen is None:
        raise Unfit("no face")
    if seen.scale < max(LEAST_EYES, LEAST_SHARE * min(picture.shape[:2])):
        raise Unfit("face too small")
    fit = fit_head(asset, seen)
    if (np.abs(np.degrees(fit.rotation)) > MOST_TURNED).any():
        raise Unfit("turned away")
    if fit.error > MOST_ERROR or np.abs(fit.coefficients).max() > MOST_UNUSUAL:
        raise Unfit("no head fits")
    return Study(picture, seen, fit)
