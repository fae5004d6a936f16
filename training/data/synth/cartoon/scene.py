"""Where a cartoon is: a simple background, where it stands and how large, the camera; from the scene seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.backdrop import SIZE, sample_backdrop
from ..core.lens import Lens
from ..core.seeds import Array, Draw, linear
from ..person.scene import Camera


@dataclass(frozen=True)
class ToonScene:
    """Everything a scene seed decides; lengths in [-1, 1] units of the frame."""

    height: float
    """Of a standing figure, in halves of the frame's height."""
    ground: float
    middle: float
    camera: Camera
    """Only its drift and roll count."""
    backdrop: Array
    """(3, SIZE, SIZE) linear light, as of `backdrop`."""
    lens: Lens


def _landscape(draw: Draw, ground: float) -> Array:
    """Flat colours: a wall or sky, a floor, sometimes hills, clouds, a sun, or a window."""
    axis = np.linspace(-1.5, 1.5, SIZE, dtype=np.float32)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    pale = 1 - 0.5 * (1 - draw.colour(0.7, 0.4, 1.0))
    image = np.broadcast_to(pale, (SIZE, SIZE, 3))
    kind = draw.pick(5, (3, 2, 2, 1.5, 1.5))
    if kind == 0:
        return np.array(image)
    if kind >= 2:  # sky or wall changes from top to bottom
        share = np.clip(y * 0.4 + 0.5, 0, 1)[..., None]
        image = image * (1 - share) + np.clip(draw.colour(0.5, 0.5, 1.0) * 1.1, 0, 1) * share

    def put(inside: NDArray[np.bool_], colour: Array) -> None:
        nonlocal image
        image = np.where(inside[..., None], colour, image)

    if kind == 3:
        put(
            (x - draw.between(-1, 1)) ** 2 + (y + draw.between(0.3, 1)) ** 2 < draw.between(0.1, 0.3) ** 2,
            np.array([1, 0.9, 0.4]),
        )
        for _ in range(draw.pick(4)):
            cx, cy, wide = draw.between(-1.3, 1.3), draw.between(-1.1, -0.2), draw.between(0.1, 0.3)
            put(((x - cx) / wide) ** 2 + ((y - cy) / (0.4 * wide)) ** 2 < 1, np.array([0.98, 0.98, 1.0]))
        for _ in range(2):
            hill = ground - draw.between(0.05, 0.5) * (0.6 + 0.4 * np.sin(x * draw.between(1, 3) + draw.between(0, 6)))
            put(y > hill, draw.colour(0.6, 0.3, 0.8) * [0.8, 1.1, 0.7])
    if kind == 4:
        cx, cy, wide, tall = (
            draw.between(-1, 1),
            draw.between(-0.8, -0.1),
            draw.between(0.2, 0.5),
            draw.between(0.2, 0.5),
        )
        put((np.abs(x - cx) < wide) & (np.abs(y - cy) < tall), draw.colour(0.8, 0.3, 0.95))
        put((np.abs(x - cx) < wide * 0.9) & (np.abs(y - cy) < tall * 0.9), draw.colour(0.8, 0.3, 0.95))
    put(y > ground - draw.between(0.0, 0.12), draw.colour(0.5, 0.3, 0.9))
    return np.array(image)


def sample_toon_scene(seed: int) -> ToonScene:
    """The scene of a seed."""
    draw = Draw(0x705CE9E, seed)
    height = draw.between(1.0, 1.6)
    ground = draw.between(max(height - 0.85, 0.5), 0.92)
    still = draw.chance(0.7)
    drift = np.array(
        [[0 if still else draw.between(0, 0.08), draw.between(2, 7), draw.between(0, 6.28)] for _ in range(2)]
    )
    camera = Camera(2.0, 0.5, np.zeros(2, np.float32), 0.0, 0.0, drift.astype(np.float32), 0.0)
    if draw.chance(0.8):
        backdrop = linear(np.clip(_landscape(draw, ground), 0, 1)).transpose(2, 0, 1)
    else:
        backdrop = sample_backdrop(draw)
    lens = Lens(0.0, 0.0, draw.between(0.004, 0.02) * draw.chance(0.25), 0.5)
    backdrop = np.ascontiguousarray(backdrop, np.float32)
    return ToonScene(height, ground, draw.normal(0.15), camera, backdrop, lens)
