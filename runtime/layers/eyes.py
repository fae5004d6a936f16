"""Lids and irises, found by MediaPipe's iris landmarks (Ablavatski et al. 2020, arXiv:2006.11341; see NOTICE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from runtime.graphs.sessions import Graph, open_graph
from runtime.layers.frames import Affine, Array
from runtime.values import Bytes

MODEL = Path(__file__).parents[1] / "assets" / "eye.onnx"
SIDE = 64
"""Pixels along a side of what the network looks at."""
_REACH = 2.3
"""Its side in widths of the eye."""
_LOWER = (0, 1, 2, 3, 4, 5, 6, 7, 8)
_UPPER = (0, 9, 10, 11, 12, 13, 14, 15, 8)


@dataclass(frozen=True)
class Eye:
    """One eye in a picture; points are (x, y) in pixels."""

    upper: Array
    """(9, 2): edge of the upper lid from the outer corner to the inner one."""
    lower: Array
    """(9, 2): the same of the lower lid."""
    iris: Array
    """(2,): its middle."""
    radius: float
    """Of the iris."""

    @property
    def width(self) -> float:
        """Distance of its corners, never 0."""
        return max(float(np.hypot(*(self.upper[0] - self.upper[-1]))), 1e-6)

    @property
    def opening(self) -> float:
        """Distance of the lids in the middle, in widths of the eye."""
        return float(np.hypot(*(self.lower[3:6].mean(0) - self.upper[3:6].mean(0)))) / self.width

    @property
    def gaze(self) -> Array:
        """(2,): where the iris' middle lies from that of the corners, in widths of the eye: towards the inner corner,
        and down.
        """
        outer, inner = self.upper[0], self.upper[-1]
        along = (inner - outer) / self.width
        down = np.array([-along[1], along[0]]) * (1 if inner[0] > outer[0] else -1)
        place = self.iris - (outer + inner) / 2
        return np.array([place @ along, place @ down]) / self.width


@cache
def _network() -> Graph:
    return open_graph(MODEL, "eye")


def find_eyes(pictures: Sequence[Bytes], corners: Array) -> list[tuple[Eye, Eye]]:
    """The left and the right eye of the person in each of `pictures`, uint8 (H, W, 3). `corners` (T, 2, 2, 2): in each
    picture, of the left eye and of the right one, the inner and the outer corner (x, y) in pixels.
    """
    views = [[_view(eye, mirrored=index == 0) for index, eye in enumerate(pair)] for pair in corners]
    images = [Image.fromarray(picture) for picture in pictures]
    cuts = [view.cut(image, SIDE) for image, pair in zip(images, views, strict=True) for view in pair]
    found = _network()({"frame": np.stack(cuts)})
    eyes = []
    for view, contour, iris in zip(chain(*views), found["contour"], found["iris"], strict=True):
        lids, iris = view(contour.astype(np.float64)), view(iris.astype(np.float64))
        radius = float(np.hypot(*(iris[1:] - iris[0]).T).mean())
        eyes.append(Eye(lids[list(_UPPER)], lids[list(_LOWER)], iris[0], radius))
    return list(zip(eyes[::2], eyes[1::2], strict=True))


def _view(corners: Array, *, mirrored: bool) -> Affine:
    """From the network's square to the picture: the eye in its middle, level, the outer corner to the left."""
    inner, outer = corners
    across = inner - outer
    down = np.array([-across[1], across[0]]) * (-1 if mirrored else 1)
    linear = np.stack([across, down], 1) * (_REACH / SIDE)
    return Affine(linear, (inner + outer) / 2 - linear @ np.full(2, SIDE / 2))
