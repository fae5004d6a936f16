"""What is moved stays in its picture: a driver who walks through theirs does not carry a face out of its square."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from runtime.motion.modes import Motion
from runtime.values import Floats

_CORE = 0.15
"""Part of the points that may lie outside on each side of the subject's core, along each axis."""
_EDGE = 0.95
"""How far from the middle of the picture the core may reach, in halves of a side."""
_AROUND, _FREELY = 0.3, 0.5
"""How much lies around the core on each side, in sizes of it: of a portrait, the rest of the head; and over which part
of the room between that and the edge it moves as its driver does. Farther it is slowed down: a face that fills its
picture was half carried out of sight before its core came to the edge.
"""
_LEAST = 0.15
"""So much room there is at least, as far as the core has it."""


class Holding(Protocol):
    """What knows which edges of a photo cut the head (`runtime.layers.cut`)."""

    def held(self, places: Floats) -> Floats:
        """Points `places` (T, K, 2) in [-1, 1], with the head held there."""
        ...


def kept_inside(source: Motion, driven: Motion, holding: Holding | None = None) -> Motion:
    """`driven` (T frames) so that it stays in its picture: not too near to the edge (`_slowed`), and if something is
    `holding` the head, held.
    """
    if not driven.places.shape[1]:
        return driven
    slowed = _slowed(source, driven)
    return slowed if holding is None else slowed.with_places(holding.held(slowed.places))


def _slowed(source: Motion, driven: Motion) -> Motion:
    """`driven` (T frames), shifted as a whole where the core of its points would come near to the picture's edge, so
    that it never leaves further than that of `source` (one frame) does; what stays well inside, and what has no points,
    stays as it is.

    Along each axis the core is what lies between the quantiles 0.15 and 0.85 of the points: of a portrait the face, of
    whom shoulders may well be outside.
    """
    low, high = _core(source.places)
    least, most = np.minimum(low, -_EDGE), np.maximum(high, _EDGE)
    before, (low, high) = (low, high), _core(driven.places)
    around = _AROUND * (before[1] - before[0])
    above, below = (
        np.maximum(room - around, np.minimum(room, _LEAST)) for room in (before[0] - least, most - before[1])
    )
    slowed = _beyond(before[0] - low, above) - _beyond(high - before[1], below)
    low, high = low + slowed, high + slowed
    within = np.maximum(least - low, 0) - np.maximum(high - most, 0)
    # What is larger than the room that it has gets as far outside on both sides.
    shift = slowed + np.where(high - low > most - least, (least + most - low - high) / 2, within)
    if not shift.any():
        return driven
    moved = {}
    for name, what in driven.parameters.items():
        if what.kind in ("point", "contour"):
            points = np.array(driven.arrays[name])
            points[..., :2] += shift.reshape(len(points), *(1,) * (points.ndim - 2), 2).astype(np.float32)
            moved[name] = points
    return driven.with_arrays(moved)


def _beyond(way: np.ndarray, room: np.ndarray) -> np.ndarray:
    """By how much a `way` (T, 2) towards an edge is too long, that is so far away: `room` (1, 2)."""
    free = _FREELY * room
    slow = np.maximum(room - free, 1e-9)
    return np.maximum(way - free, 0) - slow * np.tanh(np.maximum(way - free, 0) / slow)


def _core(places: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest coordinates of the cores of (T, K, 2): (T, 2) each."""
    low, high = np.quantile(places.astype(np.float64), [_CORE, 1 - _CORE], axis=1)
    return low, high
