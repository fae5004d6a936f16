"""A model's points, made more exact by what the face mesh sees.

The mesh finds noses, cheeks and eyes of real people about twice as exactly as a small detector that was trained on
drawn ones, so that its landmarks tell, by fixed weights (`training/mended.py`), where the model's points are; both are
averaged. How a motion is used, and what it means, stays the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from checkpoints.parameters import HEAD
from runtime.layers.expression import SIDES
from runtime.layers.frames import Array, bounded
from runtime.layers.mesh import MIN_SCORE, Look
from runtime.layers.shutters import smooth
from runtime.motion.modes import Motion
from runtime.values import Floats


def _shares() -> Iterable[tuple[str, float]]:
    for name in ("corner_left", "corner_right", "upper_lip", "lower_lip", "chin"):
        yield f"mouth.{name}", 0.6
    for side in SIDES:
        for name in ("inner", "outer", "upper_lid", "lower_lid", "brow"):
            yield f"eye_{side}.{name}", 0.65
    for name in ("bridge", "tip", "wing_left", "wing_right", "base"):
        yield f"nose.{name}", 0.8
    for side in SIDES:
        for name in ("below_eye", "bone", "beside_nose", "beside_mouth"):
            yield f"cheek_{side}.{name}", 0.75
        yield f"cheek_{side}.side", 0.3
    for name in ("angle_left", "middle_left", "tip", "middle_right", "angle_right"):
        yield f"jaw.{name}", 0.2
    for name in ("centre", "hairline", "left", "right", "between_brows"):
        yield f"forehead.{name}", 0.65


SHARES: dict[str, float] = dict(_shares())
"""Named points that the mesh tells of, in the order in which its network gives them, and what it counts in the average;
the rest is the model's own. A model need not have them all. Chosen by the errors of both on photographs in motion and
drawn people (docs/layers.md).
"""
SURE = 0.9
"""Probability of a face from which on the mesh counts in full; at `MIN_SCORE` it counts for nothing."""
_ASTRAY = (0.12, 0.22)
"""Distances of both looks (root mean square, of that of the eyes' outer corners): up to the first they see the same
face, from the second on another.
"""


def see_head(face: Mapping[str, Array], look: Look | None) -> Array:
    """(40, 3): where the mesh of a `look` sees the points of `SHARES`, in pixels, and how sure that is, from 0 to 1.
    `face`: the model's own points; where these tell more, or nothing else is known, they are given, not sure at all.
    """
    if look is None:
        return np.array([[*face.get(name, (0.0, 0.0)), 0.0] for name in SHARES])
    eyes = float(np.hypot(*(face["eye_left.outer"] - face["eye_right.outer"])))
    ways = [at - face[name] for name, at in zip(SHARES, look.head, strict=True) if name in face]
    apart = float(np.sqrt((np.array(ways) ** 2).sum(1).mean())) / max(eyes, 1e-6)
    low, high = _ASTRAY
    sure = smooth((look.score - MIN_SCORE) / (SURE - MIN_SCORE)) * (1 - smooth((apart - low) / (high - low)))
    return np.concatenate([look.head, np.full((len(SHARES), 1), float(sure))], 1)


def averaged(face: Mapping[str, Array], head: Array) -> dict[str, Array]:
    """The named points of `face`, those of `SHARES` averaged with where `head` (40, 3) has them."""
    known = [(row, name, share) for row, (name, share) in enumerate(SHARES.items()) if name in face]
    rows, names, shares = (list(each) for each in zip(*known, strict=True))
    own, told = np.array([face[name] for name in names]), bounded(head)[rows]
    places = own + np.array(shares)[:, None] * told[:, 2:] * (told[:, :2] - own)
    return {**face, **dict(zip(names, places, strict=True))}


def mended(motion: Motion, names: Mapping[str, int]) -> Motion:
    """`motion`, whose points have `names`, with its points averaged with what it holds of the head, as `averaged` does;
    as it is where it holds nothing of it.
    """
    return drawn_to(motion, names, HEAD, SHARES) if HEAD in motion.arrays else motion


def drawn_to(motion: Motion, names: Mapping[str, int], key: str, shares: Mapping[str, float]) -> Motion:
    """`motion` without its array `key` (T, N, 3), which tells where the N named points of `shares` are and how sure
    that is, and with its points, which have `names`, averaged with that: it counts as much as `shares` say.
    """
    told = [(row, names[name], share) for row, (name, share) in enumerate(shares.items()) if name in names]
    rows, at, counts = (list(each) for each in zip(*told, strict=True))
    places = motion.places.astype(np.float64)
    known = bounded(motion.arrays[key][:, rows])  # a motion file may say anything
    weight = np.clip(known[..., 2:], 0, 1) * np.array(counts)[:, None]
    places[:, at] += weight * (known[..., :2] - places[:, at])
    rest = {name: array for name, array in motion.arrays.items() if name != key}
    return Motion.of(rest, motion.parameters).with_places(places.astype(np.float32))


def as_array(heads: Iterable[Array], size: int) -> Floats:
    """(T, 40, 3), as motions have them: the places of `heads`, or of other points, in pixels of squares of that `size`,
    in [-1, 1].
    """
    found = np.array(list(heads))
    found[..., :2] = found[..., :2] / (size - 1) * 2 - 1
    return found.astype(np.float32)
