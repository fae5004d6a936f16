"""The renderer of a kind of scene."""

from __future__ import annotations

import torch

from checkpoints.errors import OptionError

from .body.points import BODY_POINTS
from .cartoon.figure import FIGURE_POINTS
from .core.photos import Photos
from .core.renderer import Renderer
from .core.topology import KINDS, PHOTO
from .person.points import POINT_NAMES


def points_of(kind: str) -> tuple[str, ...]:
    """Names of the fifty points of a kind of scene. Raises `OptionError` for one that has none of its own."""
    named = {"head": POINT_NAMES, "cartoon": FIGURE_POINTS, "body": BODY_POINTS}
    if kind not in named:
        raise OptionError(f"kind must be one of {', '.join(named)}, not {kind!r}.")
    return named[kind]


def make_renderer(
    kind: str, device: str | torch.device = "cpu", batch: int | None = None, photos: Photos | None = None
) -> Renderer:
    """Draws scenes of a kind. `photos`: backdrops, or, of kind "photo", what is set in motion.

    Raises `OptionError` for an unknown kind.
    """
    if kind == "head":
        from .person.render import HeadRenderer

        return HeadRenderer(device, batch, photos)
    if kind == "cartoon":
        from .cartoon.render import CartoonRenderer

        return CartoonRenderer(device, batch, photos)
    if kind == "body":
        from .body.render import BodyRenderer

        return BodyRenderer(device, batch, photos)
    if kind == PHOTO:
        from .photo.render import PhotoRenderer

        return PhotoRenderer(device, batch, photos)
    raise OptionError(f"kind must be one of {', '.join((*KINDS, PHOTO))}, not {kind!r}.")
