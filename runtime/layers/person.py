"""How a whole person moves: the face as the model's flow says, hair and hat with the head, shoulders with the neck.

A model's flow is right where the face is, and falls back to the backdrop's somewhere in the hair. So it is taken inside
the face alone; all else follows the one affine map that its points tell for the head, and eases below the chin into
that of the neck. What the face's flow adds to the head's map runs out smoothly beyond the face's outline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.layers.frames import Affine, Array, Pixels
from runtime.layers.shutters import smooth
from runtime.result.detail import blurring

_STIFF = 0.1
"""How much the head's map is pulled towards a similarity."""
_LIMP = 0.2
"""How much of the turn and scale of the neck's points shoulders follow: five points do not tell much."""
_SLOW = 0.5
"""How much of their way shoulders go: points on clothes are found less well, and a body that shifts is seen at once."""
_ROUNDS = 8
"""Rounds in which the border between head and trunk is found."""
_COLLAR = 0.5
"""How far above the line of the shoulders they begin to be moved by."""
_NEAR, _FAR, _LITTLE = 3.5, 9.0, 0.2
"""Blurs, in cells of the flow, that carry the face's own flow beyond it, and the weight of the second one."""
_SEAM = 0.15
"""Width of the border, as a part of the square's side, in which a square that is pasted back moves less and less."""


@dataclass(frozen=True)
class Anatomy:
    """Where things are in a source picture, in pixels of its canvas."""

    frame: Affine
    """From the head's own frame."""
    chin: float
    """Height of its tip in that frame."""
    shoulders: Array
    """(5, 2): the right shoulder, the right side of the neck, its pit, and the same of the left, in that frame."""


class Person:
    """Finds for every cell of a model's flow where in the source the person is that it shows."""

    def __init__(self, anatomy: Anatomy, face: Pixels, cells: Array, border: NDArray[np.bool_] | None) -> None:
        """`face` (c, c): how much every pixel of the canvas belongs to the face, and not to a mouth or an eye. `cells`
        (f, f, 2): places of the flow's cells on the canvas. `border` (4,): which edges of the square (left, top, right,
        bottom) must not move; None: all may.
        """
        self._face, self._cells = face, cells
        self._own = anatomy.frame.inverse()
        self._line = anatomy.shoulders
        # Below the chin a head ends somewhere on the neck; beside it, where the shoulders begin.
        self._start = self._line[:, 1] - _COLLAR
        self._start[2], self._start[[1, 3]] = anatomy.chin, np.maximum(self._start[[1, 3]], anatomy.chin - 0.1)
        self._length = np.maximum(self._line[:, 1] - self._start, 0.35)
        self._near, self._far = (blurring(len(cells), width) for width in (_NEAR, _FAR))
        self._still = np.ones(cells.shape[:2])
        at = np.linspace(0, 1, len(cells)) / _SEAM
        for index, stays in enumerate(border if border is not None else ()):
            ramp = smooth(at if index < 2 else at[::-1])
            if stays:
                self._still = np.minimum(self._still, ramp[None] if index % 2 == 0 else ramp[:, None])

    def __call__(self, head: tuple[Array, Array], neck: tuple[Array, Array], flow: Array) -> Array:
        """(f, f, 2): by how many pixels to look further. `head` and `neck`: points (K, 2) of these in the result, and
        in the source. `flow` (f, f, 2): the same as the model says.
        """
        base = self._rigid(head, neck) - self._cells
        places = self._cells + base
        weight = self._weight(places)[..., None]
        own = np.concatenate([weight * (flow - base), weight], -1).transpose(2, 0, 1)
        spread = self._near @ own @ self._near.T + _LITTLE * (self._far @ own @ self._far.T)
        more = spread[:2] / (spread[2] + 0.01)
        return (base + more.transpose(1, 2, 0)) * self._still[..., None]

    def _rigid(self, head: tuple[Array, Array], neck: tuple[Array, Array]) -> Array:
        """(f, f, 2): where the cells lie in the source if everything moves with the head or the neck."""
        skull = Affine.fit(*head, _STIFF)
        turned = Affine.similarity(*neck)
        linear = np.eye(2) + _LIMP * (turned.linear - np.eye(2))
        before, after = (points.mean(0) for points in neck)
        trunk = Affine(linear, before + _SLOW * (after - before) - linear @ before)
        above, below = skull(self._cells), trunk(self._cells)
        way = below - above
        # In the head's own frame, where a step along the way is a step, too.
        start, step = self._own(above), way @ self._own.linear.T
        weight = smooth(self._depth(start))
        # What a cell shows must itself belong as much to the trunk as it is moved with it: else a face would be seen
        # twice where a head leaves its place.
        for _ in range(_ROUNDS):
            weight = 0.5 * (weight + smooth(self._depth(start + weight[..., None] * step)))
        return above + weight[..., None] * way

    def _depth(self, places: Array) -> Pixels:
        """(f, f): of `places` in the head's own frame: up to 0 where the head is, from 1 on where the shoulders are."""
        x, y = places[..., 0], places[..., 1]
        start, length = (np.interp(x, self._line[:, 0], each) for each in (self._start, self._length))
        return (y - start) / length

    def _weight(self, places: Array) -> Pixels:
        at = np.clip(np.rint(places), 0, len(self._face) - 1).astype(np.intp)
        return self._face[at[..., 1], at[..., 0]]
