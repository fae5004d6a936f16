"""What hangs together in a mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

_SWEEPS = 64
"""Rounds of sweeps at most; each goes round a corner."""


def reached(seeds: Mask, mask: Mask) -> Mask:
    """(h, w): what of the `mask` hangs together with the `seeds` in it, by rows and columns."""
    found = seeds & mask
    for _ in range(_SWEEPS):
        before = int(found.sum())
        for view, inside in zip(_views(found), _views(mask), strict=True):
            view |= _swept(view, inside)
        if int(found.sum()) == before:
            break
    return found


def holes(mask: Mask) -> Mask:
    """(h, w): what the `mask` encloses."""
    free = np.pad(~mask, 1, constant_values=True)
    edge = np.zeros_like(free)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    outside: Mask = reached(edge, free)[1:-1, 1:-1]
    return ~outside & ~mask


def _views(values: Mask) -> list[Mask]:
    """The same values, in which to go right, left, down and up is to go along the rows."""
    return [values, values[:, ::-1], values.T, values.T[:, ::-1]]


def _swept(found: Mask, mask: Mask) -> Mask:
    """What of the `mask` lies after something `found` in its row, with nothing else between."""
    at = np.arange(mask.shape[1])
    last = np.maximum.accumulate(np.where(found, at, -1), 1)
    barrier = np.maximum.accumulate(np.where(mask, -1, at), 1)
    swept: Mask = mask & (last > barrier)
    return swept
