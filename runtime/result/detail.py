"""Results larger than the model's square, sharp where the source shows what the result shows.

The model's picture is enlarged, and the source's own fine detail is laid over it: the full-size source is looked up
at the enlarged flow, what is finer than a few of the model's pixels is taken from there, all coarser light and
colour from the model. How much of it is lent falls to nothing where the model says that the source hides what is
to be seen, and where source and model disagree: an opening mouth, an uncovered background, a moving edge that the
flow does not meet. There the model's picture stays what it is, enlarged.

The same for every family, one frame after another, at a cost that depends on the result's size alone. The arithmetic
is a graph of its own (`export/assets/detail_graph.py`), so that it runs where and as fast as the model does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from runtime.graphs.sessions import Graph, open_graph
from runtime.values import Bytes, Floats

MODEL = Path(__file__).parents[1] / "assets" / "detail.onnx"

FINE = 1.2
"""Detail is what a Gaussian blur of this standard deviation takes away, in pixels of the model's picture ..."""
_CLOSE = 1.0
"""... and pictures are compared after a blur of this one: models blur a little where they are right."""
_AGREE, _DISAGREE = 6.0, 24.0
"""Differences, in 1/255, up to which all the detail is lent, and from which on none."""


def open_detail(device: str, threads: int) -> Graph:
    """The graph on "cpu" or "cuda". Raises `ModelError` when that is not to be had."""
    return open_graph(MODEL, "detail", device, threads)


class Detail:
    """Enlarges the pictures that a model makes of one source."""

    def __init__(self, graph: Graph, source: Bytes, small: Bytes) -> None:
        """`source` uint8 (N, N, 3): the square that is moved, at the results' size; `small` uint8 (R, R, 3): the same
        as the model is shown it.
        """
        self._graph = graph
        self._size, self._resolution = len(source), len(small)
        place = graph.place
        size, resolution = self._size, self._resolution
        self._fixed: dict[str, ort.OrtValue] = {
            "source": place(_channels_first(source)),
            "small": place(_channels_first(small)),
            "grid": place(_grid(size)),
            "small_grid": place(_grid(resolution)),
            "up": place(enlarging(resolution, size)),
            "blur": place(blurring(resolution, _CLOSE)),
            "wide": place(blurring(resolution, FINE)),
        }
        # A flow counts from the middle of the first pixel to that of the last, grid sampling from edge to edge.
        numbers = {
            "scale": (resolution - 1) / resolution,
            "small_scale": (resolution - 1) / resolution,
            "reach": (size - 1) / size,  # beyond it lies the border, which is repeated
            "small_reach": (resolution - 1) / resolution,
        }
        self._fixed |= {name: place(np.array([value], np.float32)) for name, value in numbers.items()}
        self._fixed["limits"] = place(np.array([_AGREE, _DISAGREE], np.float32))
        self._shaped: dict[tuple[int, int], dict[str, ort.OrtValue]] = {}

    @property
    def size(self) -> int:
        """Pixels along a side of the results."""
        return self._size

    def __call__(self, image: Bytes, flow: Floats, occlusion: Floats | None) -> Bytes:
        """One picture uint8 (R, R, 3) of the model, with its `flow` (h, w, 2) and `occlusion` (1, h, w), enlarged:
        uint8 (N, N, 3).
        """
        return self._run(image, flow, occlusion, "result")[0]

    def lent(self, image: Bytes, flow: Floats, occlusion: Floats | None) -> Floats:
        """How much of the source's detail is lent, f32 (R, R) in [0, 1], for drawings and tests."""
        return self._run(image, flow, occlusion, "lent")[0, 0]

    def _run(self, image: Bytes, flow: Floats, occlusion: Floats | None, output: str) -> NDArray[np.generic]:
        seen = np.ones((1, 1, 1), np.float32) if occlusion is None else occlusion
        feeds = {"image": image[None], "flow": flow[None], "occlusion": seen[None]}
        fixed = self._fixed | self._of_shape(flow.shape[0], seen.shape[1])
        return self._graph({**fixed, **feeds}, [output])[output]

    def _of_shape(self, flow: int, occlusion: int) -> dict[str, ort.OrtValue]:
        """What depends on the sizes of flow and occlusion, which a model does not change."""
        if (flow, occlusion) not in self._shaped:
            place, resolution = self._graph.place, self._resolution
            corners = np.linspace(-1, 1, flow, dtype=np.float32)
            self._shaped[flow, occlusion] = {
                "still": place(np.stack(np.meshgrid(corners, corners))[None]),
                "flow_up": place(spreading(flow, resolution, self._size)),
                "flow_small": place(spreading(flow, resolution, resolution)),
                "occlusion_small": place(_interpolating(_pixels(occlusion, resolution), occlusion)),
            }
        return self._shaped[flow, occlusion]


def enlarging(small: int, large: int) -> Floats:
    """(large, small): bicubic interpolation along an axis of `small` pixels, edge to edge with one of `large`."""
    return _interpolating(_pixels(small, large), small, cubic=True)


def spreading(cells: int, resolution: int, size: int) -> Floats:
    """(size, cells): the same for a flow of `cells` whose first and last lie on the middle of the first and last of
    `resolution` pixels.
    """
    return _interpolating(_pixels(resolution, size) * (cells - 1) / (resolution - 1), cells, cubic=True)


def blurring(length: int, deviation: float) -> Floats:
    """(length, length): a Gaussian blur along an axis; at its ends what lies inside counts."""
    at = np.arange(length)
    weights = np.exp(-0.5 * ((at[:, None] - at) / deviation) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _pixels(small: int, large: int) -> NDArray[np.float64]:
    """Where the middles of `large` pixels lie among those of `small` pixels, edge to edge."""
    return (np.arange(large) + 0.5) * small / large - 0.5


def _interpolating(places: NDArray[np.float64], length: int, *, cubic: bool = False) -> Floats:
    """(len(places), length): values at `places` of an axis with samples at 0 ... length - 1; its ends are repeated."""
    distance = np.abs(np.clip(places, 0, length - 1)[:, None] - np.arange(-2, length + 2))
    if cubic:  # Keys 1981, a = -1/2
        near = 1.5 * distance**3 - 2.5 * distance**2 + 1
        far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
        weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    else:
        weights = np.maximum(0, 1 - distance)
    inside = weights[:, 2:-2].copy()
    inside[:, 0] += weights[:, :2].sum(axis=1)
    inside[:, -1] += weights[:, -2:].sum(axis=1)
    return inside.astype(np.float32)


def _grid(size: int) -> Floats:
    """(1, 2, size, size): x and y of every pixel's middle, where the picture reaches from -1 to 1 edge to edge."""
    at = (2 * np.arange(size, dtype=np.float32) + 1) / size - 1
    return np.stack(np.meshgrid(at, at))[None].astype(np.float32)


def _channels_first(picture: Bytes) -> Floats:
    return picture.transpose(2, 0, 1)[None].astype(np.float32)
