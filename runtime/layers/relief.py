"""How a source's head moves in space: as a relief, of the drawn people's mean head, drawn to the source's points.

Every ray of the result's camera is followed to where it meets the relief (Policarpo, Oliveira and Comba 2005): so a
nose hides a cheek, the side of a face that turns away becomes narrow, and what is behind a head's outline is a wall
that leads backwards from just within it, on which the last that is seen goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from runtime.layers.frames import Affine, Array, Pixels, bounded
from runtime.layers.matte import box_blur
from runtime.layers.shutters import smooth
from runtime.layers.solid import Camera, Head, drawn
from runtime.layers.spline import ThinPlate

_CELLS = 96
"""Cells of the relief along each side of the canvas."""
_STIFF, _DRAWN_TO = 0.1, 0.02
"""How much of a similarity, and how straight, the map is that draws the head to the source's points."""
_FACING = 0.2
"""Least cosine of the angle between a head and the camera."""
_LEVELS, _NEAREST = 32, -12.0
"""At how many depths of the drawn head it is looked whether a ray has met it, and the first of them; in centimetres."""
_HAIR, _WALL = 6.0, 7.5
"""Depths of hair beside the head, and of where the wall behind an outline ends. Chosen on drawn people who turn by
thirty degrees: deeper ones make heads wide.
"""
_WITHIN = 0.12
"""How far within the outline the wall stands, of the distance of the eyes' outer corners."""
_STEEP = 0.25
"""Alpha, a little blurred, over which it rises."""
_STEPS = 10
"""At how many depths it is looked whether a ray has met the relief."""
_EASE = 0.3
"""How straight the map is that leads on from there to where points are, which a turn does not lead to exactly."""
_HIDDEN = 0.5
"""Of a cell: what an edge hides of it from which on it is looked at in parts."""
_PARTS = np.stack(np.meshgrid([-1 / 3, 0, 1 / 3], [-1 / 3, 0, 1 / 3]), -1).reshape(-1, 2)
"""(9, 2): places in a cell, in cells from its middle, that are looked at there."""
_NOTHING = 1e-6
"""Ways, in pixels, that are rounding: at rest nothing at all moves."""
_KNOTS = 16
"""Cells of that map along each side: it is smooth."""


class Led:
    """A relief that a model's points lead. See `runtime.layers.anatomy.Base`."""

    def __init__(self, relief: Relief, names: Mapping[str, int]) -> None:
        """`names`: of the model's points."""
        self.relief, self.names = relief, names

    def __call__(self, driven: Array, cells: Array, moved: Array | None) -> Array:
        known = bounded(driven)
        return self.relief({name: known[index] for name, index in self.names.items()}, cells)


class Relief:
    """Of one source. Safe to share between threads."""

    def __init__(self, face: Mapping[str, Array], alpha: Pixels) -> None:
        """`face`: named points, in pixels of a canvas of which `alpha` (c, c) shows the person."""
        self._head = head = Head(face)
        self._cell = len(alpha) / _CELLS
        at = (np.arange(_CELLS) + 0.5) * self._cell - 0.5
        places = np.stack(np.meshgrid(at, at), -1)
        scale = head.camera.scale
        depth = scale * self._drawn_depth(places)
        self._wall = scale * (_WALL - head.middle[2])
        edge = box_blur(alpha.astype(np.float32), max(round(_WITHIN * scale * drawn().unit), 1))
        rows = np.rint(at).astype(np.intp)
        behind = smooth((1 - edge[np.ix_(rows, rows)].astype(np.float64)) / _STEEP)
        depth = np.minimum(depth, self._wall)
        self._hold(head, depth + behind * (self._wall - depth))

    @classmethod
    def known(cls, head: Head, depth: Array, wall: float, side: int) -> Relief:
        """One whose `depth` (n, n) over a canvas of `side` pixels is known, in its pixels, as `head.depths` are;
        `wall`: the farthest of it.
        """
        relief = cls.__new__(cls)
        relief._cell, relief._wall = side / len(depth), wall
        relief._hold(head, depth)
        return relief

    def _hold(self, head: Head, depth: Array) -> None:
        self._head, self._depth = head, np.asarray(depth, np.float32)
        self._nearest = float(self._depth.min())
        self._stiff = np.flatnonzero(head.weights > 0)

    def _drawn_depth(self, places: Array) -> Array:
        """(n, n): how deep the drawn head lies at `places` (n, n, 2) of the canvas, in its centimetres, away from the
        camera and from its middle; hair where it does not reach.
        """
        head, known = self._head, drawn()
        seen = head.camera(head.points)
        on_head = [index for index, name in enumerate(head.names) if not name.startswith("neck.")]
        pairs = head.places[on_head], seen[on_head]
        plane = ThinPlate(*pairs, Affine.fit(*pairs, _STIFF), _DRAWN_TO)(places)
        # A ray in the drawn head's own space, by its z: the camera's turn back, of a place that is `deep`.
        back = head.camera.turn.T
        flat = (plane - head.camera(head.middle)) / head.camera.scale @ back[:, :2].T + head.middle
        way = back[:, 2] / max(float(back[2, 2]), _FACING)
        cells = len(known.depth) / known.span
        start = (flat[..., :2] - flat[..., 2:] * way[:2] - known.corner) * cells - 0.5
        levels = np.linspace(_NEAREST, float(known.depth.max()) - 1.0, _LEVELS)
        met = _met(known.depth.astype(np.float32), start, way[:2] * cells, levels)
        deep = (met - flat[..., 2]) / max(float(back[2, 2]), _FACING)
        return np.where(np.isnan(met), _HAIR - head.middle[2], deep)

    @property
    def middle(self) -> Array:
        """(2,): of the head, in the source."""
        return self._head.places[self._stiff].mean(0)

    def solid(self, places: Array) -> Array:
        """(n, 3): `places` (n, 2) of the source, as deep as it is there."""
        x, y = np.clip(np.rint((places + 0.5) / self._cell - 0.5).astype(np.intp), 0, len(self._depth) - 1).T
        return np.concatenate([places, self._depth[y, x, None].astype(np.float64)], 1)

    def led(self, driven: Mapping[str, Array]) -> Camera:
        """Where places in space are seen in a result whose named points are at `driven`."""
        return self._head.moved(driven)

    def __call__(self, driven: Mapping[str, Array], cells: Array) -> Array:
        """(f, f, 2): by how many pixels to look further from the `cells` (f, f, 2) of a result, where the named points
        are at `driven`.
        """
        head = self._head
        camera = head.moved(driven)
        aims = np.array([driven[head.names[index]] for index in self._stiff])
        led = camera(head.solid[self._stiff])
        places = _smoothly(ThinPlate(aims, led, Affine(np.eye(2), (led - aims).mean(0)), _EASE), cells)
        flat = Affine(camera.linear[:, :2], camera.offset).inverse()
        start, way = flat(places), -flat.linear @ camera.linear[:, 2]
        step = float(cells[0, 1, 0] - cells[0, 0, 0])
        length = max(float(np.hypot(*way)), 1e-9)
        # The less a turn hides, the fewer looks find it.
        steps = np.clip(np.ceil(length * (self._wall - self._nearest) / self._cell), 2, _STEPS)
        levels = np.linspace(self._nearest, self._wall, int(steps))

        def seen(start: Array) -> Array:
            met = _met(self._depth, (start + 0.5) / self._cell - 0.5, way / self._cell, levels)
            return np.asarray(np.where(np.isnan(met), self._wall, met), np.float64)

        deep = seen(start)
        found = start + deep[..., None] * way
        # At an edge that hides what is behind it a cell is part this and part that: else the edge had teeth.
        edges = np.nonzero(_edges(deep, _HIDDEN * step / length))
        if len(edges[0]):
            parts = start[edges][:, None] + step * _PARTS @ flat.linear.T
            found[edges] = (parts + seen(parts)[..., None] * way).mean(1)
        ways = found - cells
        return np.where(np.abs(ways) < _NOTHING, 0.0, ways)


