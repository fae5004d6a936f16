"""Sparse motion in numpy, and the driving modes that turn a driving frame's motion into the one to render.

The same for every family of models: a motion is a set of named arrays, and what a mode does to one follows from its
kind (`runtime.motion.kinds`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from checkpoints.contract import MODES
from checkpoints.errors import OptionError
from checkpoints.parameters import OPENINGS, RESIDUAL, Parameter
from runtime.motion.kinds import BESIDE, KINDS, USUAL
from runtime.values import Floats

STORED = np.float16
"""As what motion files hold residuals, which are most of a motion's numbers and say no more with 32 bits."""


class Motion:
    """Motion parameters of T frames (or V views), by name. Coordinates are (x, y[, z]) in [-1, 1], y down. Not to be
    changed.
    """

    __slots__ = ("arrays", "parameters")

    arrays: Mapping[str, Floats]
    """(T, ...) each."""
    parameters: Mapping[str, Parameter]
    """What they are, by the same names."""

    def __init__(
        self,
        points: Floats | None = None,
        jacobians: Floats | None = None,
        covariances: Floats | None = None,
        eyes: Floats | None = None,
        lips: Floats | None = None,
    ) -> None:
        """A motion of parameters that have a name of their own; `of` takes any."""
        named = {"points": points, "jacobians": jacobians, "covariances": covariances}
        named |= {"eyes": eyes, "lips": lips}
        arrays = {name: array for name, array in named.items() if array is not None}
        self._fill(arrays, {name: Parameter(USUAL[name], array.shape[1:]) for name, array in arrays.items()})

    def _fill(self, arrays: Mapping[str, Floats], parameters: Mapping[str, Parameter]) -> None:
        if not arrays:
            raise ValueError("a motion needs at least one array")
        self.arrays, self.parameters = MappingProxyType(dict(arrays)), MappingProxyType(dict(parameters))

    @classmethod
    def of(cls, arrays: Mapping[str, Floats], parameters: Mapping[str, Parameter]) -> Motion:
        """A motion of `arrays` (T, ...), each of which `parameters` declares under its name."""
        motion = cls.__new__(cls)
        motion._fill(arrays, {name: parameters[name] for name in arrays})
        return motion

    def with_arrays(self, arrays: Mapping[str, Floats]) -> Motion:
        """The same with other `arrays` in place of those of their names, or with one more of `USUAL` or `BESIDE`."""
        kinds = {**USUAL, **BESIDE}
        new = {name: Parameter(kinds[name], arrays[name].shape[1:]) for name in arrays if name not in self.parameters}
        return Motion.of({**self.arrays, **arrays}, {**self.parameters, **new})

    @property
    def places(self) -> Floats:
        """(T, K, 2): where its points are seen in the picture, over every parameter of the kind in order; K = 0 where
        there are none.
        """
        found = [self.arrays[name][..., :2] for name, what in self.parameters.items() if what.kind == "point"]
        if not found:
            return np.zeros((len(self), 0, 2), np.float32)
        return found[0] if len(found) == 1 else np.concatenate(found, axis=1)

    def with_places(self, places: Floats) -> Motion:
        """The same with its points at `places` (T, K, 2), in the order of `Motion.places`."""
        moved, start = {}, 0
        for name, what in self.parameters.items():
            if what.kind == "point":
                points = np.array(self.arrays[name])
                points[..., :2] = places[:, start : start + points.shape[1]]
                moved[name], start = points, start + points.shape[1]
        return self.with_arrays(moved)

    @property
    def linear(self) -> Floats | None:
        """(T, K, D, D): the linear parts of the maps around its `places`, where it has one for each."""
        found = [self.arrays[name] for name, what in self.parameters.items() if what.kind == "linear"]
        return found[0] if len(found) == 1 and found[0].shape[1] == self.places.shape[1] else None

    @property
    def points(self) -> Floats:
        """(T, K, 2 or 3). Raises `KeyError` where the motion has no parameter of the name."""
        return self.arrays["points"]

    @property
    def jacobians(self) -> Floats | None:
        """(T, K, D, D), row = output coordinate; None where there are none."""
        return self.arrays.get("jacobians")

    @property
    def covariances(self) -> Floats | None:
        """(T, K, D, D); None where there are none."""
        return self.arrays.get("covariances")

    @property
    def eyes(self) -> Floats | None:
        """(T, 2, 3), the person's left and right eye: opening, and where the iris is seen from the middle of the
        corners (towards the inner corner, and down), all in widths of the eye; None where nobody looked.
        """
        return self.arrays.get("eyes")

    @property
    def lips(self) -> Floats | None:
        """(T, 7, 2), in the head's own frame: the left and the right corner of the mouth, the middles of the upper and
        the lower lip's inner edges and of their outer edges, the tip of the chin; None where nobody looked.
        """
        return self.arrays.get("lips")

    @property
    def residual(self) -> Floats | None:
        """(T, 64, 64, 3): what points and expression do not tell of how the head and what is about it move since the
        first frame of the take, x and y in the head's own frame, and the logarithm of how much lighter it is
        (`runtime.layers.residual`); None where nobody looked.
        """
        return self.arrays.get(RESIDUAL)

    @property
    def openings(self) -> Floats | None:
        """(T, 3): how far lips and lids are apart (`runtime.layers.openings`); None where nobody looked."""
        return self.arrays.get(OPENINGS)

    @property
    def takes(self) -> Floats | None:
        """(T, 1): which take each frame is of, from 1 on; 0 where nobody is seen yet. None where nobody looked."""
        return self.arrays.get("takes")

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, frames: slice) -> Motion:
        """A slice of frames; it stays a batch."""
        return Motion.of({name: array[frames] for name, array in self.arrays.items()}, self.parameters)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in self.arrays.items())
        return f"Motion({shapes})"

    @staticmethod
    def concatenate(motions: Sequence[Motion]) -> Motion:
        """One motion of all frames in order; all must have the same arrays."""
        names = motions[0].arrays
        if any(motion.arrays.keys() != names.keys() for motion in motions):
            raise ValueError("motions of different parameters cannot follow one another")
        return Motion.of(
            {name: np.concatenate([motion.arrays[name] for motion in motions]) for name in names},
            motions[0].parameters,
        )


