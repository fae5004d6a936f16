"""Parts of a face where a model's parameters say to which part they belong, rather than its points by their names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from checkpoints.parameters import Parameter
from runtime.control.parts import PARTS, Strengths
from runtime.motion.kinds import KINDS
from runtime.motion.modes import Motion


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
