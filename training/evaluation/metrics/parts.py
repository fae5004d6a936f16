"""What mouth and eyes do, and how they look, apart from how the head moves.

Tracks are float (T, K, 2) in pixels with `found` bool (T, K) or (T,); clips uint8 (T, H, W, 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Clip = NDArray[np.uint8]
Floats = NDArray[np.floating]
Found = NDArray[np.bool_]

_MOUTH, _EYE = 0.62, 0.36
"""Half the side of the boxes around a mouth and an eye, in distances of the eyes."""
_OPEN = 0.15
"""Opening of an eye, in its widths, from which on its iris is seen."""
_PARTED = 0.03
"""Opening of lips, as a share of the face, from which on a mouth has an inside to be compared."""


@dataclass(frozen=True)
class Layout:
    """Which of a detector's keypoints are what of a face."""

    mouth: Sequence[tuple[int, int]]
    """Pairs on the inner edges of the upper and the lower lip."""
    lids: Sequence[tuple[int, int]]
    """Pairs on the upper and the lower lid, of both eyes."""
    lips: Sequence[int]
    """The inner outline of the lips, in order."""
    eyes: tuple[tuple[int, int], tuple[int, int]]
    """Inner and outer corner of the person's left eye and of the right one."""

    @property
    def openings(self) -> Mapping[str, Sequence[tuple[int, int]]]:
        """What opens and shuts, by its name."""
        return {"mouth": self.mouth, "lids": self.lids}


SIXTY_EIGHT = Layout(
    mouth=((61, 67), (62, 66), (63, 65)),
    lids=((37, 41), (38, 40), (43, 47), (44, 46)),
    lips=tuple(range(60, 68)),
    eyes=((42, 45), (39, 36)),
)
"""Of the 68 points of iBUG's 300-W (Sagonas et al. 2013), which several detectors find."""


@dataclass(frozen=True)
class Moments:
    """Sums of products of a result's and the wanted deviations from their means: what "followed" is computed from.

    Sums of several clips add up, so that a clip counts by how much happens in it; one that is at rest says nothing,
    instead of dividing by next to nothing.
    """

    both: float
    """Of result and wanted."""
    wanted: float
    """Of wanted and wanted."""
    result: float
    """Of result and result."""
    count: float

    @staticmethod
    def of(result: Floats, wanted: Floats, known: Found) -> Moments | None:
        """Of `result` and `wanted` (T, ...) where they are `known` (T,); None for under three frames."""
        if known.sum() < 3:
            return None
        a, b = (values[known].astype(np.float64) for values in (result, wanted))
        a, b = a - a.mean(0), b - b.mean(0)
        return Moments(float((a * b).sum()), float((b * b).sum()), float((a * a).sum()), float(a.size))

    @property
    def correlation(self) -> float:
        """In [-1, 1]; 0 where one of both is at rest."""
        return self.both / float(np.sqrt(self.wanted * self.result)) if self.wanted * self.result > 0 else 0.0


def opening(points: Floats, gaps: Sequence[tuple[int, int]]) -> Floats:
    """(T,): mean distance of the keypoints that `gaps` pairs, as a share of the size of the face in the same frame
    (root mean square distance of all keypoints from their middle).
    """
    points = points.astype(np.float64)
    middle = points - points.mean(-2, keepdims=True)
    size = np.maximum(np.sqrt(np.square(middle).sum(-1).mean(-1)), 1e-9)
    return np.asarray(np.mean([np.linalg.norm(points[:, a] - points[:, b], axis=-1) for a, b in gaps], 0) / size)


def seen(found: Found, points: Floats) -> Found:
    """(T,): whether all keypoints of a frame were found."""
    return np.asarray(found if found.ndim == 1 else found.all(1))


def gaze(frames: Clip, points: Floats, found: Found, layout: Layout) -> tuple[Floats, Found]:
    """Where the eyes look: (T, 2, 2), of the left and the right eye where its iris is seen from the middle of the
    corners, towards the inner corner and down, in widths of the eye (the engine's own iris landmarks); and (T,) whether
    both eyes are open enough to tell.
    """
    from runtime.layers.eyes import find_eyes

    known = seen(found, points)
    values = np.zeros((len(frames), 2, 2))
    for index in np.flatnonzero(known):
        corners = np.array([[points[index, end] for end in eye] for eye in layout.eyes])
        ((left, right),) = find_eyes([np.ascontiguousarray(frames[index])], corners[None])
        values[index] = left.gaze, right.gaze
        known[index] = min(left.opening, right.opening) > _OPEN
    return values, known


def box_errors(result: Clip, target: Clip, points: Floats, found: Found, layout: Layout) -> dict[str, float]:
    """`mouth_l1` and `eyes_l1`: mean absolute difference, values in [0, 1], in boxes around where the `target`'s mouth
    and eyes are; `inside_l1`: the same between its lips, where they are parted. What no frame shows is left out.
    """
    sums: dict[str, list[float]] = {}
    parted = opening(points, layout.mouth) > _PARTED
    for index in np.flatnonzero(seen(found, points)):
        error = np.abs(result[index].astype(np.float64) - target[index]).mean(-1) / 255
        for name, box in _boxes(points[index], layout, error.shape):
            sums.setdefault(name, []).append(float(error[box].mean()))
        inside = _polygon(points[index, list(layout.lips)], error.shape) if parted[index] else np.zeros(1, bool)
        if inside.any():
            sums.setdefault("inside_l1", []).append(float(error[inside].mean()))
    return {name: float(np.mean(values)) for name, values in sums.items()}


def cuts(points: Floats, layout: Layout) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Name ("mouth", "eyes" twice) and square (x, y, half a side) of each part of a face with keypoints (K, 2)."""
    middles = [points[list(eye)].mean(0) for eye in layout.eyes]
    distance = max(float(np.linalg.norm(middles[0] - middles[1])), 1.0)
    for name, middle, half in (
        ("mouth", points[list(layout.lips)].mean(0), _MOUTH),
        *(("eyes", middle, _EYE) for middle in middles),
    ):
        yield name, (float(middle[0]), float(middle[1]), half * distance)


def _boxes(points: Floats, layout: Layout, shape: tuple[int, ...]) -> Iterator[tuple[str, tuple[slice, slice]]]:
    for name, (x, y, half) in cuts(points, layout):
        rows, columns = (slice(max(int(at - half), 0), max(int(at + half), 0)) for at in (y, x))
        if rows.start < min(rows.stop, shape[0]) and columns.start < min(columns.stop, shape[1]):
            yield f"{name}_l1", (rows, columns)


def _polygon(points: Floats, shape: tuple[int, ...]) -> Found:
    picture = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(picture).polygon([(float(x), float(y)) for x, y in points], fill=1)
    return np.asarray(picture)
