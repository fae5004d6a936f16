"""The points of people, made more exact by the joints that a network of poses sees.

BlazePose finds hands and legs of drawn people about twice as exactly as a small detector that has seen few of them. Its
joints tell by fixed weights (`training/limbs.py`) where the model's points are, and both are averaged, as points of
faces are (`runtime.layers.mended`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np

from checkpoints.parameters import LIMBS
from runtime.layers.figure import pose
from runtime.layers.figure.pose import MIN_SCORE, Look, look_at
from runtime.layers.figure.skeleton import BODY, placed
from runtime.layers.frames import Array
from runtime.layers.mended import as_array, drawn_to
from runtime.layers.shutters import smooth
from runtime.motion.modes import Motion
from runtime.values import Bytes, Floats

WEIGHTS = Path(__file__).parents[2] / "assets" / "limbs.safetensors"
"""`weights` f32 (50, 33): how much each joint counts for each point; "points" in its head names these."""

_SHARES = {"face": 0.8, "chest": 0.3, "belly": 0.4, "back": 0.4, "arm": 0.75, "hand": 0.9, "leg": 0.8}
"""What the joints count in the average, by the first word of a point's group; chosen by the errors of both on held-out
drawn people (docs/layers.md).
"""
_SHOWN = {"face": (0, 0), "arm": (13, 14), "hand": (15, 16), "leg": (25, 26)}
"""Joints, left and right, by whose being seen points of these groups go; of others the shoulders'."""
_TRUNK = (11, 12)
_HIPS = (23, 24)
_HIDDEN, _CLEAR = 0.4, 0.9
"""Probability that a joint is seen, up to which points by it count for nothing, and from which on in full."""
_SURE = 0.9
"""Probability of a person from which on joints count in full; at `MIN_SCORE` they count for nothing."""


@cache
def told() -> tuple[tuple[str, ...], Array]:
    """Names of the points of which joints tell, and by what weights (50, 33)."""
    from safetensors import safe_open  # here: models without named points need none

    with safe_open(WEIGHTS, "np") as file:
        return tuple(json.loads(file.metadata()["points"])), file.get_tensor("weights").astype(np.float64)


@cache
def shares() -> dict[str, float]:
    """Named points of which joints tell, in their order, and what these count in the average."""
    return {name: _SHARES[name.split(".")[0].split("_")[0]] for name in told()[0]}


def circle(body: Mapping[str, Array]) -> tuple[Array, Array]:
    """The middle (2,) of the hips of a `body`, by its named points, and the upper end (2,) of the circle through it."""
    hips, pit = (placed(body, joint) for joint in (BODY.pelvis, BODY.neck))
    return hips, hips + pose.BODY * (pit - hips)


def see_limb_points(body: Mapping[str, Array], look: Look | None) -> Array:
    """(50, 3): where the joints of a `look` tell the points to be, in pixels, and how sure that is, from 0 to 1.
    `body`: the model's own points, which are given, not sure at all, where nobody is seen.
    """
    names, weights = told()
    if look is None:
        return np.array([[*body.get(name, (0.0, 0.0)), 0.0] for name in names])
    person = smooth((look.score - MIN_SCORE) / (_SURE - MIN_SCORE))
    shown = np.array([look.seen[list(_joints(name))].min() for name in names])
    sure = person * smooth((shown - _HIDDEN) / (_CLEAR - _HIDDEN))
    return np.concatenate([weights @ look.joints, sure[:, None]], 1)


def _joints(name: str) -> tuple[int, ...]:
    """By whose being seen the point `name` goes."""
    group, point = name.split(".")
    pair = _HIPS if group.startswith("leg") and point == "hip" else _SHOWN.get(group.split("_")[0])
    return _TRUNK if pair is None else (pair[group.endswith("right")],)


def see_limbs(frames: Bytes, names: Mapping[str, int], points: Floats) -> dict[str, Floats]:
    """What the network of poses sees of the people in `frames`, uint8 (B, R, R, 3), whose points (B, K, 2) in [-1, 1]
    have `names`: (B, 50, 3), as motions have it.
    """
    size = frames.shape[1]
    places = (points.astype(np.float64) + 1) / 2 * (size - 1)
    return {LIMBS: as_array(_seen(frames, names, places), size)}


def _seen(frames: Bytes, names: Mapping[str, int], places: Array) -> Iterable[Array]:
    for frame, at in zip(frames, places, strict=True):
        body = {name: at[index] for name, index in names.items()}
        yield see_limb_points(body, look_at(frame, circle(body)))


def mended_limbs(motion: Motion, names: Mapping[str, int]) -> Motion:
    """`motion`, whose points have `names`, with its points averaged with what joints tell; as it is where it holds
    nothing of them.
    """
    return drawn_to(motion, names, LIMBS, shares()) if LIMBS in motion.arrays else motion
