"""Pictures of photographs set in motion, with the truth of drawn heads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from checkpoints.errors import InputError
from runtime.framing.framer import Framing

from ..core.photos import Photos, read_photo
from ..core.plate import plate_margin
from ..core.raster import Hits, hits, interpolate, rasterise
from ..core.renderer import EXPOSED, REST, Cache, Frames, SceneSpec, as_picture, device_name
from ..core.seeds import Array, Draw
from ..core.truth import Truth, points_visible, to_samples
from ..person.actor import Actor, canonical
from ..person.head import EYE_LEFT, EYE_RIGHT, HAIR, TEETH, HeadAsset, load_head
from ..person.mouth import teeth
from ..person.performance import Pose
from ..person.points import point_vertices
from ..person.pose import move_faces, pose_vertices, project, to_camera
from ..person.render import PersonRenderer
from ..person.scene import Scene, sample_scene
from ..person.shade import Looks, Surface, albedo_and_gloss
from .colours import Canvas, Coat, dress, eye_light, iris_colour, look_up, open_canvas, tooth_colour
from .movement import closing, moved_pose
from .portrait import Crop, Portrait, face_vertices, pose_portrait, unposed
from .sheet import Sheet, make_sheet
from .study import Study, Unfit, study

_SUPERSAMPLING = 2
_POINT_SLACK = 0.03
SURVEYED = 0
"""The scene in which a survey looks at photographs."""
_IRIS = (0.36, 0.5)
"""Sines of the angles at the eye's centre up to which an iris reaches, at least and at most."""


