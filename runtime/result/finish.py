"""From the model's pictures to the result: as large as asked for, sharp again, back in the whole photo."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from checkpoints.errors import BunrakuWarning, OptionError
from runtime.framing.window import Window
from runtime.graphs.cores import available_cores
from runtime.layers.canvas import Canvas
from runtime.layers.compose import Behind, Layers, Made
from runtime.layers.expression import Expression
from runtime.layers.figure.puppet import Puppet
from runtime.layers.neighbours import Neighbours
from runtime.media.background import Background
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.picture import Fit, square
from runtime.result.detail import Detail
from runtime.result.paste import Paste
from runtime.values import Bytes, Floats, is_whole

MAX_SIZE = 2048
"""Largest side of a result, in pixels; a frame costs its pixels."""

MAX_DETAIL = 1024
"""Side in pixels up to which a square that is pasted back is sharpened; a larger one is enlarged from there."""


@dataclass(frozen=True)
class Rendered:
    """What a model makes of B driving frames."""

    image: Bytes
    """uint8 (B, R, R, 3)."""
    flow: Floats | None = None
    """(B, h, w, 2): for every pixel where to look in the source, (x, y) in [-1, 1], -1 and 1 on the middle of the
    first and the last one; None where a bundle has no such output.
    """
    occlusion: Floats | None = None
    """(B, 1, h, w) in [0, 1]: 1 where the source shows what the result shows; None likewise."""


@dataclass(frozen=True)
class Piece:
    """A moved square, and how much of it is to be seen where it is pasted back."""

    picture: Bytes
    """uint8 (n, n, 3)."""
    weight: Floats | None
    """(n, n) in [0, 1]: less where somebody else is; None: as much everywhere."""


T = TypeVar("T")

LEAST_SHOWN = 0.6
"""Part of a square's side that is shown at least, whatever of it lies outside of the picture."""

Moving = Layers | Puppet
"""What moves a source in layers: a person with a face, or a whole figure."""

Layer = Callable[[Canvas, NDArray[np.bool_] | None, Behind | None, Neighbours | None], Moving | None]
"""Makes the `Layers` of a source, of which edges of the square may have to stay where they are, before what is
behind, and beside others.
"""

Lend = Callable[[Bytes, Bytes], Detail]
"""Makes the `Detail` of a source: of the square at the results' size, and at the model's."""


