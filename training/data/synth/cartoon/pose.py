"""A cartoon in a pose: where the axes of its parts are."""

from __future__ import annotations

import numpy as np

from ..core.seeds import Array
from .figure import AXIS, INDEX, PARTS, capsules
from .gait import ToonPose
from .identity import Toon

_T = np.linspace(0, 1, AXIS)[:, None]


def _down(angle: float) -> Array:
    """Unit vector that hangs down at angle 0 and points forward at pi/2."""
    return np.array([np.sin(angle), np.cos(angle)])


def _straight(start: Array, end: Array) -> Array:
    return start + (end - start) * _T


def _bent(root: Array, joint: Array, end: Array) -> Array:
    """A curve from root to end through the joint, as rubber hoses bend."""
    control = 2 * joint - (root + end) / 2
    return root * (1 - _T) ** 2 + control * (2 * _T * (1 - _T)) + end * _T**2


def _limb(root: Array, length: float, upper: float, lower: float) -> Array:
    joint = root + _down(upper) * length / 2
    return _bent(root, joint, joint + _down(lower) * length / 2)


def _head(toon: Toon, pose: ToonPose, base: Array, axes: dict[str, Array]) -> None:
    """Head, hair, hat, ears and face above `base`."""
    size, long = float(toon.widths[INDEX["head"]].max()), toon.lengths["head"]
    tilt = pose["nod"] + 0.4 * pose["lean"]
    up, front = -_down(-tilt), np.array([np.cos(tilt), np.sin(tilt)])
    chin = base + up * size * 0.7
    middle = chin + up * long / 2

    def at(forward: float, above: float) -> Array:
        return middle + front * (forward * size) + up * (above * size)

    axes["head"] = _straight(chin, chin + up * max(long, 0.004))
    person, high = toon.creature == "person", long / size / 2
    axes["hat"] = _straight(at(-0.05, 0.95 + high), at(-0.05, 0.95 + high) + up * toon.lengths["hat"])
    axes["hair"] = _bent(at(-0.62, 0.35 + high * 0.5), at(-0.1, 0.72 + high), at(0.5, 0.55 + high))
    axes["hair_back"] = _straight(at(-0.45, 0.4), at(-0.55, 0.4) - up * toon.lengths["hair_back"])
    ear = toon.lengths["ear"]
    for name, forward in (("ear_near", -0.3), ("ear_far", 0.25)):
        root = at(-0.25, -0.05) if person else at(forward, 0.7 + high)
        lean = front * (-0.35 if name == "ear_near" else 0.15) * (not person)
        sway = front * (0.25 * pose["nod"] - 0.4 * pose["lift"]) * (not person)
        axes[name] = _bent(root, root + (up + lean) * ear / 2, root + (up + lean + sway) * ear)
    reach, low = toon.lengths["snout"], 0.0 if person else -0.2
    axes["snout"] = _straight(at(0.62, low), at(0.62, low) + front * reach)
    tip = at(0.62, low) + front * (reach + float(toon.widths[INDEX["snout"]][-1]) * 0.8)
    axes["nose"] = _straight(tip + up * 0.01, tip + up * 0.014)
    wide = toon.lengths["mouth"]
    axes["mouth"] = _straight(at(0.15, -0.62), at(0.15, -0.62) + front * wide + up * 0.2 * wide * (1 - pose["mouth"]))
    height, eye = 0.28 + 0.3 * high, toon.lengths["eye"]
    for name, forward in (("near", 0.1), ("far", 0.56)):
        centre = at(forward, height)
        axes["eye_" + name] = _straight(centre - up * eye / 2, centre + up * (eye / 2 + 0.002))
        wander = float(toon.widths[INDEX["eye_near"]][0]) * 0.35
        pupil = centre + (front * (0.5 + pose.gaze[0]) - up * pose.gaze[1]) * wander
        axes["pupil_" + name] = _straight(pupil - up * 0.25 * eye, pupil + up * (0.25 * eye + 0.002))


