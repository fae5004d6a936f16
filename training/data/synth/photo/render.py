"""Pictures of photographs set in motion, with the truth of drawn heads.

The engine's own layers move them (`stage.py`), told by a drawn performance (`expressed.py`); the truth's vertices are
found on the engine's maps (`carry.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from checkpoints.errors import InputError
from runtime.framing.framer import Framing
from runtime.layers.expression import Expression
from runtime.layers.frames import Array

from ..core import seeds
from ..core.photos import Photos, read_photo
from ..core.plate import plate_margin
from ..core.raster import rasterise
from ..core.renderer import EXPOSED, REST, Cache, Frames, SceneSpec, as_picture, device_name
from ..core.seeds import Draw
from ..core.truth import Truth, points_visible, to_samples
from ..person.actor import Actor, canonical
from ..person.head import HeadAsset, load_head
from ..person.identity import Identity
from ..person.performance import Pose
from ..person.points import point_vertices
from ..person.pose import pose_vertices, project, to_camera
from ..person.render import PersonRenderer
from ..person.scene import Scene, sample_scene
from .carry import Vertices
from .expressed import Told
from .movement import Acted, moved_pose
from .portrait import Crop, Portrait, pose_portrait
from .stage import Posed, Stage
from .study import Study, Unfit, study

_POINT_SLACK = 0.03
SURVEYED = 0
"""The scene in which a survey looks at photographs ..."""
_SURVEYED_AT = 128
"""... and the size of frames."""
_STILL = torch.eye(3)[None, :2]
"""A backdrop that stays."""


@dataclass(frozen=True)
class Moved:
    """A photograph, ready to be moved in frames of one size."""

    stage: Stage
    told: Told
    vertices: Vertices


@dataclass(frozen=True)
class Sitting:
    """A photograph in the frame of one scene."""

    asset: HeadAsset
    study: Study
    crop: Crop
    portrait: Portrait
    sizes: dict[int, Moved] = field(default_factory=dict)

    def at(self, size: int) -> Moved:
        """In frames of `size` pixels. Raises `Unfit` when no person is found there."""
        if size not in self.sizes:
            self.sizes[size] = self._moved(size)
        return self.sizes[size]

    def _moved(self, size: int) -> Moved:
        actor, rest = self.portrait.actor, self.portrait.rest
        flat, away = posed(self.asset, actor, rest)
        mesh = self.asset.mesh_vertices
        focal = self.study.fit.focal / self.crop.half
        stage = Stage(self.asset, self.study.picture, self.crop, Posed(flat[:mesh], away[:mesh], focal), size)
        own = stage.face.anatomy.frame.inverse()
        told = Told(self.asset, actor, rest, lambda places: own(stage.places(places)))
        return Moved(stage, told, Vertices(self.asset, actor, stage))


def posed(asset: HeadAsset, actor: Actor, pose: Pose) -> tuple[Array, Array]:
    """(V, 2) in the frame and (V,) metres before the camera: an actor's vertices in a pose (one moment)."""
    points = to_camera(pose_vertices(asset, [actor], pose), [actor])
    flat: Array = project(points, [actor], _STILL)[0, :, :2].double().numpy()
    return flat, points[0, :, 2].double().numpy()


def choose_crop(found: Study, seed: int) -> Crop:
    """The frame that the engine would choose, or a somewhat wider, closer or shifted one, by the scene's seed."""
    draw = Draw(0xC409, seed)
    framing = Framing(head=draw.between(0.46, 0.8), middle=0.46 + draw.normal(0.03))
    x, y = framing.aim(found.seen.face)
    x += draw.normal(0.06) * found.seen.face.size
    height, width = found.picture.shape[:2]
    side = found.seen.face.size * 1.57 / framing.head
    window = framing.settle(x, y, side, framing.least(found.seen.face), (width, height))
    return Crop(np.array(window.center), window.side / 2 * (127 / 128))


