"""How cartoons move, from (motion seed, time) alone: walking, running, jumping, waving, dancing, standing.

Angles are in the world, not relative to the part before: 0 hangs straight down, positive swings forward. So the same
motion fits a person and a creature on four legs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..core.seeds import Array, Draw

ACTIONS = ("walk", "run", "jump", "wave", "dance", "stand")
CHANNELS = (
    "leg_near", "leg_far", "knee_near", "knee_far", "arm_near", "arm_far", "elbow_near", "elbow_far", "lean", "nod",
    "tail", "lift", "squash", "mouth",
)  # fmt: skip
"""Radians, but `lift` in leg lengths above the ground, `squash` as a share of the height, `mouth` in [0, 1]."""
_INDEX = {name: index for index, name in enumerate(CHANNELS)}


@dataclass(frozen=True)
class ToonPose:
    """One moment."""

    values: Array
    """(len(CHANNELS),)"""
    facing: float
    """-1 (left) to 1 (right); between them the figure turns round."""
    shift: float
    """Sideways, in figure heights."""
    lids: float
    """0 open, 1 closed."""
    gaze: Array
    """(2,) in [-1, 1]."""

    def __getitem__(self, channel: str) -> float:
        return float(self.values[_INDEX[channel]])


def _pulse(phase: float, start: float, end: float) -> float:
    """0 outside of (start, end), a smooth hump of height 1 inside."""
    part = np.clip((phase - start) / (end - start), 0, 1)
    return float(np.sin(np.pi * part) ** 2)


def _walk(phase: float, size: float) -> dict[str, float]:
    s, c = np.sin(phase), np.cos(phase)
    return {
        "leg_near": 0.5 * size * s, "leg_far": -0.5 * size * s,
        "knee_near": 0.15 + 0.7 * size * max(0.0, c) ** 2, "knee_far": 0.15 + 0.7 * size * max(0.0, -c) ** 2,
        "arm_near": -0.5 * size * s, "arm_far": 0.5 * size * s, "elbow_near": 0.3, "elbow_far": 0.3,
        "lean": 0.06, "nod": 0.05 * np.sin(2 * phase), "tail": 0.3 * s, "squash": 0.02 * np.cos(2 * phase),
    }  # fmt: skip


def _run(phase: float, size: float) -> dict[str, float]:
    s, c = np.sin(phase), np.cos(phase)
    return {
        "leg_near": 0.2 + 0.85 * size * s, "leg_far": 0.2 - 0.85 * size * s,
        "knee_near": 0.3 + 1.3 * size * max(0.0, c) ** 2, "knee_far": 0.3 + 1.3 * size * max(0.0, -c) ** 2,
        "arm_near": -0.9 * size * s, "arm_far": 0.9 * size * s, "elbow_near": 1.3, "elbow_far": 1.3,
        "lean": 0.28, "nod": -0.1, "tail": 0.5 + 0.4 * c, "lift": 0.16 * size * abs(c),
        "squash": 0.04 * np.cos(2 * phase),
    }  # fmt: skip


def _jump(phase: float, size: float) -> dict[str, float]:
    turn = phase / (2 * np.pi) % 1
    crouch, flight = _pulse(turn, 0, 0.34) + 0.8 * _pulse(turn, 0.8, 1.0), np.clip((turn - 0.28) / 0.54, 0, 1)
    up = 4 * flight * (1 - flight)
    return {
        "leg_near": 0.55 * crouch + 0.35 * up, "leg_far": 0.55 * crouch - 0.3 * up,
        "knee_near": 1.1 * crouch + 0.5 * up,
        "knee_far": 1.1 * crouch + 0.7 * up, "arm_near": -0.7 * crouch + 2.3 * up, "arm_far": -0.6 * crouch + 2.0 * up,
        "elbow_near": 0.4, "elbow_far": 0.4, "lean": 0.35 * crouch, "nod": -0.2 * up, "tail": 0.8 * up - 0.3,
        "lift": 0.75 * size * up, "squash": 0.10 * crouch - 0.06 * up, "mouth": 0.8 * up,
    }  # fmt: skip


def _wave(phase: float, size: float) -> dict[str, float]:
    return {
        "leg_near": 0.06, "leg_far": -0.06, "arm_near": 2.2 + 0.15 * size * np.sin(phase), "arm_far": -0.1,
        "elbow_near": 0.5 + 0.65 * size * np.sin(2 * phase), "elbow_far": 0.25, "lean": 0.05 * np.sin(phase / 2),
        "nod": 0.12 * np.sin(phase / 2), "tail": 0.5 * np.sin(2 * phase), "mouth": 0.5 + 0.5 * np.sin(phase / 2),
    }  # fmt: skip


def _dance(phase: float, size: float) -> dict[str, float]:
    s, c, beat = np.sin(phase), np.cos(phase), 0.5 - 0.5 * np.cos(2 * phase)
    return {
        "leg_near": 0.25 + 0.45 * size * max(0.0, s), "leg_far": -0.25 - 0.45 * size * max(0.0, -s),
        "knee_near": 0.3 + 0.8 * beat, "knee_far": 0.3 + 0.8 * beat, "arm_near": 1.6 + 0.9 * size * s,
        "arm_far": 1.6 - 0.9 * size * s, "elbow_near": 0.8 + 0.6 * c, "elbow_far": 0.8 - 0.6 * c,
        "lean": 0.2 * size * s, "nod": -0.25 * s, "tail": 0.7 * s, "squash": 0.06 * beat, "mouth": 0.4 * beat,
    }  # fmt: skip


def _stand(phase: float, size: float) -> dict[str, float]:
    slow = np.sin(phase / 3)
    return {
        "leg_near": 0.05, "leg_far": -0.05, "arm_near": 0.12 + 0.1 * slow, "arm_far": -0.12 - 0.1 * slow,
        "elbow_near": 0.2, "elbow_far": 0.2, "lean": 0.04 * slow, "nod": 0.2 * size * np.sin(phase / 2),
        "tail": 0.5 * np.sin(phase), "squash": 0.02 * np.sin(phase / 1.5), "mouth": max(0.0, np.sin(phase)),
    }  # fmt: skip


_POSES = {"walk": _walk, "run": _run, "jump": _jump, "wave": _wave, "dance": _dance, "stand": _stand}


class Gait:
    """One motion: actions in turn, each with its own pace, one flowing into the next."""

    def __init__(self, seed: int) -> None:
        draw = Draw(0x6A17, seed)
        self.actions = [ACTIONS[draw.pick(len(ACTIONS), (3, 2.5, 2, 1.5, 1.5, 0.8))] for _ in range(4)]
        if draw.chance(0.5):
            self.actions = self.actions[:1]
        self.pace = draw.between(0.7, 1.5)
        self.size = draw.between(0.75, 1.2)
        self.hold = draw.between(2.0, 4.0)
        self.phase = draw.between(0, 6.28)
        self.side = 1.0 if draw.chance(0.5) else -1.0
        self.turns = draw.chance(0.3)
        self.travel = np.array([draw.between(0, 0.35), draw.between(3, 7), draw.between(0, 6.28)])
        self.blink = np.array([draw.between(1.5, 4), draw.between(0, 3)])
        self.look = draw.generator.uniform(-1, 1, (2, 3))

    def _values(self, action: str, time: float) -> Array:
        rate = {"run": 1.6, "jump": 0.75}.get(action, 1.0) * self.pace
        found = _POSES[action](2 * np.pi * rate * time + self.phase, self.size)
        return np.array([found.get(name, 0.0) for name in CHANNELS])

    def at(self, time: float) -> ToonPose:
        """The pose at a time in seconds."""
        turn = time / self.hold
        now, after = (self.actions[(int(np.floor(turn)) + step) % len(self.actions)] for step in (0, 1))
        blend = float(np.clip((turn % 1 - 0.85) / 0.15, 0, 1))
        blend = blend * blend * (3 - 2 * blend)
        values = self._values(now, time) * (1 - blend)
        if blend:
            values = values + self._values(after, time) * blend
        path = 2 * np.pi * time / self.travel[1] + self.travel[2]
        facing = self.side * (float(np.tanh(6 * np.cos(path))) if self.turns else 1.0)
        closed = _pulse((time + self.blink[1]) % self.blink[0], 0, 0.24)
        gaze = np.sin(self.look[:, 0] * 2 * time + 3 * self.look[:, 1]) * self.look[:, 2]
        return ToonPose(values, facing, self.side * float(self.travel[0] * np.sin(path)), closed, gaze)


@lru_cache(maxsize=1024)
def gait(seed: int) -> Gait:
    """The motion of a seed, drawn once."""
    return Gait(seed)
