"""A figure taken apart: for every bone a sprite, with what others hide of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.layers.backdrop import spread
from runtime.layers.figure.regions import reached
from runtime.layers.figure.skeleton import HEAD, TRUNK, Bone, Build
from runtime.layers.frames import Array, Pixels
from runtime.layers.matte import box_blur, guided, resized
from runtime.layers.shutters import smooth

Place = tuple[slice, slice]


@dataclass(frozen=True)
class Sprite:
    """What is seen of the source where one bone is."""

    bone: int
    place: Place
    """Rows and columns of the canvas."""
    texture: Pixels
    """f32 (h, w, 4): colours times alpha, and alpha."""

    def sampled(self, look: Array) -> Pixels:
        """f32 (h, w, 4): what it shows at places `look` (h, w, 2) of the canvas, bilinearly; nothing beyond it."""
        rows, columns = self.place
        height, width = self.texture.shape[:2]
        x = np.clip(look[..., 0] - columns.start, 0, width - 1)
        y = np.clip(look[..., 1] - rows.start, 0, height - 1)
        left, top = (np.minimum(each.astype(np.intp), limit - 2) for each, limit in ((x, width), (y, height)))
        across, down = (x - left).astype(np.float32)[..., None], (y - top).astype(np.float32)[..., None]
        flat = self.texture.reshape(-1, 4)
        first = top * width + left
        upper = flat[first] + across * (flat[first + 1] - flat[first])
        lower = flat[first + width] + across * (flat[first + width + 1] - flat[first + width])
        result: Pixels = upper + down * (lower - upper)
        return result


_WORK = 128
"""Side in pixels at which parts are told apart."""
_TRUNK = 0.3
"""How much farther the trunk counts to be than it is, in its widths."""
_OVER = 0.9
"""Widths of a bone within which it goes on below what hides it."""
_ENDS = 0.9
"""Part of a bone's length from which on what lies over it may be the next one's root."""
_NECK = 1.0
"""Widths of a head by which it may reach down before the trunk."""
_LED = 2
"""Cells of these by which a picture's edge may lead that of a part."""
_SEEN = 1 / 255


def order(build: Build, bones: list[Bone]) -> list[int]:
    """Numbers of `bones` from the farthest to the nearest."""
    limbs = build.limbs
    behind = [limb for limb, each in enumerate(limbs) if not each.before]
    before = [limb for limb, each in enumerate(limbs) if each.before]

    def of(numbers: list[int]) -> list[int]:
        return [index for number in numbers for index, bone in enumerate(bones) if bone.limb == number]

    return [*of(behind), *of([TRUNK]), *of([HEAD]), *of(before)]


def shares(bones: list[Bone], alpha: Pixels, colours: Pixels, borne: Sequence[tuple[int, Bone]] = ()) -> Pixels:
    """(B, c, c): how much every pixel of a canvas shows each of the `bones`; in all as much as `alpha` (c, c).
    `colours` f32 (c, c, 3); `borne`: numbers of bones, and what goes with them.
    """
    size = len(alpha)
    work = min(size, _WORK)
    at = (np.arange(work) + 0.5) * size / work - 0.5
    places = np.stack(np.meshgrid(at, at), -1)
    cost = np.full((len(bones), work, work), np.inf, np.float32)
    unit = min(bone.usual for bone in bones)
    for index, bone in (*enumerate(bones), *borne):
        far = bone.away(places)
        beyond = np.maximum(far - bone.usual, 0) / unit
        # What lies within a limb's width is its own, also before the trunk; what lies beyond all is the nearest one's.
        own = beyond + 0.2 * np.minimum(far / bone.usual, 1) + (_TRUNK if bone.is_trunk else 0.0)
        if bone.limb == HEAD:  # it ends at the neck, however wide it is
            own = own + np.maximum(-bone.along(places), 0) * bone.length / (_NECK * bone.usual)
        cost[index] = np.minimum(cost[index], own)
    chosen = _rooted(cost, bones)
    guide = resized(colours, work) / 255
    radius = max(2, round(work / 48))
    soft = []
    for index in range(len(bones)):
        mask = (chosen == index).astype(np.float32)
        a, b = guided(guide, mask, radius, 1e-3)
        # Colours lead edges, but not far: an arm's outline is no thin strip of a trunk of the same colour.
        near = np.clip(2 * box_blur(mask, _LED), 0, 1)
        soft.append(np.clip(resized((a * guide).sum(-1) + b, size), 0, 1) * resized(near, size))
    found = np.stack(soft)
    found = np.clip((found - 0.15) / 0.7, 0, 1)
    total = found.sum(0)
    hard = np.stack([resized((chosen == index).astype(np.float32), size) for index in range(len(bones))])
    found = np.where(total > 0.05, found / np.maximum(total, 0.05), hard)
    return (found * alpha).astype(np.float32)


