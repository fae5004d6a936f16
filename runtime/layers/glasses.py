"""What is about a driver's eyes is theirs: glasses whose rims go another way than the skin, what is mirrored in them,
lashes. Of a residual (`runtime.layers.residual`) that is handed on to somebody else, what their surroundings say is
put there.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from runtime.layers.frames import Array
from runtime.layers.residual import covered
from runtime.values import Floats

_EYES = ((-0.333, 0.02), (0.333, 0.02))
_AXES, _EASED = (0.34, 0.3), 0.3
"""Middles and half axes of what is theirs, in the head's own frame; over which part of these it ends. Ellipses of 0.26
by 0.2 leave what rims do.
"""
_NEAR = 0.2
"""How far away what surrounds them is, likewise: the deviation of a Gaussian."""


def without_glasses(residual: Floats) -> Floats:
    """`residual` (..., h, w, 3) with what is around the eyes in place of what is about them."""
    about, near, known = _about(*residual.shape[-3:-1])
    residual = np.nan_to_num(residual)  # one number of a motion file that is none would be everywhere
    around = near[1] @ np.moveaxis(residual * (1 - about), -1, -3) @ near[0].T
    around = np.moveaxis(around, -3, -1) / known
    return np.asarray(residual + about * (around - residual), np.float32)


@cache
def _about(height: int, width: int) -> tuple[Array, tuple[Array, Array], Array]:
    """(h, w, 1): what of it is about the eyes; of how near columns and rows are to each other, (w, w) and (h, h); and
    (h, w, 1), how much is near every cell that is not about the eyes.
    """
    x, y = covered(height, width)
    away = np.min([np.hypot((x - left) / _AXES[0], (y - top) / _AXES[1]) for left, top in _EYES], 0)
    about = np.clip((1 + _EASED - away) / _EASED, 0, 1)
    across, down = (np.exp(-(((at[:, None] - at) / _NEAR) ** 2) / 2) for at in (x[0], y[:, 0]))
    return about[..., None], (across, down), (down @ (1 - about) @ across.T)[..., None]
