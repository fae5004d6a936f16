"""Person and backdrop as layers, and a face that opens its mouth, closes its eyes and looks about: without training."""

from __future__ import annotations

from typing import Literal, get_args

from checkpoints.errors import OptionError

LayersMode = Literal["auto", "off"]
LAYERS: tuple[str, ...] = get_args(LayersMode)


def check_layers(layers: str) -> None:
    """Raises `OptionError` unless `layers` is a choice."""
    if layers not in LAYERS:
        raise OptionError(f'layers is "{layers}"; choose {" or ".join(LAYERS)}.')
