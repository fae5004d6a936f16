"""The result out of layers: the person, moved whole, over a backdrop that stays; the painter where the source shows
nothing.

At rest the layers give the source back to the byte: the person's colours are what the picture holds beyond the
backdrop's
share, and everything that a model adds is counted from what it gives for the source's own pose. The arithmetic of a
frame is a graph of its own (`export/assets/layers_graph.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from runtime.graphs.sessions import Graph, open_graph
from runtime.graphs.turns import aside, in_turn
from runtime.layers.anatomy import Shutters, Subject
from runtime.layers.border import complete
from runtime.layers.canvas import Canvas
from runtime.layers.cut import Cut
from runtime.layers.expression import Expression
from runtime.layers.frames import Array, Pixels, bounded
from runtime.layers.lips import apart
from runtime.layers.matte import matte
from runtime.layers.neighbours import Neighbours
from runtime.layers.person import Person
from runtime.layers.relief import Led
from runtime.layers.residual import added, handed_on
from runtime.result.detail import blurring, enlarging, spreading
from runtime.values import Bytes, Floats

MODEL = Path(__file__).parents[1] / "assets" / "layers.onnx"

_LARGE = 1536
"""Side in pixels of a canvas up to which every call has a texture of its own; larger ones are made one after
another.
"""
_STILL = 0.04
"""Motion of the head, in sides of the square, over which what the backdrop was not guessed right by goes."""
_CROSSED = 0.1
"""Alpha at an edge of the square from which on the person goes on beyond it."""
_NEVER: Mapping[str, NDArray[np.generic]] = {"limits": np.array([1e6, 2e6], np.float32)}
"""No difference is so large that a model's picture counts."""
_AGREE, _DISAGREE = 8.0, 32.0
"""Differences, in 1/255, between the model's picture and the moved source up to which the source counts, and from which
on the model's picture.
"""


def open_layers(device: str, cores: int) -> Graph:
    """The graph on "cpu", a frame a core, or "cuda". Raises `ModelError` when that is not to be had."""
    return open_graph(MODEL, "layers", device, 1, calls=cores if device == "cpu" else 1)


@dataclass(frozen=True)
class Made:
    """What a model makes of one pose."""

    image: Bytes
    """uint8 (R, R, 3)."""
    flow: NDArray[np.float32]
    """(f, f, 2): for every cell where to look in the source, in [-1, 1]."""


@dataclass(frozen=True)
class Behind:
    """What a person is laid over in place of the backdrop."""

    picture: Bytes
    """uint8 (n, n, 3); black where nothing is to be behind."""
    nothing: bool = False
    """Whether results are transparent there."""


