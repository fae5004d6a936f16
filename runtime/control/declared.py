"""Motion under control where a model's parameters say to which part of a face they belong, rather than its points by
their names.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from checkpoints.errors import InputError
from checkpoints.parameters import Parameter
from runtime.control.control import Moved
from runtime.control.hand import turns_head
from runtime.control.head import rotations
from runtime.control.parts import PARTS, Strengths
from runtime.control.pose import CONTROLS, Pose, as_row, track, weighed
from runtime.control.retargeting import Openings, Since
from runtime.layers.expression import Expression
from runtime.layers.frames import Array
from runtime.motion.kinds import KINDS
from runtime.motion.modes import Motion
from runtime.values import Floats

_TURN = slice(0, 3)
_MOUTH, _EYES = (list(CONTROLS).index(name) for name in ("mouth", "eyes"))


class DeclaredControl:
    """Of one source; as `runtime.control.control.Control`."""

    def __init__(self, source: Motion, openings: Openings, pose: Pose) -> None:
        """`source`: one frame; `openings`: of its lips and lids; `pose`: from which its motion starts."""
        self._source, self._openings, self._base = source, openings, as_row(pose)

    def started(self, driven: Motion, faces: list[Expression | None], since: Since | None) -> Moved:
        """See `Control.started`; `since`: what the driver's lips and lids do."""
        if self._base.any() or self._openings.wanted:
            driven = self._set(driven, np.repeat(self._base, len(driven), 0), since)
        return driven, faces

    def weigh(self, driven: Motion, strengths: Strengths) -> Motion:
        """See `Control.weigh`."""
        return weigh(self._source, driven, strengths)

    def posed(self, motion: Motion, strengths: Strengths) -> Moved:
        """What to render for a `motion` that is a track of poses."""
        return self.held(weighed(track(motion), strengths, self._base))

    def held(self, values: Floats) -> Moved:
        """What to render in the poses `values` (T, N). Raises `InputError` where lips or lids are to open, and no face
        is seen in the source.
        """
        still = {name: np.repeat(array[:1], len(values), 0) for name, array in self._source.arrays.items()}
        return self._set(Motion.of(still, self._source.parameters), values, None), [None] * len(values)

    def _set(self, driven: Motion, values: Floats, since: Since | None) -> Motion:
        if values[:, [_MOUTH, _EYES]].any() and not self._openings.seen:
            raise InputError(
                "No face is seen in the square that is moved, so that nobody knows how far its mouth and eyes are "
                "open; leave mouth and eyes of the pose out (of a template with parts=head), or choose another square "
                "with crop=x,y,w,h."
            )
        told = self._openings.told(values[:, _MOUTH].astype(np.float64), values[:, _EYES].astype(np.float64), since)
        turns = _turns(values[:, _TURN])
        turned = {
            name: (turns @ driven.arrays[name]).astype(np.float32)
            for name, what in driven.parameters.items()
            if turns_head(what) and values[:, _TURN].any()
        }
        return driven.with_arrays({**turned, **told})


def _turns(values: Floats) -> Array:
    """(T, 1, 3, 3), for row vectors: turns by yaw, pitch and roll (T, 3) in degrees, as `CONTROLS` has them, about the
    axes of a head that looks at the camera.
    """
    angles = np.radians([1.0, -1.0, 1.0]) * values.astype(np.float64)
    return np.swapaxes(rotations(angles), -1, -2)[:, None]


def says_parts(parameters: Mapping[str, Parameter]) -> bool:
    """Whether any of `parameters` says to which part of a face it belongs."""
    return any(what.parts for what in parameters.values())


def weigh(source: Motion, driven: Motion, strengths: Strengths) -> Motion:
    """`driven` (T frames), of which each part is taken over from `source` (one frame) on by its strength.

    What belongs to the whole (LivePortrait's scale, which its publication moves only where everything moves) goes as
    far as the part that goes least.
    """
    moved = {}
    for name, what in driven.parameters.items():
        if name not in source.arrays:
            continue
        here, there = source.arrays[name], driven.arrays[name]
        weights = [_weight(part, strengths) for part in what.parts] or [_weight("", strengths)] * what.shape[0]
        found = np.array(there)
        for weight in set(weights) - {1.0}:
            rows = np.array(weights) == weight
            found[:, rows] = KINDS[what.kind].between(here, there, weight, what)[:, rows]
        moved[name] = found
    return driven.with_arrays(moved)


def _weight(part: str, strengths: Strengths) -> float:
    if part in PARTS:
        return float(getattr(strengths, part))
    # Lids and irises are one here: who moves the eyes alone leaves the gaze to them.
    return min(float(getattr(strengths, each)) for each in PARTS if each != "gaze")


def faces_itself(source: Motion, driving: Motion) -> Motion | None:
    """What one picture that drives counts from, which has no other frames to count from (`driving`: one frame): its own
    head, and of the parts of a face whatever `source` (one frame) has. So the source's head rests, and its face does
    what the picture's does. None where parameters do not say what is a face's.
    """
    found = {}
    for name, what in driving.parameters.items():
        if name in source.arrays and what.kind in ("code", "coefficient") and set(what.parts) - {"head"}:
            rows = np.array([part != "head" for part in what.parts])
            taken = np.array(driving.arrays[name])
            taken[:, rows] = source.arrays[name][:, rows]
            # What absolute modes leave to the source does not move here, either.
            kept = np.isin(np.arange(taken[0].size), what.kept).reshape(taken.shape[1:])
            found[name] = np.where(kept, driving.arrays[name], taken)
    return driving.with_arrays(found) if found else None
