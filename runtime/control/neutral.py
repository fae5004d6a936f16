"""From neutral to neutral: faces at rest, estimated, of a driver who begins with an open mouth or shut eyes, and of a
picture that smiles.

As the retargeting of eyes and lips in LivePortrait (Guo et al. 2024, arXiv:2407.03168), without a network: what is at
rest is what a face does most of the time, lips together, lids up.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from checkpoints.parameters import EYES, LIPS, OPENINGS
from runtime.control.parts import part_of
from runtime.layers import lips
from runtime.layers.anatomy import named
from runtime.layers.expression import Expression
from runtime.layers.frames import Array, head_frame
from runtime.layers.openings import EYES as LIDS
from runtime.layers.openings import LIPS as MOUTH
from runtime.layers.openings import UNSEEN
from runtime.motion.modes import Motion

MOST = 500
"""Frames by which a driver's face at rest is estimated; the first ones count."""
_SHARE = 0.2
"""Of the frames: those in which lips are least, and lids most, apart show these at rest."""
TOGETHER = 0.17
"""Distance of the points of lips that are together, at most, in the head's own frame; who never shuts their mouth has
it shut by that.
"""
UPPER, LOWER, WITH_JAW = "mouth.upper_lip", "mouth.lower_lip", ("mouth.chin", "jaw.tip")
_AWAKE = 0.22
"""Opening in widths of the eye of an eye that is open: who never shows so much has narrow eyes, and keeps them."""
_USUAL, _WIDER = 0.28, 1.15
"""Opening of eyes at rest, and by how much eyes that are narrower open at most."""
_RELAXED = 0.7
"""How much of the width of a smile is given up."""


