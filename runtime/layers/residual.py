"""What a driver does that the points do not tell: found by moving the driver's own picture, and handed on.

Points and an expression say how a head is held and what its features do. That cheeks bulge, that hair, ears and
shoulders move otherwise than the head, that a turned head is seen in perspective, they do not say. The driver's own
first picture, moved in layers as their points and their expression say, would be the driving frame if they said all; by
how much it must still be moved to be that frame is found by registration (`export/assets/registration_graph.py`). This
residual is of the driver, but not of their looks: in the head's own frame it moves another head just as well.

So does light: a head that turns under a lamp that stays becomes lighter here and darker there, and a cheek that bulges
casts a fold. By how much lighter the driving frame is than the driver's own picture moved to it, smoothly, is a ratio
that another head takes as well (ratio images: Liu, Shan and Zhang, SIGGRAPH 2001, there for expressions).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runtime.graphs.sessions import Graph, open_graph
from runtime.layers.frames import TEMPLATE, Affine, Array, Pixels, bounded, head_frame
from runtime.layers.shutters import smooth
from runtime.values import Bytes, Floats

if TYPE_CHECKING:
    from runtime.layers.compose import Layers
    from runtime.layers.expression import Expression

MODEL = Path(__file__).parents[1] / "assets" / "registration.onnx"

CELLS = 64
"""Cells of a residual along each side of what it covers."""
_SIDE = 128
"""Pixels in which pictures are compared."""
_CORNER, _SPAN = (-2.0, -1.6), 4.0
"""What of a head's own frame it covers: a square of `_SPAN` from this corner on."""
DRIVER = 128
"""Side of the picture of a driver that is moved."""
_FACE, _FACE_AT = (0.6, 0.78), (0.0, 0.42)
"""Half axes and middle of a face: within it what is found counts as it is."""
_LIPS = ("mouth.corner_right", "mouth.corner_left", "mouth.upper_lip", "mouth.lower_lip")
_CLOSED, _MARGIN, _WIDTH = 0.15, 0.09, 0.42
"""How far apart the points of shut lips are; how far beyond the parting, and over which part of the mouth's width,
nothing is compared. A smaller margin draws lips together: by 0.03, five talkers' mouths follow by 0.83 of the truth (L1
of the mouth's box 0.483), by 0.1 by 0.87 (0.498).
"""
_EDGE = 0.03
"""Part of a picture's side at its border where nothing is compared."""
_MOST = 0.5
"""Logarithm of the most that light becomes more or less by."""


def open_registration(device: str, cores: int) -> Graph:
    """The graph on "cpu", a frame a core, or "cuda". Raises `ModelError` when that is not to be had."""
    return open_graph(MODEL, "registration", device, 1, calls=cores if device == "cpu" else 1)


@cache
def covered(height: int, width: int) -> tuple[Array, Array]:
    """Places x (1, width) and y (height, 1) of the middles of the cells of what a residual covers, in a head's own
    frame.
    """
    x, y = ((np.arange(cells) + 0.5) / cells * _SPAN for cells in (width, height))
    return _CORNER[0] + x[None], _CORNER[1] + y[:, None]


@cache
def _face() -> Pixels:
    """(1, 1, 128, 128): where the face is."""
    return _blob(np.array(_FACE_AT), _FACE, 0.4).astype(np.float32)[None, None]


def _blob(middle: Array, axes: tuple[float, float], edge: float) -> Array:
    """(128, 128): 1 in an ellipse, and outside 0, eased over the part `edge` of its `axes`."""
    x, y = covered(_SIDE, _SIDE)
    away = np.sqrt(((x - middle[0]) / axes[0]) ** 2 + ((y - middle[1]) / axes[1]) ** 2)
    return np.clip((1 + edge - away) / edge, 0, 1)


def _mouth(face: Mapping[str, Array], head: Affine) -> Array:
    """(128, 128): where lips part, and what lies between them: teeth that are not the driver's own tell nothing."""
    own = head.inverse()
    right, left, upper, lower = (own(face[name]) for name in _LIPS)
    half = max(float(lower[1] - upper[1]) - _CLOSED, 0.0) / 2 + _MARGIN
    return _blob((right + left + upper + lower) / 4, (_WIDTH * abs(left[0] - right[0]), half), 0.4)


