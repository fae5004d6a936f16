"""Synthetic people with exact truth: deterministic from seeds, on CPU or GPU, without files or network."""

from .points import POINT_NAMES
from .render import TEST_SEEDS, Frames, HeadRenderer, SceneSpec, true_flow
from .truth import Truth

__all__ = ["POINT_NAMES", "TEST_SEEDS", "Frames", "HeadRenderer", "SceneSpec", "Truth", "true_flow"]
