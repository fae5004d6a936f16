"""How a whole person moves: the face as the model's flow says, hair and hat with the head, shoulders with the neck.

A model's flow is right where the face is, and falls back to the backdrop's somewhere in the hair. So it is taken inside
the face alone; all else of the head follows the one affine map that its points tell. What the face's flow adds to that
runs out smoothly beyond the face's outline. Behind the head is the trunk, which eases above the shoulders into what the
head does: a chin that sinks goes before a collar.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.layers.frames import Affine, Array, Pixels
from runtime.layers.shutters import smooth
from runtime.result.detail import blurring

STIFF = 0.1
"""How much the head's map is pulled towards a similarity."""
_LIMP = 0.2
"""How much of the turn and scale of the neck's points shoulders follow: five points do not tell much."""
_SLOW = 0.5
"""How much of their way shoulders go: points on clothes are found less well, and a body that shifts is seen at once."""
_COLLAR = 0.5
"""How far above the line of the shoulders they begin to be moved by."""
_ROUNDS = 8
"""Rounds in which the border between head and trunk is found."""
_CLEAR = 0.25
"""How far above the beginning of the shoulders, of the way down to their line, nothing is moved with the trunk."""
_NAPE = 0.4
"""How far down to that line the head, which goes before the trunk, reaches: below are collars."""
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
        bottom) must not move; None: all may, and shoulders go along. With a `border` they stay: around the square is a
        picture in which they do.
        """
        self._seated = border is not None
        self._face, self._cells = face, cells
        self._own = anatomy.frame.inverse()
        self._line = anatomy.shoulders
        # Below the chin a head ends somewhere on the neck; beside it, where the shoulders begin.
        self._start = self._line[:, 1] - _COLLAR
        self._start[2], self._start[[1, 3]] = anatomy.chin, np.maximum(self._start[[1, 3]], anatomy.chin - 0.1)
        self._length = np.maximum(self._line[:, 1] - self._start, 0.35)
        self._outline = self._start + 1j * self._length
        self._near, self._far = (blurring(len(cells), width).astype(np.float32) for width in (_NEAR, _FAR))
        self._still = np.ones(cells.shape[:2])
        at = np.linspace(0, 1, len(cells)) / _SEAM
        for index, stays in enumerate(border if border is not None else ()):
            ramp = smooth(at if index < 2 else at[::-1])
            if stays:
                self._still = np.minimum(self._still, ramp[None] if index % 2 == 0 else ramp[:, None])

    def follows(self, head: Array) -> Array:
        """(f, f, 1): how much cells take over of what moves otherwise than the `head` (f, f, 2): at a border that must
        not move, nothing, and shoulders that stay, nothing.
        """
        if not self._seated:
            return self._still[..., None]
        return (self._still * (1 - smooth(self._depth(self._own(self._cells + head)))))[..., None]

    def front(self, size: int) -> Pixels:
        """(size, size): how much the pixels of a canvas belong to the head, which goes before the trunk."""
        at = np.arange(size, dtype=np.float64)
        return 1 - smooth(self._depth(self._own(np.stack(np.meshgrid(at, at), -1))) / _NAPE)

    def __call__(self, base: Array, neck: tuple[Array, Array], flow: Array) -> tuple[Array, Array]:
        """(f, f, 2) twice: by how many pixels to look further for the head, and for the trunk behind it. `base`
        (f, f, 2): the same for a head without an expression; `neck`: points (K, 2) of it in the result, and in the
        source; `flow` (f, f, 2): the same for the face.
        """
        front = base + self._more(base, flow)
        trunk = self._trunk(neck)(self._cells) - self._cells
        still = self._still[..., None]
        return front * still, (front + self._weight_of(front, trunk) * (trunk - front)) * still

    def _weight_of(self, front: Array, trunk: Array) -> Pixels:
        """(f, f, 1): how much cells behind the head move as the `trunk` does, and not as what is in `front`."""
        # In the head's own frame, where a step along the way is a step, too.
        start, step = self._own(self._cells + front), (trunk - front) @ self._own.linear.T
        # Behind a head that sinks, the trunk stays whole; ...
        ends = self._depth(start + step)
        least = smooth(ends)
        # ... where it rises, what a cell shows must itself belong as much to the trunk as it is moved with it: else
        # shoulders would be seen twice. Above the shoulders nothing does.
        near: NDArray[np.bool_] = np.any(np.maximum(ends, self._depth(start)) > -_CLEAR, axis=1)
        rows = slice(int(near.argmax()) if near.any() else len(near), None)
        start, step, weight = start[rows], step[rows], least[rows]
        for _ in range(_ROUNDS):
            weight = 0.5 * (weight + smooth(self._depth(start + weight[..., None] * step)))
        least[rows] = np.maximum(weight, least[rows])
        return least[..., None]

    def _more(self, base: Array, flow: Array) -> Array:
        """(f, f, 2): what the face's own `flow` adds to `base`; beyond the face it runs out."""
        weight = self._weight(self._cells + base)[..., None]
        own = np.concatenate([weight * (flow - base), weight], -1, dtype=np.float32).transpose(2, 0, 1)
        spread = self._near @ own @ self._near.T + _LITTLE * (self._far @ own @ self._far.T)
        more = spread[:2] / (spread[2] + 0.01)
        return more.transpose(1, 2, 0)

    def _trunk(self, neck: tuple[Array, Array]) -> Affine:
        """From where the trunk is in the result to where it is in the source."""
        if self._seated:
            return Affine(np.eye(2), np.zeros(2))
        turned = Affine.similarity(*neck)
        linear = np.eye(2) + _LIMP * (turned.linear - np.eye(2))
        before, after = (points.mean(0) for points in neck)
        return Affine(linear, before + _SLOW * (after - before) - linear @ before)

    def _depth(self, places: Array) -> Pixels:
        """(f, f): of `places` in the head's own frame: up to 0 where the head is, from 1 on where the shoulders are."""
        found = np.interp(places[..., 0], self._line[:, 0], self._outline)  # both at once
        return (places[..., 1] - found.real) / found.imag

    def _weight(self, places: Array) -> Pixels:
        at = np.clip(np.rint(places), 0, len(self._face) - 1).astype(np.intp)
        return self._face[at[..., 1], at[..., 0]]
