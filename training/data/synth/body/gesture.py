"""What a body does, as deterministic functions of (motion seed, time); nothing here knows who moves.

Arms go from gesture to gesture, each arm's shoulder, elbow, wrist and fingers as joint angles; trunk, hips and legs
lean, turn, shift their weight and walk in place. Face and head are `person/performance.py`'s, from the same seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..core.seeds import Array, Draw
from ..person.performance import KNOTS, value_noise

ARM_ANGLES = ("elevation", "plane", "roll", "elbow", "pronation", "wrist", "wrist_side")
"""Of an arm: from hanging (0) to overhead (180 degrees); in which plane (0: sideways, 90: forward); turned inwards
about its own axis; then elbow, forearm turned inwards, hand bent towards the palm, hand bent towards the thumb."""
# Curl of thumb, index, middle, ring and little finger (0: straight, 1: in the palm), and how far they are spread.
_HANDS: dict[str, tuple[float, ...]] = {
    "loose": (0.25, 0.25, 0.32, 0.36, 0.4, 0.1), "open": (0.0, 0.05, 0.05, 0.08, 0.1, 0.8),
    "flat": (0.1, 0.02, 0.0, 0.0, 0.02, 0.0), "fist": (0.75, 0.95, 0.95, 0.95, 0.95, 0.0),
    "point": (0.6, 0.0, 0.9, 0.92, 0.95, 0.0), "thumb": (0.0, 0.95, 0.95, 0.95, 0.95, 0.0),
    "pinch": (0.55, 0.55, 0.3, 0.25, 0.2, 0.3), "two": (0.7, 0.0, 0.02, 0.9, 0.9, 0.7),
}  # fmt: skip


@dataclass(frozen=True)
class _Gesture:
    """One arm's pose in degrees, a hand, and a beat: what swings by how much, how often a second."""

    angles: tuple[float, ...]
    hand: str
    beat: tuple[tuple[str, float], ...] = ()
    pace: float = 1.0


_GESTURES: dict[str, _Gesture] = {
    "hang": _Gesture((7, 30, 8, 14, 8, 0, 0), "loose"),
    "hip": _Gesture((43, -18, 58, 98, 0, 15, -15), "fist"),
    "fold_over": _Gesture((27, 60, 66, 104, 20, 5, 0), "flat"),
    "fold_under": _Gesture((20, 66, 66, 98, 0, 0, 0), "loose"),
    "clasp": _Gesture((13, 50, 46, 66, 15, 10, 0), "loose"),
    "behind": _Gesture((20, -75, 52, 48, 0, 0, 0), "loose"),
    "talk_low": _Gesture((15, 45, 18, 72, -20, 0, 5), "loose", (("elbow", 10), ("roll", 8)), 0.8),
    "talk_open": _Gesture((24, 45, 2, 84, -60, -8, 0), "open", (("elbow", 9), ("roll", 10)), 0.9),
    "talk_high": _Gesture((34, 62, 4, 112, -20, 0, 0), "pinch", (("elbow", 8), ("elevation", 4)), 1.1),
    "wave": _Gesture((68, 36, -58, 104, 15, 0, 0), "open", (("roll", 17), ("wrist_side", 14)), 1.8),
    "wave_high": _Gesture((138, 28, -10, 34, 10, 0, 0), "open", (("roll", 20), ("elbow", 12)), 1.5),
    "raise": _Gesture((166, 30, 0, 10, 0, 0, 0), "flat"),
    "point_front": _Gesture((74, 66, 5, 8, 30, 0, 0), "point"),
    "point_side": _Gesture((80, 12, 0, 8, 30, 0, 0), "point"),
    "point_up": _Gesture((46, 62, -28, 124, 0, 0, 0), "point", (("elbow", 6),), 1.2),
    "thumb": _Gesture((28, 56, 10, 98, 0, 0, 10), "thumb"),
    "two": _Gesture((42, 52, -34, 126, 15, 0, 0), "two"),
    "chest": _Gesture((30, 52, 70, 116, 15, 5, 0), "flat"),
    "chin": _Gesture((36, 78, 40, 138, 0, 10, 0), "fist"),
    "ear": _Gesture((50, 48, -12, 142, 10, 10, 0), "loose"),
    "shrug": _Gesture((26, 18, -16, 86, -85, -15, 0), "open", (("elevation", 5),), 0.6),
    "stop": _Gesture((58, 74, -6, 82, 40, -50, 0), "flat"),
    "fist": _Gesture((38, 62, -12, 122, 0, 0, 0), "fist", (("elbow", 12),), 1.4),
    "clap": _Gesture((30, 66, 30, 90, 0, 0, 0), "flat", (("roll", 12),), 2.0),
    "strong": _Gesture((84, 14, -76, 112, -20, 15, 0), "fist", (("elbow", 6),), 0.7),
    "wide": _Gesture((74, 16, -8, 18, -40, 0, 0), "open"),
}  # fmt: skip
NAMES = tuple(_GESTURES)
# Left and right arm, and how common; a pair may come mirrored.
_PAIRS: tuple[tuple[str, str, float], ...] = (
    ("hang", "hang", 2.5), ("hip", "hip", 1), ("fold_over", "fold_under", 1.5), ("clasp", "clasp", 1.5),
    ("behind", "behind", 0.4), ("talk_low", "talk_low", 1.5), ("talk_open", "talk_open", 2),
    ("talk_high", "talk_low", 1), ("talk_high", "talk_high", 0.8), ("talk_open", "hang", 1.2),
    ("talk_high", "hang", 0.8), ("wave", "hang", 1.5),
    ("wave", "hip", 0.5), ("wave_high", "hang", 0.8), ("raise", "hang", 0.7), ("raise", "raise", 0.4),
    ("point_front", "hang", 0.8), ("point_side", "hang", 0.7), ("point_side", "hip", 0.4), ("point_up", "hang", 0.6),
    ("point_up", "hip", 0.4), ("thumb", "hang", 0.6), ("thumb", "thumb", 0.3), ("two", "hang", 0.5),
    ("chest", "hang", 0.6), ("chest", "talk_open", 0.4), ("chin", "fold_under", 0.7), ("ear", "hang", 0.5),
    ("shrug", "shrug", 0.8), ("stop", "hang", 0.6), ("fist", "hang", 0.5), ("fist", "fist", 0.4),
    ("clap", "clap", 0.6), ("strong", "strong", 0.3), ("wide", "wide", 0.6),
)  # fmt: skip
_BEAT_PHASE = 0.6
"""Turns by which one arm's beat lags behind the other's."""


