"""The person in front and what is behind: a matte, a completed backdrop, and the person's own colours, once a
source.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from runtime.layers.frames import Floats
from runtime.picture import Bytes
from runtime.sessions import Graph, open_graph

MODEL = Path(__file__).parents[1] / "assets" / "person.onnx"
SIDE = 256
"""Pixels along a side of what the network looks at."""
_COARSE = 64
"""Cells along a side in which what hangs together is looked for."""
_WORK = 256
"""Side in pixels up to which mattes and backdrops are computed; larger ones are enlarged from there."""


@cache
def _network() -> Graph:
    return open_graph(MODEL, "person")


def find_person(canvas: Bytes, inner: slice, face: NDArray[np.floating]) -> Floats | None:
    """The probability f32 (256, 256) that the parts of `canvas`, uint8 (c, c, 3), show the person whose face is at
    the pixel `face` (x, y); None where there is none. `inner`: rows and columns of the square that is moved,
    which is looked at a second time by itself.
    """
    image = Image.fromarray(canvas)
    box = (inner.start, inner.start, inner.stop, inner.stop)
    whole, part = (
        each.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0) for each in (image, image.crop(box))
    )
    found = _network()({"frame": np.stack([np.asarray(whole), np.asarray(part)])})["person"][:, 0]
    low, high = (round(end / len(canvas) * SIDE) for end in (inner.start, inner.stop))
    near = np.asarray(Image.fromarray(found[1]).resize((high - low, high - low), Image.Resampling.BILINEAR))
    at = np.minimum(np.arange(high - low), np.arange(high - low)[::-1]) / (0.12 * (high - low))
    weight = np.minimum.outer(np.clip(at, 0, 1), np.clip(at, 0, 1))
    person = found[0].copy()
    person[low:high, low:high] += weight * (near - person[low:high, low:high])
    return _connected(person, face / len(canvas))


def _connected(person: Floats, face: NDArray[np.floating]) -> Floats | None:
    """Only what hangs together with the face, whose place (x, y) is given in parts of the side."""
    coarse = person.reshape(_COARSE, SIDE // _COARSE, _COARSE, SIDE // _COARSE).max((1, 3)) > 0.35
    sure = Image.fromarray(coarse.astype(np.uint8)).copy()  # a picture of an array is read-only
    column, row = (int(value) for value in np.clip(face * _COARSE, 0, _COARSE - 1))
    at = (column, row)
    if not sure.getpixel(at):
        return None
    ImageDraw.floodfill(sure, at, 2)
    kept = np.kron(np.asarray(sure) == 2, np.ones((SIDE // _COARSE, SIDE // _COARSE), bool))
    return np.where(box_blur(kept.astype(np.float32), 2) > 0, person, 0).astype(np.float32)


def matte(canvas: Floats, person: Floats) -> Floats:
    """Alpha f32 (c, c) in [0, 1] of the person in `canvas`, f32 (c, c, 3) in 0 ... 255: the probability `person`, its
    edge led by the picture's (guided filter, He et al. 2010, with the colours as guide).
    """
    size = len(canvas)
    work = min(size, _WORK)
    guide = resized(canvas, work) / 255
    mask = resized(person, work)
    radius = max(2, round(work / 48))
    a, b = _guided(guide, mask, radius, 2e-4)
    if work < size:
        a, b, guide = resized(a, size), resized(b, size), canvas / 255
    refined = (a * guide).sum(-1) + b
    prior = resized(person, size)
    # Far from the edge the network is right; at it the colours are.
    spread = box_blur(prior, max(2, round(size / 96)))
    edge = np.clip(np.minimum(spread, 1 - spread) * 8, 0, 1)
    alpha = np.clip((refined - 0.12) / 0.76, 0, 1)
    sure = np.clip((prior - 0.5) * 3 + 0.5, 0, 1)
    return (sure + edge * (alpha - sure)).astype(np.float32)


def _guided(guide: Floats, mask: Floats, radius: int, ease: float) -> tuple[Floats, Floats]:
    """Coefficients a (h, w, 3) and b (h, w) such that a . guide + b follows `mask` (h, w)."""
    mean = box_blur(guide, radius)
    level = box_blur(mask, radius)
    together = box_blur(guide * mask[..., None], radius) - mean * level[..., None]
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    products = np.stack([guide[..., i] * guide[..., j] for i, j in pairs], -1)
    spread = box_blur(products, radius) - np.stack([mean[..., i] * mean[..., j] for i, j in pairs], -1)
    xx, xy, xz, yy, yz, zz = np.moveaxis(spread.astype(np.float64), -1, 0)
    xx, yy, zz = xx + ease, yy + ease, zz + ease
    adjugate = [
        yy * zz - yz**2,
        xz * yz - xy * zz,
        xy * yz - xz * yy,
        xx * zz - xz**2,
        xy * xz - xx * yz,
        xx * yy - xy**2,
    ]
    whole = xx * adjugate[0] + xy * adjugate[1] + xz * adjugate[2]
    rows = ((0, 1, 2), (1, 3, 4), (2, 4, 5))
    a = np.stack([sum(adjugate[k] * together[..., j] for j, k in enumerate(row)) / whole for row in rows], -1)
    a = a.astype(np.float32)
    b = level - (a * mean).sum(-1)
    return box_blur(a, radius), box_blur(b, radius)


def backdrop(canvas: Floats, alpha: Floats) -> Floats:
    """What is behind the person, f32 (c, c, 3): `canvas` where `alpha` (c, c) says that nobody is near, spread into all
    the rest from coarse to fine.
    """
    size = len(canvas)
    near = box_blur((alpha > 0.04).astype(np.float32), max(2, round(size / 64)))
    known = np.clip(1 - 40 * near, 0, 1)
    if not (known > 0.5).any():
        return canvas.copy()
    work = min(size, _WORK)
    levels = [(resized(canvas * known[..., None], work), resized(known, work))]
    while len(levels[-1][1]) > 2:
        colour, weight = levels[-1]
        half = len(weight) // 2
        levels.append((resized(colour, half), resized(weight, half)))
    colour, weight = levels[-1]
    filled: Floats = colour / np.maximum(weight, 1e-4)[..., None]
    for colour, weight in levels[-2::-1]:
        coarse = box_blur(resized(filled, len(weight)), 1)
        filled = colour + np.clip(1 - weight, 0, 1)[..., None] * coarse
    filled = resized(filled, size)
    return (filled + known[..., None] * (canvas - filled)).astype(np.float32)


def box_blur(values: Floats, radius: int) -> Floats:
    """Means over squares of 2 `radius` + 1 pixels of (h, w) or (h, w, n); at the border over what lies inside."""
    for axis in (0, 1):
        sums = np.concatenate([np.zeros_like(values.take([0], axis)), np.cumsum(values, axis, dtype=np.float64)], axis)
        at = np.arange(values.shape[axis])
        low, high = np.maximum(at - radius, 0), np.minimum(at + radius + 1, len(at))
        shape = [-1 if index == axis else 1 for index in range(values.ndim)]
        values = ((sums.take(high, axis) - sums.take(low, axis)) / (high - low).reshape(shape)).astype(np.float32)
    return values


def resized(values: Floats, size: int) -> Floats:
    """(h, w) or (h, w, n) as (size, size) or (size, size, n)."""
    if values.shape[0] == size:
        return values.astype(np.float32)
    channels = values[..., None] if values.ndim == 2 else values
    planes = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(channels[..., index], np.float32)).resize(
                (size, size), Image.Resampling.BILINEAR
            )
        )
        for index in range(channels.shape[-1])
    ]
    return np.stack(planes, -1).reshape(size, size, *values.shape[2:])
