"""Where a whole body is seen: the light, backdrop and lens of a head's scene, another camera, no prop; what is worn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.seeds import Draw
from ..person.scene import Camera, Scene, sample_scene
from .outfit import Outfit, sample_outfit

_HEAD_WIDTH, _CROWN = 0.155, 0.13
"""Metres: how wide a head is, and how high its crown above the eyes."""
_FRAMINGS = ((0.75, 1.0), (1.1, 1.4), (1.75, 2.1))
"""Metres of the frame's height from the waist, from the knees and from the feet up."""


@dataclass(frozen=True)
class BodyScene:
    """Everything a scene seed decides."""

    scene: Scene
    outfit: Outfit


def _camera(camera: Camera, draw: Draw) -> Camera:
    height = draw.between(*_FRAMINGS[draw.pick(3, (5, 3, 1.2))])
    room = max(0.03, draw.between(0.02, 0.2))
    eyes = -1 + 2 * (_CROWN + room) / height
    return replace(
        camera, distance=draw.between(1.3, 3.5) * max(1.0, height), head_width=_HEAD_WIDTH / height,
        offset=np.array([draw.normal(0.12), eyes], np.float32), tilt=draw.normal(0.05), roll=camera.roll * 0.5,
    )  # fmt: skip


def sample_body_scene(seed: int) -> BodyScene:
    """The scene of a seed."""
    scene = sample_scene(seed)
    camera = _camera(scene.camera, Draw(0xB0DCA3, seed))
    return BodyScene(replace(scene, camera=camera, prop=None), sample_outfit(seed, scene.clothes))
