"""Synthetic figures with exact truth: deterministic from seeds, on CPU or GPU, without files or network.

    renderer = HeadRenderer("cpu")
    spec = SceneSpec(identity=17, motion=3, scene=5)
    frames = renderer.render([spec, spec], torch.tensor([0.0, 1.2]), size=256)
    flow, visible = true_flow(frames[:1], frames[1:], size=64)

Who (`person/identity.py`), how they move (`person/performance.py`) and where (`person/scene.py`, `core/backdrop.py`)
have separate seeds, so a motion can be rendered on any identity. `person/actor.py` joins identity and scene,
`person/pose.py` moves and projects it, `core/raster.py` finds what is seen, `person/shade.py` colours and
`person/lighting.py` lights it, `core/strands.py` lays hairs over it (`person/hairdo.py`, `person/bristles.py`,
`person/fibres.py`), `core/truth.py` says where every pixel was in another frame, `person/contours.py` which vertices
are lips, lids, brows and irises, `person/cuts.py` how these are drawn alone, `core/plate.py` what is behind. Identity
and motion seeds from TEST_SEEDS on are the test split.

The truth is kept as projected vertices (`Truth.screen`): every part of a figure, hair and clothes included, is one mesh
of fixed topology, so a place on a triangle is the same surface point in all frames of one identity and scene. Flow at
any resolution comes from drawing the driving frame's triangles at it.

`SceneSpec.kind` says what is drawn, `make_renderer(kind)` draws it: "head" (`person/`), "body" (`body/`), or "cartoon"
(`cartoon/`: `figure.py` is its mesh, `identity.py` who, `gait.py` and `pose.py` how, `scene.py` where, `render.py` the
pictures). A new kind needs a renderer and its triangles in `core/topology.py`; rasteriser, truth and files (`sets/`)
stay. "photo" (`photo/`: `seen.py` and `fit.py` find a drawn head in a photograph, `study.py` and `survey.py` say
whether it will do, `portrait.py` makes an actor of it, `movement.py` says how it moves, `expressed.py` tells the
engine's layers, of which `stage.py` has the photograph's and `depth.py` how deep it lies, `carry.py` and `sheet.py`
find the truth's vertices on their maps, `render.py` makes the frames) has the triangles of "head", and needs the engine
(`runtime`) and SciPy.
"""

from .core.renderer import TEST_SEEDS, Frames, Renderer, SceneSpec, true_flow
from .core.topology import KINDS
from .core.truth import Truth
from .person.points import POINT_NAMES
from .person.render import HeadRenderer
from .renderers import make_renderer

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
