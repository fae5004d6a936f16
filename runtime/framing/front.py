"""What stands in front where no face is found: animals, statues, toys. The network that tells persons from their
backdrop (see NOTICE) marks them, too, and leaves textures and landscapes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from runtime.framing.window import Window
from runtime.graphs.sessions import borrow_graph

MODEL = Path(__file__).parents[1] / "assets" / "person.onnx"
SIDE = 256
"""Pixels along a side of what the network looks at."""
COARSE = 64
"""Cells along a side in which what hangs together is looked for."""

_CELL = 0.35
"""Mean probability from which on a cell belongs to what stands in front."""
_SURE = 0.6
"""Mean probability of what is marked, ..."""
_LEAST = 0.02
"""... and which part of the picture it fills, at least."""
_EDGE = 0.02
"""Part of it that may lie outside its box on each side: whiskers, straps."""
_NARROW, _LONG = 1.2, 0.8
"""Side of the square in widths of the box, and at least in lengths: heads are about as wide as bodies, ..."""
_ABOVE = 0.08
"""... and at the top of them, so far below the square's as a part of its side."""


def find_front(images: Sequence[Image.Image]) -> Window | None:
    """One square around the heads of what stands in front in `images` (RGB, of one size), within them; None where less
    than half of them show something clearly.
    """
    seen = zip(images, people_in(images), strict=True)
    heads = [head for image, person in seen if (head := head_of(person, image.size)) is not None]
    if 2 * len(heads) < max(len(images), 1):
        return None
    centers = np.array([head.center for head in heads])
    low, high = centers.min(axis=0), centers.max(axis=0)
    usual = sorted(head.side for head in heads)[len(heads) // 2]
    x, y = (low + high) / 2
    return within(float(x), float(y), usual + float((high - low).max()), images[0].size)


def people_in(images: Sequence[Image.Image]) -> list[NDArray[np.float32]]:
    """The probability (SIDE, SIDE), of each of the `images` (RGB), that its parts show a person, or what else stands in
    front.
    """
    with borrow_graph(MODEL, "person") as network:  # opening it takes longer than a look
        return [np.asarray(network({"frame": _small(image)[None]})["person"][0, 0], np.float32) for image in images]


def head_of(person: NDArray[np.floating], size: tuple[int, int]) -> Window | None:
    """The square around the head of what the probabilities `person` (256, 256) mark in a picture of `size` (width,
    height); it may leave the picture. None where they mark nothing clearly.
    """
    marked = largest(person)
    if (marked > 0.5).mean() < _LEAST or marked[marked > 0.1].mean() < _SURE:
        return None
    across, down = (length / SIDE for length in size)
    (left, right), (top, bottom) = (_reach(marked.sum(axis=axis)) for axis in (0, 1))
    width, height = (right - left) * across, (bottom - top) * down
    side = max(_NARROW * min(width, height), _LONG * max(width, height))
    upper = marked[top : top + max(1, round(0.8 * side / down))].sum(axis=0)
    x = float((upper * (np.arange(SIDE) + 0.5)).sum() / upper.sum()) * across
    return Window.around(x, top * down + (0.5 - _ABOVE) * side, side)


def largest(person: NDArray[np.floating]) -> NDArray[np.float64]:
    """The probabilities `person` (256, 256) of the largest part that hangs together; 0 elsewhere."""
    step = SIDE // COARSE
    cells = person.astype(np.float64).reshape(COARSE, step, COARSE, step).mean((1, 3)) > _CELL
    parts = Image.fromarray(cells.astype(np.int32))
    counts: dict[int, int] = {}
    for row, column in zip(*(places.tolist() for places in np.nonzero(cells)), strict=True):
        if parts.getpixel((column, row)) == 1:
            number = len(counts) + 2
            ImageDraw.floodfill(parts, (column, row), number)
            counts[number] = int((np.asarray(parts) == number).sum())
    most = max(counts, key=lambda number: counts[number], default=0)
    kept = np.kron(np.asarray(parts) == most, np.ones((step, step))) if counts else np.zeros((SIDE, SIDE))
    return np.asarray(kept * person, np.float64)


def within(x: float, y: float, side: float, size: tuple[int, int]) -> Window:
    """The square of about that middle and side that shows nothing outside of a picture of `size` (width, height)."""
    side = min(side, *size)
    left, top = (min(max(at - side / 2, 0.0), length - side) for at, length in zip((x, y), size, strict=True))
    return Window(left, top, side)


def _reach(weights: NDArray[np.float64]) -> tuple[int, int]:
    """From where to where all but the outermost of the `weights` (n,) are."""
    part = np.cumsum(weights) / weights.sum()
    low, high = np.searchsorted(part, [_EDGE, 1 - _EDGE])
    return int(low), int(high) + 1


def _small(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0))