class PhotoRenderer(PersonRenderer):
    """Moves photographs. `SceneSpec.identity` says which, `motion` how, `scene` how it is framed."""

    kind = "photo"

    def __init__(
        self, device: str | torch.device = "cpu", batch: int | None = None, photos: Photos | None = None
    ) -> None:
        """`photos`: those to be moved (`survey.usable`). The engine moves them, on the CPU.

        Raises `InputError` when there are none.
        """
        if photos is None or not photos.names:
            raise InputError("no photographs to set in motion; name a folder of portraits with --photos FOLDER.")
        asset = load_head(device_name(device))
        super().__init__(device, batch, photos, asset, canonical(asset), point_vertices(asset))
        self._folder = photos
        self._studies: Cache[Study] = Cache(64)
        self._sittings: Cache[Sitting] = Cache(64)

    def photograph(self, identity: int) -> Path:
        """The file of an identity's seed."""
        return self._folder.folder / self._folder.names[identity % len(self._folder.names)]

    def study(self, identity: int) -> Study:
        """What was found in an identity's photograph. Raises `InputError` where it cannot be moved."""
        path = self.photograph(identity)
        try:
            return self._studies.get_or_make(path, lambda: study(load_head(), np.asarray(read_photo(path))))
        except Unfit as error:
            raise InputError(f"{path}: cannot be set in motion ({error}); leave it out.") from error

    def sitting(self, spec: SceneSpec, size: int = _SURVEYED_AT) -> Sitting:
        """A photograph in the frame of a scene, or, where that fails, of the survey's; ready for frames of `size`."""

        def make() -> Sitting:
            found = self.study(spec.identity)
            try:
                return sit(load_head(), found, self.identity(spec.identity), spec.scene, size)
            except Unfit:  # in this frame; in the survey's it is not
                return sit(load_head(), found, self.identity(spec.identity), SURVEYED, size)

        return self._sittings.get_or_make((spec.identity, spec.scene), make)

    def _actor(self, spec: SceneSpec) -> Actor:
        return self.sitting(spec).portrait.actor

    def _backdrop(self, seed: int) -> seeds.Array:
        return self._folder.plate(seed)  # a photograph has its own; behind drawn figures there would be another one

    def _vertices(self, specs: list[SceneSpec], actors: list[Actor], times: seeds.Array) -> Tensor:
        rows = []
        for spec, actor, time in zip(specs, actors, times, strict=True):
            acted = moved_pose(spec, self.sitting(spec).portrait, float(time))
            rows.append(pose_vertices(self.asset, [actor], acted.pose))
        return torch.cat(rows)

    def _render(self, specs: list[SceneSpec], times: seeds.Array, size: int, shading: bool, exposure: float) -> Frames:
        return Frames.join([self._frame(spec, float(t), size, exposure) for spec, t in zip(specs, times, strict=True)])

    def _frame(self, spec: SceneSpec, time: float, size: int, exposure: float) -> Frames:
        """One frame; at `REST` the photograph itself."""
        sitting = self.sitting(spec, size)
        moved, portrait = sitting.at(size), sitting.portrait
        acted = moved_pose(spec, portrait, time)
        told = _told(sitting, moved, acted)
        full = _screen(sitting, moved, acted, told)
        truth = Truth(full * _only(moved.vertices.shown), _STILL, "head")
        light, cover = moved.stage(*told)
        if time == REST:
            light = moved.stage.still()
        elif exposure:
            moments = [time + exposure * share for share in EXPOSED]
            others = [_told(sitting, moved, moved_pose(spec, portrait, at)) for at in moments]
            light = torch.stack([light, *(moved.stage(*each)[0] for each in others)]).mean(0)
        named = full[:, self._points]
        samples = to_samples(truth.screen, size)
        buffer = rasterise(samples, self.asset.triangles, self.asset.two_sided, size, size)
        seen = points_visible(truth, named[..., :2], named[..., 2], buffer, _POINT_SLACK)
        return Frames.without_hairs(as_picture(light), named[..., :2].clone(), seen, cover, truth)

    @torch.no_grad()
    def plates(self, specs: list[SceneSpec], times: Tensor, size: int) -> Tensor:
        """See `Renderer.plates`: the backdrops that the engine completes behind the people; cameras stand still."""
        margin = plate_margin(size)
        return as_picture(torch.cat([self.sitting(spec, size).at(size).stage.plate(margin) for spec in specs]))

    def rests(self, specs: list[SceneSpec]) -> None:
        """None: a photograph does not tell what its face does at rest."""
        return


def _told(sitting: Sitting, moved: Moved, acted: Acted) -> tuple[Array, Expression]:
    """What the engine is told: (50, 2) in the frame, points of a head that turns and moves, and keeps the photograph's
    expression; and how that changes.
    """
    pose = replace(acted.pose, actions=sitting.portrait.rest.actions)
    flat, _ = posed(sitting.asset, sitting.portrait.actor, pose)
    return flat[moved.vertices.points], moved.told(acted)


def _screen(sitting: Sitting, moved: Moved, acted: Acted, told: tuple[Array, Expression]) -> Tensor:
    """(1, V, 3) in the frame, x, y and inverse depth: the truth's vertices."""
    asset = sitting.asset
    _, away = posed(asset, sitting.portrait.actor, acted.pose)
    found = moved.vertices(*told, away[: asset.mesh_vertices], len(asset.part))
    return torch.from_numpy(found.astype(np.float32))[None]


def _only(shown: seeds.Array) -> Tensor:
    """(V, 3): what leaves vertices an inverse depth where `shown` (V,) is 1."""
    places = np.ones_like(shown)
    return torch.from_numpy(np.stack([places, places, shown], 1))


@cache
def _scene() -> Scene:
    """What an actor needs of a scene, though neither its light nor its clothes are seen."""
    return sample_scene(SURVEYED)


def sit(asset: HeadAsset, found: Study, who: Identity, scene: int, size: int = _SURVEYED_AT) -> Sitting:
    """Prepares a photograph for frames of `size` pixels of a scene. Raises `Unfit` where it cannot be moved."""
    crop = choose_crop(found, scene)
    sitting = Sitting(asset, found, crop, pose_portrait(asset, found, who, _scene(), crop))
    sitting.at(size)
    return sitting


__all__ = ["PhotoRenderer", "Sitting", "choose_crop", "sit"]
