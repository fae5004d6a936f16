"""Where in a source a figure is: by the network that finds people, or by colours that the backdrop does not have.

A backdrop that can be told from around the figure, plain or smooth, is completed behind all that may be figure; what
then differs from it and hangs together with the bones is the figure. Where neither way is sure, there is no figure.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from runtime.framing.front import SIDE
from runtime.layers.backdrop import backdrop, trend_of
from runtime.layers.border import Scene
from runtime.layers.canvas import Canvas
from runtime.layers.figure.membrane import membrane
from runtime.layers.figure.pose import Look
from runtime.layers.figure.regions import Mask, holes, reached
from runtime.layers.figure.skeleton import Bone
from runtime.layers.frames import Pixels
from runtime.layers.matte import box_blur, find_person, matte, resized

WORK = 192
"""Side in pixels at which figures are looked for."""
_ALIKE, _PLAIN, _OTHER = 10.0, 12.0, 22.0
"""Differences, in 1/255, up to which a pixel is of the backdrop: at least, where it is plain, and at most."""
_COVERED = 0.6
"""Part of the bones' length that lies on what is found, at least."""
_NEAR, _WIDE, _FAR = 0.3, 0.5, 0.9
"""How far beyond the reach of its bones a figure may go on, and to where what is around it is looked at, and it may go
on where that is plain, in lengths of its trunk.
"""
_BUSY = 0.3
"""Part of what is around the figure that may differ more than that from the backdrop that is told from elsewhere."""


def cut_out(canvas: Canvas, bones: list[Bone], is_person: bool, look: Look | None = None) -> Scene | None:
    """The figure that has these `bones`, in pixels of the `canvas`, and what is behind it; None where no figure is
    found surely. `is_person`: whether it is one of those whom networks were made to find, who is cut out by colours
    only where these do not find them. `look`: what the network of poses sees of them in what the canvas shows of the
    photo.
    """
    by_colours = partial(_by_colours, most=_PLAIN if is_person else _OTHER)
    by_networks = partial(_by_networks, look=look)
    for find in (by_networks, by_colours) if is_person else (by_colours, by_networks):
        scene = find(canvas, bones)
        if scene is not None and covered(scene.alpha, bones) >= _COVERED:
            return scene
    return None


def _seen(canvas: Canvas) -> Pixels:
    """(c, c): 1 where the `canvas` shows the photo. Beyond, its border is repeated: no limb goes on there."""
    seen = np.zeros(canvas.picture.shape[:2], np.float32)
    seen[canvas.photo] = 1
    return seen


def _by_networks(canvas: Canvas, bones: list[Bone], look: Look | None) -> Scene | None:
    """By the network that finds people in front, and by the `look` of that of poses, where they find any."""
    colours, seen, trunk = canvas.picture.astype(np.float32), _seen(canvas), bones[0]
    found = [find_person(canvas, (trunk.start + trunk.end) / 2), None if look is None else _posed(canvas, look)]
    people = [each for each in found if each is not None]
    if not people:
        return None
    alpha, below = matte(colours, np.mean(people, axis=0)), seen.copy()
    below[canvas.photo[0].stop :] = seen[canvas.photo[0].stop - 1]  # who is cut off there stands on below
    return Scene(canvas.picture, alpha * below, membrane(colours, alpha, seen))


def _posed(canvas: Canvas, look: Look) -> Pixels:
    """The probability f32 (256, 256) that the parts of a `canvas` show whom the network of poses sees."""
    rows, columns = canvas.photo
    at = (np.arange(SIDE) + 0.5) * len(canvas.picture) / SIDE - 0.5
    # Beyond the photo its border is repeated, and whoever ends there goes on.
    across, down = np.clip(at, columns.start, columns.stop - 1), np.clip(at, rows.start, rows.stop - 1)
    return look.mask(np.stack(np.meshgrid(across, down), -1) - np.array([columns.start, rows.start]))


def covered(alpha: Pixels, bones: list[Bone]) -> float:
    """Which part of the length of `bones` lies where `alpha` (c, c) shows the figure."""
    steps = np.linspace(0, 1, 9)[1:-1, None]
    total = on = 0.0
    for bone in bones:
        places = np.rint(bone.start + steps * (bone.end - bone.start)).astype(np.intp)
        column, row = np.clip(places, 0, len(alpha) - 1).T
        total += bone.length
        on += bone.length * float((alpha[row, column] > 0.5).mean())
    return on / max(total, 1e-6)


