"""A driver who begins with shut eyes: what eyes do counts from these as they open.

Shut eyes do not tell where they look, nor how far open this person's are: counted from them, open eyes stared upwards.
"""

from __future__ import annotations

import numpy as np

from checkpoints.parameters import EYES
from runtime.layers.frames import Array, bounded
from runtime.layers.shutters import smooth
from runtime.motion.modes import Motion

_ASLEEP, _USUAL = 0.12, 0.3
"""Opening of both eyes on average, in widths of an eye, below which they are shut; and how far most people's open."""
_WATCHED = 25
"""Frames from the first one on in which they are not shut, over which it is looked how far they open."""


class Awakening:
    """Of one take: the eyes that its frames count from, which change only while they open."""

    def __init__(self, reference: Motion) -> None:
        """`reference`: the one frame that motion counts from."""
        eyes = None if reference.eyes is None else bounded(reference.eyes)[0]
        self._eyes: Array | None = eyes if eyes is not None and eyes[:, 0].mean() < _ASLEEP else None
        self._seen = 0

    def __call__(self, motion: Motion, reference: Motion) -> list[tuple[Motion, Motion]]:
        """`motion` in parts, and what each counts from: the `reference`, with other eyes if its own are shut."""
        if self._eyes is None or motion.eyes is None:
            return [(motion, reference)]
        if self._seen >= _WATCHED:
            return [(motion, self._with(reference, self._eyes))]
        return [
            (motion[at : at + 1], self._with(reference, self._next(eyes)))
            for at, eyes in enumerate(bounded(motion.eyes))
        ]

    def _next(self, eyes: Array) -> Array:
        """(2, 3): what a frame's `eyes` (2, 3) count from. Until it is known how far they open, as most people's do."""
        assert self._eyes is not None
        if self._seen < _WATCHED and eyes[:, 0].mean() > self._eyes[:, 0].mean():
            self._eyes = eyes
        if self._eyes[:, 0].mean() >= _ASLEEP:
            self._seen += 1
        found = self._eyes.copy()
        found[:, 0] = np.maximum(found[:, 0], _USUAL * (1 - smooth(min(self._seen / _WATCHED, 1.0))))
        return found

    @staticmethod
    def _with(reference: Motion, eyes: Array) -> Motion:
        return reference.with_arrays({EYES: eyes[None].astype(np.float32)})
