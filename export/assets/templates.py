"""The motions that come with the engine (`runtime/control/templates.py`), as tracks of poses:

    python -m export.assets.templates runtime/assets/templates

Most are keys, between which everything eases in and out; what is to look like a person who goes on for a while is taken
from the drawn people's performances. All end as they began, so that they can be played again and again.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.control.pose import CONTROLS, POSE, as_motion
from runtime.motion.file import SUFFIX, MotionFile, save_motion
from runtime.motion.seamless import cross_faded
from training.data.synth.person.performance import ACTIONS, motion

RATE = 25
"""Frames a second."""

Keys = Sequence[tuple[float, float]]
"""Seconds and values."""

_BLINK: Keys = ((0.0, 0.0), (0.1, -1.0), (0.14, -1.0), (0.32, 0.0))


def _after(seconds: float, keys: Keys, times: float = 1.0) -> Keys:
    return [(seconds + at, times * value) for at, value in keys]


_SYLLABLES = [(0.7 + 0.2 * number, (0.75, 0.3)[number % 2] * 0.88**number) for number in range(9)]

TRACKS: Mapping[str, tuple[float, Mapping[str, Keys]]] = {
    "blink": (2.0, {"eyes": _after(0.5, _BLINK), "brows": [(0.5, 0), (0.62, -0.15), (0.9, 0)]}),
    "nod": (
        2.2,
        {
            "pitch": [(0.1, 0), (0.42, -11), (0.8, 2.5), (1.14, -8), (1.75, 0)],
            "gaze_y": [(0.1, 0), (0.42, 0.35), (0.8, -0.05), (1.14, 0.25), (1.75, 0)],
            "eyes": _after(1.5, _BLINK),
        },
    ),
    "shake": (
        2.4,
        {
            "yaw": [(0.1, 0), (0.4, -11), (0.86, 11), (1.3, -9), (1.7, 6), (2.15, 0)],
            "gaze_x": [(0.1, 0), (0.4, 0.4), (0.86, -0.4), (1.3, 0.35), (1.7, -0.2), (2.15, 0)],
            "brows": [(0.1, 0), (0.6, -0.3), (1.6, -0.3), (2.1, 0)],
        },
    ),
    "smile": (
        3.6,
        {
            "smile": [(0.2, 0), (0.9, 0.85), (1.5, 0.95), (2.4, 0.85), (3.3, 0)],
            "eyes": [(0.3, 0), (1.0, -0.12), (2.4, -0.12), (3.2, 0)],
            "brows": [(0.2, 0), (0.9, 0.25), (2.4, 0.15), (3.2, 0)],
            "pitch": [(0.2, 0), (1.1, 2), (2.4, 1.5), (3.4, 0)],
            "roll": [(0.2, 0), (1.3, -3), (2.4, -2.5), (3.4, 0)],
        },
    ),
    "wink": (
        1.8,
        {
            "wink": [(0.4, 0), (0.54, 1), (0.72, 1), (0.95, 0)],
            "smile": [(0.3, 0), (0.65, 0.5), (1.0, 0.45), (1.6, 0)],
            "brows": [(0.35, 0), (0.6, -0.25), (0.8, -0.2), (1.2, 0)],
            "roll": [(0.2, 0), (0.62, 4), (0.9, 4), (1.6, 0)],
            "pitch": [(0.2, 0), (0.62, -3), (0.9, -2), (1.5, 0)],
        },
    ),
    "look": (
        5.0,
        {
            "gaze_x": [(0.2, 0), (0.32, -0.9), (0.8, -0.45), (1.45, -0.45), (1.6, 0.9), (2.2, 0.45), (2.9, 0.45),
                       (3.02, 0)],
            "gaze_y": [(2.9, 0), (3.02, 0.9), (3.5, 0.6), (4.1, 0.6), (4.22, 0)],
            "yaw": [(0.25, 0), (0.85, -14), (1.5, -14), (2.25, 14), (2.95, 13), (3.6, 1), (4.6, 0)],
            "pitch": [(2.95, 0), (3.6, 8), (4.1, 8), (4.75, 0)],
            "brows": [(2.95, 0), (3.4, 0.5), (4.1, 0.5), (4.6, 0)],
            "eyes": [*_after(1.46, _BLINK), *_after(4.12, _BLINK)],
        },
    ),
    "surprise": (
        2.8,
        {
            "brows": [(0.2, 0), (0.45, 1), (1.5, 0.9), (2.3, 0)],
            "eyes": [(0.2, 0), (0.45, 1), (1.4, 0.9), (1.7, 0), *_after(1.75, _BLINK)],
            "mouth": [(0.25, 0), (0.6, 0.55), (1.4, 0.45), (2.2, 0)],
            "pucker": [(0.25, 0), (0.6, 0.3), (1.4, 0.25), (2.2, 0)],
            "pitch": [(0.2, 0), (0.55, 4), (1.5, 3), (2.5, 0)],
        },
    ),
    "laugh": (
        4.0,
        {
            "smile": [(0.1, 0), (0.6, 0.9), (2.6, 0.9), (3.8, 0)],
            "mouth": [(0.2, 0), (0.5, 0.5), *_SYLLABLES, (2.7, 0.15), (3.6, 0)],
            "eyes": [(0.2, 0), (0.7, -0.35), (2.4, -0.3), (3.5, 0)],
            "brows": [(0.2, 0), (0.7, 0.35), (2.4, 0.2), (3.5, 0)],
            "pitch": [(0.2, 0), (0.8, 9), (1.2, 6.5), (1.6, 8), (2.0, 5), (2.6, 3), (3.7, 0)],
            "roll": [(0.2, 0), (1.0, 4), (2.0, -2), (3.7, 0)],
        },
    ),
}  # fmt: skip
"""Length in seconds, and keys of the controls."""


def eased(keys: Keys, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """The value at each of the `times`, at rest in every key, on cubic ways between them; beyond the ends as there."""
    at, values = np.array(keys, np.float64).T
    index = np.clip(np.searchsorted(at, times, "right") - 1, 0, len(at) - 2)
    way = np.clip((times - at[index]) / (at[index + 1] - at[index]), 0, 1)
    return values[index] + way * way * (3 - 2 * way) * (values[index + 1] - values[index])


def by_keys(seconds: float, tracks: Mapping[str, Keys]) -> NDArray[np.float32]:
    """(T, N): values of all controls."""
    times = np.arange(round(seconds * RATE)) / RATE
    found = np.zeros((len(times), len(CONTROLS)))
    for name, keys in tracks.items():
        found[:, list(CONTROLS).index(name)] = eased(keys, times)
    return found.astype(np.float32)


def performed(seed: int, seconds: float, *, speech: float, head: float, start: float = 0.0) -> NDArray[np.float32]:
    """(T, N): what the drawn person of that motion `seed` does, made a circle. `speech` and `head`: how much of what
    mouth and head do.
    """
    fade = RATE // 2
    times = start + np.arange(round(seconds * RATE) + fade) / RATE
    pose = motion(seed).at(times)
    does = {name: pose.actions[:, index] for index, name in enumerate(ACTIONS)}
    degrees = head * np.degrees(pose.rotation - pose.rotation.mean(0))
    opens = does["jawOpen"] + 0.4 * does["mouthLowerDownLeft"]
    closes = 0.6 * does["mouthPressLeft"]
    values = {
        "yaw": degrees[:, 0], "pitch": -degrees[:, 1], "roll": degrees[:, 2],
        "mouth": speech * np.clip(opens - closes, 0, 1),
        "pucker": speech * (does["mouthPucker"] + 0.5 * does["mouthFunnel"]),
        "smile": speech * 0.4 * (does["mouthStretchLeft"] + does["mouthSmileLeft"]),
        "brows": 0.6 * speech * (does["browInnerUp"] - does["browDownLeft"]),
        "eyes": -does["eyeBlinkLeft"],
        "gaze_x": 0.5 * np.degrees(pose.gaze[:, 0]) / 32, "gaze_y": -0.4 * np.degrees(pose.gaze[:, 1]) / 20,
    }  # fmt: skip
    track = np.zeros((len(times), len(CONTROLS)))
    for name, value in values.items():
        low, high = CONTROLS[name]
        track[:, list(CONTROLS).index(name)] = np.clip(value, low, high)
    whole = as_motion(track.astype(np.float32))
    circle = cross_faded(whole[fade:], whole[:fade], fade).arrays[POSE]
    units = np.array([high for _, high in CONTROLS.values()])
    away, steps = circle / units, np.diff(circle / units, axis=0, prepend=circle[-1:] / units)
    # It begins nearest to the picture, and not in the middle of a saccade.
    cost = (away**2).sum(1) + 20 * ((steps**2).sum(1) + (np.roll(steps, -1, 0) ** 2).sum(1))
    return np.roll(circle, -int(cost.argmin()), axis=0)


def build() -> dict[str, NDArray[np.float32]]:
    """All of them by name."""
    tracks = {name: by_keys(*keys) for name, keys in TRACKS.items()}
    tracks["talk"] = performed(11, 6.0, speech=0.9, head=0.25)
    tracks["idle"] = performed(3, 8.0, speech=0.0, head=0.1)
    return dict(sorted(tracks.items()))


def main(folder: Path) -> None:
    """Write a motion file for each."""
    folder.mkdir(exist_ok=True)
    for name, values in build().items():
        recorded = MotionFile(as_motion(values), Fraction(RATE), POSE, "bunraku", "")
        save_motion(folder / f"{name}{SUFFIX}", recorded)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