def _tables() -> tuple[Array, Array, Array, Array]:
    """Of every gesture: angles (G, 7) in radians, hand (G, 6), beat (G, 7) in radians, and its pace (G,) in Hz."""
    angles = np.radians([g.angles for g in _GESTURES.values()])
    hands = np.array([_HANDS[g.hand] for g in _GESTURES.values()])
    beats = np.zeros_like(angles)
    for row, gesture in enumerate(_GESTURES.values()):
        for name, degrees in gesture.beat:
            beats[row, ARM_ANGLES.index(name)] = np.radians(degrees)
    return angles, hands, beats, np.array([g.pace for g in _GESTURES.values()])


_ANGLES, _CURLS, _BEATS, _PACES = _tables()


@dataclass(frozen=True)
class BodyPose:
    """N moments; angles in radians, lengths in shares of a leg. Left before right."""

    arms: Array
    """(N, 2, 7), see ARM_ANGLES."""
    fingers: Array
    """(N, 2, 6): curls of five fingers, spread."""
    spine: Array
    """(N, 3) yaw, pitch, roll of the shoulders against the hips, signs as in `motion.Pose`."""
    turn: Array
    """(N, 3) yaw, pitch and roll of the whole person about the hips."""
    legs: Array
    """(N, 2, 2): thigh forward, knee bent."""
    shift: Array
    """(N, 3) of the hips: left, down, back."""


def _smooth(share: Array) -> Array:
    share = np.clip(share, 0, 1)
    return share * share * share * (share * (share * 6 - 15) + 10)


