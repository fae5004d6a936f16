"""The person in front: who is seen, and a matte of them, once a source."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from runtime.framing.front import COARSE, MODEL, SIDE
from runtime.graphs.sessions import borrow_graph
from runtime.layers.canvas import Canvas
from runtime.layers.frames import Affine, Pixels
from runtime.layers.silhouette import completed

WORK = 256
"""Side in pixels up to which mattes and backdrops are computed; larger ones are enlarged from there."""


def find_person(canvas: Canvas, face: NDArray[np.floating], head: Affine | None = None) -> Pixels | None:
    """The probability f32 (256, 256) that the parts of a `canvas` of c pixels a side show the person whose face is at
    its pixel `face` (x, y); None where there is none. What the photo shows is looked at, and the square that is moved
    a second time by itself. `head`: from its own frame to the canvas, where there is a face beyond doubt: then there is
    a person, and who is not seen has a usual outline.
    """
    size, inner = len(canvas.picture), canvas.inner
    rows, columns = canvas.photo
    square = (
        slice(max(inner.start, rows.start), min(inner.stop, rows.stop)),
        slice(max(inner.start, columns.start), min(inner.stop, columns.stop)),
    )
    person = np.zeros((SIDE, SIDE), np.float32)
    with borrow_graph(MODEL, "person") as network:
        for part in ((rows, columns), square):
            image = Image.fromarray(canvas.picture[part]).resize(
                (SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0
            )
            # One after the other: together they would take twice the memory, once a source, and no less time.
            found = network({"frame": np.asarray(image)[None]})["person"][0, 0]
            top, bottom, left, right = (round(end / size * SIDE) for each in part for end in (each.start, each.stop))
            found = np.asarray(Image.fromarray(found).resize((right - left, bottom - top), Image.Resampling.BILINEAR))
            if part is square:
                weight = np.outer(_inwards(part[0], rows, bottom - top), _inwards(part[1], columns, right - left))
                found = person[top:bottom, left:right] + weight * (found - person[top:bottom, left:right])
                person[top:bottom, left:right] = found
            else:
                around = ((top, SIDE - bottom), (left, SIDE - right))
                person = np.pad(found, around, mode="edge")
    if head is not None:
        person = completed(person, Affine(head.linear * SIDE / size, (head.offset + 0.5) * SIDE / size - 0.5))
    return _connected(person, face / size)


def _inwards(part: slice, photo: slice, count: int) -> Pixels:
    """(count,): how much a second look at `part` of the `photo` counts: less towards ends beyond which it goes on."""
    at = np.arange(count, dtype=np.float32) / (0.12 * count)
    low = at if part.start > photo.start else np.ones_like(at)
    high = at[::-1] if part.stop < photo.stop else np.ones_like(at)
    return np.clip(np.minimum(low, high), 0, 1)


def _connected(person: Pixels, face: NDArray[np.floating]) -> Pixels | None:
    """Only what hangs together with the face, whose place (x, y) is given in parts of the side."""
    coarse = person.reshape(COARSE, SIDE // COARSE, COARSE, SIDE // COARSE).max((1, 3)) > 0.35
    sure = Image.fromarray(coarse.astype(np.uint8)).copy()  # a picture of an array is read-only
    column, row = (int(value) for value in np.clip(face * COARSE, 0, COARSE - 1))
    at = (column, row)
    if not sure.getpixel(at):
        return None
    ImageDraw.floodfill(sure, at, 2)
    kept = np.kron(np.asarray(sure) == 2, np.ones((SIDE // COARSE, SIDE // COARSE), bool))
    return np.where(box_blur(kept.astype(np.float32), 2) > 0, person, 0).astype(np.float32)


def matte(canvas: Pixels, person: Pixels) -> Pixels:
    """Alpha f32 (c, c) in [0, 1] of the person in `canvas`, f32 (c, c, 3) in 0 ... 255: the probability `person`, its
    edge led by the picture's (guided filter, He et al. 2010, with the colours as guide).
    """
    size = len(canvas)
    work = min(size, WORK)
    guide = resized(canvas, work) / 255
    mask = resized(person, work)
    radius = max(2, round(work / 48))
    a, b = guided(guide, mask, radius, 1e-3)
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


def guided(guide: Pixels, mask: Pixels, radius: int, ease: float) -> tuple[Pixels, Pixels]:
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