@dataclass(frozen=True)
class Sitting:
    """A photograph in one frame, ready to be moved."""

    portrait: Portrait
    sheet: Sheet
    canvas: Canvas
    coat: Coat
    true: Tensor
    """(V,): 1 where a vertex is a surface of the truth."""
    drawn: Tensor
    """(V,): 1 where a vertex is drawn."""
    looks: Looks
    plates: dict[int, Tensor]
    """The backdrop (1, 3, S, S) by size S."""


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
        """`photos`: those to be moved (`survey.usable`). The photographs are prepared on the CPU.

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

    def sitting(self, spec: SceneSpec) -> Sitting:
        """A photograph in the frame of a scene, or, where that fails, of the survey's."""

        def make() -> Sitting:
            found = self.study(spec.identity)
            try:
                return sit(load_head(), found, self, spec)
            except Unfit:  # in this frame; in the survey's it is not
                return sit(load_head(), found, self, replace(spec, scene=SURVEYED))

        return self._sittings.get_or_make((spec.identity, spec.scene), make)

    def _actor(self, spec: SceneSpec) -> Actor:
        return self.sitting(spec).portrait.actor

    def _backdrop(self, seed: int) -> Array:
        return self._folder.plate(seed)  # a photograph has its own; behind drawn figures there would be another one

    def _vertices(self, specs: list[SceneSpec], actors: list[Actor], times: Array) -> Tensor:
        rows = []
        for spec, actor, time in zip(specs, actors, times, strict=True):
            sitting = self.sitting(spec)
            pose = moved_pose(spec, sitting.portrait, float(time))
            rows.append(pose_led(self.asset, sitting.sheet, actor, pose))
        return torch.cat(rows)

    def _render(self, specs: list[SceneSpec], times: Array, size: int, shading: bool, exposure: float) -> Frames:
        return Frames.join([self._frame(spec, float(t), size, exposure) for spec, t in zip(specs, times, strict=True)])

    def _frame(self, spec: SceneSpec, time: float, size: int, exposure: float) -> Frames:
        """One frame; at `REST` the photograph itself."""
        sitting = self.sitting(spec)
        full, background = self._project(spec, time)
        truth = Truth(_only(full, sitting.true), background, "head")
        linear, cover, buffer = self._paint(sitting, full, size, self._shut(spec, time))
        if time == REST:
            linear = _plate(sitting.canvas.picture, size)
        elif exposure:
            moments = [time + exposure * share for share in EXPOSED]
            others = [self._paint(sitting, self._project(spec, at)[0], size, self._shut(spec, at))[0] for at in moments]
            linear = torch.stack([linear, *others]).mean(0)
        named = full[:, self._points]
        seen = points_visible(truth, named[..., :2], named[..., 2], buffer, _POINT_SLACK)
        return Frames.without_hairs(as_picture(linear), named[..., :2].clone(), seen, cover, truth)

    @torch.no_grad()
    def plates(self, specs: list[SceneSpec], times: Tensor, size: int) -> Tensor:
        """See `Renderer.plates`: the backdrops that the engine completes behind the people; cameras stand still."""
        margin = plate_margin(size)
        wide = [_plate(self.sitting(spec).canvas.plate, size, margin) for spec in specs]
        return as_picture(torch.cat(wide))

    def rests(self, specs: list[SceneSpec]) -> None:
        """None: a photograph does not tell what its face does at rest."""
        return

    def _project(self, spec: SceneSpec, time: float) -> tuple[Tensor, Tensor]:
        """All vertices (1, V, 3) in the frame, and the backdrop's map (1, 2, 3)."""
        actors = [self._actor(spec)]
        points = to_camera(self._vertices([spec], actors, np.array([time])), actors)
        background = torch.eye(3, device=self.device)[None, :2]
        return project(points, actors, background), background

    def _shut(self, spec: SceneSpec, time: float) -> Tensor:
        """(2,), see `movement.closing`."""
        portrait = self.sitting(spec).portrait
        return torch.from_numpy(closing(moved_pose(spec, portrait, time), portrait))

    def _paint(self, sitting: Sitting, full: Tensor, size: int, shut: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Linear light (1, 3, H, W), coverage (1, H, W) and the buffer of the triangles of the truth; `shut` (2,)
        in [0, 1]: how far the eyes are.
        """
        asset, side = self.asset, size * _SUPERSAMPLING
        screen = to_samples(_only(full, sitting.drawn), size, _SUPERSAMPLING)
        buffer = rasterise(screen, asset.triangles, asset.two_sided, side, side)
        found = hits(buffer, screen, asset.triangles)
        layer = torch.zeros(side * side, 4)
        layer[found.sample] = self._colours(sitting, found, shut)
        layer = functional.avg_pool2d(layer.view(1, side, side, 4).permute(0, 3, 1, 2), _SUPERSAMPLING)
        if size not in sitting.plates:
            sitting.plates[size] = _plate(sitting.canvas.plate, size)
        behind = sitting.plates[size]
        return layer[:, :3] + behind * (1 - layer[:, 3:]), layer[:, 3], buffer

    def _colours(self, sitting: Sitting, found: Hits, shut: Tensor) -> Tensor:
        """(P, 4): colours times alpha, and alpha."""
        coat, asset = sitting.coat, self.asset
        corner = asset.triangles.index_select(0, found.triangle)
        part = asset.triangle_part[found.triangle]
        sure = coat.sure * (1 - coat.lashes * shut).prod(1)
        table = torch.cat([coat.place, sure[:, None], coat.instead], 1)
        values = interpolate(table, corner, found.weights)
        sheet = part == HAIR
        colours = torch.ones(len(part), 4)
        colours[sheet] = look_up(sitting.canvas.own, values[sheet, :2])
        face = ~sheet
        own = look_up(sitting.canvas.picture, values[face, :2])
        instead = values[face, 3:]
        eye = ((part == EYE_LEFT) | (part == EYE_RIGHT))[face]
        if eye.any():
            instead[eye] = self._eyes(sitting, part[face][eye], corner[face][eye], found.weights[face][eye])
        tooth = (part == TEETH)[face]
        if tooth.any():
            place = interpolate(self._canonical, corner[face][tooth], found.weights[face][tooth])[:, :3]
            drawn = teeth(place, instead[tooth] / coat.light)[0] * coat.light
            instead[tooth] = drawn.mean(1, keepdim=True) if coat.grey else drawn
        colours[face, :3] = torch.lerp(instead, own, values[face, 2:3])
        return colours

    def _eyes(self, sitting: Sitting, part: Tensor, corner: Tensor, weights: Tensor) -> Tensor:
        """(P, 3): drawn eyes, as light as the photograph."""
        actor = sitting.portrait.actor
        fixed = interpolate(self._canonical, corner, weights)
        paint = interpolate(actor.paint, corner, weights)
        nowhere = torch.zeros(len(part), 3)
        all_ = fixed[:, 3]
        surface = Surface(torch.zeros_like(part), part, nowhere, fixed[:, :3], all_, paint, nowhere, all_, all_)
        albedo = albedo_and_gloss(surface, sitting.looks, self._noise)[0]
        colours = albedo * sitting.coat.eyes
        return colours.mean(1, keepdim=True).expand(-1, 3) if sitting.coat.grey else colours


def _only(full: Tensor, kept: Tensor) -> Tensor:
    """`full` (N, V, 3) with an inverse depth of 0 where `kept` (V,) is 0."""
    return torch.cat([full[..., :2], full[..., 2:] * kept[:, None]], -1)


def _plate(picture: Tensor, size: int, margin: int = 0) -> Tensor:
    """(1, 3, P, P) of a canvas' picture (3, C, C) within the frame, `margin` pixels about it included."""
    side = (size + 2 * margin) * _SUPERSAMPLING
    axis = (torch.arange(side) + 0.5) / _SUPERSAMPLING - 0.5 - margin
    axis = axis / ((size - 1) / 2) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    fine = look_up(picture, torch.stack([x, y], -1).view(-1, 2)).T.reshape(1, 3, side, side)
    return functional.avg_pool2d(fine, _SUPERSAMPLING)


def _led(asset: HeadAsset, sheet: Sheet, actor: Actor, pose: Pose) -> Tensor:
    """(L, 3): by how much the sheet takes part in the expression of the face near it."""
    calm = actor.neutral[sheet.leader]
    return (move_faces(asset, [actor], pose)[0, sheet.leader] - calm) * sheet.follows[:, None]


def pose_led(asset: HeadAsset, sheet: Sheet, actor: Actor, pose: Pose) -> Tensor:
    """(1, V, 3) in a pose, the sheet with the face."""
    neutral = actor.neutral.clone()
    neutral[asset.span(HAIR)] += _led(asset, sheet, actor, pose)
    return pose_vertices(asset, [replace(actor, neutral=neutral)], pose)


@cache
def _scene() -> Scene:
    """What an actor needs of a scene, though neither its light nor its clothes are seen."""
    return sample_scene(SURVEYED)


def _iris_size(asset: HeadAsset, found: Study, posed: Tensor) -> float:
    """The sine of the angle at the eye's centre up to which the irises reach; `posed` (V, 3) before the camera."""
    sizes = []
    for part, eye in zip((EYE_LEFT, EYE_RIGHT), found.seen.eyes, strict=True):
        ball = posed[: asset.mesh_vertices][asset.part[: asset.mesh_vertices] == part]
        half = float((ball[:, 0].max() - ball[:, 0].min()) / 2)
        sizes.append(eye.radius * float(ball[:, 2].min()) / (found.fit.focal * half))
    return float(np.clip(np.mean(sizes), *_IRIS))


def sit(asset: HeadAsset, found: Study, renderer: PersonRenderer, spec: SceneSpec) -> Sitting:
    """Prepares a photograph for the frame of a scene. Raises `Unfit` where it cannot be moved."""
    crop = choose_crop(found, spec.scene)
    portrait = pose_portrait(asset, found, renderer.identity(spec.identity), _scene(), crop)
    actor, mesh, span = portrait.actor, asset.mesh_vertices, asset.span(HAIR)
    posed = to_camera(pose_vertices(asset, [actor], portrait.rest), [actor])
    still = torch.eye(3)[None, :2]
    bare = replace(actor, shown=torch.ones(len(asset.part)))
    screen = project(posed, [bare], still)[0]
    canvas = open_canvas(found.picture, crop, found.seen.mesh[6])
    focal = found.fit.focal / crop.half
    sheet = make_sheet(asset, canvas.alpha, posed[0], screen, focal, crop(found.fit.offset))
    points = sheet.points
    neutral, weights = actor.neutral.clone(), actor.weights.clone()
    weights[span] = sheet.weights
    neutral[span] = unposed(asset, actor, portrait.rest, points, sheet.weights)
    actor = replace(actor, neutral=neutral, weights=weights, shown=torch.ones(len(asset.part)))
    portrait = replace(portrait, actor=actor)
    drawn, true = torch.zeros(len(asset.part)), torch.zeros(len(asset.part))
    drawn[:mesh] = true[:mesh] = face_vertices(asset).float()
    drawn[span], true[span] = sheet.shown.float(), sheet.true.float()
    actor.neutral[span] -= _led(asset, sheet, actor, portrait.rest)
    posed = to_camera(pose_led(asset, sheet, actor, portrait.rest), [actor])
    flat = project(posed, [actor], still)[0]
    enamel = tooth_colour(canvas, crop, found.seen.mesh)
    eyes = [crop(np.concatenate([eye.upper, eye.lower[-2:0:-1]])) for eye in found.seen.eyes]
    coat = dress(asset, actor, canvas, posed[0], flat, canonical(asset)[:, 3], enamel, eyes)
    coat = replace(coat, eyes=eye_light(canvas, crop, found.seen.eyes, coat.light))
    iris = iris_colour(canvas, crop, found.seen.eyes) / coat.eyes
    size = _iris_size(asset, found, posed[0])
    who = replace(actor.identity, iris=iris.clamp(0.01, 0.9).numpy(), iris_size=size)
    portrait = replace(portrait, actor=replace(actor, identity=who))
    return Sitting(portrait, sheet, canvas, coat, true, drawn, Looks([portrait.actor], renderer.device), {})


__all__ = ["PhotoRenderer", "Sitting", "choose_crop", "sit"]