class Layers:
    """Moves one source in layers. Safe to share between threads."""

    def __init__(
        self,
        graph: Graph,
        canvas: Canvas,
        subject: Subject,
        person: Pixels,
        rest: Made,
        border: NDArray[np.bool_] | None,
        behind: Behind | None = None,
        neighbours: Neighbours | None = None,
    ) -> None:
        """`subject`: the face in the `canvas`; `person` f32 (256, 256): the probability that parts of it show the
        person; `border`: see `Person`; `behind`: None for the backdrop that the `canvas` shows; `neighbours`: who else
        is in the picture, and stays.
        """
        self._graph, self._canvas, self._rest, self._subject = graph, canvas, rest, subject
        self._cut_out = behind is not None and behind.nothing
        colours = canvas.picture.astype(np.float32)
        mask, others = matte(colours, person), None
        if neighbours is not None and behind is None:  # before another backdrop all who hang together are kept
            own_part = neighbours.territory(len(colours), canvas.margin)
            mask, others = mask * own_part, mask * (1 - own_part)
        scene = complete(canvas, mask, subject.anatomy.frame, others)
        alpha, inner = scene.alpha[..., None], (canvas.inner, canvas.inner)
        own = scene.picture - (1 - alpha) * scene.plate
        self._plate: Pixels = scene.plate[inner]
        self.still: Bytes = scene.picture[inner]
        """The square before it moves: uint8 (n, n, 3), or 4 where nothing is behind."""
        # What the backdrop was not guessed right by is no part of the person: where nothing moves it is added.
        exact, own = own, np.clip(own, 0, 255 * alpha)
        self._wrong: Pixels = exact[inner] - own[inner]
        if behind is not None:
            self._wrong = np.zeros_like(self._wrong)
            self._plate = behind.picture.astype(np.float32)
            laid = np.clip(np.rint(own[inner] + (1 - alpha[inner]) * self._plate), 0, 255).astype(np.uint8)
            self.still = straight(laid, scene.alpha[inner]) if self._cut_out else laid
        self._own = np.concatenate([own, alpha], -1)
        """(c, c, 4): the person's colours times alpha, and alpha."""
        edge = scene.alpha[inner]
        self.crossed: NDArray[np.bool_] = crossings(edge)
        """(4,): at which edges of the square (left, top, right, bottom) the person goes on."""
        border = None if border is None else border & self.crossed
        resolution, cells = len(rest.image), len(rest.flow)
        corners = np.linspace(-1, 1, cells)
        self._cells = canvas.places(np.stack(np.meshgrid(corners, corners), -1), resolution)
        self._person = Person(subject.anatomy, subject.face, self._cells, border)
        front = scene.alpha * self._person.front(len(own))
        texture = np.concatenate([self._own.transpose(2, 0, 1), front[None]])[None].astype(np.float32)
        self._textures: SimpleQueue[Pixels] = SimpleQueue()
        """The person's texture with an expression, one for each frame that may be made at the same time."""
        for _ in range(graph.calls if len(colours) <= _LARGE else 1):
            self._textures.put(texture.copy())
        self._still = bounded(rest.flow)
        self._shutters = subject.shutters(self._own)
        self._base = subject.base(scene.alpha)
        self._cut: Cut | None = None
        if isinstance(self._base, Led):
            led = self._base
            self._cut = Cut(canvas, resolution, scene.alpha, led.relief, subject.anatomy.frame, led.names)
        self._fixed = {name: graph.place(value) for name, value in self._constants(resolution, cells).items()}

    @property
    def eyes(self) -> Array | None:
        """(2, 3): what the eyes of the source do, as `Motion.eyes`; None where nothing opens and shuts."""
        return self._subject.expression

    @property
    def lips(self) -> Array | None:
        """(7, 2): what its lips do, as `Motion.lips`; likewise."""
        return self._subject.lips

    @property
    def parted(self) -> float | None:
        """How far its lips are apart, by what tells it of a driver's."""
        return None if self.lips is None else apart(self.lips)

    @property
    def opening(self) -> float | None:
        """How far the mouth of the source is open, in the head's own frame; None where nothing opens and shuts."""
        return self._shutters.opening if self._shutters else None

    def held(self, places: Floats) -> Floats:
        """Points `places` (T, K, 2) in [-1, 1] with the head held where the photo's edge cuts it (`Cut`)."""
        return places if self._cut is None else self._cut.held(places)

    @property
    def shutters(self) -> Shutters:
        """What opens and shuts."""
        return self._shutters

    def ways(self, points: Array) -> tuple[Array, Array, Array]:
        """(f, f, 2) three times: places on the canvas, and by how many of its pixels to look further from there for the
        head, and for the trunk behind it, where `points` (K, 2) in [-1, 1] alone lead.
        """
        driven = bounded(self._canvas.places(points, len(self._rest.image)))
        return self._cells, *self._ways(None, driven, None)[:2]

    def _constants(self, resolution: int, cells: int) -> dict[str, NDArray[np.generic]]:
        inner, size = self._canvas.inner, len(self._canvas.picture)
        side = size - 2 * self._canvas.margin
        at = (2 * np.arange(size, dtype=np.float32) + 1) / size - 1
        half = resolution // 2
        small = (2 * np.arange(half, dtype=np.float32) + 1) / half - 1
        rest = self._rest.image.astype(np.float32).reshape(half, 2, half, 2, 3).mean((1, 3))
        return {
            "plate": np.ascontiguousarray(self._plate.transpose(2, 0, 1)[None]),
            "painted": np.ascontiguousarray(self._subject.face[None, None], np.float32),
            "wrong": np.ascontiguousarray(self._wrong.transpose(2, 0, 1)[None], np.float32),
            "ratio": np.array([size / side], np.float32),
            "stillness": np.array([size / 2 / (_STILL * side)], np.float32),
            "rest": rest.transpose(2, 0, 1)[None],
            "grid": np.stack(np.meshgrid(at[inner], at[inner]))[None],
            "half_grid": np.stack(np.meshgrid(small, small))[None],
            "flow_up": spreading(cells, resolution, side),
            "flow_half": spreading(cells, resolution, half),
            "missing_up": enlarging(half // 2, side),
            "blur": blurring(half // 2, 0.7),
            "size": np.array([1, 3, side, side]),
            "reach": np.array([(size - 1) / size, (half - 1) / half], np.float32),
            "limits": np.array([_AGREE, _DISAGREE], np.float32),
        }

    def _first_row(self, head: Array, trunk: Array) -> NDArray[np.int64]:
        """(1,): the row of the result from which on `head` and `trunk` (f, f, 2) move differently."""
        apart, last = np.flatnonzero((head != trunk).any((1, 2))), len(self.still) - 1
        if not len(apart):
            return np.array([last])
        above = self._cells[apart[0] - 1, 0, 1] - self._canvas.margin if apart[0] else 0
        return np.array([np.clip(np.floor(above), 0, last)], np.int64)

    def __call__(
        self, made: Made | None, points: Array, face: Expression | None, residual: Floats | None = None
    ) -> Bytes:
        """One picture, for driving `points` (K, 2) in [-1, 1] and the expression `face`: uint8 (n, n, 3), or 4 where
        nothing is behind: colours as they are, and alpha. `made`: what the model makes of the frame; None: points and
        expression alone lead the face, which they do where points have names. `residual`: what these do not tell of how
        the driver moves (`Driver`).
        """
        found = self._moved(made, points, face, residual, ["result", "alpha"] if self._cut_out else ["result"])
        return straight(found["result"][0], found["alpha"][0, 0]) if self._cut_out else found["result"][0]

    def apart(
        self, made: Made | None, points: Array, face: Expression | None, residual: Floats | None = None
    ) -> tuple[Bytes, Pixels]:
        """The same over a backdrop, uint8 (n, n, 3), and where in it the person is, f32 (n, n) in [0, 1]."""
        found = self._moved(made, points, face, residual, ["result", "alpha"])
        return found["result"][0], found["alpha"][0, 0]

    def _ways(self, moved: Array | None, driven: Array, residual: Floats | None) -> tuple[Array, Array, Array, Array]:
        """(f, f, 2) three times: how much further to look for the head, for the trunk, and what of both is the
        `residual`'s; (f, f): the logarithm of how much lighter it says that cells are. `moved` (f, f, 2): the way for
        the head as the model says it, if it was asked; `driven` points (K, 2); in pixels.
        """
        subject, cells = self._subject, self._cells
        base = self._base(driven, cells, moved)
        exact = subject.exact(driven, cells, base if moved is None else moved)
        head, trunk = self._person(base, subject.neck(driven, cells, exact), exact)
        frame = None if residual is None else subject.head(driven)
        if residual is None or frame is None:
            return head, trunk, np.zeros_like(head), np.zeros(head.shape[:2])
        follows = self._person.follows(head)
        way, light = handed_on(residual, frame, cells)
        more = way * follows
        step = float(cells[0, 1, 0] - cells[0, 0, 0])
        return added(head, cells, step, more), added(trunk, cells, step, more), more, light * follows[..., 0]

    @in_turn
    def _moved(
        self, made: Made | None, points: Array, face: Expression | None, residual: Floats | None, wanted: list[str]
    ) -> dict[str, np.ndarray]:
        """What the graph makes of one picture."""
        image = self._rest.image if made is None else made.image
        resolution, size = len(image), len(self._canvas.picture)
        side = size - 2 * self._canvas.margin
        way = None if made is None else bounded(made.flow) - self._still
        moved = None if way is None else way * (resolution - 1) / 2 * side / resolution
        driven = bounded(self._canvas.places(points, resolution))
        head, trunk, more, light = self._ways(moved, driven, residual)
        feeds = {
            "image": image[None],
            "more": _first(more * 2 / side),
            "light": light[None, None].astype(np.float32),
            "moved": _first((np.zeros_like(head) if moved is None else moved) * 2 / side),
            "head": _first(head * 2 / size),
            "trunk": _first(trunk * 2 / size),
            "row": self._first_row(head, trunk),
            **(_NEVER if made is None else {}),
        }
        with aside():
            texture = self._textures.get()
        try:
            for place, patch in self._shutters(self._own, face):
                texture[(0, slice(0, 4), *place)] = patch.transpose(2, 0, 1)
            return self._graph(self._fixed | feeds | {"texture": texture}, wanted)
        finally:
            self._textures.put(texture)


def crossings(alpha: Pixels) -> NDArray[np.bool_]:
    """(4,): at which edges of a square (left, top, right, bottom) what `alpha` (n, n) shows goes on beyond it."""
    return np.array([line.max() > _CROSSED for line in (alpha[:, 0], alpha[0], alpha[:, -1], alpha[-1])])


def straight(laid: Bytes, alpha: Pixels) -> Bytes:
    """uint8 (n, n, 4): the colours of what is `laid` (n, n, 3) over black by `alpha` (n, n), and alpha; what is
    transparent has no colour.
    """
    opaque = np.rint(255 * alpha)
    colours = np.rint(laid / np.maximum(alpha, 1 / 255)[..., None]) * (opaque > 0)[..., None]
    return np.concatenate([np.clip(colours, 0, 255), opaque[..., None]], -1).astype(np.uint8)


def _first(vectors: Array) -> NDArray[np.float32]:
    """(h, w, 2) as (1, 2, h, w)."""
    return np.ascontiguousarray(vectors.transpose(2, 0, 1)[None], np.float32)
