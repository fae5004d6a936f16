"""What a face does when it does nothing: smiles, open mouths, narrowed eyes, raised brows."""

from __future__ import annotations

import numpy as np

from ..core.seeds import Array, Draw
from .performance import Recipe, shapes

_FACES: tuple[tuple[float, Recipe], ...] = (
    (3.0, {}),
    (3.0, {"mouthSmileX": 0.45, "cheekSquintX": 0.2, "mouthDimpleX": 0.15}),
    (2.5, {"mouthSmileX": 0.75, "cheekSquintX": 0.5, "mouthUpperUpX": 0.35, "mouthLowerDownX": 0.15, "jawOpen": 0.10}),
    (1.0, {"mouthSmileX": 0.8, "cheekSquintX": 0.6, "mouthUpperUpX": 0.4, "jawOpen": 0.28, "eyeSquintX": 0.25}),
    (1.0, {"jawOpen": 0.22}),
    (0.7, {"jawOpen": 0.12, "mouthFunnel": 0.2}),
    (0.6, {"mouthPressX": 0.5}),
    (0.5, {"mouthFrownX": 0.3, "browInnerUp": 0.2}),
)
"""How common, and what is done; "X" stands for both sides."""
_BESIDES: tuple[Recipe, ...] = (
    {"eyeSquintX": 0.6},
    {"browInnerUp": 0.5, "browOuterUpX": 0.5},
    {"browDownX": 0.35},
    {"eyeWideX": 0.4},
    {"mouthSmileLeft": 0.25},
    {"mouthSmileRight": 0.25},
    {"eyeBlinkX": 0.22},
)
_CHANCE = 0.13


def sample_rest(draw: Draw) -> Array:
    """(52,) in [0, 1]; half of all faces rest with closed lips."""
    chances = tuple(chance for chance, _ in _FACES)
    face = shapes((_FACES[draw.pick(len(_FACES), chances)][1],))[0] * draw.between(0.6, 1.1)
    for besides in shapes(_BESIDES):
        face = face + besides * (draw.chance(_CHANCE) * draw.between(0.4, 1.0))
    rest: Array = np.clip(face, 0, 1).astype(np.float32)
    return rest


def over_rest(actions: Array, rest: Array) -> Array:
    """(N, 52) of faces that do `actions` (N, 52) over what they do at `rest` (N, 52): what is done already counts
    less.
    """
    return (1 - (1 - actions) * (1 - rest)).astype(np.float32)
