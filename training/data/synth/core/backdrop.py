"""Procedural backgrounds: gradients, clouds of noise, blurred lights, boards, shelves, windows, leaves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .seeds import Array, Draw, linear

SIZE = 192
EXTENT = 1.5
"""The backdrop covers [-EXTENT, EXTENT] of its plane, in the frame's [-1, 1] units."""


def smooth_noise(draw: Draw, size: int, cells: int, channels: int = 1) -> Array:
    """(size, size, channels) bilinear-cubic value noise in [0, 1] with `cells` cells a side."""
    knots = draw.generator.random((cells + 2, cells + 2, channels), dtype=np.float32)
    place = np.linspace(0, cells, size, endpoint=False)
    low = place.astype(int)
    f = (place - low).astype(np.float32)
    f = f * f * (3 - 2 * f)
    rows = knots[low] * (1 - f)[:, None, None] + knots[low + 1] * f[:, None, None]
    return rows[:, low] * (1 - f)[None, :, None] + rows[:, low + 1] * f[None, :, None]


def blur(image: Array, passes: int) -> Array:
    """A picture (H, W, C) averaged with its neighbours `passes` times; its borders meet."""
    for _ in range(passes):
        image = (image + np.roll(image, 1, 0) + np.roll(image, -1, 0)) / 3
        image = (image + np.roll(image, 1, 1) + np.roll(image, -1, 1)) / 3
    return image


def _grid() -> tuple[Array, Array]:
    axis = np.linspace(-1, 1, SIZE, dtype=np.float32)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return x, y


def _gradient(draw: Draw) -> Array:
    x, y = _grid()
    angle = draw.between(0, 6.28)
    t = np.clip(0.5 + 0.5 * (x * np.cos(angle) + y * np.sin(angle)), 0, 1)[..., None]
    return draw.colour() * (1 - t) + draw.colour() * t


def _clouds(draw: Draw, image: Array) -> Array:
    for cells in (3, 6, 13, 27, 55):
        noise = smooth_noise(draw, SIZE, cells, 3) - 0.5
        noise = noise.mean(-1, keepdims=True) + 0.25 * noise  # rainbows are rare in rooms
        image = image + noise * draw.between(0, 1.4) / cells**0.55
    return image


def _shapes(draw: Draw, image: Array, count: int) -> Array:
    """Boxes and discs of any colour."""
    x, y = _grid()
    for _ in range(count):
        cx, cy, w, h = draw.between(-1, 1), draw.between(-1, 1), draw.between(0.03, 0.4), draw.between(0.03, 0.4)
        angle = draw.normal(0.4) if draw.chance(0.3) else 0.0
        u = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        v = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        inside = (np.abs(u) < w) & (np.abs(v) < h) if draw.chance(0.65) else (u / w) ** 2 + (v / w) ** 2 < 1
        image = np.where(inside[..., None], draw.colour(0.9) * draw.between(0.7, 1.1), image)
    return image


def _stripes(draw: Draw, image: Array) -> Array:
    x, y = _grid()
    angle = draw.pick(2) * np.pi / 2 + (draw.normal(0.3) if draw.chance(0.3) else 0.0)
    u = (x * np.cos(angle) + y * np.sin(angle)) / draw.between(0.06, 0.4)
    wave = (u - np.floor(u)) < draw.between(0.03, 0.6)
    return np.where(wave[..., None], draw.colour(0.7), image)


def _shelves(draw: Draw, image: Array) -> Array:
    """Rows of upright boxes (books, jars, houses, ...) on boards."""
    rows = int(draw.between(2, 6))
    edges = np.linspace(0, SIZE, rows + 1).astype(int)
    board = draw.colour(0.5)
    saturation = draw.between(0.1, 1.0)
    for top, bottom in pairwise(edges):
        column = int(draw.between(0, 6))
        while column < SIZE:
            width = int(draw.between(3, 15))
            height = int((bottom - top) * draw.between(0.5, 0.92))
            if draw.chance(0.88):
                image[bottom - height : bottom, column : column + width] = draw.colour(saturation)
            column += width + (1 if draw.chance(0.5) else 0)
        image[max(bottom - 3, 0) : bottom] = board
    return image


def _lights(draw: Draw, image: Array) -> Array:
    """Blurred discs of light, as a fast lens gives at night."""
    x, y = _grid()
    for _ in range(int(draw.between(6, 30))):
        radius = draw.between(0.02, 0.12)
        inside = (x - draw.between(-1, 1)) ** 2 + (y - draw.between(-1, 1)) ** 2 < radius**2
        image = image + inside[..., None] * draw.colour(0.9, 0.2, 0.9) * draw.between(0.2, 0.8)
    return blur(image, 1)


def _vegetation(draw: Draw, image: Array) -> Array:
    """Leaf-like clutter from thresholded noise."""
    for cells in (9, 17, 33):
        leaf = smooth_noise(draw, SIZE, cells)[..., 0] > draw.between(0.45, 0.65)
        image = np.where(leaf[..., None], draw.colour(0.8, 0.05, 0.7) * np.array([0.8, 1.1, 0.6]), image)
    return image


def sample_backdrop(draw: Draw) -> Array:
    """(3, SIZE, SIZE) linear light."""
    image = _gradient(draw)
    kind = draw.pick(8, (1.2, 2.0, 1.8, 1.2, 1.8, 0.8, 1.0, 1.2))
    if kind == 1:
        image = _clouds(draw, image)
    elif kind == 2:
        image = _shapes(draw, image, int(draw.between(3, 25)))
    elif kind == 3:
        image = _stripes(draw, image)
    elif kind == 4:
        image = _shelves(draw, np.array(image))
    elif kind == 5:
        image = _lights(draw, image * 0.3)
    elif kind == 6:
        image = _vegetation(draw, image)
    elif kind == 7:
        image = _shapes(draw, _clouds(draw, image), int(draw.between(2, 8)))
    if draw.chance(0.85):  # out of focus, as what is behind a face mostly is
        image = blur(image, draw.pick(24) + 2)
    grey = image.mean(-1, keepdims=True)
    image = grey + draw.between(0.2, 1.0) * (image - grey)
    image = image + draw.generator.normal(0, draw.between(0, 0.01), image.shape)
    return np.ascontiguousarray(linear(np.clip(image, 0, 1)).transpose(2, 0, 1))