def _rooted(cost: Pixels, bones: list[Bone]) -> NDArray[np.intp]:
    """(h, w): the bone of least `cost` (B, h, w), no part of a limb lying apart from its root: two limbs that are found
    close to each other would take turns.
    """
    chosen = cost.argmin(0)
    limbs = np.array([bone.limb for bone in bones])
    for limb in sorted({bone.limb for bone in bones if not bone.is_trunk and bone.limb != HEAD}):
        own = np.flatnonzero(limbs == limb)
        mask = np.isin(chosen, own)
        apart = mask & ~reached(chosen == own[0], mask)
        others = np.where((limbs == limb)[:, None], np.inf, cost[:, apart])
        chosen[apart] = others.argmin(0)
    return chosen


def sprites(bones: list[Bone], parts: Pixels, own: Pixels, ranks: list[int]) -> list[Sprite]:
    """From the farthest to the nearest: laid over each other, unmoved, they show the `parts` (B, c, c) of the colours
    `own` f32 (c, c, 3).
    """
    before = np.zeros(own.shape[:2], np.float32)
    found: list[Sprite] = []
    for index in reversed(ranks):
        part, place = parts[index], _box(bones[index], parts[index])
        if place is not None:
            below = np.sum([parts[at][place] for at, bone in enumerate(bones) if bone.above == index and at], axis=0)
            texture = _texture(bones[index], part[place], before[place], below, own[place], place)
            found.append(Sprite(index, place, texture))
        before = np.clip(before + part, 0, 1)
    return found[::-1]


def _box(bone: Bone, part: Pixels) -> Place | None:
    """Rows and columns in which a `bone`, of which `part` (c, c) is seen, may be; None where it is not."""
    seen = np.argwhere(part > _SEEN)
    if not len(seen):
        return None
    ends = np.stack([bone.start, bone.end])[:, ::-1]
    low = np.minimum(seen.min(0), ends.min(0) - bone.usual).astype(int) - 2
    high = np.maximum(seen.max(0), ends.max(0) + bone.usual).astype(int) + 3
    (top, left), (bottom, right) = np.clip(low, 0, len(part) - 2), np.clip(high, 2, len(part))
    return slice(top, bottom), slice(left, right)


def _texture(bone: Bone, part: Pixels, before: Pixels, below: Pixels, own: Pixels, place: Place) -> Pixels:
    """f32 (h, w, 4) of one sprite at its `place`: what is seen of it, `part` (h, w), and what is hidden by what is
    `before` it and lies within the bone's width, in the colours next to it; beyond its end, where the bone `below` it
    is seen, in its own: a sleeve that ends before an elbow does not go on beyond it.
    """
    rows, columns = (np.arange(each.start, each.stop, dtype=np.float64) for each in place)
    places = np.stack(np.meshgrid(columns, rows), -1)
    far = bone.away(places)
    alpha = np.where(before < 1 - _SEEN, part / np.maximum(1 - before, _SEEN), 0)
    within = smooth((1.1 - far / (_OVER * bone.usual)) / 0.2)
    if bone.is_trunk:
        within = np.maximum(within, _between(part))
    hidden = np.clip(before - 0.1, 0, 1) * within
    alpha = np.clip(np.maximum(alpha, hidden), 0, 1)[..., None].astype(np.float32)
    known = np.clip((part - 0.5) * 2, 0, 1)
    colours = _grown(own, known) if known.any() else own
    beyond = below * smooth((bone.along(places) - _ENDS) / (1 - _ENDS))
    weight = np.clip(2 * (part + beyond) / np.maximum(part + before, 1e-3), 0, 1)[..., None]
    colours = colours + weight * (own - colours)
    return np.concatenate([colours * alpha, alpha], -1).astype(np.float32)


def _between(part: Pixels) -> Pixels:
    """(h, w): 1 where `part` (h, w) is seen on both sides, in a row or in a column."""
    seen = part > 0.5
    ends = [np.maximum.accumulate(view, axis) for axis in (0, 1) for view in (seen, np.flip(seen, axis))]
    down, up, right, left = ends
    enclosed = (down & np.flip(up, 0)) | (right & np.flip(left, 1))
    return box_blur(enclosed.astype(np.float32), 1)


def _grown(own: Pixels, known: Pixels) -> Pixels:
    """(h, w, 3): the colours `own` where they are `known` (h, w), and around there what is next to them."""
    height, width = known.shape
    side = max(height, width)
    pad = ((0, side - height), (0, side - width))
    wide = spread(np.pad(own, (*pad, (0, 0))).astype(np.float32), np.pad(known, pad).astype(np.float32))
    return wide[:height, :width]
