"""Teeth that a mouth would show if its lips parted, painted once a source by a small network.

It was trained on photographs of smiles whose mouths were drawn shut (`training/mouths`, NOTICE). What it paints hangs
from the inner edge of the upper lip, in the head's own frame: the same layer for every frame, so that nothing flickers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from runtime.graphs.sessions import borrow_graph
from runtime.layers.frames import Affine, Array, Pixels
from runtime.layers.shutters import Lines, Patch, height

MODEL = Path(__file__).parents[1] / "assets" / "mouth.onnx"
SIDE, ROW = 64, 24
"""Height and width in pixels of what the network looks at, and the row in which the upper lip's inner edge has its
middle.
"""
SCALE = 80.0
"""Pixels of the head's own frame's unit there."""
FINER = 2
"""Pixels along a side of what it paints for each of these."""
PARTED = 0.7
"""Pixels between lips from which they are parted."""
LUMA = (0.299, 0.587, 0.114)
"""Light of red, green and blue."""
MOST = 8
"""Places along a side at which one of these pixels looks at most."""
_GREY = 0.03
"""Mean difference of a mouth's strongest and weakest colour below which it is a grey picture's, in part."""
_FRONT = 4
"""Pixels on either side of the middle that show front teeth."""
_APART = (1.0, 5.0)
"""Pixels of what is painted over which a place is compared, and those beside it: widths of Gauss' function."""
_CRISPER, _BETWEEN = 1.4, (0.7, 1.15)
"""How many times more teeth differ from those beside them than they are painted, within these parts of their light."""

Painter = Callable[[Pixels, Pixels], Pixels]
"""Of a mouth (3, SIDE, SIDE) in [0, 1] and where its lips are parted (1, SIDE, SIDE), the layer (n, n, 4),
n = FINER SIDE: colours up to 255, and how much of them there is.
"""


def paint(mouth: Pixels, own: Pixels) -> Pixels:
    """By the network; see `Painter`."""
    with borrow_graph(MODEL, "teeth") as network:
        return network({"mouth": mouth[None], "own": own[None]}, ["layer"])["layer"][0]


class Teeth:
    """Of one source."""

    def __init__(self, patch: Patch, upper: Array, lower: Array, picture: Pixels, painter: Painter = paint) -> None:
        """`upper` and `lower` (K, 2): the lips' inner edges in the frame of `patch`, which looks at `picture`."""
        middle = np.array([(upper[0, 0] + upper[-1, 0]) / 2, upper[len(upper) // 2, 1]])
        view = _square(middle, 1)
        x, y = view.x, view.y
        top, bottom = height(upper, x[0]), height(lower, x[0])
        inside = np.clip(np.minimum(y - top, bottom - y) * SCALE + 0.5, 0, 1)
        own = (inside * ((bottom - top) * SCALE > PARTED)).astype(np.float32)
        mouth = _seen(patch, x, y, picture)
        layer = painter(np.ascontiguousarray(mouth.transpose(2, 0, 1)), own[None])
        colour = min(float(np.ptp(mouth, axis=-1).mean()) / _GREY, 1.0)
        grey = layer[..., :3] @ np.array(LUMA, np.float32)
        layer[..., :3] = grey[..., None] + colour * (layer[..., :3] - grey[..., None])
        layer[..., :3] = np.minimum(layer[..., :3] * _parted(grey, layer[..., 3])[..., None], 255)
        self._layer, self._place = layer, _square(middle, FINER)
        # What is painted farther down, beyond where teeth end, are cheeks.
        down = np.minimum.accumulate(layer[ROW * FINER :, :, 3], axis=0).sum(0) / (SCALE * FINER)
        self.length = float(down[(SIDE // 2 - _FRONT) * FINER : (SIDE // 2 + _FRONT) * FINER].mean())
        """How far down the front ones go from the inner edge of the upper lip of a smile."""
        beside = np.clip(down / max(self.length, 1e-3), 0, 1)
        mean = _weights(len(down), _APART[1])
        self._beside = Lines([np.stack([self._place.x[0], (beside @ mean) / mean.sum(0)], 1)])

    def beside(self, x: Pixels) -> Pixels:
        """How far down those at `x` go, of how far the front ones do."""
        return self._beside(x)[0]

    def __call__(self, x: Pixels, y: Pixels) -> Pixels:
        """(..., 4): colours up to 255, and how much of them there is, at places (x, y) of the source."""
        return self._place.look(self._layer, x, y)


def _parted(light: Pixels, share: Pixels) -> Pixels:
    """(n, n): by what to multiply colours of that `light`, of which there is that `share`, so that what parts one tooth
    from the next is seen: the network, which is not sure where that is, paints it faintly.
    """
    near, wide = (_weights(light.shape[1], width) for width in _APART)
    tooth, row = (((light * share) @ mean + 1) / (share @ mean + np.float32(1e-3)) for mean in (near, wide))
    return np.clip(1 + _CRISPER * (tooth / row - 1), *_BETWEEN).astype(np.float32)


def _weights(count: int, width: float) -> Pixels:
    """(count, count): Gauss' function of the distances of so many places in a row."""
    across = np.arange(count, dtype=np.float32)
    return np.exp(-(((across[:, None] - across) / np.float32(width)) ** 2) / 2, dtype=np.float32)


def _square(middle: Array, finer: int) -> Patch:
    """The square about `middle` that is painted, of `finer` pixels for each that the network sees."""
    scale = SCALE * finer
    first = middle - (np.array([(SIDE - 1) / 2, ROW]) + (0.5 / finer - 0.5)) / SCALE
    last = first + (SIDE * finer - 1) / scale
    frame = Affine(scale * np.eye(2), -scale * first)
    (left, top), (right, bottom) = first.tolist(), last.tolist()
    return Patch(frame, (left, top), (right, bottom), SIDE * finer)


def _seen(patch: Patch, x: Pixels, y: Pixels, picture: Pixels) -> Pixels:
    """(SIDE, SIDE, 3) in [0, 1]: the mean of what `picture` shows within each pixel at (x, y)."""
    count = min(max(1, round(patch.unit / SCALE)), MOST)
    steps = (np.arange(count, dtype=np.float32) + np.float32(0.5)) / count - np.float32(0.5)
    total = np.zeros((*x.shape, 3), np.float32)
    for down in steps / np.float32(SCALE):
        for across in steps / np.float32(SCALE):
            total += patch.look(picture, x + across, y + down)[..., :3]
    return np.clip(total / (255 * count * count), 0, 1)
