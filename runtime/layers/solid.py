"""A head in space: the drawn people's mean one, and the camera that sees it as a picture's named points lie.

Seen from afar, by a scaled orthographic camera, a head that turns is linear in x, y and depth of its points; so what
turns a head is found from where its points are, and where it leads everything else from how deep that lies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from runtime.layers.frames import Array

ASSET = Path(__file__).parents[1] / "assets" / "head.safetensors"

_STIFF = ("nose.", "forehead.", "skull.")
_STIFF_TOO = (".inner", ".outer", ".below_eye", ".bone", ".side", ".beside_nose")
_BROWS = "forehead.between_brows"
"""Moves with them."""
_WEIGHTS = {"forehead.": 0.4, "skull.": 0.3, "cheek": 0.5}
"""How much groups of points that expressions hardly move say of the head: brows pull foreheads, hair hides skulls."""
_NEVER = 1e-6
_RIDGE = 1e-12
"""Keeps a fit to points that coincide, or lie in a plane, from raising."""


@dataclass(frozen=True)
class Drawn:
    """The drawn people's mean head, in centimetres: x to the person's left, y down, z away."""

    names: Mapping[str, int]
    points: Array
    """(P, 3)."""
    joints: Array
    """(2, 3): of the neck and of the head."""
    weights: Array
    """(P, 3): how much torso, neck and head move a point."""
    moves: Mapping[str, Array]
    """(P, 3) each: by how much a movement of the face moves the points."""
    neck_share: float
    """How much of the head's turn the neck already makes."""
    depth: Array
    """(D, D): z of what is seen from the front, at the middles of the cells of a square, ..."""
    corner: Array
    """... (2,): which begins here, ..."""
    span: float
    """... and is so wide. Where nothing is seen, it lies far."""

    @property
    def unit(self) -> float:
        """Distance of the outer corners of the eyes."""
        return float(np.ptp([self.points[self.names[f"eye_{side}.outer"], 0] for side in ("left", "right")]))


@cache
def drawn() -> Drawn:
    """The head, read once."""
    from safetensors import safe_open  # here: models without named points need none

    with safe_open(ASSET, "np") as file:
        about = json.loads(file.metadata()["head"])
        arrays = {
            name: file.get_tensor(name).astype(np.float64) for name in ("points", "joints", "weights", "moves", "depth")
        }
    moves = dict(zip(about["moves"], arrays["moves"], strict=True))
    names = {name: index for index, name in enumerate(about["points"])}
    points, joints, weights, depth = (arrays[name] for name in ("points", "joints", "weights", "depth"))
    place = about["depth"]
    depth = place["least"] + place["step"] * depth
    return Drawn(
        names, points, joints, weights, moves, about["neck_share"], depth, np.array(place["corner"]), place["span"]
    )


def weight(name: str) -> float:
    """How much the named point says of where the head is."""
    if not (name.startswith(_STIFF) or name.endswith(_STIFF_TOO)) or name == _BROWS:
        return 0.0
    return next((each for group, each in _WEIGHTS.items() if name.startswith(group)), 1.0)


@dataclass(frozen=True)
class Camera:
    """From space (x, y, z) to a plane, seen from afar: turned, scaled, shifted."""

    linear: Array
    """(2, 3)."""
    offset: Array
    """(2,)."""

    def __call__(self, points: Array) -> Array:
        """Where `points` (..., 3) are seen."""
        return points @ self.linear.T + self.offset

    @property
    def scale(self) -> float:
        """Of a length that lies across."""
        return max(float(np.sqrt((self.linear**2).sum() / 2)), _NEVER)

    @property
    def turn(self) -> Array:
        """(3, 3): from space to the camera's frame, whose z leads away from it."""
        across = self.linear / self.scale
        return np.concatenate([across, np.cross(across[0], across[1])[None]])

    @staticmethod
    def fit(points: Array, seen: Array, weights: Array, near: Array | None = None) -> Camera:
        """The one that sees `points` (P, 3) nearest to where they are `seen` (P, 2), by least squares with `weights`
        (P,): its rows made as long as each other, and upright on each other. What the points leave open is as in the
        linear map `near` (2, 3), or nothing.
        """
        shares = weights[:, None] / max(float(weights.sum()), _NEVER)
        middle, offset = (shares * points).sum(0), (shares * seen).sum(0)
        x, y = points - middle, seen - offset
        spread = (shares * x).T @ x
        near = np.zeros((2, 3)) if near is None else near
        ridge = _RIDGE * max(float(np.trace(spread)), _NEVER) * np.eye(3)
        loose = near + np.linalg.solve(spread + ridge, (shares * x).T @ (y - x @ near.T)).T
        linear = _upright(loose)
        return Camera(linear, offset - linear @ middle)


def _upright(linear: Array) -> Array:
    """(2, 3): the scaled rows of a turn that are nearest to those of `linear` (2, 3): its polar factor, as large."""
    (a, b), (_, c) = linear @ linear.T
    area = np.sqrt(max(float(a * c - b * b), 0.0))
    size = np.sqrt(max(float(a + c) + 2 * area, 1e-18))  # the sum of both singular values
    root = np.array([[a + area, b], [b, c + area]]) / size
    (p, q), (_, r) = root
    determinant = max(float(p * r - q * q), 1e-18)
    return np.asarray(size / 2 * np.array([[r, -q], [-q, p]]) / determinant @ linear, np.float64)


@cache
def _known(names: tuple[str, ...]) -> tuple[list[str], Array, Array, Array]:
    """Those of the `names` that the drawn head has, its points (P, 3), and their weights (P,) with and without hair."""
    mean = drawn()
    found = [name for name in names if name in mean.names]
    weights = np.array([weight(name) for name in found])
    bare = weights * [not name.startswith("skull.") for name in found]
    return found, mean.points[[mean.names[name] for name in found]], weights, bare


class Head:
    """The drawn head behind a picture's named points: how deep each of them lies, as the picture sees it."""

    def __init__(self, places: Mapping[str, Array], depths: Mapping[str, float] | None = None) -> None:
        """`places` (2,) of named points, of which the drawn head has some or all; `depths`: how far away from the
        camera they are, in the picture's unit, where that is known better than by the drawn head.
        """
        self.names, self.points, self.weights, self._bare = _known(tuple(places))
        """Names (P,), and the drawn head's points (P, 3)."""
        self.places = np.array([places[name] for name in self.names])
        """(P, 2): where they lie in the picture."""
        self.camera = Camera.fit(self.points, self.places, self.weights)
        self.middle = (self.weights[:, None] * self.points).sum(0) / max(float(self.weights.sum()), _NEVER)
        self.depths = self.camera.scale * (self.points - self.middle) @ self.camera.turn[2]
        """(P,): away from the camera, in the picture's unit."""
        if depths is not None:
            self.depths = np.array([depths[name] for name in self.names])
        self.solid = np.concatenate([self.places, self.depths[:, None]], 1)
        """(P, 3): the points in space, as the picture sees them."""

    def moved(self, places: Mapping[str, Array], *, hair: bool = True) -> Camera:
        """What moves the head to where its points have `places`: from space, as the picture sees it. Without `hair`
        points on the skull, which it hides, say nothing.
        """
        aims = np.array([places[name] for name in self.names])
        return Camera.fit(self.solid, aims, self.weights if hair else self._bare, np.eye(2, 3))
