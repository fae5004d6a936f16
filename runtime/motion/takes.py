"""From which frame on a driver's motion counts: the first one that shows their face well, and anew after each cut.

Until then the picture rests. What is neither a fade nor a title nor a camera that starts is known from the first frame.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from checkpoints.errors import BunrakuWarning
from runtime.framing.faces import find_faces
from runtime.framing.follow import contrast, luma
from runtime.motion.modes import Motion
from runtime.motion.shots import PATIENCE, Shot
from runtime.values import Bytes, Floats

_BLANK = 6.0
"""A picture of less contrast (standard deviation of its luma, in levels of 255) shows nothing at all."""
_LEVELS = 2
"""How closely faces are looked for in a square (`find_faces`)."""


class Takes:
    """Numbers the takes of one stream of driving frames: 0 where nobody was seen yet, and from 1 on one after each
    cut.
    """

    def __init__(self, rate: float, *, watch: bool = True) -> None:
        """`rate`: frames a second. Without `watch` the first take begins with the first frame, and lasts."""
        self._rate = rate
        self._watch = watch
        self.reset()

    def reset(self) -> None:
        """The next frame begins a new stream."""
        self._take = 0
        self._frame = 0
        self._waited = 0
        self._shot: Shot | None = Shot(wait=PATIENCE * self._rate)

    def __call__(self, square: Bytes, begins: Shot | None = None) -> int:
        """The take of the next frame, of which the model is shown `square`, uint8 (R, R, 3); with it the shot `begins`,
        if any does.
        """
        if not self._watch:
            return 1
        if begins is not None:
            self._shot, self._waited = begins, 0
        frame, self._frame = self._frame, self._frame + 1
        if self._shot is None:
            return self._take
        if not self._counts(square, self._shot):
            self._waited += 1
            return 0
        self._shot = None
        self._take += 1
        if self._take == 1 and frame:
            self._say(frame)
        return self._take

    def _counts(self, square: Bytes, shot: Shot) -> bool:
        if shot.wait == np.inf or float(luma(square).std()) < _BLANK:
            return False
        if self._waited >= shot.wait:
            return True
        return any(contrast(square, face) >= shot.contrast for face in find_faces(square, _LEVELS))

    def _say(self, frame: int) -> None:
        warnings.warn(
            f"Nobody is seen in the first {frame / self._rate:.1f} seconds of the driving frames; the picture "
            f"rests until then, and its motion is counted from frame {frame}. Choose another with "
            "reference=N (--reference).",
            BunrakuWarning,
            stacklevel=3,
        )


def as_array(takes: list[int]) -> Floats:
    """(T, 1), as motions hold them."""
    return np.array(takes, np.float32)[:, None]


def by_take(motion: Motion) -> Iterator[tuple[int, Motion]]:
    """The frames of `motion` in order, in stretches of one take each, with its number."""
    takes = np.ones(len(motion)) if motion.takes is None else motion.takes[:, 0]
    edges = [0, *(np.flatnonzero(np.diff(takes)) + 1).tolist(), len(motion)]
    for start, stop in pairwise(edges):
        yield int(takes[start]), motion[start:stop]


def at_rest(source: Motion, motion: Motion) -> Motion:
    """As many frames as `motion` has, in the pose of `source` (one frame)."""
    still = {name: np.repeat(array, len(motion), 0) for name, array in source.arrays.items() if name in motion.arrays}
    return motion.with_arrays(still)
