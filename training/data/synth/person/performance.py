"""Head, face, gaze and speech as deterministic functions of (motion seed, time); nothing here knows who moves.

Every channel is value noise: random knots at a channel's own pace, joined by quintic curves (continuous
acceleration), the same 64 knots repeating. Blinks and saccades are events on the same clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..core.seeds import Array

ACTIONS: tuple[str, ...] = (
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
)
_INDEX = {name: index for index, name in enumerate(ACTIONS)}

Recipe = dict[str, float]
"""Actions by name, with their strengths."""

# Expressions that faces make as a whole; "X" stands for both sides.
_EXPRESSIONS: tuple[Recipe, ...] = (
    {"mouthSmileX": 0.9, "cheekSquintX": 0.6, "eyeSquintX": 0.3},
    {"mouthSmileX": 1.0, "cheekSquintX": 0.8, "jawOpen": 0.3, "mouthUpperUpX": 0.4, "eyeSquintX": 0.5},
    {"browInnerUp": 0.9, "browOuterUpX": 0.9, "eyeWideX": 0.8, "jawOpen": 0.45},
    {"browDownX": 0.9, "eyeSquintX": 0.5, "noseSneerX": 0.5, "mouthPressX": 0.5},
    {"browInnerUp": 0.8, "mouthFrownX": 0.7, "mouthShrugLower": 0.3},
    {"noseSneerX": 0.9, "mouthUpperUpX": 0.7, "browDownX": 0.5, "eyeSquintX": 0.4},
    {"mouthPucker": 0.9, "mouthFunnel": 0.2},
    {"cheekPuff": 0.8, "mouthPressX": 0.4},
    {"mouthLeft": 0.7, "mouthSmileLeft": 0.6, "browOuterUpLeft": 0.7},
    {"mouthRight": 0.7, "mouthSmileRight": 0.6, "browOuterUpRight": 0.7},
    {"mouthRollLower": 0.7, "mouthRollUpper": 0.5, "mouthPressX": 0.4},
    {"mouthStretchX": 0.8, "browInnerUp": 0.5, "eyeWideX": 0.5, "mouthLowerDownX": 0.4},
    {"mouthDimpleX": 0.7, "mouthShrugUpper": 0.4},
    {"jawLeft": 0.6, "jawOpen": 0.2},
    {"jawRight": 0.6, "jawOpen": 0.2},
    {"jawForward": 0.6, "browDownX": 0.5},
    {"tongueOut": 0.8, "jawOpen": 0.5},
    {"jawOpen": 0.9, "browInnerUp": 0.3, "mouthFunnel": 0.3},
)
# Mouth shapes that speech runs through.
_VISEMES: tuple[Recipe, ...] = (
    {"jawOpen": 0.55, "mouthLowerDownX": 0.3},
    {"jawOpen": 0.3, "mouthStretchX": 0.35, "mouthUpperUpX": 0.25},
    {"jawOpen": 0.3, "mouthFunnel": 0.7},
    {"mouthPucker": 0.6, "jawOpen": 0.12},
    {"mouthPressX": 0.5, "mouthRollLower": 0.2},
    {"mouthLowerDownX": 0.5, "jawOpen": 0.12, "mouthUpperUpX": 0.2},
)
KNOTS = 64


@dataclass(frozen=True)
class Pose:
    """N moments of one or many motions; angles in radians, lengths in metres."""

    rotation: Array
    """(N, 3): yaw (positive: to the person's left), pitch (positive: down), roll (positive: to the right shoulder)."""
    translation: Array
    """(N, 3) of the whole person."""
    actions: Array
    """(N, 52) in [0, 1], in the order of ACTIONS."""
    gaze: Array
    """(N, 2): the eyes' yaw and pitch relative to the head."""


def shapes(recipes: tuple[Recipe, ...]) -> Array:
    """(R, 52) of recipes; "X" at the end of a name stands for both sides."""
    table = np.zeros((len(recipes), len(ACTIONS)), np.float32)
    for row, recipe in enumerate(recipes):
        for name, value in recipe.items():
            for full in (name[:-1] + "Left", name[:-1] + "Right") if name.endswith("X") else (name,):
                table[row, _INDEX[full]] = value
    return table


def value_noise(knots: Array, time: Array, pace: float) -> Array:
    """Smooth curve (N, C) through knots (64, C), one every `pace` seconds, repeating."""
    position = time / pace
    whole = np.floor(position)
    f = (position - whole).astype(np.float32)[:, None]
    index = whole.astype(np.int64) % KNOTS
    blend = f * f * f * (f * (f * 6 - 15) + 10)
    return knots[index] * (1 - blend) + knots[(index + 1) % KNOTS] * blend


class Motion:
    """One motion: everything random is drawn here once, `at` is then a plain function of time."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng([0x4D0710, seed])
        self.rotation_knots = random.uniform(-1, 1, (KNOTS, 3)).astype(np.float32)
        self.amplitude = np.radians([50, 25, 20]) * random.uniform(0.35, 1, 3) ** np.array([0.7, 1, 1.3])
        self.rotation_pace = float(random.uniform(0.7, 1.8))
        self.translation_knots = random.uniform(-1, 1, (KNOTS, 3)).astype(np.float32)
        self.translation_range = np.array([0.045, 0.025, 0.06]) * random.uniform(0.2, 1, 3)
        self.translation_pace = float(random.uniform(0.9, 2.2))
        self.expression_knots = self._knots(random, len(_EXPRESSIONS), 0.22)
        self.expression_knots[:, :2] += 0.5 * self._knots(random, 2, 0.35)  # people smile more than they grimace
        self.expression_pace = float(random.uniform(0.6, 1.5))
        self.viseme_knots = self._knots(random, len(_VISEMES), 0.45)
        self.speech_knots = (random.random((KNOTS, 1)) < random.uniform(0.2, 0.9)).astype(np.float32)
        self.speech_pace = float(random.uniform(0.11, 0.18))
        self.gaze_knots = (random.uniform(-1, 1, (KNOTS, 2)) * np.radians([26, 15])).astype(np.float32)
        self.gaze_pace = float(random.uniform(0.5, 1.6))
        self.blink_pace = float(random.uniform(1.6, 4.0))
        self.blink_offset = random.uniform(0, 0.8, KNOTS).astype(np.float32)
        self.single_knots = (random.random((KNOTS, len(ACTIONS))) ** 4 * 0.55).astype(np.float32)
        # Most people who talk to a camera hardly turn from it; few swing about.
        energy = math.exp(random.uniform(math.log(0.3), 0))
        self.amplitude = self.amplitude * energy
        self.translation_range = self.translation_range * energy
        if random.random() < 0.12:  # and some look to the side, up to a profile
            self.amplitude[0] = math.radians(random.uniform(50, 70))
            self.rotation_pace = max(self.rotation_pace, 1.2)
        self.blink_length = random.uniform(0.12, 0.4, KNOTS)
        self.lead = float(random.uniform(0.1, 0.25))

    @staticmethod
    def _knots(random: np.random.Generator, count: int, share: float) -> Array:
        """Mostly rest, sometimes one or two shapes at a random strength."""
        active = random.random((KNOTS, count)) < share * 2.5 / count
        return (active * random.uniform(0.3, 1.0, (KNOTS, count))).astype(np.float32)

    def _blink(self, time: Array) -> Array:
        """(N,) lids' closing in [0, 1]: 0.12 to 0.4 s each, closing faster than opening, shut for a sixth of it."""
        cycle = np.floor(time / self.blink_pace)
        number = cycle.astype(np.int64) % KNOTS
        start = (cycle + self.blink_offset[number] * 0.9) * self.blink_pace
        phase = (time - start) / self.blink_length[number]
        rising = np.clip(phase / 0.3, 0, 1)
        falling = np.clip((1 - phase) / 0.54, 0, 1)
        closed = np.minimum(rising, falling)
        return (closed * closed * (3 - 2 * closed)).astype(np.float32)

    def _gaze(self, time: Array) -> Array:
        """(N, 2) saccades: still, then within 60 ms on the next target."""
        position = time / self.gaze_pace
        index = np.floor(position).astype(np.int64)
        part = np.clip((position - np.floor(position)) * self.gaze_pace / 0.06, 0, 1)[:, None].astype(np.float32)
        return self.gaze_knots[(index - 1) % KNOTS] * (1 - part) + self.gaze_knots[index % KNOTS] * part

    def at(self, time: Array) -> Pose:
        """The pose at times (N,) in seconds."""
        time = np.asarray(time, np.float64)
        rotation = value_noise(self.rotation_knots, time, self.rotation_pace) * self.amplitude
        translation = value_noise(self.translation_knots, time + 7.3, self.translation_pace) * self.translation_range
        # Eyes stay on what is looked at, and are there before the head is.
        coming = value_noise(self.rotation_knots, time + self.lead, self.rotation_pace) * self.amplitude - rotation
        gaze = self._gaze(time) - 0.35 * rotation[:, :2] + 0.8 * coming[:, :2]
        gaze = np.clip(gaze, -np.radians([32, 20]), np.radians([32, 20])).astype(np.float32)
        actions = value_noise(self.expression_knots, time + 3.1, self.expression_pace) @ shapes(_EXPRESSIONS)
        speech = value_noise(self.viseme_knots, time, self.speech_pace) @ shapes(_VISEMES)
        actions = actions + speech * value_noise(self.speech_knots, time, self.speech_pace * 6)
        actions = actions + 0.3 * value_noise(self.single_knots, time + 1.7, self.expression_pace * 1.3) * _SINGLES
        blink = self._blink(time)
        for side in ("Left", "Right"):
            actions[:, _INDEX["eyeBlink" + side]] = np.maximum(blink, actions[:, _INDEX["eyeBlink" + side]])
            yaw, pitch = gaze[:, 0] / math.radians(32), gaze[:, 1] / math.radians(20)
            outward = yaw if side == "Left" else -yaw
            actions[:, _INDEX["eyeLookOut" + side]] = outward.clip(0)
            actions[:, _INDEX["eyeLookIn" + side]] = (-outward).clip(0)
            actions[:, _INDEX["eyeLookDown" + side]] = pitch.clip(0)
            actions[:, _INDEX["eyeLookUp" + side]] = (-pitch).clip(0)
            squint = actions[:, _INDEX["eyeSquint" + side]]
            squint *= 1 - blink
            actions[:, _INDEX["eyeWide" + side]] *= 1 - blink
        return Pose(
            rotation.astype(np.float32), translation.astype(np.float32), actions.clip(0, 1).astype(np.float32), gaze
        )


def _single_actions() -> Array:
    """Actions that may also come alone, asymmetrically; gaze, lids' look and the tongue may not."""
    alone = np.ones(len(ACTIONS), np.float32)
    for name, index in _INDEX.items():
        if name.startswith(("eyeLook", "tongue", "eyeBlink", "mouthClose")):
            alone[index] = 0
    return alone


_SINGLES = _single_actions()


@lru_cache(maxsize=1024)
def motion(seed: int) -> Motion:
    """The motion of a seed, drawn once."""
    return Motion(seed)