def _smoothly(spline: ThinPlate, cells: Array) -> Array:
    """(f, f, 2): where it leads the `cells` (f, f, 2), by fewer knots."""
    at, hats = _knots(len(cells))
    first, step = cells[0, 0], cells[0, 1, 0] - cells[0, 0, 0]
    knots = first + step * np.stack(np.meshgrid(at, at), -1)
    ways = (hats @ (spline(knots) - knots).reshape(_KNOTS + 1, -1)).reshape(-1, _KNOTS + 1, 2)
    return cells + hats @ ways


@cache
def _knots(count: int) -> tuple[Array, Array]:
    """Where knots (k,) lie along an axis of so many cells, and what each says of each cell (count, k), linearly."""
    at = np.linspace(0, count - 1, _KNOTS + 1)
    every = np.arange(count)
    return at, np.stack([np.interp(every, at, row) for row in np.eye(_KNOTS + 1)], 1)


def _edges(deep: Array, jump: float) -> NDArray[np.bool_]:
    """(f, f): where neighbours are by more than `jump` deeper, or less deep, than each other."""
    across, down = (np.abs(np.diff(deep, axis=axis)) > jump for axis in (1, 0))
    found = np.zeros(deep.shape, np.bool_)
    found[:, 1:] |= across
    found[:, :-1] |= across
    found[1:] |= down
    found[:-1] |= down
    return found


def _met(field: Pixels, start: Array, way: Array, levels: Array) -> Array:
    """(h, w): the level, of `levels` that increase, at which rays first meet the `field` (n, n); NaN for those that do
    not. Rays are at `start` (h, w, 2) + level * `way` (2,), in cells of the field (x, y).
    """
    low = levels.astype(np.float32)[:, None, None]
    x, y = (
        np.clip(start[..., axis].astype(np.float32) + low * np.float32(way[axis]), 0, len(field) - 1) for axis in (0, 1)
    )
    column, row = (np.minimum(at.astype(np.intp), len(field) - 2) for at in (x, y))
    flat, first = field.reshape(-1), row * len(field) + column
    x -= column
    y -= row
    above = flat.take(first)
    above += x * (flat[1:].take(first) - above)
    below = flat[len(field) :].take(first)
    below += x * (flat[len(field) + 1 :].take(first) - below)
    behind = low - (above + y * (below - above))
    inside = behind >= 0
    inside[0] = False
    at = inside.argmax(0)[None]
    after = np.take_along_axis(behind, at, 0)[0].astype(np.float64)
    before = np.take_along_axis(behind, np.maximum(at - 1, 0), 0)[0].astype(np.float64)
    share = np.clip(before / np.minimum(before - after, -1e-9), 0, 1)
    found = levels[np.maximum(at[0] - 1, 0)] + share * (levels[1] - levels[0])
    return np.where(inside.any(0), found, np.nan)