class NeutralFace:
    """A driver's face at rest, by the frames seen so far."""

    def __init__(self, names: Mapping[str, int]) -> None:
        """`names`: numbers of a model's points."""
        self._names = {name: index for name, index in names.items() if part_of(name) != "head"}
        self._all = names
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._points: list[Array] = []
        self._eyes: list[Array] = []
        self._lips: list[Array] = []
        self._whole = False

    def learn(self, driving: Motion, *, whole: bool = False) -> None:
        """See the frames of `driving`; with `whole` there will be no others."""
        if self._whole:
            return
        self._whole = whole
        if whole:
            driving = driving[:: max(1, -(-len(driving) // MOST))]  # of all of it, not of its beginning
        seen = driving.takes
        for index, places in enumerate(driving.places):
            if len(self._points) >= MOST or (seen is not None and not seen[index, 0]):
                continue
            points = named(places, self._all)
            own = head_frame(points).inverse()
            self._points.append(np.array([own(points[name]) for name in self._names]))
            if driving.eyes is not None:
                self._eyes.append(driving.eyes[index].astype(np.float64))
            if driving.lips is not None:
                self._lips.append(driving.lips[index].astype(np.float64))

    def at_rest(self, reference: Motion) -> Motion:
        """`reference` (one frame) with the face at rest, its head as it is. Before anything was seen, itself."""
        if not self._points:
            return reference
        points = named(reference.places[0], self._all)
        frame = head_frame(points)
        places = np.array(reference.places)
        for (_, index), own in zip(self._names.items(), self._rest(), strict=True):
            places[0, index] = frame(own)
        moved = reference.with_places(places)
        if reference.lips is not None and self._lips:
            moved = moved.with_arrays({LIPS: self._rest_of_lips()[None].astype(np.float32)})
        if reference.eyes is None or not self._eyes:
            return moved
        return moved.with_arrays({EYES: self._rest_of_eyes()[None].astype(np.float32)})

    def _rest(self) -> Array:
        """(K', 2): the face's points in the head's own frame."""
        points, order = np.array(self._points), {name: at for at, name in enumerate(self._names)}
        rest = np.median(points, axis=0)

        def apart(upper: str, lower: str) -> Array:
            return points[:, order[lower], 1] - points[:, order[upper], 1]

        mouth = [at for name, at in order.items() if part_of(name) == "mouth"]
        gap = apart(UPPER, LOWER)
        rest[mouth] = points[gap <= np.quantile(gap, _SHARE)][:, mouth].mean(0)
        upper, lower = order[UPPER], order[LOWER]
        open_by = max(float(rest[lower, 1] - rest[upper, 1]) - TOGETHER, 0.0)
        rest[lower, 1] -= open_by
        for name in WITH_JAW:
            if name in order:
                rest[order[name], 1] -= lips.JAW * open_by
        for side in ("left", "right"):
            lids = [order[f"eye_{side}.{lid}_lid"] for lid in ("upper", "lower")]
            opening = apart(f"eye_{side}.upper_lid", f"eye_{side}.lower_lid")
            rest[lids] = points[opening >= np.quantile(opening, 1 - 2 * _SHARE)][:, lids].mean(0)
        return rest

    def _rest_of_lips(self) -> Array:
        """(7, 2): as `Motion.lips`, together."""
        gaps = np.array([lips.apart(each) for each in self._lips])
        rest = np.array(self._lips)[gaps <= np.quantile(gaps, _SHARE)].mean(0)
        return lips.shut(rest, lips.apart(rest))

    def _rest_of_eyes(self) -> Array:
        """(2, 3): as `Motion.eyes`."""
        eyes = np.array(self._eyes)
        opening = eyes[:, :, 0].mean(1)
        shown = eyes[opening >= np.quantile(opening, 1 - 2 * _SHARE)]
        rest = np.median(shown, axis=0)
        if rest[:, 0].mean() < _AWAKE and len(eyes) < MOST and not self._whole:
            rest[:, 0] = np.maximum(rest[:, 0], _AWAKE)  # a stream that begins in a blink
        return rest


class NeutralNumbers:
    """The same where a model's parameters say to which part of a face their rows belong."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._seen: list[Motion] = []
        self._count, self._whole = 0, False

    def learn(self, driving: Motion, *, whole: bool = False) -> None:
        """See the frames of `driving`; with `whole` there will be no others."""
        if self._whole or self._count >= MOST:
            return
        self._whole = whole
        shown = np.ones(len(driving), bool) if driving.takes is None else driving.takes[:, 0] > 0
        frames = np.flatnonzero(shown)[:: max(1, -(-int(shown.sum()) // MOST)) if whole else 1][: MOST - self._count]
        if len(frames):
            self._seen.append(driving.with_arrays({name: array[frames] for name, array in driving.arrays.items()}))
            self._count += len(frames)

    def at_rest(self, reference: Motion) -> Motion:
        """`reference` (one frame) with the face at rest, its head as it is. Before anything was seen, itself."""
        if not self._seen:
            return reference
        seen = Motion.concatenate(self._seen)
        frames = {"mouth": np.arange(len(seen)), "eyes": np.arange(len(seen))}
        openings = seen.openings
        known = None if openings is None else np.flatnonzero(openings[:, 0] != UNSEEN)
        rest: dict[str, np.ndarray] = {}
        if openings is not None and known is not None and len(known):
            lips, lids = openings[known, MOUTH].mean(1), openings[known, LIDS].mean(1)
            frames["mouth"] = known[lips <= np.quantile(lips, _SHARE)]
            frames["eyes"] = known[lids >= np.quantile(lids, 1 - 2 * _SHARE)]
            at = np.concatenate([openings[frames["mouth"], MOUTH].mean(0), openings[frames["eyes"], LIDS].mean(0)])
            rest[OPENINGS] = at[None].astype(np.float32)
        for name, what in reference.parameters.items():
            if what.kind in ("code", "coefficient") and what.parts:
                values = np.array(reference.arrays[name])
                for row, part in enumerate(what.parts):
                    if part in frames:
                        values[0, row] = seen.arrays[name][frames[part], row].mean(0)
                    elif part != "head":
                        values[0, row] = np.median(seen.arrays[name][:, row], axis=0)
                rest[name] = values
        return reference.with_arrays(rest)


def relaxed(eyes: Array | None) -> Expression:
    """What a source's face does to come to rest: lips meet, a smile is given up, narrow eyes open a little. `eyes`
    (2, 3): as `Motion.eyes`, of the source.
    """
    lids = np.ones(2)
    if eyes is not None:
        lids = np.clip(_USUAL / np.maximum(eyes[:, 0], 1e-3), 1.0, _WIDER)
    return Expression(
        0.0, 0.0, 0.0, np.zeros((2, 2)), lids, np.zeros(2), np.zeros((2, 2)), closed=1.0, relaxed=_RELAXED
    )
