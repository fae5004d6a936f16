"""How a photograph moves: a drawn person's performance, counted from the photograph's own pose and expression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.renderer import REST, SceneSpec
from ..core.seeds import Array, Draw
from ..person.performance import ACTIONS, KNOTS, Pose, motion, value_noise
from .portrait import Portrait

TURNS = np.radians([22, 14, 14])
"""Most yaw, pitch and roll from the photograph's own pose ..."""
_MOST = np.radians([34, 26, 36])
"""... and in all."""
_GAZE, _GLANCE = np.radians([32, 20]), np.radians([13, 7])
"""Most yaw and pitch of eyes in all, and from where they look in the photograph: an iris of five pixels that goes
farther is smeared over what the photograph does not show of it.
"""
_WAY = 0.6
"""Share of a performance's translation that is taken."""
_LIDS = tuple((ACTIONS.index("eyeBlink" + side)) for side in ("Left", "Right"))


def _kept(seed: int, time: float) -> float:
    """How much of the photograph's own expression is left: often all, at times nothing, so that smiles shut."""
    knots = Draw(0xE4B2, seed).generator.uniform(-0.5, 1.5, (KNOTS, 1)).clip(0, 1).astype(np.float32)
    return float(value_noise(knots, np.array([time]), 1.1)[0, 0])


def _softly(values: Array, most: Array) -> Array:
    """Values that approach `most`, and never pass it."""
    bounded: Array = most * np.tanh(values / most)
    return bounded


@dataclass(frozen=True)
class Acted:
    """What a photograph's person does at one moment."""

    pose: Pose
    left: Array
    """(1, 52): what of the photograph's own expression is left, ..."""
    kept: float
    """... which is so much of it."""


def moved_pose(spec: SceneSpec, portrait: Portrait, time: float) -> Acted:
    """At a time in seconds; the photograph itself at `REST`."""
    rest = portrait.rest
    if time == REST:
        return Acted(rest, rest.actions, 1.0)
    played = motion(spec.motion).at(np.array([time]))
    rotation = np.clip(rest.rotation + _softly(played.rotation, TURNS), -_MOST, _MOST)
    kept = _kept(spec.motion, time)
    left = rest.actions * kept
    left[:, list(_LIDS)] = rest.actions[:, list(_LIDS)]
    actions = (left + played.actions).clip(0, 1)
    for side, lid in enumerate(_LIDS):  # lids close fully whatever the photograph's opening
        own, closing = rest.actions[:, lid], played.actions[:, lid]
        actions[:, lid] = own + closing * (portrait.shut[side] - own)
    gaze = np.clip(rest.gaze + _softly(played.gaze, _GLANCE), -_GAZE, _GAZE)
    translation = rest.translation + _WAY * played.translation
    rows = (rotation, translation, actions, gaze)
    return Acted(Pose(*(np.asarray(row, np.float32) for row in rows)), np.asarray(left, np.float32), kept)
