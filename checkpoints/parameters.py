"""The parameters of a motion: named arrays of declared kinds (docs/contract.md).

A bundle declares under `motion` what its graph `motion` gives and its graph `render` takes. What the driving modes, the
smoothing and drawings do to an array follows from its kind alone (`runtime.motion.kinds`), so that a family of models
may have whatever parameters it likes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any

from checkpoints.contract import FRAME, IMAGE, PARAMETERS, ROLES, STRUCTURE, SWITCHES

_Shape = tuple[int, ...]


def _space(size: int) -> bool:
    return size in (2, 3)


KINDS: Mapping[str, Callable[[_Shape], bool]] = MappingProxyType(
    {
        "point": lambda shape: len(shape) == 2 and _space(shape[1]),
        "linear": lambda shape: len(shape) == 3 and shape[1] == shape[2] and _space(shape[1]),
        "covariance": lambda shape: len(shape) == 3 and shape[1] == shape[2] and _space(shape[1]),
        "rotation": lambda shape: len(shape) == 3 and shape[1:] == (3, 3),
        "contour": lambda shape: len(shape) == 3 and _space(shape[2]),
        "coefficient": lambda shape: len(shape) == 1,
        "ratio": lambda shape: len(shape) == 1,
        "code": lambda shape: len(shape) in (1, 2),
    }
)
"""The kinds that a bundle may declare, each with what may be its shape.

* point: (K, 2 or 3), coordinates (x, y[, z]) in [-1, 1], y down.
* linear: (K, D, D), the linear part of a local map, row = output coordinate.
* covariance: (K, D, D), spreads that are the frame's own.
* rotation: (K, 3, 3), turns in space, orthonormal with the determinant 1, for row vectors (x, y, z): v R.
* contour: (C, N, 2 or 3), C outlines of N points each, coordinates as those of points.
* coefficient: (N,), named numbers with ranges, such as blend shapes.
* ratio: (N,), positive factors, such as how large something is.
* code: (N,) or (M, N), vectors whose numbers mean nothing by themselves.
"""

EYES = "eyes"
"""What lids and irises do: no graph of a bundle gives it, but the engine's own (`runtime.layers.eyes`)."""

LIPS = "lips"
"""What the lips and the chin do: likewise (`runtime.layers.lips`)."""

HEAD = "head"
"""Where the face mesh sees points of the head: likewise (`runtime.layers.mended`)."""

LIMBS = "limbs"
"""Where the network of poses sees points of a whole person: likewise (`runtime.layers.figure.limbs`)."""

RESIDUAL = "residual"
"""What points and expression do not tell of how the driver moves: likewise (`runtime.layers.residual`)."""

LIGHT = "light"
"""What of it is light: as motion files hold it, an array of its own, which readers of before pass over."""

TAKES = "takes"
"""Which take a frame is of, from 1 on: in each of them the motion is counted anew; 0 where nobody is seen yet."""

OPENINGS = "openings"
"""How far lips and lids are apart, of whatever model (`runtime.layers.openings`)."""

_RESERVED = frozenset({EYES, LIPS, HEAD, LIMBS, RESIDUAL, LIGHT, TAKES, OPENINGS, FRAME, IMAGE, *STRUCTURE, *SWITCHES})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
MOST = 100_000
"""Most numbers along any side of a parameter, and most points of a model."""


@dataclass(frozen=True)
class Parameter:
    """One array of a motion, of one frame."""

    kind: str
    """One of `KINDS`."""
    shape: _Shape
    """Without the frames."""
    names: tuple[str, ...] = ()
    """Of coefficients: what each of them is."""
    ranges: tuple[tuple[float, float], ...] = ()
    """Of coefficients: least and largest value of each."""
    kept: tuple[int, ...] = ()
    """Of codes: which of its numbers, counted row by row, absolute modes leave to the source."""
    parts: tuple[str, ...] = ()
    """To which part of a face each entry along the first axis belongs (`runtime.control.parts`); empty where the array
    belongs to the whole."""

    def to_json(self) -> dict[str, Any]:
        """As descriptions and motion files hold it."""
        values: dict[str, Any] = {"kind": self.kind, "shape": list(self.shape)}
        if self.names:
            values |= {"names": list(self.names), "ranges": [list(pair) for pair in self.ranges]}
        if self.kept:
            values["kept"] = list(self.kept)
        if self.parts:
            values["parts"] = list(self.parts)
        return values


