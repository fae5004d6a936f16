"""The engine's own layers of a photograph in the frame of a scene: what moves its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from runtime.framing.window import Window
from runtime.graphs.sessions import Graph
from runtime.layers.anatomy import Shutters
from runtime.layers.border import complete
from runtime.layers.canvas import Canvas
from runtime.layers.compose import Layers, Made, open_layers
from runtime.layers.expression import Expression
from runtime.layers.frames import Array, Pixels
from runtime.layers.matte import find_person, matte
from runtime.values import Bytes

from ..core.seeds import linear
from ..person.head import SKIN, HeadAsset
from ..person.points import POINT_NAMES, point_vertices
from .depth import FittedFace, Solid
from .portrait import Crop, face_vertices
from .study import Unfit

_FINEST = 256
"""Pixels along a side at which smaller frames are made, too: each of theirs is the mean of some."""
_CELLS = 64
"""Of what the engine's layers move by, along a side."""
_NAMES = {name: index for index, name in enumerate(POINT_NAMES)}


@cache
def _graph() -> Graph:
    return open_layers("cpu", 1)


@dataclass(frozen=True)
class Places:
    """From frames of `size` pixels, whose outermost centres are at -1 and 1, to a canvas and back."""

    size: int
    finer: int
    """Pixels of the square that is moved, along a side of a pixel of the frame."""
    margin: int
    """Pixels of the canvas about that square."""

    @property
    def unit(self) -> float:
        """Pixels of the canvas that the frame's unit is long."""
        return (self.size - 1) / 2 * self.finer

    def __call__(self, frame: Array) -> Array:
        """Pixels (..., 2) of the canvas, of places in the frame."""
        return (frame + 1) * self.unit + (self.finer - 1) / 2 + self.margin

    def back(self, canvas: Array) -> Array:
        """Places in the frame, of pixels (..., 2) of the canvas."""
        return (canvas - self.margin - (self.finer - 1) / 2) / self.unit - 1


@dataclass(frozen=True)
class Looked:
    """A map of the engine: `ways` (f, f, 2) to look further, from places that begin at `first` (2,), `step` apart."""

    ways: Array
    first: Array
    step: float

    def __call__(self, places: Array) -> Array:
        """(N, 2): where `places` (N, 2) of a result are in the photograph."""
        x, y = (np.clip((places - self.first) / self.step, 0, len(self.ways) - 1.001)).T
        column, row = x.astype(np.intp), y.astype(np.intp)
        x, y = (x - column)[:, None], (y - row)[:, None]
        w = self.ways
        above = w[row, column] + x * (w[row, column + 1] - w[row, column])
        below = w[row + 1, column] + x * (w[row + 1, column + 1] - w[row + 1, column])
        found: Array = places + above + y * (below - above)
        return found


@dataclass(frozen=True)
class Posed:
    """A drawn head's mesh in a frame."""

    flat: Array
    """(M, 2) in the frame."""
    away: Array
    """(M,) metres before the camera."""
    focal: float
    """The frame's units that a metre is wide in a distance of one."""


def _face(asset: HeadAsset) -> NDArray[np.bool_]:
    """(M,): skin of the face."""
    mesh = asset.mesh_vertices
    found: NDArray[np.bool_] = (face_vertices(asset) & (asset.part[:mesh] == SKIN) & (asset.masks[:, 3] < 0.3)).numpy()
    return found


class Stage:
    """A photograph taken apart for frames of one size."""

    def __init__(self, asset: HeadAsset, picture: Bytes, crop: Crop, posed: Posed, size: int) -> None:
        """`picture` uint8 (H, W, 3); `posed`: the fitted head at rest in the frame of `crop`.

        Raises `Unfit` when no person is found there.
        """
        finer = max(1, _FINEST // size)
        side = size * finer
        image = Image.fromarray(picture)
        window = Window.around(float(crop.middle[0]), float(crop.middle[1]), 2 * crop.half * size / (size - 1))
        self.canvas = Canvas.around(window.cut(image, side), image, window)
        self.places = Places(size, finer, self.canvas.margin)
        focal = posed.focal * self.places.unit
        solid = Solid(self.places(posed.flat), posed.away, focal, _face(asset))
        self.face = FittedFace(asset, self.canvas.picture, _NAMES, point_vertices(asset).numpy(), solid)
        person = find_person(self.canvas, self.face.middle)
        if person is None:
            raise Unfit("no person")
        rest = Made(
            self.canvas.picture[self.canvas.inner, self.canvas.inner], np.zeros((_CELLS, _CELLS, 2), np.float32)
        )
        self._layers = Layers(_graph(), self.canvas, self.face, person, rest, None)
        mask = matte(self.canvas.picture.astype(np.float32), person)
        scene = complete(self.canvas, mask, self.face.anatomy.frame)
        self.alpha: Pixels = scene.alpha
        """(c, c): where the person is, all over the canvas ..."""
        self.behind: Pixels = scene.plate
        """... and (c, c, 3), up to 255: the backdrop."""

    @property
    def shutters(self) -> Shutters:
        """What opens and shuts."""
        return self._layers.shutters

    def _pointed(self, points: Array) -> Array:
        """Points in the frame, as the engine has them."""
        return (self.places(points) - self.canvas.margin) * 2 / (len(self._layers.still) - 1) - 1

    def maps(self, points: Array) -> tuple[Looked, Looked]:
        """Of the head, and of the trunk behind it, with `points` (50, 2) in the frame."""
        cells, head, trunk = self._layers.ways(self._pointed(points))
        first, step = cells[0, 0], float(cells[0, 1, 0] - cells[0, 0, 0])
        return Looked(head, first, step), Looked(trunk, first, step)

    def __call__(self, points: Array, face: Expression) -> tuple[Tensor, Tensor]:
        """Linear light (1, 3, S, S) and coverage (1, S, S): the person with `points` (50, 2) in the frame."""
        picture, alpha = self._layers.apart(None, self._pointed(points), face)
        return self.smaller(linear(picture / 255)), self.smaller(alpha[..., None])[:, 0]

    def still(self) -> Tensor:
        """(1, 3, S, S): the photograph."""
        return self.smaller(linear(self._layers.still / 255))

    def plate(self, margin: int) -> Tensor:
        """(1, 3, P, P): linear light behind the person, in the frame and `margin` pixels about it."""
        around = self.places.margin - margin * self.places.finer
        inner = slice(around, len(self.behind) - around)
        return self.smaller(linear(self.behind[inner, inner].clip(0, 255) / 255))

    def smaller(self, values: Pixels) -> Tensor:
        """(1, C, S, S): means of `values` (n, n, C) over the pixels of a frame."""
        tensor = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1), np.float32))[None]
        return functional.avg_pool2d(tensor, self.places.finer)