class Driver:
    """A driver's own picture, moved as far as points and expression say. Safe to share between threads."""

    def __init__(self, layers: Layers, graph: Graph) -> None:
        """`layers`: of the driver's picture, `DRIVER` pixels a side."""
        self._layers, self._graph = layers, graph

    def __call__(self, frame: Bytes, points: Floats, named: Mapping[str, Array], face: Expression | None) -> Floats:
        """(64, 64, 3): by how much further than `points` (K, 2) and the expression `face` say the driver's picture
        must be moved to be `frame`, uint8 (R, R, 3); backward, x and y in the head's own frame; and the logarithm of
        by how much lighter the frame is there. `named`: the points by their names, all in [-1, 1].
        """
        told, alpha = self._layers.apart(None, points.astype(np.float64), face)
        size = len(frame)
        face_at = {name: (named[name] + 1) / 2 * (size - 1) for name in (*TEMPLATE, *_LIPS)}
        head = head_frame(face_at, rigid=True)
        look = _look(head, size)
        outermost = np.maximum(np.abs(look[0]), np.abs(look[1]))
        weight = smooth((1 - outermost) / (2 * _EDGE)) * (1 - _mouth(face_at, head))
        feeds = {
            "seen": frame[None],
            "told": told[None],
            "alpha": alpha[None, None],
            "look": np.stack(look, -1)[None].astype(np.float32),
            "weight": weight[None, None].astype(np.float32),
            "face": _face(),
        }
        found = self._graph(feeds, ["residual", "light"])
        return np.concatenate([found["residual"][0] * np.float32(_SPAN), found["light"][0]], -1)


def _look(head: Affine, size: int) -> list[Array]:
    """x and y (128, 128): where `head` takes what is covered, in a picture of `size` pixels a side, in [-1, 1]."""
    x, y = covered(_SIDE, _SIDE)
    ways = zip(head.linear, head.offset, strict=True)
    return [(2 * (across * x + (down * y + start)) + 1) / size - 1 for (across, down), start in ways]


def added(flow: Array, cells: Array, step: float, way: Array) -> Array:
    """`flow` (f, f, 2), looked up by `way` (f, f, 2) further on, and that `way` with it: what goes first one way and
    then the other. `cells` (f, f, 2): places of its cells, `step` apart; all in the same unit.
    """
    return _looked_up(flow, (cells + way - cells[0, 0]) / step) + way


def handed_on(residual: Floats, head: Affine, places: Array) -> tuple[Array, Array]:
    """(..., 2) and (...): the way and the light of a `residual` (64, 64, 3) at `places` (..., 2) of a picture in which
    `head` leads from the head's own frame; nothing beyond what it covers. `bounded`, since a motion file may say
    anything.
    """
    at = (head.inverse()(places) - np.array(_CORNER)) / _SPAN * CELLS + 0.5
    limits = np.array([_SPAN, _SPAN, _MOST, 0.0])
    framed = np.zeros((CELLS + 2, CELLS + 2, 4))
    framed[1:-1, 1:-1, :3] = bounded(residual)
    framed = np.clip(framed, -limits, limits)
    way, light = (_looked_up(framed[..., part : part + 2], at) for part in (0, 2))
    return way @ head.linear.T, light[..., 0]


def _looked_up(field: Array, at: Array) -> Array:
    """`field` (h, w, 2) between its cells, at (x, y) of them; beyond its border as at it."""
    height, width = field.shape[:2]
    # Vectors as complex numbers: a look-up then is one number each.
    flat = np.ascontiguousarray(field).view(np.complex128).reshape(-1)
    x, y = np.clip(at[..., 0], 0, width - 1), np.clip(at[..., 1], 0, height - 1)
    column, row = np.minimum(x.astype(np.intp), width - 2), np.minimum(y.astype(np.intp), height - 2)
    first = row * width + column
    x, y = x - column, y - row
    above = flat.take(first) * (1 - x) + flat.take(first + 1) * x
    below = flat.take(first + width) * (1 - x) + flat.take(first + width + 1) * x
    found = above * (1 - y) + below * y
    return found[..., None].view(np.float64)
