"""Synthetic figures with exact truth: deterministic from seeds, on CPU or GPU, without files or network.

    renderer = HeadRenderer("cpu")
    spec = SceneSpec(identity=17, motion=3, scene=5)
    frames = renderer.render([spec, spec], torch.tensor([0.0, 1.2]), size=256)
    flow, visible = true_flow(frames[:1], frames[1:], size=64)

Who (`identity.py`), how they move (`motion.py`) and where (`scene.py`, `backdrop.py`) have separate seeds, so a motion
can be rendered on any identity. `actor.py` joins identity and scene, `pose.py` moves and projects it, `raster.py` finds
what is seen, `shade.py` colours it, `truth.py` says where every pixel was in another frame. Identity and motion seeds
from TEST_SEEDS on are the test split.

The truth is kept as projected vertices (`Truth.screen`): every part of a figure, hair and clothes included, is one mesh
of fixed topology, so a place on a triangle is the same surface point in all frames of one identity and scene. Flow at
any resolution comes from drawing the driving frame's triangles at it.

`SceneSpec.kind` says what is drawn, `make_renderer(kind)` draws it: "head", or "cartoon" (`figure.py` is its mesh,
`toon.py` who, `gait.py` and `toon_pose.py` how, `toon_scene.py` where, `cartoon.py` the pictures). A new kind needs a
renderer and its triangles in `topology.py`; rasteriser, truth and files stay.
"""

from .frames import TEST_SEEDS, Frames, Renderer, SceneSpec, true_flow
from .points import POINT_NAMES
from .render import HeadRenderer
from .renderers import make_renderer
from .topology import KINDS
from .truth import Truth

__all__ = [
    "KINDS",
    "POINT_NAMES",
    "TEST_SEEDS",
    "Frames",
    "HeadRenderer",
    "Renderer",
    "SceneSpec",
    "Truth",
    "make_renderer",
    "true_flow",
]
