"""Where the truth's vertices are when the engine's layers move a photograph: its maps, forwards.

The engine knows for every place of a result where that is in the photograph. Vertices of the truth are places of the
photograph; where a result shows them is found on those maps, so that flow between two frames is what moves the pixels.
What a result hides goes as its head turns, and on by as much as its surroundings.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import ndimage

from runtime.layers.carried import Parts, carried
from runtime.layers.expression import Expression
from runtime.layers.frames import Array

from ..person.actor import Actor
from ..person.contours import contour_vertices
from ..person.head import EYE_LEFT, EYE_RIGHT, HAIR, SKIN, HeadAsset
from ..person.performance import ACTIONS
from ..person.points import POINT_NAMES, point_vertices
from .depth import spread_over
from .portrait import face_vertices
from .sheet import Flags, Sheet, make_sheet
from .stage import Looked, Stage

_LOOKS = 6
"""Steps in which a place is found on a map."""
_FOUND = 1.5
"""Pixels of the canvas by which one may be off that is seen."""
_AROUND = 24
"""Cells along the canvas in which what is seen tells what is not, ..."""
_NEAR = 1.0
"""... and over how many of them."""
_BEHIND, _SLOPE = 0.0015, 0.6
"""Metres of the sheet behind the skin that it continues, and further behind per metre farther inside the face."""


def find(look: Looked, aim: Array, starts: tuple[Array, ...]) -> tuple[Array, Array]:
    """(N, 2): where a result shows the places `aim` (N, 2) of the photograph, looked for from each of the `starts`
    (N, 2); and by how many pixels (N,) that is off.
    """
    best, least = starts[0], np.full(len(aim), np.inf)
    for start in starts:
        at = start
        for step in range(_LOOKS):
            missing = aim - look(at)
            off = np.hypot(*missing.T)
            better = off < least
            best, least = np.where(better[:, None], at, best), np.where(better, off, least)
            at = at + (1.0 if step < 3 else 0.6) * missing
    return best, least


def _filled(places: Array, guessed: Array, found: Array, seen: Flags, side: int) -> Array:
    """`found` (N, 2), where it is `seen` (N,) bool; else `guessed` (N, 2) and as much further as those seen around the
    `places` (N, 2) of a canvas of `side` pixels.
    """
    cell = np.clip((places * (_AROUND / side)).astype(np.intp), 0, _AROUND - 1)
    table = np.zeros((_AROUND, _AROUND, 3))
    more = np.where(seen[:, None], found - guessed, 0)
    np.add.at(table, (cell[:, 1], cell[:, 0]), np.concatenate([more, seen[:, None]], 1))
    near = ndimage.gaussian_filter(table, (_NEAR, _NEAR, 0), truncate=6)
    far = near[..., :2] / np.maximum(near[..., 2:], 1e-6)
    return np.where(seen[:, None], found, guessed + far[cell[:, 1], cell[:, 0]])


class Vertices:
    """The truth's vertices of one photograph."""

    def __init__(self, asset: HeadAsset, actor: Actor, stage: Stage) -> None:
        self._stage, self._mesh = stage, asset.mesh_vertices
        self._span = asset.span(HAIR)
        face = face_vertices(asset).numpy()
        self._face = np.flatnonzero(face)
        self.points = points = point_vertices(asset).numpy()
        """(50,) vertices."""
        on_trunk = np.array([name.startswith("neck.") for name in POINT_NAMES])
        self._apart = points[~on_trunk & ~face[points]]
        """Points on the head, but not on the face."""
        self._trunk = points[on_trunk]
        self._parts = _parts(asset, np.concatenate([self._face, self._apart]))
        self.sheet: Sheet = make_sheet(stage.alpha, stage.face.skin, stage.face.unit)
        self._skin = (asset.part[: self._mesh] == SKIN).numpy() & face
        self.shown = np.zeros(len(asset.part), np.float32)
        """(V,): 1 where a vertex is of a surface of the truth."""
        self.shown[self._face] = 1
        self.shown[self._span] = self.sheet.true

    @cached_property
    def _sheet_depths(self) -> Array:
        face = self._stage.face
        inside = self.sheet.within.clip(0) * face.unit
        behind = _BEHIND * face.solid.metre + _SLOPE * inside
        return spread_over(face.deep, self.sheet.places, len(self._stage.canvas.picture)) + behind

    def __call__(self, points: Array, face: Expression, away: Array, count: int) -> Array:
        """(count, 3) in the frame, x, y and inverse depth in 1/m, of all vertices: with `points` (50, 2) in the frame
        and an expression; `away` (M,): metres of the drawn head's mesh before the camera.
        """
        stage, subject = self._stage, self._stage.face
        solid, side = subject.solid, len(stage.canvas.picture)
        head, trunk = stage.maps(points)
        driven = stage.places(points)
        turned, deep = subject.turned(driven, solid.places, solid.depths)
        screen = np.zeros((count, 3))
        screen[: self._mesh, :2] = turned
        screen[: self._mesh, 2] = away
        front = np.concatenate([self._face, self._apart])
        aim = carried(stage.shutters, solid.places[front], self._parts, face)
        guessed = turned[front] + aim - solid.places[front]
        found, off = find(head, aim, (guessed,))
        screen[front, :2] = _filled(aim, guessed, found, off < _FOUND, side)
        places = np.concatenate([self.sheet.places, solid.places[self._trunk]])
        depths = np.concatenate([self._sheet_depths, solid.depths[self._trunk]])
        guessed, back = subject.turned(driven, places, depths)
        found, off = find(trunk, places, (guessed, places))
        found = _filled(places, guessed, found, off < _FOUND, side)
        hair = len(self.sheet.places)
        screen[self._span, :2], screen[self._trunk, :2] = found[:hair], found[hair:]
        nearer = float((away - deep / solid.metre)[self._skin].mean())
        screen[self._span, 2] = back[:hair] / solid.metre + nearer
        screen[:, :2] = stage.places.back(screen[:, :2])
        screen[:, 2] = 1 / np.maximum(screen[:, 2], 0.05)
        return screen


def _parts(asset: HeadAsset, vertices: Array) -> Parts:
    """What the `vertices` (N,) of the mesh belong to."""
    mesh = asset.mesh_vertices
    jaw = asset.actions.view(len(ACTIONS), mesh, 3)[ACTIONS.index("jawOpen"), :, 1]
    part = asset.part[:mesh]
    mouth = ((part != SKIN) & (part != EYE_LEFT) & (part != EYE_RIGHT)) | (asset.masks[:, 3] > 0.3)
    lines = contour_vertices(asset)
    lower, rim = (jaw > 0.5 * jaw.max()).numpy(), np.zeros(mesh, bool)
    for name in ("upper_outer", "upper_inner", "lower_inner", "lower_outer"):
        rim[lines[f"lip_{name}"].numpy()] = True
    balls = tuple((part == which).numpy()[vertices] for which in (EYE_LEFT, EYE_RIGHT))
    return Parts(lower[vertices], (mouth.numpy() & ~rim)[vertices], (balls[0], balls[1]))
