"""Motions for the page's examples, made by hand: each begins at rest, ends there, and so repeats without a jump."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from training.data.synth.person.performance import ACTIONS, Pose

FRAMES, RATE = 50, 25

Motion = Callable[[int], Pose]
"""From the number of a frame to its pose."""
Actions = Mapping[str, float]
"""Facial actions by name; "X" stands for both sides."""

REST: Actions = {"mouthSmileX": 0.42, "cheekSquintX": 0.15, "eyeWideX": 0.1, "browInnerUp": 0.12, "mouthDimpleX": 0.1}
"""A slight smile, eyes open."""
_LIFTED: Actions = {"browInnerUp": 0.3, "browOuterUpX": 0.3}
_GLAD: Actions = {"mouthSmileX": 0.3, "cheekSquintX": 0.2}
_LAUGHING: Actions = {
    "mouthSmileX": 0.5, "cheekSquintX": 0.6, "jawOpen": 0.32, "mouthUpperUpX": 0.35, "eyeSquintX": 0.3,
}  # fmt: skip
_SHUT: Actions = {"eyeBlinkX": 1.0}
_SOUNDS: Mapping[str, Actions] = {
    "a": {"jawOpen": 0.42, "mouthLowerDownX": 0.25},
    "e": {"jawOpen": 0.22, "mouthStretchX": 0.3, "mouthUpperUpX": 0.2},
    "i": {"jawOpen": 0.12, "mouthLowerDownX": 0.4, "mouthUpperUpX": 0.15},
    "o": {"jawOpen": 0.22, "mouthFunnel": 0.55},
    "u": {"jawOpen": 0.1, "mouthPucker": 0.5},
    "m": {"mouthPressX": 0.35, "mouthRollLower": 0.15},
}
_SPOKEN = tuple(zip(range(4, 46, 4), "eamoiauemai", strict=True))


def pose_of(
    *parts: Actions | tuple[Actions, float],
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    gaze: tuple[float, float] = (0.0, 0.0),
) -> Pose:
    """The sum of some actions, each by its strength; angles in degrees, signs as in `Pose`."""
    actions = np.zeros((1, len(ACTIONS)), np.float32)
    for part in parts:
        recipe, strength = part if isinstance(part, tuple) else (part, 1.0)
        for name, value in recipe.items():
            for full in (name[:-1] + "Left", name[:-1] + "Right") if name.endswith("X") else (name,):
                actions[0, ACTIONS.index(full)] += value * strength
    turn, eyes = (np.radians([angles]).astype(np.float32) for angles in ((yaw, pitch, roll), gaze))
    return Pose(turn, np.zeros((1, 3), np.float32), actions.clip(0, 1), eyes)


def _wave(frame: int, times: float = 1, ahead: float = 0.0) -> float:
    """A sine that passes `times` times, 0 at the first frame."""
    return float(np.sin(2 * np.pi * times * frame / FRAMES + ahead) - np.sin(ahead))


def _swell(frame: int) -> float:
    """0 at both ends, 1 in the middle."""
    return float(np.sin(np.pi * frame / FRAMES) ** 2)


def _bump(frame: int, at: int, width: float) -> float:
    return float(np.exp(-2 * ((frame - at) / width) ** 2))


def _blink(frame: int, at: int) -> tuple[Actions, float]:
    return _SHUT, 0.9 * max(0.0, 1 - abs(frame - at) / 2.6)


def _nod(frame: int) -> Pose:
    swell = _swell(frame)
    pitch = 11 * swell * _wave(frame, 2) + 2 * swell
    eyes = (0.0, -0.5 * pitch)
    return pose_of(REST, (_GLAD, swell), _blink(frame, 30), pitch=pitch, roll=2 * swell * _wave(frame), gaze=eyes)


def _look_around(frame: int) -> Pose:
    return pose_of(
        REST, (_LIFTED, _bump(frame, 12, 9)), _blink(frame, 25),
        yaw=24 * _wave(frame), pitch=4 * _wave(frame, 2), roll=2 * _wave(frame), gaze=(-6 * _wave(frame, 1, 0.35), 0.0),
    )  # fmt: skip


def _sway(frame: int) -> Pose:
    yaw = 6 * _wave(frame, 1, 0.5)
    lively = (_GLAD, _swell(frame))
    return pose_of(REST, lively, _blink(frame, 40), yaw=yaw, roll=11 * _wave(frame), gaze=(-0.5 * yaw, 0.0))


def _talk(frame: int) -> Pose:
    swell = _swell(frame)
    sounds = [(_SOUNDS[sound], _bump(frame, at, 3.0)) for at, sound in _SPOKEN]
    less_smile = {"mouthSmileX": -0.12}
    return pose_of(
        REST, less_smile, *sounds, (_LIFTED, _bump(frame, 23, 5)), _blink(frame, 33),
        yaw=5 * swell * _wave(frame), pitch=3.5 * swell * _wave(frame, 2), roll=2 * swell * _wave(frame),
    )  # fmt: skip


def _laugh(frame: int) -> Pose:
    swell = _swell(frame)
    return pose_of(
        REST, (_LAUGHING, min(1.0, 1.25 * swell)), _blink(frame, 44),
        pitch=-5 * swell + 1.5 * swell * _wave(frame, 5), roll=5 * swell * _wave(frame, 1, 0.6),
    )  # fmt: skip


def greeting(frame: int) -> Pose:
    """Of twice as many frames: somebody turns about, talks, and smiles."""
    share = frame / (2 * FRAMES)
    yaw, roll = 14 * np.sin(4 * np.pi * share), 6 * np.sin(np.pi * share)
    sounds = [(_SOUNDS[sound], _bump(frame, at, 3.0)) for at, sound in _SPOKEN]
    blinks = [_blink(frame, at) for at in (34, 57, 91)]
    return pose_of(
        REST, *sounds, *blinks, (_LAUGHING, 0.8 * _bump(frame, 72, 14)), (_LIFTED, _bump(frame, 23, 5)),
        yaw=yaw, pitch=3 * np.sin(6 * np.pi * share), roll=roll, gaze=(-0.4 * yaw, 0.0),
    )  # fmt: skip


MOTIONS: Mapping[str, Motion] = {
    "nod": _nod,
    "look-around": _look_around,
    "sway": _sway,
    "talk": _talk,
    "laugh": _laugh,
}
