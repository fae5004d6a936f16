"""What a model finds in a picture, drawn on it: its points, or the tree of anchors that binds them.

Where a bundle's graph `motion` gives `anchors` beside its parameters, these are a tree: motion anchors (the points),
intermediate anchors and a root, all of one detector. Only the points move pixels; the others, and how much each
intermediate anchor attends to each point (`attention`), are for drawings alone.
"""

from __future__ import annotations

import colorsys
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from checkpoints.bundle import Bundle
from checkpoints.errors import ModelError, OptionError
from runtime.motion.modes import Motion
from runtime.values import Bytes, Floats

if TYPE_CHECKING:
    from runtime.engine import Engine

Show = Literal["structure"]
SHOWS: tuple[str, ...] = get_args(Show)

ROOT = (255, 255, 255)
Colour = tuple[int, int, int]

_ARM = 0.06
"""Half the length of a cross's arm for a linear part that is the identity, as part of the picture's side."""
_FAR = 10.0
"""Where points end that lie further off, in the unit of coordinates."""


@dataclass(frozen=True)
class Structure:
    """What a model finds in T pictures. Coordinates are (x, y) in [-1, 1], y down."""

    motion: Motion
    """Its points, with their linear parts where the model has them."""
    anchors: Floats | None = None
    """(T, A, 2): the K points once more, then intermediate anchors, if any, then the root; None with bundles that do
    not give them.
    """
    attention: Floats | None = None
    """(T, A - K - 1, K): how much each intermediate anchor binds each point; rows sum to 1, 0 where a point is dead."""

    def __post_init__(self) -> None:
        """Raises `ModelError` where anchors and attention do not fit the points."""
        frames, points = self.motion.places.shape[:2]
        if self.anchors is None:
            return
        middle = self.anchors.shape[1] - points - 1 if self.anchors.ndim == 3 else -1
        fits = middle >= 0 and self.anchors.shape[::2] == (frames, 2)
        if self.attention is not None:
            fits &= self.attention.shape == (frames, middle, points)
        if not fits or (middle > 0 and self.attention is None):
            raise ModelError(
                f"The model gives anchors {self.anchors.shape} that do not fit its points {self.motion.places.shape}; "
                "export it again."
            )


def check_show(show: str | None, paste_back: bool) -> None:
    """Raises `OptionError` unless `show` is None or can be drawn on the results."""
    if show is None:
        return
    if show not in SHOWS:
        raise OptionError(f'Nothing called "{show}" can be shown; choose {", ".join(SHOWS)}, or leave show out.')
    if paste_back:
        raise OptionError("What is shown is drawn on the square that moves; leave paste_back or show out.")


class Marker:
    """Draws on square pictures what a model finds in them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, picture: Bytes) -> Bytes:
        """`picture`, uint8 (N, N, 3), with its structure; it is looked at in the model's own size."""
        size, small = self._engine.resolution, picture
        if len(picture) != size:
            small = np.array(Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC))
        return draw(picture, self._engine.structure(small[None]), 0, self._engine.bundle)


def draw(picture: Bytes, structure: Structure, frame: int, bundle: Bundle) -> Bytes:
    """`picture`, uint8 (H, W, 3), with what `structure` holds of number `frame`: the tree where there is one, else the
    points. `bundle` tells which points are one part, and which are dead.
    """
    dead: Collection[int] = bundle.structure.get("dead", ())
    points = structure.motion.places[frame]
    if structure.anchors is not None:
        attention = None if structure.attention is None else structure.attention[frame]
        return draw_tree(picture, structure.anchors[frame], len(points), attention, dead)
    linear = None if structure.motion.linear is None else structure.motion.linear[frame, :, :2, :2]
    return draw_points(picture, points, bundle.structure.get("parts", max(1, len(points))), linear, dead)


def draw_points(
    picture: Bytes, points: Floats, parts: int, linear: Floats | None = None, dead: Collection[int] = ()
) -> Bytes:
    """`picture`, uint8 (H, W, 3), with `points` (K, 2): one colour a part, of which there are `parts`, and crosses that
    show the `linear` parts (K, 2, 2) where given.
    """
    canvas = Image.fromarray(picture)
    pen = ImageDraw.Draw(canvas)
    side = len(picture)
    each = max(1, len(points) // parts)
    for index, (x, y) in enumerate(_places(points, picture)):
        if index in dead:
            continue
        colour = hue(index // each, parts)
        if linear is not None:
            for dx, dy in np.clip(np.nan_to_num(linear[index].T), -_FAR, _FAR) * _ARM * side:
                pen.line((x - dx, y - dy, x + dx, y + dy), fill=colour, width=max(1, round(side / 190)))
        _dot(pen, (x, y), max(1.0, side / 77), colour)
    return np.asarray(canvas)


def draw_tree(
    picture: Bytes,
    anchors: Floats,
    leaves: int,
    attention: Floats | None = None,
    dead: Collection[int] = (),
) -> Bytes:
    """`picture`, uint8 (H, W, 3), with the tree of `anchors` (A, 2).

    They are `leaves` motion anchors, then intermediate ones, then the root. `attention` (I, leaves) gives the width of
    the lines from intermediate to motion anchors (where there are neither, the root binds all evenly). A motion anchor
    has the colour of the anchor that binds it most. Those in `dead` are left out.
    """
    canvas = Image.fromarray(picture)
    pen = ImageDraw.Draw(canvas)
    unit = max(1.0, len(picture) / 100)
    places = _places(anchors, picture)
    root, middle = places[-1], places[leaves:-1]
    living = [leaf for leaf in range(leaves) if leaf not in dead]
    colours = {leaf: hue(leaf, leaves) for leaf in living}
    if attention is None:
        for leaf in living:
            pen.line((*root, *places[leaf]), fill=ROOT, width=max(1, round(unit / 2)))
    else:
        for index, place in enumerate(middle):
            pen.line((*root, *place), fill=ROOT, width=max(1, round(unit)))
            for leaf in living:
                width = round(4 * unit * float(attention[index, leaf]))
                if width:
                    pen.line((*place, *places[leaf]), fill=hue(index, len(middle)), width=width)
        colours = {leaf: hue(int(attention[:, leaf].argmax()), len(middle)) for leaf in living}
    for leaf in living:
        _dot(pen, places[leaf], unit, colours[leaf])
    for index, place in enumerate(middle):
        _dot(pen, place, 1.8 * unit, hue(index, len(middle)))
    _dot(pen, root, 2.4 * unit, ROOT)
    return np.asarray(canvas)


def hue(index: int, count: int) -> Colour:
    """Colour of number `index` of `count`: all of them are told apart, as far as that goes."""
    red, green, blue = colorsys.hsv_to_rgb(index / max(count, 1), 0.75, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _places(points: Floats, picture: Bytes) -> list[tuple[float, float]]:
    """(x, y) in pixels of `points` (K, 2)."""
    last: NDArray[np.int64] = np.array(picture.shape[1::-1]) - 1
    near = np.clip(np.nan_to_num(points.astype(np.float64)), -_FAR, _FAR)
    return [(float(x), float(y)) for x, y in (near + 1) / 2 * last]


def _dot(pen: ImageDraw.ImageDraw, place: tuple[float, float], radius: float, colour: Colour) -> None:
    x, y = place
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=(0, 0, 0))
