"""What is done to the parameters of a motion, kind by kind: all the arithmetic of the driving modes and of smoothing.

The kinds are those of `checkpoints.parameters`, and more for what no model finds: "eye", "lip", "head", "limbs",
"residual", "opening" and "take", what the engine itself sees of a driver, and when one is seen at all; "told", what
`render` is told beside motions. Whatever is to work for a family of models with other parameters asks here, and never
for an array by its name.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from checkpoints.contract import EYE_OPENING, LIP_OPENING, PARAMETERS
from checkpoints.parameters import EYES, HEAD, LIMBS, LIPS, OPENINGS, RESIDUAL, TAKES, Parameter
from runtime.layers.glasses import without_glasses
from runtime.values import Floats

_LEAST = 1e-6
"""Least factor of a ratio, and least length that is divided by."""
_HALF_TURN = 1e-6
"""Sine of an angle so near to 0 or 180 degrees that a matrix hardly tells the axis by what is skew in it."""
_LAMPS = 0.5
"""How much of the light that changes on a driver changes on somebody else: of 20 drawn people who turn under lamps of
their own, moved by others, L1 is 0.711 of the unmoved source's, with all of it 0.726, with none 0.714.
"""
_NEWTON = 8
"""Steps to the nearest rotation, more than what lies between two rotations needs in 64 bits."""


class Kind:
    """A kind whose values are the driving frame's own: every mode and the smoothing hand them through."""

    axes: tuple[int, ...] | None = None
    """Axes of one vector, over which its speed is measured when it is smoothed; None where nothing is smoothed."""

    def between(self, source: Floats, driving: Floats, strength: float, parameter: Parameter) -> Floats:
        """The way from `source` (1, ...) to `driving` (T, ...), of which 0 is the beginning and 1 the end, as far as
        `strength` says.
        """
        return driving

    def taken(self, source: Floats, driving: Floats, strength: float, parameter: Parameter) -> Floats:
        """What absolute modes make of `driving` (T, ...) for the `source` (1, ...): by default the way `between`."""
        return driving if strength == 1.0 else self.between(source, driving, strength, parameter)

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

    def mended(self, values: Floats) -> Floats:
        """Smoothed `values` (T, ...) as ones that a parameter of the kind can have."""
        return values


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


class Rotation(Kind):
    """Turns in space, for row vectors: R = (R_t R_0^-1)^s R_S, a part or a multiple of the shortest way (LivePortrait,
    Guo et al. 2024, Eq. 3 with s = 1).
    """

    axes = (-2, -1)

    def between(self, source: Floats, driving: Floats, strength: float, parameter: Parameter) -> Floats:
        return _as(source, turned(driving.astype(np.float64) @ _transposed(source), strength) @ source)

    def since(
        self,
        source: Floats,
        driving: Floats,
        reference: Floats,
        strength: float,
        scale: float,
        parameter: Parameter,
    ) -> Floats:
        return _as(source, turned(driving.astype(np.float64) @ _transposed(reference), strength) @ source)

    def units(self, parameter: Parameter) -> float:
        """Of a matrix that turns by an angle a second the entries change by the square root of 2 of it."""
        return 2**-0.5

    def mended(self, values: Floats) -> Floats:
        """The nearest rotations, by Newton's iteration for the polar factor (Higham 1986)."""
        nearest = values.astype(np.float64)
        for _ in range(_NEWTON):
            nearest = (nearest + _transposed(inverse(nearest))) / 2
        return _as(values, nearest)


class Ratio(Kind):
    """Factors: r = r_S (r_t / r_0)^s; absolute modes leave the source its own (LivePortrait)."""

    axes = ()

    def between(self, source: Floats, driving: Floats, strength: float, parameter: Parameter) -> Floats:
        return self.since(source, driving, source, strength, 1.0, parameter)

    def taken(self, source: Floats, driving: Floats, strength: float, parameter: Parameter) -> Floats:
        return np.repeat(source, len(driving), 0)

    def since(
        self,
        source: Floats,
        driving: Floats,
        reference: Floats,
        strength: float,
        scale: float,
        parameter: Parameter,
    ) -> Floats:
        there, then = (np.maximum(each.astype(np.float64), _LEAST) for each in (driving, reference))
        return _as(source, source * np.clip((there / then) ** strength, _LEAST, 1 / _LEAST))

    def mended(self, values: Floats) -> Floats:
        """Positive as before."""
        return np.maximum(values, _as(values, np.array(_LEAST)))


