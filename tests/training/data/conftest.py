"""Every kind of synthetic figure, drawn once for all tests: a renderer, and two moments of several figures."""

import pytest
import torch
from synth_cases import CASES

from training.data.synth import Frames, Renderer, SceneSpec, make_renderer


@pytest.fixture(scope="session")
def renderer_of():
    """The renderer of a kind."""
    torch.set_num_threads(1)
    made: dict[str, Renderer] = {}

    def get(kind: str) -> Renderer:
        if kind not in made:
            made[kind] = make_renderer(kind)
        return made[kind]

    return get


@pytest.fixture(scope="session")
def pair_of(renderer_of):
    """Two moments of a kind's case, without light and the camera's noise: a surface point has one colour in both."""
    made: dict[str, tuple[Frames, Frames]] = {}

    def get(kind: str) -> tuple[Frames, Frames]:
        if kind not in made:
            case = CASES[kind]
            specs = [SceneSpec(s, s, s, kind) for s in case.seeds]
            source, driving = (
                renderer_of(kind).render(specs, torch.full((len(specs),), time), case.size, shading=False)
                for time in case.times
            )
            made[kind] = source, driving
        return made[kind]

    return get
