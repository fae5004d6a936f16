"""The renderer of a kind of scene."""

from __future__ import annotations

import torch

from checkpoints.errors import OptionError

from .core.photos import Photos
from .core.renderer import Renderer
from .core.topology import KINDS


def make_renderer(
    kind: str, device: str | torch.device = "cpu", batch: int | None = None, photos: Photos | None = None
) -> Renderer:
    """Draws scenes of a kind. Raises `OptionError` for an unknown one."""
    if kind == "head":
        from .person.render import HeadRenderer

        return HeadRenderer(device, batch, photos)
    if kind == "cartoon":
        from .cartoon.render import CartoonRenderer

        return CartoonRenderer(device, batch, photos)
    if kind == "body":
        from .body.render import BodyRenderer

        return BodyRenderer(device, batch, photos)
    raise OptionError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}.")