def absolute(source: Motion, driving: Motion, *, strength: float = 1.0) -> Motion:
    """The driving motion as it is ("standard" mode).

    `strength` moves from the source's own pose (0) to the driving one (1) and beyond, as every parameter's kind has it.
    What `source` does not have stays the driving frame's own. `source` holds one frame, `driving` any number.
    """
    moved = {
        name: KINDS[what.kind].taken(source.arrays[name], driving.arrays[name], strength, what)
        for name, what in driving.parameters.items()
        if name in source.arrays
    }
    kept = all(moved[name] is driving.arrays[name] for name in moved)
    return driving if kept else driving.with_arrays(moved)


def relative(
    source: Motion, driving: Motion, reference: Motion, *, strength: float = 1.0, adapt_scale: bool = True
) -> Motion:
    """The source's pose, moved as the driving frame has moved since the reference frame, by the `strength` s: 0 stays,
    1 moves as much, more exaggerates. What that means to a parameter its kind says.

    With `adapt_scale`, lengths are those of the driver times sqrt(area of the convex hull of the source's points / the
    same of the reference frame's), so that a large face makes a small one move less. `source` and `reference` hold one
    frame each, `driving` any number.
    """
    scale = movement_scale(source.places[0], reference.places[0]) if adapt_scale else 1.0
    moved = {
        name: KINDS[what.kind].since(
            source.arrays[name], driving.arrays[name], reference.arrays[name], strength, scale, what
        )
        for name, what in driving.parameters.items()
        if name in source.arrays and name in reference.arrays
    }
    return driving.with_arrays(moved)


