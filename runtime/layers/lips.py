"""What lips and chin do in a frame: seven places in the head's own frame, by the face mesh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from runtime.layers.frames import Affine, Array, head_frame
from runtime.layers.mesh import CHIN, Look, lines_of
from runtime.layers.shutters import smooth

LEFT, RIGHT, UPPER, LOWER, RIM_UPPER, RIM_LOWER, TIP = range(7)
"""Corners of the mouth (of the person), middles of the lips' inner edges and of their outer ones, tip of the chin."""

_MIDDLE = slice(4, 7)
"""Of the eleven places of a line of the mesh."""
_ASTRAY = 0.3
"""Farthest that a corner of the mesh's mouth is from the model's."""
_TOGETHER = 0.15
"""Between a model's points of lips that are shut."""
_SHUT = (0.013, 0.026)
"""Between the inner edges of shut lips, as the mesh finds them, and of lips that surely are not."""
_WIDER, _AT_MOST = 2.0, 0.07
"""How many times as far apart as found parted lips are, and by how much at most."""
_OUTER, _INNER = 1.2, 0.3
"""What the ways of the lips' outer and inner edges count (docs/layers.md says how they were chosen)."""
JAW = 0.7
"""Of the way of a lower lip: the chin's."""


def see_mouth(face: Mapping[str, Array], look: Look | None) -> Array:
    """(7, 2): see `LEFT` and the others. `face`: named points, in the pixels in which the mesh's `look` has its own. By
    these points alone where it sees no face, or another mouth.
    """
    own = head_frame(face).inverse()
    known = _plain(face, own)
    if look is None:
        return known
    seen = _of(own(look.points))
    seen[TIP] = (seen[TIP] + known[TIP]) / 2  # two looks are calmer than one
    astray = float(np.hypot(*(seen[[LEFT, RIGHT]] - known[[LEFT, RIGHT]]).T).max())
    return seen if astray < _ASTRAY else known


def _of(mesh: Array) -> Array:
    upper, lower, rim_upper, rim_lower = lines_of(mesh)
    lines = [line[_MIDDLE].mean(0) for line in (upper, lower, rim_upper, rim_lower)]
    return np.array([rim_upper[-1], rim_upper[0], *lines, mesh[CHIN]])


def _plain(face: Mapping[str, Array], own: Affine) -> Array:
    """By a model's five points: those of the lips lie on them, half of what shut ones are apart above and below."""
    left, right, upper, lower, chin = (
        own(face[f"mouth.{name}"]) for name in ("corner_left", "corner_right", "upper_lip", "lower_lip", "chin")
    )
    half = np.array([0.0, min(_TOGETHER, max(float(lower[1] - upper[1]), 0.0)) / 2])
    return np.array([left, right, upper + half, lower - half, upper - half, lower + half, chin])


def apart(lips: Array) -> float:
    """How far lips (7, 2) are apart, by their inner edges alone, which the mesh draws to each other: little is known of
    how far, much of whether.
    """
    gap = _gap(lips)
    return _parted(gap) * _widened(gap)


def opened(now: Array, rest: Array) -> float:
    """How much farther apart lips (7, 2) are than at `rest`: by the edges of the mouth, which say how much lips move
    but not whether they touch, and by the inner ones, which say that. Nothing where both are the same.
    """
    outer, inner = _rim(now) - _rim(rest), _gap(now) - _gap(rest)
    found = _widened(_gap(rest)) + _OUTER * outer + _INNER * inner
    return _parted(_gap(now)) * max(found, 0.0) - apart(rest)


def _gap(lips: Array) -> float:
    return float(lips[LOWER, 1] - lips[UPPER, 1])


def _rim(lips: Array) -> float:
    return float(lips[RIM_LOWER, 1] - lips[RIM_UPPER, 1])


def _widened(gap: float) -> float:
    """How far parted lips are apart whose inner edges are found with that `gap`."""
    return max(min(_WIDER * gap, gap + _AT_MOST), 0.0)


def _parted(gap: float) -> float:
    """From 0, inner edges that touch, to 1, ones that surely do not."""
    low, high = _SHUT
    return float(smooth((gap - low) / (high - low)))


def shut(lips: Array, by: float) -> Array:
    """`lips` (7, 2) that are apart by so much less, so that those given are `opened` by so much: the lower one rises,
    and takes the chin along. Lips that were far apart become thicker, too, as the inner edge has the longer way.
    """
    left = _widened(_gap(lips)) * max(1 - by / max(apart(lips), 1e-9), 0.0)
    inner = max(by / (_OUTER + _INNER), _gap(lips) - max(left / _WIDER, left - _AT_MOST))
    outer, shut = max(by - _INNER * inner, 0.0) / _OUTER, np.array(lips)
    shut[LOWER, 1] -= inner
    shut[RIM_LOWER, 1] -= outer
    shut[TIP, 1] -= JAW * outer
    return shut


def stack(seen: Sequence[Array]) -> np.ndarray:
    """(T, 7, 2), as motions have them."""
    return np.array(seen, np.float32)