class Finish:
    """Makes results of the pictures of one source."""

    def __init__(
        self,
        image: Image.Image,
        window: Window | None,
        small: Bytes,
        *,
        fit: Fit,
        size: int | None = None,
        paste_back: bool = False,
        lend: Lend | None = None,
        layer: Layer | None = None,
        inside: bool = False,
        background: Background | None = None,
        limits: Limits = DEFAULT_LIMITS,
        neighbours: Neighbours | None = None,
        beside: Finish | None = None,
        seam: float | None = None,
    ) -> None:
        """`image` (RGB) is the source, `window` the square of it that is moved (None: the one that `fit` means),
        `small` uint8 (R, R, 3) the same, as large as the model's pictures. `size`: side of the results, by default R.
        `lend` None: nothing is sharpened. `layer`: None, or what makes layers of the source, where it can. With
        `inside` the results show of the square only what the source shows. `background`: what layers are to be laid
        over (within `limits` where it is a picture), None: what the source shows. `neighbours`: who else is in the
        picture. `beside`: what makes results of somebody else in the same picture, into which both are pasted back.
        `seam`: see `Paste`.
        """
        other: Paste | None = None if beside is None else beside._paste
        self._paste: Paste | None = Paste(image, window, fit, size, other, seam) if paste_back else None
        self._neighbours = neighbours
        self._side = self._size = size or len(small)
        self._shown: tuple[slice, slice] | None = None
        if self._paste is not None:
            self._side = max(len(small), min(self._paste.side, MAX_DETAIL))
        elif inside and window is not None:
            self._show(window, window.inside(image.size, LEAST_SHOWN))
        self._unmoved = (image, window, fit, small)
        self._background, self._limits = background, limits
        self.layers: Moving | None = None
        """What moves the source as a person before a backdrop; None where it is not moved so."""
        self._own: Floats | None = None
        self._team = ThreadPoolExecutor(available_cores(), "bunraku-finish")
        if layer is not None:
            self.layers = self._layered(layer, image, window, fit)
        self._detail: Detail | None = None
        if self.layers is None and lend is not None and self._side > len(small):
            self._detail = lend(self._large(image, window, fit), small)

    def _show(self, window: Window, shown: Window) -> None:
        """Have the square `window` made so large that the part `shown` of it is as large as the results."""
        factor = self._size / shown.side
        self._side = max(self._size, round(window.side * factor))
        if self._side > self._size:
            corner = window.inward(shown.corners[0]) * window.side * factor
            starts = [min(max(round(float(place)), 0), self._side - self._size) for place in corner[::-1]]
            self._shown = (slice(starts[0], starts[0] + self._size), slice(starts[1], starts[1] + self._size))

    def _large(self, image: Image.Image, window: Window | None, fit: Fit) -> Bytes:
        """The square that is moved with all its pixels."""
        if self._paste is not None:
            return self._paste.cut(self._side)
        return square(image, self._side, fit) if window is None else window.cut(image, self._side)

    def _layered(self, layer: Layer, image: Image.Image, window: Window | None, fit: Fit) -> Moving | None:
        if self._paste is not None:
            large = self._paste.cut(self._side)
            canvas = Canvas.around(large, self._paste.base, self._paste.window)
            layers = layer(canvas, self._paste.seams, None, self._neighbours)
            if layers is not None:
                self._paste.narrow(~layers.crossed)
            return layers
        small = self._unmoved[-1]
        large = small if self._side <= len(small) else self._large(image, window, fit)
        return layer(Canvas.around(large, image, window), None, self._behind(len(large)), self._neighbours)

    def _behind(self, side: int) -> Behind | None:
        """What is behind in a square of `side` pixels, of which a picture covers the part that is shown."""
        if self._background is None:
            return None
        if self._shown is None or side != self._side:  # as a whole, or to be made small last
            picture = self._background.square(side, self._limits)
        else:
            picture = np.zeros((side, side, 3), np.uint8)
            picture[self._shown] = self._background.square(self._size, self._limits)
        return Behind(picture, self._background.transparent)

    @cached_property
    def still(self) -> Bytes:
        """The source as it is before it moves, as large as the results: uint8 (height, width, 3), or 4."""
        image, window, fit, small = self._unmoved
        if self._paste is not None:
            return self._paste.whole
        if self.layers is not None:
            return self._sized(self.layers.still)
        if self._background is not None:
            return self._empty
        return small if self._side == len(small) else self._part(self._large(image, window, fit))

    @property
    def _empty(self) -> Bytes:
        """Another backdrop, and nobody before it."""
        if self._background is None:
            raise ValueError("there is no other backdrop")
        picture = self._background.square(self._size, self._limits)
        if not self._background.transparent:
            return picture
        return np.concatenate([picture, np.zeros_like(picture[..., :1])], -1)

    def _part(self, square: Bytes) -> Bytes:
        """What is shown of the whole `square`, uint8 (side, side, 3), or 4."""
        return square if self._shown is None else square[self._shown]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the results."""
        return (self._size, self._size) if self._paste is None else self._paste.size

    def __call__(
        self,
        rendered: Rendered | None,
        points: Floats | None = None,
        faces: Sequence[Expression | None] = (),
        residuals: Floats | None = None,
    ) -> Bytes:
        """The results: uint8 (B, height, width, 3), or 4 without a background. For layers: the driving `points`
        (B, K, 2) of what was rendered, what its faces do, and what both do not tell (`Motion.residual`); where they
        need no model, nothing need be `rendered`.
        """
        if self._paste is not None:
            pieces = self.pieces(rendered, points, faces, residuals)
            return np.stack(self._each(self._laid, [(piece,) for piece in pieces]))
        layered = self._in_layers(self._layer_one, rendered, points, faces, residuals)
        if layered is not None:
            return np.stack(layered)
        if rendered is None:
            raise ValueError("only layers need no model")
        if self.layers is None and self._background is not None:  # nobody before another backdrop
            return np.stack([self.still] * len(rendered.image))
        if self._side == len(rendered.image[0]):
            return rendered.image
        return np.stack([self._sized(self._sharp(rendered, index)) for index in range(len(rendered.image))])

    def pieces(
        self,
        rendered: Rendered | None,
        points: Floats | None = None,
        faces: Sequence[Expression | None] = (),
        residuals: Floats | None = None,
    ) -> list[Piece]:
        """The same, not yet pasted back, for `lay`."""
        if self._neighbours is not None and self._own is None:
            self._own = self._neighbours.territory(self._side)
        layered = self._in_layers(self._layered_piece, rendered, points, faces, residuals)
        if layered is not None:
            return layered
        if rendered is None:
            raise ValueError("only layers need no model")
        return [Piece(self._sharp(rendered, index), self._own) for index in range(len(rendered.image))]

    def _in_layers(
        self,
        make: Callable[..., T],
        rendered: Rendered | None,
        points: Floats | None,
        faces: Sequence[Expression | None],
        residuals: Floats | None,
    ) -> list[T] | None:
        """What `make` makes of the layers and of every frame; None where the source is not moved in layers."""
        if self.layers is None or points is None or (rendered is not None and rendered.flow is None):
            return None
        return self._each(partial(make, self.layers), _frames(rendered, points, faces, residuals))

    def _layered_piece(
        self, layers: Moving, made: Made | None, points: Floats, face: Expression | None, residual: Floats | None
    ) -> Piece:
        picture, alpha = layers.apart(made, points.astype(np.float64), face, residual)
        return Piece(picture, None if self._own is None else np.maximum(self._own, alpha))

    def lay(self, whole: Image.Image, piece: Piece) -> None:
        """Paste `piece` back into the `whole` picture, of the `size`."""
        if self._paste is None:
            raise ValueError("only what is pasted back has a place in a picture")
        self._paste.lay(whole, piece.picture, piece.weight)

    def _laid(self, piece: Piece) -> Bytes:
        whole = self.whole
        self.lay(whole, piece)
        return np.array(whole)

    @property
    def whole(self) -> Image.Image:
        """A copy of the whole picture into which is pasted back, before anything moves."""
        if self._paste is None:
            raise ValueError("only what is pasted back has a place in a picture")
        return self._paste.base.copy()

    def _each(self, make: Callable[..., T], frames: Sequence[tuple[Any, ...]]) -> list[T]:
        """What `make` makes of every one of the `frames`, side by side."""
        if len(frames) == 1:  # no thread for that: a source that moves is made ready anew for every frame
            return [make(*frames[0])]
        started = [self._team.submit(make, *frame) for frame in frames]
        return [future.result() for future in started]

    def _layer_one(
        self, layers: Moving, made: Made | None, points: Floats, face: Expression | None, residual: Floats | None
    ) -> Bytes:
        return self._sized(layers(made, points.astype(np.float64), face, residual))

    def _sharp(self, rendered: Rendered, index: int) -> Bytes:
        """What the model made of one frame, with the source's own detail."""
        image = rendered.image[index]
        if self._detail is not None and rendered.flow is not None:
            seen = None if rendered.occlusion is None else rendered.occlusion[index]
            image = self._detail(image, rendered.flow[index], seen)
        return image

    def _sized(self, image: Bytes) -> Bytes:
        if len(image) != self._side:
            image = np.array(Image.fromarray(image).resize((self._side, self._side), Image.Resampling.BICUBIC))
        return self._part(image)


def _frames(
    rendered: Rendered | None, points: Floats, faces: Sequence[Expression | None], residuals: Floats | None
) -> list[tuple[Made | None, Floats, Expression | None, Floats | None]]:
    """What layers need of every frame, of a model that gives flow."""
    made: list[Made | None] = [None] * len(points)
    if rendered is not None and rendered.flow is not None:
        made = [Made(image, flow) for image, flow in zip(rendered.image, rendered.flow, strict=True)]
    return list(zip(made, points, faces, [None] * len(made) if residuals is None else residuals, strict=True))


def check_size(size: int | None) -> None:
    """Raises `OptionError` unless results can be that large: an even number (most videos are stored in pairs of
    pixels).
    """
    if size is None:
        return
    if not is_whole(size) or size % 2 or not 16 <= size <= MAX_SIZE:
        raise OptionError(f"size is {size!r}; it must be an even number of pixels from 16 to {MAX_SIZE}.")


def warn_without_flow(name: str) -> None:
    """Tell that results of the model `name` can be enlarged, but not sharpened."""
    said = f'The model "{name}" gives no flow, so that the result is enlarged without the picture\'s detail.'
    warnings.warn(said, BunrakuWarning, stacklevel=3)
