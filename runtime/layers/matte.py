"""The person in front and what is behind: a matte, a completed backdrop, and the person's own colours, once a
source.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from runtime.graphs.sessions import Graph, open_graph
from runtime.layers.frames import Pixels
from runtime.values import Bytes

MODEL = Path(__file__).parents[1] / "assets" / "person.onnx"
SIDE = 256
"""Pixels along a side of what the network looks at."""
_COARSE = 64
"""Cells along a side in which what hangs together is looked for."""
_STEPS = 128
"""Cells along a side in which the nearest place of the backdrop is looked for."""
_CALM = 4
"""Cells over which its direction is averaged."""
_DEEP = 0.14
"""How far behind the outline its mirror image reaches, as a part of the side."""
_WORK = 256
"""Side in pixels up to which mattes and backdrops are computed; larger ones are enlarged from there."""


@cache
def _network() -> Graph:
    return open_graph(MODEL, "person")


def find_person(canvas: Bytes, inner: slice, face: NDArray[np.floating]) -> Pixels | None:
    """The probability f32 (256, 256) that the parts of `canvas`, uint8 (c, c, 3), show the person whose face is at
    the pixel `face` (x, y); None where there is none. `inner`: rows and columns of the square that is moved,
    which is looked at a second time by itself.
    """
    image = Image.fromarray(canvas)
    box = (inner.start, inner.start, inner.stop, inner.stop)
    whole, part = (
        each.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0) for each in (image, image.crop(box))
    )
    # One after the other: together they would take twice the memory, once a source, and no less time.
    found = [_network()({"frame": np.asarray(look)[None]})["person"][0, 0] for look in (whole, part)]
    low, high = (round(end / len(canvas) * SIDE) for end in (inner.start, inner.stop))
    near = np.asarray(Image.fromarray(found[1]).resize((high - low, high - low), Image.Resampling.BILINEAR))
    at = np.minimum(np.arange(high - low), np.arange(high - low)[::-1]) / (0.12 * (high - low))
    weight = np.minimum.outer(np.clip(at, 0, 1), np.clip(at, 0, 1))
    person = found[0].copy()
    person[low:high, low:high] += weight * (near - person[low:high, low:high])
    return _connected(person, face / len(canvas))


def _connected(person: Pixels, face: NDArray[np.floating]) -> Pixels | None:
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


def matte(canvas: Pixels, person: Pixels) -> Pixels:
    """Alpha f32 (c, c) in [0, 1] of the person in `canvas`, f32 (c, c, 3) in 0 ... 255: the probability `person`, its
    edge led by the picture's (guided filter, He et al. 2010, with the colours as guide).
    """
    size = len(canvas)
    work = min(size, _WORK)
    guide = resized(canvas, work) / 255
    mask = resized(person, work)
    radius = max(2, round(work / 48))
    a, b = _guided(guide, mask, radius, 1e-3)
    if work < size:
        a, b, guide = resized(a, size), resized(b, size), canvas / 255
    refined = (a * guide).sum(-1) + b
    prior = resized(person, size)
    # Far from the edge the network is right; at it the colours are.
    sure = np.clip((prior - 0.5) * 3 + 0.5, 0, 1)
    reach = max(2, round(size / 128))
    spread = box_blur(box_blur(sure, reach), reach)
    edge = np.clip(np.minimum(spread, 1 - spread) * 8, 0, 1)
    alpha = np.clip((refined - 0.12) / 0.76, 0, 1)
    return (sure + edge * (alpha - sure)).astype(np.float32)


def _guided(guide: Pixels, mask: Pixels, radius: int, ease: float) -> tuple[Pixels, Pixels]:
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


def backdrop(canvas: Pixels, alpha: Pixels) -> Pixels:
    """What is behind the person, f32 (c, c, 3): `canvas` where `alpha` (c, c) says that nobody is near; behind the
    outline its mirror image, which keeps stripes and grain, and farther in what is around, spread from coarse to fine.
    """
    size = len(canvas)
    near = box_blur((alpha > 0.04).astype(np.float32), max(2, round(size / 90)))
    known = np.clip(1 - 40 * near, 0, 1)
    if not (known > 0.5).any():
        return canvas.copy()
    filled = _spread(canvas, known)
    mirrored, weight = _mirrored(canvas, known)
    filled += weight[..., None] * (mirrored - filled)
    return (filled + known[..., None] * (canvas - filled)).astype(np.float32)


def _spread(canvas: Pixels, known: Pixels) -> Pixels:
    """What is `known` of the `canvas` in all of it, from coarse to fine."""
    work = min(len(canvas), _WORK)
    levels = [(resized(canvas * known[..., None], work), resized(known, work))]
    while len(levels[-1][1]) > 2:
        colour, weight = levels[-1]
        half = len(weight) // 2
        levels.append((resized(colour, half), resized(weight, half)))
    colour, weight = levels[-1]
    filled: Pixels = colour / np.maximum(weight, 1e-4)[..., None]
    for colour, weight in levels[-2::-1]:
        coarse = box_blur(resized(filled, len(weight)), 1)
        filled = colour + np.clip(1 - weight, 0, 1)[..., None] * coarse
    return resized(filled, len(canvas))


def _mirrored(canvas: Pixels, known: Pixels) -> tuple[Pixels, Pixels]:
    """The mirror image of what is `known`, at its edge, f32 (c, c, 3), and how much it counts, (c, c)."""
    size = len(canvas)
    coarse = resized(known, _STEPS) > 0.99
    if not coarse.any():
        return canvas, np.zeros_like(known)
    y, x = np.mgrid[:_STEPS, :_STEPS]
    rows, columns = _nearest(coarse)
    scale = size / _STEPS
    way = np.stack([columns - x, rows - y], -1).astype(np.float32)
    far = np.hypot(way[..., 0], way[..., 1])
    # The way's direction is calmed: an outline's small teeth would throw long rays.
    calm = box_blur(box_blur(way, _CALM), _CALM)
    calm = resized(calm, size)
    calm = calm / np.maximum(np.hypot(calm[..., 0], calm[..., 1]), 1e-3)[..., None]
    offset = calm * (resized(far, size) * scale)[..., None]
    at = np.arange(size, dtype=np.float32)
    places = [
        np.clip(at[None] + 2 * offset[..., 0], 0, size - 1),
        np.clip(at[:, None] + 2 * offset[..., 1], 0, size - 1),
    ]
    column, row = (np.rint(place).astype(np.intp) for place in places)
    depth = np.hypot(offset[..., 0], offset[..., 1]) / size
    weight = known[row, column] * np.clip((_DEEP - depth) / (_DEEP / 2), 0, 1)
    return canvas[row, column], box_blur(weight.astype(np.float32), max(1, round(size / 128)))


def _nearest(known: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the pixel of `known` (n, n) that is nearest to each, nearly (jump flooding, Rong and Tan
    2006).
    """
    size = len(known)
    y, x = np.mgrid[:size, :size]
    far = np.int64(10**6)
    rows, columns = np.where(known, y, far), np.where(known, x, far)
    step = size // 2
    while step:
        for down in (-step, 0, step):
            for across in (-step, 0, step):
                to = np.s_[max(0, -down) : size - max(0, down), max(0, -across) : size - max(0, across)]
                by = np.s_[max(0, down) : size + min(0, down), max(0, across) : size + min(0, across)]
                r, c = rows[by], columns[by]
                nearer = (r - y[to]) ** 2 + (c - x[to]) ** 2 < (rows[to] - y[to]) ** 2 + (columns[to] - x[to]) ** 2
                rows[to], columns[to] = np.where(nearer, r, rows[to]), np.where(nearer, c, columns[to])
        step //= 2
    return rows, columns


def box_blur(values: Pixels, radius: int) -> Pixels:
    """Means over squares of 2 `radius` + 1 pixels of (h, w) or (h, w, n); at the border over what lies inside."""
    for axis in (0, 1):
        sums = np.concatenate([np.zeros_like(values.take([0], axis)), np.cumsum(values, axis, dtype=np.float64)], axis)
        at = np.arange(values.shape[axis])
        low, high = np.maximum(at - radius, 0), np.minimum(at + radius + 1, len(at))
        shape = [-1 if index == axis else 1 for index in range(values.ndim)]
        values = ((sums.take(high, axis) - sums.take(low, axis)) / (high - low).reshape(shape)).astype(np.float32)
    return values


def resized(values: Pixels, size: int) -> Pixels:
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
