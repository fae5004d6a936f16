"""What is asked for beside a driver's motion: parts of it, a pose of its own, faces at rest to count from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from checkpoints.contract import FROM_REFERENCE, NEEDS
from checkpoints.parameters import EYES, LIPS, RESIDUAL
from runtime.control.head import Head, expressions
from runtime.control.neutral import relaxed
from runtime.control.parts import Strengths
from runtime.control.pose import Pose, as_row, track, weighed
from runtime.control.retargeting import Since
from runtime.layers.anatomy import seen
from runtime.layers.expression import Expression, expression
from runtime.layers.frames import Array
from runtime.motion.kinds import KINDS
from runtime.motion.modes import Motion
from runtime.values import Floats

Moved = tuple[Motion, list[Expression | None]]
"""What to render in some frames, and what the face does in each of them."""


class Control:
    """Of one source, whose points have names."""

    def __init__(
        self, names: Mapping[str, int], source: Motion, eyes: Array | None, pose: Pose, *, neutral: bool = False
    ) -> None:
        """`source`: one frame; `eyes` (2, 3): what its eyes do, as `Motion.eyes`; `pose`: from which its motion starts;
        with `neutral`, from a face at rest.
        """
        self._source, self._base = source, as_row(pose)
        self._head = Head(names, source.places[0])
        self._rest = relaxed(eyes) if neutral else None
        self._from = self._rest
        if self._base.any():
            (self._from,) = self._on_rest(expressions(self._base))
        self._moved: Floats | None = None
        """(1, K, 2): by how much the pose moves the source's points."""
        if self._base.any():
            self._moved = self._head.posed(self._base) - source.places

    def started(self, driven: Motion, faces: list[Expression | None], since: Since | None = None) -> Moved:
        """What to render where `driven`, and the `faces`, come on top of what the source starts from; `since` is for
        models that open lips and lids by themselves.
        """
        if self._moved is not None:
            driven = driven.with_places(driven.places + self._moved)
        if self._from is not None:
            start = self._from
            faces = [start if face is None else face.on_top_of(start) for face in faces]
        return driven, faces

    def _on_rest(self, faces: list[Expression]) -> list[Expression]:
        return faces if self._rest is None else [face.on_top_of(self._rest) for face in faces]

    def weigh(self, driven: Motion, strengths: Strengths) -> Motion:
        """`driven`, of which each part is taken over by its strength; linear parts, and what points do not tell, by
        that of the head.
        """
        turned = {
            name: KINDS[what.kind].between(self._source.arrays[name], driven.arrays[name], strengths.head, what)
            for name, what in driven.parameters.items()
            if what.kind == "linear" and name in self._source.arrays
        }
        if driven.residual is not None:
            turned[RESIDUAL] = driven.residual * np.float32(strengths.head)
        return driven.with_arrays(turned).with_places(self._head.weigh(driven.places, strengths))

    def posed(self, motion: Motion, strengths: Strengths) -> Moved:
        """What to render for a `motion` that is a track of poses."""
        return self.held(weighed(track(motion), strengths, self._base))

    def held(self, values: Floats) -> Moved:
        """What to render in the poses `values` (T, N)."""
        still = {name: np.repeat(array[:1], len(values), 0) for name, array in self._source.arrays.items()}
        driven = Motion.of(still, self._source.parameters).with_places(self._head.posed(values))
        return driven, list(self._on_rest(expressions(values)))


def looked_at(source: Motion, eyes: Array | None, lips: Array | None) -> Motion:
    """The `source` (one frame) with what its eyes (2, 3) and its lips (7, 2) do, as far as somebody looked."""
    seen = {name: array for name, array in ((EYES, eyes), (LIPS, lips)) if array is not None}
    return source.with_arrays({name: array[None].astype(np.float32) for name, array in seen.items()})


def lips_of(driving: Motion, mode: str) -> Floats | None:
    """(T, 7, 2): those of the driver; None where they are not to be followed: in the shape of another face than the
    driver's own only a model's points are known.
    """
    return None if mode in NEEDS else driving.lips


def seen_faces(
    names: Mapping[str, int],
    rest: Motion,
    frames: tuple[Motion, Motion],
    reference: Motion | None,
    strengths: Strengths,
    mode: str,
) -> list[Expression | None]:
    """What the face does in each of `frames`, the driver's motion and what it was made into: since the `reference` (one
    frame) where the `mode` counts from one, else since the source at `rest` (one frame). None where nobody looked.
    """
    driving, driven = frames
    if driving.eyes is None or rest.eyes is None or not names:
        return [None] * len(driving)
    counted, lips = mode in FROM_REFERENCE, lips_of(driving, mode)
    if counted and reference is not None and reference.eyes is not None:
        rest, driven = reference, driving
    (first,) = seen(names, rest.places, rest.arrays[EYES], None if lips is None else rest.lips)
    heads = None if driven is driving else driving.places
    faces = seen(names, driven.places, driving.eyes, lips, heads)
    return [expression(face, first, strengths, counted) for face in faces]
