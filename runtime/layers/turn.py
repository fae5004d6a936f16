"""What a turn alone does to where things of a face are seen in the head's own frame.

That frame is flat, and eyes and nose hold it. Mouth, chin and brows lie nearer or deeper, so that they seem to move
aside when the head turns, without any expression. A turn by thirty degrees moves the corners of a mouth by as much as a
broad smile does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from runtime.layers.frames import Affine, Array, head_frame
from runtime.layers.shutters import smooth
from runtime.layers.solid import Head

_NOTHING = 1e-6
"""Shorter ways are rounding."""
_FAR = 0.2
"""How far aside a turn moves a chin from which on no mouth is taken to move aside as a whole: what is left of it then
tells how another head is deep.
"""


@lru_cache(32)
def _at_rest(names: tuple[str, ...], places: bytes) -> tuple[Head, Affine]:
    """The head, and its flat frame, of what frame after frame is compared with."""
    rest = dict(zip(names, np.frombuffer(places).reshape(-1, 2), strict=True))
    return Head(rest), head_frame(rest)


class Turn:
    """Of one face between two moments."""

    def __init__(self, now: Mapping[str, Array], rest: Mapping[str, Array]) -> None:
        """Named points, each moment's in a picture of its own."""
        self._head, self._from = _at_rest(tuple(rest), np.array(list(rest.values())).tobytes())
        self._camera = self._head.moved(now, hair=False)
        self._to = head_frame(now).inverse()
        self._row = {name: index for index, name in enumerate(self.names)}

    @property
    def names(self) -> list[str]:
        """Those of the points that the drawn head has, too."""
        return self._head.names

    def way(self, places: Array, names: Sequence[str]) -> Array:
        """(N, 2): by how much the turn moves `places` (N, 2) at rest, as deep as the points with the `names`; all in
        the head's own frame.
        """
        depths = self._head.depths[[self._row[name] for name in names]]
        solid = np.concatenate([self._from(places), depths[:, None]], 1)
        ways = self._to(self._camera(solid)) - places
        return np.where(np.abs(ways) < _NOTHING, 0.0, ways)  # at rest nothing at all moves

    def sideways(self, chin: Array) -> float:
        """From 0 to 1: how little a mouth may move aside as a whole. `chin` (2,): its place at rest, in that frame."""
        aside = float(self.way(chin[None], ["mouth.chin"])[0, 0])
        return float(smooth(abs(aside) / _FAR))
