"""Heads that the photo cuts stay cut: nobody knows what is beyond its edge, and what is made up there looks it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from runtime.layers.canvas import Canvas
from runtime.layers.frames import Affine, Array, Pixels, bounded
from runtime.layers.relief import Relief
from runtime.values import Floats

_PLACES = 9
"""Places along every edge that cuts the head."""
_HEAD = 1.0
"""How far down a head reaches, in its own frame: below it, beside it, are shoulders and long hair."""
_SHOWN = 0.02
"""What of beyond the edge comes into sight at most, as a part of the square's side; it comes ever more slowly."""
_BACK = 0.05
"""How far a head is brought back at most beyond where it is at rest, likewise: one that only tilts shows a corner."""
_POWER = 4
"""Of the mean of what comes into sight along the upper edge: the greater, the more its highest place says."""
_ON = 0.5
"""Alpha from which on an edge is the person's."""


class Cut:
    """The edges of a photo that cut the head of one source. Safe to share between threads."""

    def __init__(
        self, canvas: Canvas, resolution: int, alpha: Pixels, relief: Relief, frame: Affine, names: Mapping[str, int]
    ) -> None:
        """`alpha` (c, c): where in the `canvas` the person is; `relief`: their head, and `frame` the way to it from the
        head's own; `names`: of the points of the model, whose pictures have that `resolution`.
        """
        self._canvas, self._resolution, self._relief, self._names = canvas, resolution, relief, names
        self._head = [index for name, index in names.items() if not name.startswith("neck.")]
        rows, columns = canvas.photo
        inner, own = canvas.inner, frame.inverse()
        self._middle = np.append(relief.middle, 0.0)
        self._edges: list[tuple[int, int, int, Array]] = []
        """Axis across, sign of the way out, where what is shown ends, and places (n, 3) of the head along the edge."""
        for axis, out, line, end in (
            (1, -1, rows.start, max(inner.start, rows.start)),
            (0, -1, columns.start, max(inner.start, columns.start)),
            (0, 1, columns.stop - 1, min(inner.stop, columns.stop) - 1),
        ):
            along = np.flatnonzero((alpha[line] if axis else alpha[:, line]) > _ON).astype(np.float64)
            places = np.stack([along, np.full(len(along), line)][:: 1 if axis else -1], -1)
            if len(places):
                places = places[own(places)[:, 1] < _HEAD]
            if len(places):
                chosen = np.linspace(0, len(places) - 1, _PLACES).round().astype(np.intp)
                solid = relief.solid(places[chosen])
                # Beside a head what turns into sight is the wall behind its outline, whatever the edge cuts.
                self._edges.append((axis, out, end, solid if axis else solid * (1, 1, 0)))

    def held(self, places: Floats) -> Floats:
        """Points `places` (T, K, 2) in [-1, 1], those of the head brought back where they would carry it away from an
        edge that cuts it.
        """
        if not self._edges:
            return places
        held = np.array(places)
        for each in held:
            each[self._head] = self._held(each)[self._head]
        return held

    def _held(self, points: Floats) -> Floats:
        canvas, side = self._canvas, len(self._canvas.picture) - 2 * self._canvas.margin
        driven = bounded(canvas.places(points, self._resolution))
        camera = self._relief.led({name: driven[index] for name, index in self._names.items()})
        step = np.zeros(2)
        for axis, out, end, solid in self._edges:
            beyond = out * (end - camera(solid)[:, axis])
            step[axis] += out * _soft(_came(beyond, axis), _SHOWN * side)
        moved = camera(self._middle) - self._middle[:2]
        step = np.clip(step, np.minimum(-moved, 0) - _BACK * side, np.maximum(-moved, 0) + _BACK * side)
        # A pixel of the canvas in the model's units: see `Canvas.places`.
        return points + (2 * step / side * self._resolution / (self._resolution - 1)).astype(np.float32)


def _came(beyond: Array, axis: int) -> float:
    """How much comes into sight at an edge, of whose places some are `beyond` (n,) by so much: beside a head, where
    (`axis` 0) it is cut as much above as below, by the mean, since what tilts hides as much as it shows.
    """
    return float((np.maximum(beyond, 0) ** _POWER).mean() ** (1 / _POWER) if axis else beyond.mean())


def _soft(beyond: float, shown: float) -> float:
    """How far to bring back what is `beyond` by so much, so that no more than `shown` of it is left."""
    return beyond + shown * math.expm1(-beyond / shown) if beyond > 0 else 0.0