def usual(points: int, *, jacobians: bool, covariances: bool) -> dict[str, Parameter]:
    """The parameters that the formats 1.0 to 1.3 knew: `points` in the plane, and a matrix or two each."""
    given = {"points": True, "jacobians": jacobians, "covariances": covariances}
    return {
        name: Parameter(kind, (points, 2) if kind == "point" else (points, 2, 2))
        for name, kind in PARAMETERS.items()
        if given[name]
    }


def count_points(parameters: Mapping[str, Parameter]) -> int:
    """How many points a motion has in all, over every parameter of the kind."""
    return sum(parameter.shape[0] for parameter in parameters.values() if parameter.kind == "point")


def parse_parameters(values: Any) -> dict[str, Parameter]:
    """The parameters that the JSON `values` declares, by name. Raises `ValueError` naming one that is impossible."""
    if not isinstance(values, dict) or not values:
        raise ValueError("a motion needs parameters")
    found = {name: _parse(name, value) for name, value in values.items()}
    if count_points(found) > MOST:
        raise ValueError("too many points")
    return found


def _parse(name: str, values: Any) -> Parameter:
    if not _NAME.fullmatch(name) or name in _RESERVED or name.startswith(ROLES):
        raise ValueError(f'no parameter can be called "{name[:64]}"')
    if not isinstance(values, dict):
        raise ValueError(f'"{name}" must hold an object')
    kind, shape = values.get("kind"), values.get("shape")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f'"{name}" is of a kind that this program does not know')
    sizes = shape if isinstance(shape, list) else []
    whole = all(isinstance(size, int) and not isinstance(size, bool) and 0 < size <= MOST for size in sizes)
    if not sizes or not whole or not KINDS[kind](tuple(sizes)):
        raise ValueError(f'"{name}" has a shape that no {kind} has')
    kept, parts = _kept(name, kind, sizes, values), _parts(name, sizes, values)
    if kind != "coefficient":
        return Parameter(kind, tuple(sizes), kept=kept, parts=parts)
    names: Any = values.get("names")
    ranges: Any = values.get("ranges")
    if not _are_names(names, sizes[0]) or not _are_ranges(ranges, sizes[0]):
        raise ValueError(f'"{name}" needs a name and a range for each coefficient')
    ends = tuple((float(low), float(high)) for low, high in ranges)
    return Parameter(kind, tuple(sizes), tuple(names), ends, parts=parts)


def _kept(name: str, kind: str, sizes: list[int], values: dict[str, Any]) -> tuple[int, ...]:
    kept = values.get("kept", [])
    fine = isinstance(kept, list) and all(isinstance(at, int) and not isinstance(at, bool) for at in kept)
    if not fine or (kept and kind != "code") or not all(0 <= at < prod(sizes) for at in kept):
        raise ValueError(f'"{name}" keeps numbers that it does not have')
    return tuple(kept)


def _parts(name: str, sizes: list[int], values: dict[str, Any]) -> tuple[str, ...]:
    parts = values.get("parts", [])
    if not isinstance(parts, list) or not all(isinstance(part, str) and part for part in parts):
        raise ValueError(f'"{name}" has parts that are no names')
    if len(parts) not in (0, sizes[0]):
        raise ValueError(f'"{name}" needs a part for each of its {sizes[0]} rows')
    return tuple(parts)


def _are_names(values: Any, count: int) -> bool:
    if not isinstance(values, list) or not all(isinstance(name, str) and name for name in values):
        return False
    return len(values) == len(set(values)) == count


def _are_ranges(values: Any, count: int) -> bool:
    return isinstance(values, list) and len(values) == count and all(map(_is_range, values))


def _is_range(pair: Any) -> bool:
    if not isinstance(pair, list) or len(pair) != 2:
        return False
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) and abs(end) < 1e9 for end in pair)
    return bool(numbers and pair[0] < pair[1])  # of which NaN is none
