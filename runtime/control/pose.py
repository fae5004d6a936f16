"""A pose set by hand: what can be set, within which limits, and tracks of it, which move a face without any driver."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from checkpoints.errors import OptionError
from checkpoints.parameters import Parameter
from runtime.control.parts import Strengths, read_numbers
from runtime.motion.kinds import KINDS
from runtime.motion.modes import Motion
from runtime.values import Floats, is_number, plain

POSE = "pose"
"""Parameter of motion files that hold tracks of poses, and the family that they are of."""

_MOST = 1e6
"""Strength and values beyond which nothing more happens."""

_FAR = 0.45
"""Part of its way that a control moves where a motion is about it: brows that go along in a blink are not."""

MOST_TURN = 45.0
"""Degrees. What a model shows well ends at about 30."""

CONTROLS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("yaw", "pitch", "roll"), (-MOST_TURN, MOST_TURN)),
    **dict.fromkeys(("mouth", "smile"), (-1.0, 1.0)),
    "pucker": (0.0, 1.0),
    **dict.fromkeys(("eyes", "wink", "brows", "gaze_x", "gaze_y"), (-1.0, 1.0)),
}
"""What can be set, with its least and largest value; 0 is the picture as it is.

* yaw, pitch, roll: degrees, as seen in the picture: to the right, up, clockwise.
* mouth: open (1), or shut where it is open in the picture (-1).
* smile: corners of the mouth up (1) or down (-1). pucker: rounded lips.
* eyes: wide (1) or shut (-1), both. wink: shuts the eye on the picture's right (1) or on its left (-1).
* brows: up (1) or down (-1).
* gaze_x, gaze_y: to the picture's right, up.
"""

_PART: Mapping[str, str] = {
    **dict.fromkeys(("yaw", "pitch", "roll"), "head"),
    **dict.fromkeys(("mouth", "smile", "pucker"), "mouth"),
    **dict.fromkeys(("eyes", "wink"), "eyes"),
    "brows": "brows",
    **dict.fromkeys(("gaze_x", "gaze_y"), "gaze"),
}

TRACK = Parameter("coefficient", (len(CONTROLS),), tuple(CONTROLS), tuple(CONTROLS.values()))
"""How a track of poses is declared."""

Pose = Mapping[str, float]


def check_pose(pose: Pose) -> None:
    """Raises `OptionError` unless `pose` holds numbers within their limits, under names of `CONTROLS`."""
    if not isinstance(pose, Mapping):
        raise OptionError(f"pose is {pose!r}; it must be numbers by name, such as yaw=10,mouth=0.5.")
    for name, value in pose.items():
        if name not in CONTROLS:
            raise OptionError(f'pose has "{name}"; choose some of {", ".join(CONTROLS)}.')
        low, high = CONTROLS[name]
        value = plain(value)
        if not is_number(value) or not low <= value <= high:
            raise OptionError(f"pose has {name}={value!r}; it must be a number from {low:g} to {high:g}.")


def read_pose(word: str) -> dict[str, float]:
    """The pose that is written as "yaw=10,mouth=0.5". Raises `OptionError` for words that are none; whether the numbers
    can be, `check_pose` knows.
    """
    return read_numbers("pose", word)


def as_row(pose: Pose) -> Floats:
    """(1, N): the values of all controls in their order."""
    return np.array([[pose.get(name, 0.0) for name in CONTROLS]], np.float32)


def is_track(motion: Motion) -> bool:
    """Whether `motion` is a track of poses: a model may well have a parameter of the name, of numbers of its own."""
    what = motion.parameters.get(POSE)
    alone = len(motion.parameters) == 1
    return what is not None and alone and what.kind == "coefficient" and CONTROLS.keys() >= set(what.names)


def track(motion: Motion) -> Floats:
    """(T, N): the values of all controls in their order, of a `motion` that is a track of poses (`is_track`)."""
    names = motion.parameters[POSE].names
    found = np.zeros((len(motion), len(CONTROLS)), np.float32)
    found[:, [list(CONTROLS).index(name) for name in names]] = motion.arrays[POSE]
    return found


def shown(motion: Motion) -> tuple[str, ...]:
    """The controls that a track of poses is about: what it moves far, of what each can."""
    peaks = np.abs(track(motion)).max(axis=0) / [high for _, high in CONTROLS.values()]
    return tuple(name for name, peak in zip(CONTROLS, peaks, strict=True) if peak > _FAR)


def resampled(motion: Motion, before: float, after: float) -> Motion:
    """A track of `before` frames a second as one of `after`, of the same length."""
    values = track(motion)
    count = max(1, round(len(values) * after / before))
    at = np.arange(count) * before / after
    # What comes after the last frame is the first one, where a track is played in a circle.
    circle = np.concatenate([values, values[:1]])
    places = np.arange(len(circle))
    return as_motion(np.stack([np.interp(at, places, row) for row in circle.T], 1).astype(np.float32))


def as_motion(values: Floats) -> Motion:
    """A motion of the track `values` (T, N)."""
    return Motion.of({POSE: values}, {POSE: TRACK})


def weighed(values: Floats, strengths: Strengths, base: Floats) -> Floats:
    """`values` (T, N), each by the strength of its part, on top of the pose `base` (1, N), within their limits."""
    weights = np.array([min(getattr(strengths, _PART[name]), _MOST) for name in CONTROLS], np.float32)
    values = np.clip(values, -_MOST, _MOST)
    return KINDS["coefficient"].since(base, values * weights, np.zeros_like(base), 1.0, 1.0, TRACK)
