"""Which triangles there are in a kind of scene: the same for all its actors, so that truth needs only vertices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from torch import Tensor

KINDS = ("head", "cartoon", "body")
READABLE: dict[str, tuple[int, ...]] = {"head": (1, 2), "cartoon": (1,), "body": (1,)}
"""Numberings of vertices and triangles that this version understands, by kind; the last is what it writes.

Heads of 1 have no beard, glasses and props: their vertices and triangles are the first ones of 2.
"""
PHOTO = "photo"
"""Photographs set in motion: a kind of scene that has the triangles of "head", so that shards of both can be mixed."""


@dataclass(frozen=True)
class Topology:
    """T triangles."""

    triangles: Tensor
    """(T, 3) int64, clockwise on the screen when facing the camera."""
    two_sided: Tensor
    """(T,) bool."""


@lru_cache(maxsize=16)
def load_topology(kind: str, device: str = "cpu") -> Topology:
    """The triangles of a kind on a device, made once."""
    if kind == "cartoon":
        from ..cartoon.figure import figure_triangles

        triangles = figure_triangles().to(device)
        return Topology(triangles, triangles.new_ones(len(triangles)).bool())
    if kind == "body":
        from ..body.asset import load_body

        asset = load_body(device).figure
    else:
        from ..person.head import load_head

        asset = load_head(device)
    return Topology(asset.triangles, asset.two_sided)
