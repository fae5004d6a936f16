"""What is left of a person beside a person: change of the backdrop where it should be at rest."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from runtime.graphs.sessions import Graph

Clip = NDArray[np.uint8]
Found = NDArray[np.bool_]

_SIDE = 256
"""Pixels along a side in which the band is measured: what the network that sees persons gives."""
_NEAR, _FAR = 4, 20
"""Pixels from the outline where the band beside it begins and ends."""
_PERSON = 0.5


def beside(source: NDArray[np.uint8], target: Clip) -> Found:
    """(T, H, W): the band of 16 pixels of 256 beside the person, 4 away from where `source` (H, W, 3) and `target`
    (T, H, W, 3) show it; nothing of frames where nobody is seen.
    """
    first, bands = _person(source), []
    for wanted in target:
        person = first | _person(wanted)
        band = _grown(person, _FAR) & ~_grown(person, _NEAR)
        bands.append(np.asarray(Image.fromarray(band).resize(wanted.shape[1::-1], Image.Resampling.NEAREST)))
    return np.stack(bands)


def ghosts(result: Clip, source: NDArray[np.uint8], target: Clip, bands: Found) -> float:
    """By how much the `result` (T, H, W, 3) differs more from the `target` than the unmoved `source` (H, W, 3) does, in
    1/255, in the `bands` that are `beside` the person.

    Under a still camera the backdrop there is at rest, so that the unmoved source has nothing but noise. NaN where
    nobody is seen.
    """
    differences = []
    for frame, wanted, band in zip(result, target, bands, strict=True):
        if band.any():
            errors = [np.abs(each[band].astype(np.float64) - wanted[band]).mean() for each in (frame, source)]
            differences.append(errors[0] - errors[1])
    return float(np.mean(differences)) if differences else float("nan")


@cache
def _network() -> Graph:
    from runtime.graphs.sessions import open_graph
    from runtime.layers.matte import MODEL

    return open_graph(MODEL, "person")


def _person(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(256, 256): where MediaPipe's selfie segmentation sees somebody in `picture` (H, W, 3)."""
    small = Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    found = _network()({"frame": np.asarray(small)[None]})["person"][0, 0]
    return np.asarray(found > _PERSON)


def _grown(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """`mask` with all that is at most so many pixels away along an axis."""
    grown = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(2 * pixels + 1))
    return np.asarray(grown) > 0
