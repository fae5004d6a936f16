"""The weights by which the landmarks of the face mesh tell where a model's points are (`runtime/layers/mended.py`).

    python -m training.mended FOLDER... -o points.safetensors
    python -m export.assets.face_mesh_points runtime/assets/face_mesh.onnx points.safetensors

`FOLDER`: shards of people in motion (`bunraku synth --kind photo` and `--kind head`); the first folder counts in full,
each other one as `--others` says. A point is the landmarks' mean and a weighted sum of what they are away from it, so
that the weights hold in any place, size and turn of a face: ridge regression, its targets the truth as far as it moves,
about where the model itself sees the points of this person, so that nothing jumps where the mesh is not to be had.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from runtime.engine import Engine
from runtime.layers.anatomy import looks_at
from runtime.layers.mended import SHARES
from training.data.synth.sets.shards import SynthShards
from training.evaluation.networks.face_mesh import LEFT_EYE, RIGHT_EYE

_EVERY = 3
"""Frames of a clip of which one is looked at."""


def look_at_shards(folder: Path, engine: Engine, clips: int) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (N, 468, 2) and wanted points (N, 40, 2), both in pixels, of every third frame of `clips` at most."""
    shards = SynthShards(folder)
    size, kept = engine.resolution, [engine.names[name] for name in SHARES]
    meshes, wanted = [], []
    for clip in range(min(clips, len(shards))):
        seen = []
        for frame in range(0, shards.frames_of(clip), _EVERY):
            small = Image.fromarray(shards.image(clip, frame).numpy())
            picture = np.asarray(small.resize((size, size), Image.Resampling.BICUBIC))
            ((face, look),) = looks_at(picture[None], engine.names, engine.detect(picture[None]).places)
            if look is not None:
                true = (shards.pair(clip, frame, frame).points_a.numpy() + 1) / 2 * (size - 1)
                seen.append((look.points, np.array([face[name] for name in SHARES]), true[kept]))
        if seen:
            mesh, own, true = (np.array(each) for each in zip(*seen, strict=True))
            meshes.append(mesh)
            wanted.append(true - true.mean(0) + own.mean(0))
    return np.concatenate(meshes), np.concatenate(wanted)


def fit(sets: list[tuple[np.ndarray, np.ndarray, float]], ridge: float) -> np.ndarray:
    """(40, 468): the weights, of landmarks, wanted points and what these count."""
    count = sets[0][0].shape[1]
    left, right, total = np.zeros((count, count)), np.zeros((count, len(SHARES))), 0.0
    for meshes, wanted, share in sets:
        middle = meshes.mean(1, keepdims=True)
        unit = _eyes_apart(meshes)[:, None, None]
        a, b = (((each - middle) / unit).transpose(0, 2, 1).reshape(2 * len(each), -1) for each in (meshes, wanted))
        left, right, total = left + share * (a.T @ a) / len(a), right + share * (a.T @ b) / len(a), total + share
    return np.linalg.solve(left + ridge * total * np.eye(count), right).T


def _eyes_apart(meshes: np.ndarray) -> np.ndarray:
    """(N,): the distance of the eyes' outer corners."""
    return np.asarray(np.hypot(*(meshes[:, RIGHT_EYE] - meshes[:, LEFT_EYE]).T))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m training.mended", description=__doc__.split("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", default="faces-lite")
    parser.add_argument("--clips", type=int, default=800, help="of each folder")
    parser.add_argument("--others", type=float, default=0.3)
    parser.add_argument("--ridge", type=float, default=1e-3)
    options = parser.parse_args()
    engine = Engine(options.model)
    sets = []
    for number, folder in enumerate(options.folders):
        meshes, wanted = look_at_shards(folder, engine, options.clips)
        print(f"{folder}: {len(meshes)} frames")
        sets.append((meshes, wanted, options.others if number else 1.0))
    weights = fit(sets, options.ridge)
    for (meshes, wanted, _), folder in zip(sets, options.folders, strict=True):
        middle = meshes.mean(1, keepdims=True)
        found = middle + weights @ (meshes - middle)
        unit = _eyes_apart(meshes)[:, None]
        print(f"{folder}: off by {(np.linalg.norm(found - wanted, axis=2) / unit).mean():.4f} of the eyes' distance")
    save_file({"weights": np.ascontiguousarray(weights, np.float32)}, options.output)


if __name__ == "__main__":
    main()
