"""Who else is in the picture: where one person ends and the next begins, so that each moves without the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from runtime.framing.faces import Face
from runtime.framing.window import Window
from runtime.layers.frames import Pixels
from runtime.layers.shutters import smooth

_SOFT = 0.35
"""Width of the border between two people, in sizes of their faces."""
_BELOW = 0.5
"""How much a way downwards from a face counts: there are shoulders, which are broad."""


@dataclass(frozen=True)
class Neighbours:
    """Faces in one picture, (x, y, size) each, in sides of the square that is moved, from its left upper corner."""

    own: tuple[float, float, float]
    """Of the person who is moved."""
    others: tuple[tuple[float, float, float], ...]

    @staticmethod
    def of(own: Face | None, others: Sequence[Face], window: Window | None) -> Neighbours | None:
        """Of faces in pixels of the picture of which `window` is moved; None where nobody else is known."""
        if own is None or window is None or not others:
            return None
        places = [
            (float(x), float(y), face.size / window.side)
            for face in (own, *others)
            for x, y in [window.inward(np.array(face.center))]
        ]
        return Neighbours(places[0], tuple(places[1:]))

    def territory(self, size: int, margin: int = 0) -> Pixels:
        """f32 (size, size) in [0, 1]: how much each pixel belongs to the person, and not to anybody else, in a picture
        with that `margin` of pixels around the square. A larger face reaches farther.
        """
        side = size - 2 * margin
        at = (np.arange(size, dtype=np.float32) + 0.5 - margin) / side
        own = _away(at, *self.own)
        weight = np.ones((size, size), np.float32)
        for other in self.others:
            weight = np.minimum(weight, smooth(0.5 + (_away(at, *other) - own) / _SOFT))
        return weight.astype(np.float32)


def _away(at: Pixels, x: float, y: float, size: float) -> Pixels:
    """(n, n): how far the places `at` along both sides are from a face, in sizes of it."""
    down = at[:, None] - y
    return np.hypot(at[None] - x, np.where(down > 0, _BELOW * down, down)) / max(size, 1e-6)