def _behind(colours: Pixels, alpha: Pixels, seen: Pixels) -> Pixels:
    """f32 (c, c, 3): what is behind the figure `alpha` (c, c). Where what is left and right of it in a row is alike it
    is that: floors, horizons and shelves are level.
    """
    smooth = backdrop(colours, alpha, seen, mirrors=False)
    near = box_blur((alpha > 0.04).astype(np.float32), max(1, len(alpha) // 90))
    level, trust = _level(colours, (near < 0.02) & (seen > 0))
    filled = smooth + trust[..., None] * (level - smooth)
    soft = np.clip(1 - 20 * near, 0, 1)[..., None] * seen[..., None]
    result: Pixels = filled + soft * (colours - filled)
    return result


def _level(colours: Pixels, known: Mask) -> tuple[Pixels, Pixels]:
    """(h, w, 3): between what is `known` (h, w) to the left and to the right of every pixel in its row, and (h, w) how
    much that is to be trusted: not where they differ, also from how colours change across the picture.
    """
    weight = known.astype(np.float32)
    trend = trend_of(colours, weight)
    calm = _along_rows(colours * weight[..., None]) / np.maximum(_along_rows(weight), 1e-3)[..., None]
    width = known.shape[1]
    at = np.broadcast_to(np.arange(width), known.shape)
    left = np.maximum.accumulate(np.where(known, at, -1), 1)
    right = np.minimum.accumulate(np.where(known, at, width)[:, ::-1], 1)[:, ::-1]
    between, has = (left >= 0) & (right < width) & ~known, (left >= 0) | (right < width)
    left, right = np.where(left < 0, right, left), np.where(right == width, left, right)
    ends = [np.clip(each, 0, width - 1)[..., None] for each in (left, right)]
    pairs = [[np.take_along_axis(each, end, 1) for end in ends] for each in (calm, calm - trend)]
    plain, bent = (np.abs(first - second).max(-1) for first, second in pairs)
    # What is known on one side alone goes on as what is known on both does, level or with the trend.
    is_level = not between.any() or plain[between].mean() <= bent[between].mean()
    first, second = pairs[0] if is_level else pairs[1]
    part = np.clip((at - left) / np.maximum(right - left, 1), 0, 1)[..., None]
    trust = box_blur(np.clip(2 - np.minimum(plain, bent) / _ALIKE, 0, 1).astype(np.float32) * has, 1) * has
    return first + part * (second - first) + (0 if is_level else trend), trust.astype(np.float32)


def _along_rows(values: Pixels) -> Pixels:
    """Means of every value of (h, w, ...) and its neighbours in the row."""
    wide = np.concatenate([values[:, :1], values, values[:, -1:]], 1)
    means: Pixels = (wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]) / 3
    return means


def _by_colours(canvas: Canvas, bones: list[Bone], most: float) -> Scene | None:
    """What differs from a backdrop that is told from around it; None where that cannot be told to `most`/255."""
    colours, seen, size = canvas.picture.astype(np.float32), _seen(canvas), len(canvas.picture)
    work = min(size, WORK)
    small, there = resized(colours, work), (resized(seen, work) > 0.99).astype(np.float32)
    scale = size / work
    at = (np.arange(work) + 0.5) * scale - 0.5
    places = np.stack(np.meshgrid(at, at), -1)
    far = np.array([bone.away(places) for bone in bones])
    usual = np.array([bone.usual for bone in bones])[:, None, None]
    beyond = (far - np.array([bone.reach for bone in bones])[:, None, None]).min(0) / bones[0].length
    near, wide = beyond < _NEAR, beyond < _WIDE
    ring = wide & ~near & (there > 0)
    if not (there * ~wide > 0).any() or not ring.any():
        return None
    strange = _difference(small, _behind(small, wide.astype(np.float32), there))[ring]
    low = max(_ALIKE, 1.2 * float(np.quantile(strange, 1 - _BUSY)))
    if low > most:
        return None
    maybe = near
    # Limbs that are found badly reach farther than their bones: where the backdrop is plain they are followed.
    mask = near
    for within in (near, beyond < _FAR if low <= _PLAIN else near):
        apart = _difference(small, _behind(small, maybe.astype(np.float32), there))
        mask = _hanging_together((apart > low) & within & (there > 0), bones, scale)
        mask |= holes(mask) & ((far / usual).min(0) < 0.6)
        maybe = box_blur(mask.astype(np.float32), 2) > 0
    alpha = _edged(colours, mask, maybe, seen, low) * seen
    return Scene(canvas.picture, alpha, _behind(colours, alpha, seen))


def _edged(colours: Pixels, mask: Mask, maybe: Mask, seen: Pixels, low: float) -> Pixels:
    """(c, c): the figure of the small `mask` (w, w) and within `maybe`, its edge where the picture's is."""
    size = len(colours)
    within, sure = (
        resized(each.astype(np.float32), size) for each in (maybe, box_blur(mask.astype(np.float32), 1) > 0.99)
    )
    plate = _behind(colours, (within > 0.02).astype(np.float32), seen)
    apart = _difference(colours, plate)
    alpha = np.clip((apart - 0.6 * low) / (1.2 * low), 0, 1) * np.clip(2 * within, 0, 1)
    result: Pixels = np.maximum(alpha, np.clip(2 * sure - 0.5, 0, 1)).astype(np.float32)
    return result


def _difference(small: Pixels, plate: Pixels) -> Pixels:
    """(w, w): how much every pixel of `small` (w, w, 3) differs from the `plate` behind it."""
    return np.abs(small - plate).max(-1)


def _hanging_together(mask: Mask, bones: list[Bone], scale: float) -> Mask:
    """What of the `mask` (w, w) hangs together with the bones."""
    seeds = np.zeros_like(mask)
    for bone in bones:
        for part in (0.2, 0.5, 0.8):
            x, y = np.rint((bone.start + part * (bone.end - bone.start)) / scale).astype(int).tolist()
            if 0 <= x < len(mask) and 0 <= y < len(mask):
                seeds[y, x] = True
    return reached(seeds, mask)
