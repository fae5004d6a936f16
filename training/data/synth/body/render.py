"""Pictures of whole people with their truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.photos import Photos
from ..core.renderer import Cache, SceneSpec, device_name
from ..core.seeds import Array
from ..person.pose import move_faces
from ..person.render import PersonRenderer, face_poses, rested
from ..person.shade import Looks, Surface, cloth, mix
from .actor import BodyActor, body_canonical, build_body
from .asset import load_body
from .gesture import gestures
from .points import body_point_vertices
from .pose import join_poses, move_bodies
from .scene import BodyScene, sample_body_scene

_HEAD_CALM = 0.75
"""People who move their arms turn their heads less than talking heads do."""


class BodyLooks(Looks):
    """With the trousers' colour."""

    def __init__(self, actors: list[Any], device: torch.device) -> None:
        super().__init__(actors, device)
        self.trousers = torch.from_numpy(np.stack([actor.outfit.colour for actor in actors])).float().to(device)


def dress_body(skin: Surface, looks: Looks, texture: Tensor, colour: Tensor, shine: Tensor) -> None:
    """Top and trousers on skin of `colour` (P, 3) and `shine` (P,), in place."""
    top, legs = skin.paint[:, 6], skin.paint[:, 7]
    worn = (torch.maximum(top, legs) > 0).nonzero().flatten()
    dressed = skin.at(worn)
    top = top[worn]
    albedo, gloss = cloth(dressed, looks, texture, top)
    weave = 0.85 + 0.15 * torch.sin(dressed.place[:, 0] * 900) * torch.sin(dressed.place[:, 1] * 900)
    trousers = looks.of("trousers", dressed.frame) * weave[:, None]
    over = (top > 0).float()
    colour[worn] = mix(trousers.expand_as(albedo), albedo, over)
    shine[worn] = gloss * over


class BodyRenderer(PersonRenderer):
    """Draws people with arms and hands, from the waist, the knees or the feet up."""

    kind = "body"
    dress = staticmethod(dress_body)
    looks = BodyLooks

    def __init__(
        self, device: str | torch.device = "cpu", batch: int | None = None, photos: Photos | None = None
    ) -> None:
        """Arguments as of `Renderer`."""
        self.body = body = load_body(device_name(device))
        super().__init__(device, batch, photos, body.figure, body_canonical(body), body_point_vertices(body))
        self._scenes: Cache[BodyScene] = Cache(256)
        self._actors: Cache[BodyActor] = Cache(128)

    def scene(self, seed: int) -> BodyScene:
        """What a scene's seed means."""
        return self._scenes.get_or_make(seed, lambda: sample_body_scene(seed))

    def _backdrop(self, seed: int) -> Array:
        return self.scene(seed).scene.backdrop

    def _actor(self, spec: SceneSpec) -> BodyActor:
        key = (spec.identity, spec.scene)
        who, where = self.identity(spec.identity), self.scene(spec.scene)
        return self._actors.get_or_make(key, lambda: build_body(self.body, who, where.scene, where.outfit))

    def _vertices(self, specs: list[SceneSpec], actors: list[Any], times: Array) -> Tensor:
        faces = rested(face_poses(specs, times), actors)
        calm = replace(faces, rotation=faces.rotation * _HEAD_CALM)
        moments = [gestures(spec.motion).at(times[i : i + 1]) for i, spec in enumerate(specs)]
        points = move_faces(self.asset, actors, calm)
        rest, room, weights = (
            torch.stack([getattr(actor, name) for actor in actors]) for name in ("rest", "room", "weights")
        )
        head = torch.from_numpy(np.ascontiguousarray(calm.rotation)).to(self.device)
        return move_bodies(points, rest, room, weights, join_poses(moments), head)
