"""The face that a driver's motion counts from, in modes that count from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from checkpoints import contract
from checkpoints.parameters import LIPS
from runtime.control.awake import Awakening
from runtime.control.neutral import LOWER, TOGETHER, UPPER, WITH_JAW, NeutralFace, NeutralNumbers
from runtime.control.pose import is_track
from runtime.layers import lips
from runtime.layers.anatomy import named
from runtime.layers.expression import PARTED
from runtime.layers.frames import Array, head_frame
from runtime.layers.shutters import smooth
from runtime.motion.modes import Motion

_DIFFERENT = (0.03, 0.08)
"""By how much lips are farther apart in the frame that motion counts from than where they are least so: up to the first
that is the detector's noise, from the second on that frame shows an open mouth. In the head's own frame.
"""
_BELIEVED = (40, 80)
"""Frames after which lips that did not come together begin to be taken for shut ones, and are."""

Counted = Sequence[tuple[Motion, Motion | None]]
"""Frames in order, in parts, and what each part counts from (one frame); None where the mode counts from nothing."""


class References:
    """Of one stream of driving frames: its first frame, anew after a cut, or one that was chosen."""

    def __init__(self, names: Mapping[str, int], mode: str, *, neutral: bool = False) -> None:
        """`names`: numbers of a model's points, where they have any; with `neutral`, faces at rest are counted from."""
        self._names, self._mode, self._neutral = names, mode, neutral
        self._calm = NeutralFace(names) if names else NeutralNumbers()
        self.reset()

    def reset(self, chosen: Motion | None = None) -> None:
        """Start a new stream, that counts from `chosen` (one frame); by default from its own first one."""
        self._chosen = chosen
        self._firsts: dict[int, Motion] = {}
        self._lips: dict[int, _Lips] = {}
        self._eyes: dict[int, Awakening] = {}
        self._calm.reset()

    def learn(self, driving: Motion) -> None:
        """See all frames of a stream before the first one is made."""
        if self._neutral and not is_track(driving):
            self._calm.learn(driving, whole=True)

    def __call__(self, take: int, motion: Motion, opening: float | None) -> Counted:
        """What the next frames, all of one `take`, count from. `opening`: how far the mouth of the source is open, in
        the head's own frame, by what tells it of the driver's, where the engine opens and shuts it; None where only the
        model does.
        """
        if self._mode not in contract.FROM_REFERENCE:
            return [(motion, self._chosen)]
        reference = self._chosen or self._firsts.setdefault(take, motion[:1])
        if self._neutral:
            self._calm.learn(motion)
            return [(motion, self._calm.at_rest(reference))]
        if opening is None:
            return [(motion, reference)]
        mouth = self._lips.setdefault(take, _Lips(self._names, reference))
        if reference.lips is not None and motion.lips is not None:  # which tell how far apart they are
            counted = [(motion, mouth.shut(opening))]
        else:
            counted = [(part, mouth.closed(by)) for part, by in mouth.parts(motion, opening)]
        eyes = self._eyes.setdefault(take, Awakening(reference))
        return [each for part, calm in counted for each in eyes(part, calm)]


class _Lips:
    """Who begins in the middle of a word opens a picture's shut mouth, and shuts it again: motion counts from the
    driver's lips as far together as they come, or as far as the picture's are apart.

    How far apart the points of shut lips are differs by person, so that a frame alone does not tell whether it shows an
    open mouth. At first it is taken for one where lips are farther apart than most people's shut ones; if they do not
    come together soon, they are that person's shut ones. Frames that come change nothing of those that came, and the
    mouth does not jump: what counts changes while both mouths are shut, or slowly.
    """

    def __init__(self, names: Mapping[str, int], reference: Motion) -> None:
        self._names, self._reference = names, reference
        self._apart = float(self._gaps(reference)[0])
        self._least, self._seen = self._apart, 0

    def parts(self, motion: Motion, opening: float) -> list[tuple[Motion, float]]:
        """`motion` in parts, and by how much the reference's mouth is to be shut in each."""
        least = np.minimum(np.minimum.accumulate(self._gaps(motion)), self._least)
        at = np.arange(self._seen, self._seen + len(motion))
        self._least, self._seen = float(least[-1]), self._seen + len(motion)
        believed = 1 - smooth((at - _BELIEVED[0]) / (_BELIEVED[1] - _BELIEVED[0]))
        by = np.maximum(_open(self._apart - least), believed * _open(np.array(self._apart - TOGETHER)))
        by = np.maximum(by - max(opening, 0.0) / PARTED, 0.0)
        starts = [0, *(np.nonzero(np.diff(by))[0] + 1), len(by)]
        return [(motion[start:end], float(by[start])) for start, end in pairwise(starts)]

    def shut(self, opening: float) -> Motion:
        """The reference with its lips apart by no more than `opening`."""
        seen = np.asarray(self._reference.lips)[0].astype(np.float64)
        by = lips.apart(seen) - max(opening, 0.0)
        if by <= 0:
            return self._reference
        return self.closed(by / PARTED).with_arrays({LIPS: lips.shut(seen, by)[None].astype(np.float32)})

    def closed(self, by: float) -> Motion:
        """The reference, its mouth shut `by` so much."""
        if by <= 0:
            return self._reference
        places = np.array(self._reference.places)
        points = named(places[0], self._names)
        frame = head_frame(points)
        for name, way in ((LOWER, 1.0), *((name, lips.JAW) for name in WITH_JAW)):
            if name in self._names:
                places[0, self._names[name]] = points[name] - way * by * frame.linear[:, 1]
        return self._reference.with_places(places.astype(np.float32))

    def _gaps(self, motion: Motion) -> Array:
        """(T,): how far the lips' points are apart, in the head's own frame."""
        gaps = []
        for places in motion.places:
            points = named(places, self._names)
            own = head_frame(points).inverse()
            gaps.append(float(own(points[LOWER])[1] - own(points[UPPER])[1]))
        return np.array(gaps)


def _open(beyond: Array) -> Array:
    """How far a mouth is open whose lips are apart by so much more than shut ones; what is small is noise."""
    low, high = _DIFFERENT
    return np.maximum(beyond, 0) * smooth((beyond - low) / (high - low))
