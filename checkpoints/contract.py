"""The names on which export, engine, page and benchmarks agree (docs/contract.md): graphs, inputs, outputs, modes.

Light: it imports nothing but the standard library. The page in the browser has the same names, which its tests compare.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import Literal, TypeVar, get_args

T = TypeVar("T")

SOURCE = "source"
"""The graph that encodes a source picture, once."""
MOTION = "motion"
"""The graph that finds the motion of a driving frame."""
RENDER = "render"
"""The graph that renders the source in a driving frame's pose."""
DISENTANGLE = "disentangle"
"""The graph that takes a driving frame's pose in the source's own proportions; not every model has it."""
REQUIRED_GRAPHS = (SOURCE, MOTION, RENDER)
GRAPHS = (*REQUIRED_GRAPHS, DISENTANGLE)
FRAMEWISE = (MOTION, RENDER)
"""Graphs that compute every frame by itself, and so once a frame."""

Mode = Literal["absolute", "relative", "disentangled"]
MODES: tuple[Mode, ...] = get_args(Mode)
"""Every driving mode that a bundle may offer (`modes`)."""
FROM_REFERENCE: tuple[Mode, ...] = ("relative",)
"""Modes that count the motion from a reference frame on, by default the first; the others take poses as they are."""
NEEDS = {"disentangled": DISENTANGLE}
"""Modes that take a graph which not every model has."""

IMAGE = "image"
"""Pictures, uint8 (B, H, W, 3): what `source` takes and `render` gives."""
FRAME = "frame"
"""Driving frames, likewise: what `motion` takes."""
PARAMETERS: Mapping[str, str] = MappingProxyType(
    {"points": "point", "jacobians": "linear", "covariances": "covariance"}
)
"""Of the motions of all families so far, in the order in which graphs take and give them, and their kinds
(`checkpoints.parameters`). A bundle may declare others, and no reader goes by these names."""
STRUCTURE = ("anchors", "attention")
"""What binds the points: outputs of `motion` for drawings alone."""
OUTPUTS = (IMAGE, "flow", "occlusion", "masks")
"""Of `render`; a bundle has the first, and may lack the others."""
DENSE = OUTPUTS[:3]
"""Those of them that results are made of; the rest is for drawings."""

STITCHING = "stitching"
LIP_OPENING, EYE_OPENING = "lip_opening", "eye_opening"
SWITCHES: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {STITCHING: (1.0,), LIP_OPENING: (0.0, 0.0, 0.0), EYE_OPENING: (0.0, 0.0, 0.0, 0.0)}
)
"""What `render` of some models may be told beside motions, all float32, and what it is told where nobody asks.

* stitching (1,): how much the driving points are changed so that what is around the face stays in its place, 0 to 1.
* lip_opening (B, 3): how far apart the source's lips are and the result's should be, in widths of the mouth, and how
  much that counts, 0 to 1.
* eye_opening (B, 4): the same of lids in widths of an eye: the source's eye on the picture's left and on its right, the
  result's, and the weight.
"""

Role = Literal["source", "driving"]
"""Whose a parameter is that a graph takes."""

_FEATURE = "feature_"


def offered(graphs: Container[str]) -> tuple[Mode, ...]:
    """The driving modes that a model with these `graphs` offers."""
    return tuple(mode for mode in MODES if NEEDS.get(mode, MOTION) in graphs)


def feature(number: int) -> str:
    """The name of a map of the encoded source: an output of `source` and an input of `render`."""
    return f"{_FEATURE}{number}"


def is_feature(name: str) -> bool:
    """Whether an input or output is such a map."""
    return name.startswith(_FEATURE)


def of(role: Role, values: Mapping[str, T]) -> dict[str, T]:
    """Motion parameters under the names that graphs give to those of the source, or of the driving frame."""
    return {f"{role}_{name}": value for name, value in values.items()}


ROLES = tuple(of(role, {"": None}).popitem()[0] for role in get_args(Role))
"""What stands before the names of parameters where a graph takes them: whose they are."""


def is_per_frame(name: str) -> bool:
    """Whether an input holds one entry a frame."""
    return name in (FRAME, LIP_OPENING, EYE_OPENING) or name.startswith(ROLES[1])