@dataclass(frozen=True, kw_only=True)
class Drive:
    """What a driving mode may go by beside the motions."""

    disentangle: Callable[[Motion, Motion], Motion]
    """Of the source and any number of driving frames: their poses in its own proportions (`Engine.disentangle`)."""
    strength: float = 1.0
    adapt_scale: bool = True

    def __call__(self, mode: str, source: Motion, driving: Motion, reference: Motion) -> Motion:
        """The motion to render by the `mode`, for animators, evaluation and the export's comparison alike.

        `source` and `reference` hold one frame each, `driving` any number; only the modes of `FROM_REFERENCE` read the
        `reference`. Raises `OptionError` for a mode that there is not.
        """
        check_mode(mode)
        if driving.residual is not None and source.residual is None:  # a picture by itself does not move
            source = source.with_arrays({RESIDUAL: np.zeros_like(driving.residual[:1])})
        return MOVES[mode](self, source, driving, reference)


MOVES: Mapping[str, Callable[[Drive, Motion, Motion, Motion], Motion]] = {
    "absolute": lambda how, source, driving, reference: absolute(source, driving, strength=how.strength),
    "relative": lambda how, source, driving, reference: relative(
        source, driving, reference, strength=how.strength, adapt_scale=how.adapt_scale
    ),
    "disentangled": lambda how, source, driving, reference: absolute(
        source, how.disentangle(source, driving), strength=how.strength
    ),
}
"""What every driving mode makes of the motions of source, driving frames and reference frame."""


def best_frame(source: Motion, driving: Motion) -> int:
    """The frame of `driving` (T frames) whose pose is most like that of `source` (one frame).

    Poses are compared where and as large as they are not: points are centred and divided by the square root of their
    convex hull's area (as FOMM's demonstration does with face landmarks). Where there are no points, coefficients,
    codes and turns are compared as they are, in their units.
    """
    if source.places.shape[1]:
        aim = _normalised(source.places[0])
        return int(np.argmin([((_normalised(points) - aim) ** 2).sum() for points in driving.places]))
    apart = np.zeros(len(driving))
    for name, what in driving.parameters.items():
        if what.kind in ("coefficient", "code", "rotation") and name in source.arrays:
            way = (driving.arrays[name].astype(np.float64) - source.arrays[name]) * KINDS[what.kind].units(what)
            apart += (way**2).reshape(len(driving), -1).sum(axis=1)
    return int(np.argmin(apart))


def _normalised(points: Floats) -> NDArray[np.float64]:
    centered = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    return centered / np.sqrt(max(hull_area(centered), 1e-8))


def movement_scale(source: Floats, reference: Floats) -> float:
    """Square root of the ratio of the convex hulls' areas of two point sets (K, 2); 1 where either has no
    area.
    """
    area, reference_area = hull_area(source), hull_area(reference)
    if min(area, reference_area) < 1e-8:  # fewer than three points, or all on one line
        return 1.0
    return float(np.sqrt(area / reference_area))


def hull_area(points: NDArray[np.floating]) -> float:
    """Area of the convex hull of `points` (K, 2), by Andrew's monotone chain; 0 for fewer than three."""
    ordered = sorted({(float(x), float(y)) for x, y in points})
    if len(ordered) < 3:
        return 0.0
    hull = _chain(ordered)[:-1] + _chain(ordered[::-1])[:-1]
    x, y = np.array(hull).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def _chain(ordered: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The lower hull of points sorted by x (the upper one, of points sorted backwards)."""
    chain: list[tuple[float, float]] = []
    for x, y in ordered:
        while len(chain) > 1:
            (ax, ay), (bx, by) = chain[-2:]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                break
            chain.pop()
        chain.append((x, y))
    return chain


def check_mode(mode: str) -> None:
    """Raises `OptionError` unless `mode` is a driving mode."""
    if mode not in MODES:
        raise OptionError(f'There is no mode "{mode}"; choose one of {", ".join(MODES)}.')