class Code(Place):
    """Vectors of which only differences mean something: c = c_S + s (c_t - c_0) (LIA, Wang et al., ICLR 2022).

    As places, but of no length that a scale could change. Absolute modes leave the source what is `kept`.
    """

    def taken(self, source: Floats, driving: Floats, strength: float, parameter: Parameter) -> Floats:
        moved = super().taken(source, driving, strength, parameter)
        if not parameter.kept:
            return moved
        flat = np.array(moved).reshape(len(driving), -1)
        flat[:, parameter.kept] = source.reshape(1, -1)[:, parameter.kept]
        return flat.reshape(moved.shape)

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


class Seen(Kind):
    """What lids, irises and lips do: smoothed, and handed through, since `runtime.layers.expression` weighs it."""

    axes = (-1,)


class Residual(Code):
    """How far a driver moves otherwise than points and expression say, and how much lighter they become: of a source at
    rest, nothing. Who is moved by another one's changes stays under their own lamps: of light half is taken over; and
    does not put on their glasses.
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
        moved = without_glasses(super().since(source, driving, reference, strength, scale, parameter) - source)
        return _as(source, source + np.array((1, 1, _LAMPS), np.float32) * moved)


KINDS: Mapping[str, Kind] = {
    "point": Place(),
    "contour": Place(),
    "linear": Linear(),
    "covariance": Kind(),
    "rotation": Rotation(),
    "coefficient": Coefficient(),
    "ratio": Ratio(),
    "code": Code(),
    "eye": Seen(),
    "lip": Seen(),
    "head": Kind(),
    "limbs": Kind(),
    "residual": Residual(),
    "opening": Kind(),
    "take": Kind(),
    "told": Kind(),
}
"""Of every name what is done."""

USUAL: Mapping[str, str] = {
    **PARAMETERS,
    EYES: "eye",
    LIPS: "lip",
    HEAD: "head",
    LIMBS: "limbs",
    RESIDUAL: "residual",
    TAKES: "take",
}
"""Kinds of the parameters that have a name of their own in `runtime.motion.modes.Motion`."""

BESIDE: Mapping[str, str] = {OPENINGS: "opening", LIP_OPENING: "told", EYE_OPENING: "told"}
"""Kinds of what else a motion may hold of models that open lips and lids by themselves."""


def inverse(matrices: NDArray[np.floating]) -> NDArray[np.float64]:
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


def turned(rotations: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """`rotations` (..., 3, 3) to the power `strength`: about the same axes, by that many times the angle, which is
    taken between 0 and 180 degrees.
    """
    if strength == 1.0:
        return rotations
    skew = (rotations - _transposed(rotations)) / 2
    way = np.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], axis=-1)
    sine, cosine = np.linalg.norm(way, axis=-1), (np.trace(rotations, axis1=-2, axis2=-1) - 1) / 2
    angle = np.arctan2(sine, cosine)
    axis = np.where(sine[..., None] > _HALF_TURN, way, _half_turned(rotations))
    length = np.linalg.norm(axis, axis=-1, keepdims=True)
    x, y, z = np.moveaxis(axis / np.maximum(length, _LEAST), -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(rotations.shape)
    part = (strength * angle)[..., None, None]
    return np.eye(3) + np.sin(part) * cross + (1 - np.cos(part)) * (cross @ cross)


def _half_turned(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3): along the axes of `rotations` by about 180 degrees, whose R + I is twice the axis' square; of those by
    about 0 degrees, whose axis does not matter, some other direction.
    """
    squares = rotations + np.eye(3)
    columns = np.argmax(np.diagonal(squares, axis1=-2, axis2=-1), axis=-1)
    return np.take_along_axis(squares, columns[..., None, None], axis=-1)[..., 0]


def _transposed(matrices: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.swapaxes(matrices, -1, -2)


def _ends(parameter: Parameter) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = np.array(parameter.ranges).T
    return low, high


def _within(values: Floats, parameter: Parameter) -> Floats:
    return _as(values, np.clip(values, *_ends(parameter))) if parameter.ranges else values


def _as(like: Floats, values: NDArray[np.floating]) -> Floats:
    """`values` in the type of `like`: float32 in the engine, float64 where an export is measured against that."""
    return values.astype(like.dtype, copy=False)