def _limbs(toon: Toon, pose: ToonPose, hip: Array, shoulder: Array, axes: dict[str, Array]) -> None:
    wide, four = float(toon.widths[INDEX["body"]].mean()), toon.creature == "quadruped"
    for name, side in (("near", -1.0), ("far", 1.0)):
        apart = np.array([0.3 * wide * side, 0.0])
        upper = pose["leg_" + name] * (0.75 if four else 1.0)
        lower = upper - pose["knee_" + name] * (0.8 if four else 1.0)
        start = hip + apart * 0.8 + np.array([0, 0.35 * wide])
        axes["leg_" + name] = _limb(start, toon.lengths["leg"], upper, lower)
        heel = axes["leg_" + name][-1]
        roll = -0.5 * lower
        axes["foot_" + name] = _straight(
            heel, heel + np.array([np.cos(roll), -np.sin(roll) * 0.6]) * toon.lengths["foot"]
        )
        arm, bend = pose["arm_" + name], pose["elbow_" + name]
        if four:
            arm, bend = float(np.clip(0.8 * arm, -0.7, 1.1)), -0.5 * bend
        elif toon.creature == "bird":
            arm, bend = 0.8 * arm - 0.9, 0.3 * bend
        root = shoulder + apart * (0.5 if four else 1.1)
        axes["arm_" + name] = _limb(root, toon.lengths["arm"], arm, arm + bend)
        wrist = axes["arm_" + name][-1]
        axes["hand_" + name] = _straight(wrist, wrist + _down(arm + bend) * toon.lengths["hand"])


def pose_figure(toon: Toon, pose: ToonPose) -> Array:
    """(FIGURE_VERTICES, 2): in figure heights, the ground at 0, x forward."""
    lean = pose["lean"] * (0.35 if toon.creature == "quadruped" else 1.0)
    angle = toon.upright + lean
    long = toon.lengths["body"] * (1 - toon.bounce * pose["squash"])
    hip = np.zeros(2)
    body_end = -_down(-angle) * long
    axes: dict[str, Array] = {"body": _bent(hip, -_down(-angle + 0.3 * lean) * long / 2, body_end)}
    share = {"person": 0.9, "quadruped": 0.95, "bird": 0.75, "blob": 0.35}[toon.creature]
    shoulder = hip + body_end * share
    if toon.creature == "quadruped":
        shoulder = shoulder + np.array([0, 0.25 * float(toon.widths[INDEX["body"]].mean())])
    _limbs(toon, pose, hip, shoulder, axes)
    neck = body_end - _down(-(0.5 * toon.upright + lean + 0.5 * pose["nod"])) * toon.lengths["neck"]
    axes["neck"] = _straight(body_end, neck + np.array([1e-3, -1e-3]))
    sunk = 0.75 if toon.creature == "blob" else 0.15 if toon.creature != "person" else 0.0
    _head(toon, pose, neck + np.array([0, sunk * float(toon.widths[INDEX["head"]].max())]), axes)
    curl = 0.35 + (pose["tail"] + 0.9) * np.linspace(0, 1, AXIS)
    steps = np.stack([-np.cos(curl), -np.sin(curl)], 1) * toon.lengths["tail"] / (AXIS - 1)
    back = float(toon.widths[INDEX["body"]][0]) * 0.7
    axes["tail"] = hip - np.array([back, 0]) + np.concatenate([np.zeros((1, 2)), steps[1:].cumsum(0)])
    widths = toon.widths.copy()
    widths[INDEX["mouth"]] *= 0.35 + 1.4 * pose["mouth"]
    points = capsules(np.stack([axes[name] for name in PARTS]), widths)
    for name in ("eye_near", "eye_far", "pupil_near", "pupil_far"):
        part = points[INDEX[name]]
        part[:, 1] += (part[:, 1].mean() - part[:, 1]) * 0.92 * pose.lids
    feet = np.concatenate(
        [
            points[INDEX[n]]
            for n in ("foot_near", "foot_far", "hand_near", "hand_far")[: 4 if toon.creature == "quadruped" else 2]
        ]
    )
    points[..., 1] -= feet[:, 1].max() + pose["lift"] * toon.lengths["leg"]
    return points.reshape(-1, 2)


__all__ = ["pose_figure"]
