"""A face's outlines, found by MediaPipe's face mesh (Kartynnik et al. 2019, arXiv:1907.06724; see NOTICE)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from runtime.graphs.sessions import Graph, open_graph
from runtime.layers.frames import Affine, Array
from runtime.values import Bytes

MODEL = Path(__file__).parents[1] / "assets" / "face_mesh.onnx"
SIDE = 192
"""Pixels along a side of what the network looks at."""
_MARGIN = 1.5
"""Side of that as a multiple of the face's longer side."""
_LOOKS = 2
MIN_SCORE = 0.5
"""Least probability of a face."""
_APART = 1.4
"""How much farther parted lips are apart than the network finds them, which draws them to each other."""
_RIGHT_EYE, _LEFT_EYE, _NOSE, CHIN = 33, 263, 2, 152

_INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)


@dataclass(frozen=True)
class Found:
    """Lips in a picture, and what is above and below them; points (x, y) in pixels."""

    lips: tuple[Array, Array, Array, Array]
    """(11, 2) each: inner edges of the upper and the lower lip, then the outer ones, from the person's right to the
    left.
    """
    nose: Array
    """(2,): its base."""
    chin: Array
    """(2,): its tip."""

    @property
    def opening(self) -> float:
        """How far the lips are apart in their middle, in widths of the mouth."""
        upper, lower, rim, _ = self.lips
        middle = len(upper) // 2
        width = max(float(np.hypot(*(rim[0] - rim[-1]))), 1e-6)
        return float(np.hypot(*(lower[middle] - upper[middle]))) / width


@dataclass(frozen=True)
class Look:
    """What the network sees of a face; points (x, y) in pixels of the picture."""

    points: Array
    """(468, 2): its landmarks, in its order."""
    head: Array
    """(40, 2): where these tell the points of `runtime.layers.mended.SHARES` to be."""
    score: float
    """The probability that it is a face."""


@cache
def _network() -> Graph:
    return open_graph(MODEL, "face mesh")


def look_at(picture: Bytes, eyes: Array, points: Array) -> Look | None:
    """The face in `picture`, uint8 (H, W, 3); None where the network sees none. `eyes` (2, 2): outer corners of the
    right and the left eye; `points` (K, 2): about where the face is; all places (x, y) in pixels. It looks twice: at
    what is known, and at what it found there.
    """
    image = Image.fromarray(picture)
    mesh, look = points, None
    box = np.stack([points.min(0), points.max(0)])
    for _ in range(_LOOKS):
        across = (eyes[1] - eyes[0]) / max(float(np.hypot(*(eyes[1] - eyes[0]))), 1e-6)
        scale = _MARGIN * float((box[1] - box[0]).max()) / SIDE
        linear = scale * np.array([[across[0], -across[1]], [across[1], across[0]]])
        view = Affine(linear, box.mean(0) - linear @ np.full(2, SIDE / 2))
        found = _network()({"frame": view.cut(image, SIDE)[None]})
        score = float(found["scores"][0])
        if score < MIN_SCORE:
            return None
        mesh, head = (view(found[name][0].astype(np.float64) * SIDE) for name in ("points", "head"))
        look = Look(mesh, head, score)
        eyes, box = mesh[[_RIGHT_EYE, _LEFT_EYE]], np.stack([mesh.min(0), mesh.max(0)])
    return look


def find_mesh(picture: Bytes, eyes: Array, points: Array) -> Array | None:
    """The landmarks (468, 2) that `look_at` finds."""
    look = look_at(picture, eyes, points)
    return None if look is None else look.points


def lines_of(mesh: Array) -> list[Array]:
    """(11, 2) each, of the landmarks (468, 2): inner edges of the upper and the lower lip, then the outer ones, from
    the person's right to the left.
    """
    return [mesh[list(line)] for line in (_INNER_UPPER, _INNER_LOWER, OUTER_UPPER, OUTER_LOWER)]


def lips_of(mesh: Array) -> Found:
    """The lips among the landmarks `mesh` (468, 2)."""
    upper, lower, *rims = lines_of(mesh)
    wider = (_APART - 1) / 2 * (lower - upper)
    return Found((upper - wider, lower + wider, *rims), mesh[_NOSE], mesh[CHIN])  # type: ignore[arg-type]
