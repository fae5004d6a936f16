"""What is done to the parameters of a motion, kind by kind: all the arithmetic of the driving modes and of smoothing.

The kinds are those of `checkpoints.parameters`, and two more, "eye" and "take", for what the engine itself sees of a
driver's eyes, and of when one is seen at all. Whatever is to work for a family of models with other parameters asks
here, and never for an array by its name.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from checkpoints.contract import PARAMETERS
from checkpoints.parameters import EYES, TAKES, Parameter
from runtime.values import Floats


class Kind:
    """A kind whose values are the driving frame's own: every mode and the smoothing hand them through."""

    axes: tuple[int, ...] | None = None
    """Axes of one vector, over which its speed is measured when it is smoothed; None where nothing is smoothed."""

    def between(self, source: Floats, driving: Floats, strength: float, parameter: Parameter) -> Floats:
        """The way from `source` (1, ...) to `driving` (T, ...), of which 0 is the beginning and 1 the end, as far as
        `strength` says.
        """
        return driving

    def since(
        self,
        source: Floats,
        driving: Floats,
        reference: Floats,
        strength: float,
        scale: float,
        parameter: Parameter,
    ) -> Floats:
        """`source` (1, ...), changed as `driving` (T, ...) has changed since `reference` (1, ...). `scale` is how many
        of the driver's lengths are one of the source's.
        """
        return driving

    def units(self, parameter: Parameter) -> float | NDArray[np.float64]:
        """What values are multiplied with to be like coordinates, which reach from -1 to 1, when speed is measured."""
        return 1.0


class Place(Kind):
    """Points and contours: p = p_S + s a (p_t - p_0), with the strength s and the scale a."""

    axes: tuple[int, ...] | None = (-1,)

    def between(self, source: Floats, driving: Floats, strength: float, parameter: Parameter) -> Floats:
        return _as(source, source + strength * (driving - source))

    def since(
        self,
        source: Floats,
        driving: Floats,
        reference: Floats,
        strength: float,
        scale: float,
        parameter: Parameter,
    ) -> Floats:
        return _as(source, source + strength * scale * (driving - reference))


class Linear(Kind):
    """Linear parts of local maps: J = (I + s (J_t J_0^-1 - I)) J_S (FOMM, supplement A.3, with the strength s)."""

    axes = (-2, -1)

    def between(self, source: Floats, driving: Floats, strength: float, parameter: Parameter) -> Floats:
        return _as(source, source + strength * (driving - source))

    def since(
        self,
        source: Floats,
        driving: Floats,
        reference: Floats,
        strength: float,
        scale: float,
        parameter: Parameter,
    ) -> Floats:
        moved = driving.astype(np.float64) @ inverse(reference)
        unit = np.eye(driving.shape[-1])
        return _as(source, (unit + strength * (moved - unit)) @ source)


class Code(Place):
    """Vectors of which only differences mean something: c = c_S + s (c_t - c_0) (LIA, Wang et al., ICLR 2022).

    As places, but of no length that a scale could change.
    """

    def since(
        self,
        source: Floats,
        driving: Floats,
        reference: Floats,
        strength: float,
        scale: float,
        parameter: Parameter,
    ) -> Floats:
        return super().since(source, driving, reference, strength, 1.0, parameter)

    def units(self, parameter: Parameter) -> float:
        """Long vectors are no faster than short ones whose numbers change as much."""
        return float(parameter.shape[-1]) ** -0.5


class Coefficient(Code):
    """Named numbers: as codes, each by itself, and kept within its range."""

    axes = ()

    def between(self, source: Floats, driving: Floats, strength: float, parameter: Parameter) -> Floats:
        return _within(super().between(source, driving, strength, parameter), parameter)

    def since(
        self,
        source: Floats,
        driving: Floats,
        reference: Floats,
        strength: float,
        scale: float,
        parameter: Parameter,
    ) -> Floats:
        return _within(super().since(source, driving, reference, strength, scale, parameter), parameter)

    def units(self, parameter: Parameter) -> NDArray[np.float64]:  # type: ignore[override]
        """A range is as wide as a picture."""
        low, high = _ends(parameter)
        return 2 / (high - low)


class Eye(Kind):
    """What lids and irises do: smoothed, and handed through, since `runtime.layers.expression` weighs it."""

    axes = (-1,)


KINDS: Mapping[str, Kind] = {
    "point": Place(),
    "contour": Place(),
    "linear": Linear(),
    "covariance": Kind(),
    "coefficient": Coefficient(),
    "code": Code(),
    "eye": Eye(),
    "take": Kind(),
}
"""Of every name what is done."""

USUAL: Mapping[str, str] = {**PARAMETERS, EYES: "eye", TAKES: "take"}
"""Kinds of the parameters that have a name of their own in `runtime.motion.modes.Motion`."""


def inverse(matrices: Floats) -> NDArray[np.float64]:
    """Inverse of (..., D, D), D = 2 or 3, by the adjugate; a singular matrix, which no trained detector gives, is
    nudged instead of raising.
    """
    exact = matrices.astype(np.float64)
    if matrices.shape[-1] == 2:
        a, b, c, d = np.moveaxis(exact.reshape(*matrices.shape[:-2], 4), -1, 0)
        determinant = a * d - b * c
        adjugate = np.stack([d, -b, -c, a], axis=-1).reshape(matrices.shape)
    else:
        first, second, third = np.moveaxis(exact, -2, 0)
        columns = [np.cross(second, third), np.cross(third, first), np.cross(first, second)]
        determinant = (first * columns[0]).sum(-1)
        adjugate = np.stack(columns, axis=-1)
    determinant = np.where(np.abs(determinant) < 1e-12, np.copysign(1e-12, determinant), determinant)
    return adjugate / determinant[..., None, None]


def _ends(parameter: Parameter) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = np.array(parameter.ranges).T
    return low, high


def _within(values: Floats, parameter: Parameter) -> Floats:
    return _as(values, np.clip(values, *_ends(parameter))) if parameter.ranges else values


def _as(like: Floats, values: NDArray[np.floating]) -> Floats:
    """`values` in the type of `like`: float32 in the engine, float64 where an export is measured against that."""
    return values.astype(like.dtype, copy=False)