class Gestures:
    """One body's motion: everything random is drawn here once, `at` is then a plain function of time."""

    def __init__(self, seed: int) -> None:
        draw = Draw(0xB0D1E5, seed)
        weights = np.array([weight for *_, weight in _PAIRS])
        chosen = draw.generator.choice(len(_PAIRS), KNOTS, p=weights / weights.sum())
        pairs = np.array([[NAMES.index(left), NAMES.index(right)] for left, right, _ in _PAIRS])[chosen]
        mirrored = draw.generator.random(KNOTS) < 0.5
        self.gestures = np.where(mirrored[:, None], pairs[:, ::-1], pairs)
        self.jitter = np.radians(draw.generator.normal(0, 1, (KNOTS, 2, 7)).clip(-2, 2) * [4, 6, 5, 5, 7, 5, 4])
        self.pace = draw.between(1.1, 2.6)
        """Seconds from gesture to gesture."""
        self.transit = draw.between(0.5, 0.9)
        self.tempo = draw.between(0.75, 1.25)
        self.sway_knots = draw.generator.uniform(-1, 1, (KNOTS, 16))
        self.sway_pace = draw.between(1.2, 2.8)
        calm = draw.between(0.25, 1.0)
        self.spine = np.radians([24, 13, 9]) * calm
        self.turning = np.radians(draw.between(15, 85)) if draw.chance(0.45) else np.radians(draw.between(2, 15))
        self.facing = np.radians(180.0) * draw.chance(0.04)
        self.walking = draw.chance(0.3)
        self.cadence = draw.between(0.75, 1.1)
        """Strides (two steps) a second."""
        self.stride = np.radians(draw.between(14, 30))
        self.swing = draw.between(0.5, 1.2)

    def _sway(self, time: Array, first: int, count: int, pace: float = 1.0) -> Array:
        return value_noise(self.sway_knots[:, first : first + count], time + 2.9 * first, self.sway_pace * pace)

    def _arms(self, time: Array) -> tuple[Array, Array]:
        position = time / self.pace
        now = np.floor(position).astype(np.int64)
        part = (position - now) * self.pace
        share = _smooth(part / min(self.transit, self.pace))[:, None, None]
        before, after = self.gestures[(now - 1) % KNOTS], self.gestures[now % KNOTS]
        was, towards = (
            _ANGLES[which] + self.jitter[index % KNOTS] for which, index in ((before, now - 1), (after, now))
        )
        angles = was * (1 - share) + towards * share
        hands = _CURLS[before] * (1 - share) + _CURLS[after] * share
        ending = _smooth((self.pace - part) / 0.25)[:, None, None]
        phase = time[:, None] * _PACES[after] * self.tempo + np.array([0.0, _BEAT_PHASE])
        angles = angles + _BEATS[after] * (share * ending * np.sin(2 * np.pi * phase)[..., None])
        angles[..., :4] += np.radians(3) * self._sway(time, 0, 8, 0.7).reshape(-1, 2, 4)
        return angles, hands

    def _walk(self, time: Array, arms: Array) -> tuple[Array, Array]:
        """Legs (N, 2, 2) and the hips' way (N, 3); arms that hang swing with the legs, in place."""
        phase = 2 * np.pi * self.cadence * time[:, None] + np.array([0.0, np.pi])
        forward = np.sin(phase)
        lifted = np.clip(np.cos(phase), 0, None)
        legs = np.stack([self.stride * (0.35 + forward), 0.12 + self.stride * 2.2 * lifted**1.5], -1)
        hanging = np.clip(1 - arms[..., 3] / np.radians(45), 0, 1) * (arms[..., 0] < np.radians(40))
        across = np.radians(26) * self.swing * np.sin(phase + np.pi) * hanging
        arms[..., 1] = arms[..., 1] * (1 - hanging) + np.radians(90) * hanging
        arms[..., 0] = arms[..., 0] * (1 - 0.7 * hanging) + across
        arms[..., 3] += np.radians(14) * hanging * (1 + np.sin(phase + np.pi))
        bob = np.stack([0.02 * np.sin(phase[:, 0]), 0.016 * np.cos(2 * phase[:, 0]), 0 * phase[:, 0]], -1)
        return legs, bob

    def at(self, time: Array) -> BodyPose:
        """The pose at times (N,) in seconds."""
        time = np.asarray(time, np.float64)
        arms, fingers = self._arms(time)
        spine = self._sway(time, 8, 3) * self.spine
        turn = self._sway(time, 11, 3, 1.6) * [self.turning, 0.02, 0.02]
        turn[:, 0] += self.facing
        weight = self._sway(time, 14, 2, 1.3)
        legs: Array = np.zeros((len(time), 2, 2))
        shift = np.stack([0.06 * weight[:, 0], 0.004 * weight[:, 1] ** 2, 0.02 * weight[:, 1]], -1)
        if self.walking:
            legs, bob = self._walk(time, arms)
            shift = shift * 0.5 + bob
            spine[:, 0] += 0.09 * np.sin(2 * np.pi * self.cadence * time)
        return BodyPose(*(v.astype(np.float32) for v in (arms, fingers, spine, turn, legs, shift)))


@lru_cache(maxsize=1024)
def gestures(seed: int) -> Gestures:
    """The body's motion of a seed, drawn once."""
    return Gestures(seed)
