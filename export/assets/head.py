"""The head of `runtime/control/head.py` from the drawn people's: fifty named points in space, and how expressions move
them:

    python -m export.assets.head runtime/assets/head.safetensors

What every control means is a recipe of the facial actions that drawn people perform (`ACTIONS`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from training.data.synth.person.head import JOINTS, load_head
from training.data.synth.person.performance import ACTIONS
from training.data.synth.person.points import POINT_NAMES, point_vertices
from training.data.synth.person.pose import NECK_SHARE

RECIPES: Mapping[str, Mapping[str, float]] = {
    "open": {"jawOpen": 0.75, "mouthLowerDownX": 0.25, "mouthUpperUpX": 0.1},
    "smile": {"mouthSmileX": 1.0, "cheekSquintX": 0.6, "mouthLowerDownX": 1.1, "mouthUpperUpX": 0.2},
    "frown": {"mouthFrownX": 1.7},
    "pucker": {"mouthPucker": 1.2},
    "shut_left": {"eyeBlinkLeft": 1.0},
    "shut_right": {"eyeBlinkRight": 1.0},
    "wide": {"eyeWideX": 0.8},
    "brows_up": {"browInnerUp": 1.5, "browOuterUpX": 1.5},
    "brows_down": {"browDownX": 1.0},
}
"""Names of movements, and the actions of which they are made; "X" stands for both sides."""


def build() -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and metadata of the asset: centimetres, x to the person's left, y down, z away from the camera."""
    head = load_head()
    at, mesh = point_vertices(head), head.mesh_vertices
    actions = head.actions.view(len(head.actions), mesh, 3)[:, at]
    weights = torch.zeros(len(RECIPES), len(ACTIONS))
    for row, recipe in enumerate(RECIPES.values()):
        for name, value in recipe.items():
            for side in (name[:-1] + "Left", name[:-1] + "Right") if name.endswith("X") else (name,):
                weights[row, ACTIONS.index(side)] = value
    moves = torch.einsum("ra,apd->rpd", weights, actions)
    tensors = {
        "points": 100 * head.mean[:mesh][at],
        "joints": 100 * head.mean[mesh : mesh + 2],
        "weights": head.skin_weights[at],
        "moves": 100 * moves,
    }
    assert JOINTS[:2] == ("neck", "head")
    about = {"points": POINT_NAMES, "moves": list(RECIPES), "neck_share": NECK_SHARE}
    return {name: value.numpy().astype(np.float32) for name, value in tensors.items()}, {"head": json.dumps(about)}


def main(path: Path) -> None:
    """Write the asset."""
    tensors, about = build()
    save_file(tensors, path, about)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
