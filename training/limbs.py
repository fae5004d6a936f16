"""The weights by which joints tell where a model's points of people are (`runtime/layers/figure/limbs.py`).

    python -m training.limbs FOLDER -o runtime/assets/limbs.safetensors

`FOLDER`: shards of whole people in motion (`bunraku synth --kind body --format shard`). A point is the mean of the
joints near to it and a weighted sum of what they are away from it, so that the weights hold in any place, size and turn
of a person: ridge regression with the truth as its target, in which what is far off counts little.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from runtime.layers.figure.pose import JOINTS, look_at
from training.data.synth.body.points import BODY_POINTS
from training.data.synth.sets.shards import SynthShards

_SIDE = 256
_EVERY = 4
"""Frames of a clip of which one is looked at."""
_HEAD, _TRUNK = tuple(range(11)), (11, 12, 23, 24)
_HIDDEN = 0.3
"""What points count that are not seen."""
_OFF, _ROUNDS = 0.05, 5
"""Error, in sizes of the trunk, from which on a point counts less, and rounds in which that is found."""


def joints_near(name: str) -> list[int]:
    """The joints by which the point `name` may go: those of its own limb, and what that hangs from."""
    side = int("right" in name)
    group = name.split(".")[0].split("_")[0]
    if group in ("arm", "hand"):
        own = [each + side for each in (13, 15, 17, 19)]
        return sorted([*own, *_TRUNK] if group == "arm" else [*own, 11 + side, 21 + side])
    if group == "leg":
        return sorted({25 + side, 27 + side, *_TRUNK})
    return [*_HEAD, 11, 12] if group == "face" else sorted([0, 7, 8, *_TRUNK, 25, 26])


def look_at_shards(folder: Path, clips: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joints (N, 33, 2), true points (N, 50, 2), in pixels of 256, and which of these are seen (N, 50)."""
    shards = SynthShards(folder)
    joints, points, seen = [], [], []
    for clip in range(min(clips, len(shards))):
        for frame in range(clip % _EVERY, shards.frames_of(clip), _EVERY):
            small = Image.fromarray(shards.image(clip, frame).numpy())
            look = look_at(np.asarray(small.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)))
            if look is not None:
                pair = shards.pair(clip, frame, frame)
                joints.append(look.joints)
                points.append((pair.points_a.numpy() + 1) / 2 * (_SIDE - 1))
                seen.append(pair.visible_a.numpy())
    return np.array(joints), np.array(points), np.array(seen)


def fit(joints: np.ndarray, points: np.ndarray, seen: np.ndarray, ridge: float) -> np.ndarray:
    """(50, 33): the weights, of what `look_at_shards` gives."""
    hips, shoulders = joints[:, [23, 24]].mean(1), joints[:, [11, 12]].mean(1)
    unit = np.maximum(np.hypot(*(shoulders - hips).T), 8.0)
    weights = np.zeros((points.shape[1], JOINTS))
    for index, name in enumerate(BODY_POINTS[: points.shape[1]]):
        near = joints_near(name)
        middle = joints[:, near].mean(1)
        away = (joints[:, near] - middle[:, None]) / unit[:, None, None]
        goal = (points[:, index] - middle) / unit[:, None]
        a, b = np.concatenate([away[..., 0], away[..., 1]]), np.concatenate([goal[:, 0], goal[:, 1]])
        once = np.tile(np.where(seen[:, index], 1.0, _HIDDEN), 2)
        counts, found = once, np.zeros(len(near))
        for _ in range(_ROUNDS):
            left = (a * counts[:, None]).T @ a / len(a) + ridge * np.eye(len(near))
            found = np.linalg.solve(left, (a * counts[:, None]).T @ b / len(a))
            counts = once / np.sqrt(1 + ((b - a @ found) / _OFF) ** 2)
        weights[index, near] = found + (1 - found.sum()) / len(near)
    return weights


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m training.limbs", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--ridge", type=float, default=1e-4)
    options = parser.parse_args()
    joints, points, seen = look_at_shards(options.folder, options.clips)
    weights = fit(joints, points, seen, options.ridge)
    apart = np.linalg.norm(weights @ joints - points, axis=2)[seen]
    print(f"{len(joints)} frames; points are off by {np.median(apart):.1f} pixels of {_SIDE} (median of those seen)")
    about = {"points": json.dumps(BODY_POINTS)}
    save_file({"weights": np.ascontiguousarray(weights, np.float32)}, options.output, about)


if __name__ == "__main__":
    main()
