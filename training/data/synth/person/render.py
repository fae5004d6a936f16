"""Pictures of synthetic people with their truth."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..core.lens import clean, through_lenses
from ..core.photos import Photos
from ..core.plate import plate_margin
from ..core.raster import Hits, hits, interpolate, rasterise, vertex_normals
from ..core.renderer import EXPOSED, Cache, Frames, Renderer, SceneSpec, as_bytes, as_picture, device_name
from ..core.seeds import Array
from ..core.shadow import ShadowMap, crease_light, shadow_map
from ..core.truth import Truth, points_visible, to_samples
from .actor import Actor, build_actor, canonical
from .cuts import PARTS, Cuts, part_windows, through_window
from .fibres import hair_over, sample_width
from .glass import glass_over
from .head import EYE_LEFT, EYE_RIGHT, HAIR, LASHES, LENS, TEETH, TONGUE, HeadAsset, load_head
from .identity import Identity, sample_identity
from .lighting import light, roughened
from .performance import Pose, motion
from .points import point_vertices
from .pose import place_props, pose_vertices, project, rotation_matrices, to_camera
from .rest import over_rest
from .scene import Scene, sample_scene
from .shade import Dress, Looks, Surface, albedo_and_gloss, dress_torso, noise_at, noise_texture

_SUPERSAMPLING = 2
_PENUMBRA = 0.007
"""Metres over which a shadow's edge is spread."""
_TRAIL = 0.14
"""Seconds."""
_LOOSE = 0.04
"""Share of a pixel that hairs before the backdrop must cover to count."""
_POINT_SLACK = 0.03
"""Metres of hair that may cover a named point which still counts as visible: its place is known."""


@dataclass(frozen=True)
class Stand:
    """People as they stand, whatever is looked at of them."""

    points: Tensor
    """(N, V, 3) in the camera's frame."""
    normals: Tensor
    """(N, V, 3)."""
    looks: Looks
    shadows: ShadowMap | None
    """Of the first lamp; None: everything is in full light."""


class PersonRenderer(Renderer):
    """What heads and whole bodies have in common: how their surfaces become pictures and truth."""

    dress: Dress = staticmethod(dress_torso)
    looks: type[Looks] = Looks

    def __init__(
        self,
        device: str | torch.device,
        batch: int | None,
        photos: Photos | None,
        asset: HeadAsset,
        canonical: Tensor,
        points: Tensor,
    ) -> None:
        """`canonical` (V, 4) as of `actor.canonical`, `points` (50,) vertices; the rest as of `Renderer`."""
        super().__init__(device, batch, photos)
        self.asset = asset
        self._canonical = canonical
        self._points = points
        self._noise = noise_texture().to(self.device)
        clear = torch.tensor([EYE_LEFT, EYE_RIGHT, TEETH, TONGUE, LASHES, LENS], device=self.device)
        self._eyeballs = ((asset.part == EYE_LEFT) | (asset.part == EYE_RIGHT)).nonzero().flatten()
        self._solid = asset.triangles[~torch.isin(asset.triangle_part, clear)]
        self._people = self.asset.coefficients.cpu().numpy(), self.asset.labels.cpu().numpy()
        self._identities: Cache[Identity] = Cache(256)

    def identity(self, seed: int) -> Identity:
        """Who a seed is."""
        return self._identities.get_or_make(seed, lambda: sample_identity(seed, *self._people))

    def rests(self, specs: list[SceneSpec]) -> Tensor | None:
        """See `Renderer.rests`."""
        return torch.from_numpy(np.stack([self.identity(spec.identity).rest for spec in specs]))

    @abstractmethod
    def _actor(self, spec: SceneSpec) -> Actor:
        """The identity dressed for the scene."""

    @abstractmethod
    def _vertices(self, specs: list[SceneSpec], actors: list[Any], times: Array) -> Tensor:
        """(N, V, 3) posed, in metres, before the camera."""

    def _render(self, specs: list[SceneSpec], times: Array, size: int, shading: bool, exposure: float) -> Frames:
        actors = [self._actor(spec) for spec in specs]
        points, truth = self._pose(specs, actors, times)
        behind = self._behind(specs, truth.background, size)
        stand = self._stand(actors, points, truth, shading)
        linear, cover, buffer, loose = self._draw(actors, stand, truth, behind)
        if exposure:
            moments = [times + exposure * share for share in EXPOSED]
            others = [self._moment(specs, actors, at, size, shading) for at in moments]
            linear = torch.stack([linear, *others]).mean(0)
        if shading:
            lenses, seeds = [actor.scene.lens for actor in actors], [spec.scene for spec in specs]
            linear = through_lenses(linear, lenses, seeds, times.tolist(), self._noise[..., 3])
        return self._frames(linear, cover, buffer, loose, truth)

    def _frames(self, linear: Tensor, cover: Tensor, buffer: Tensor, loose: Tensor, truth: Truth) -> Frames:
        """Of what `_draw` gives, the light as the camera gives it."""
        named = truth.screen[:, self._points]
        seen = points_visible(truth, named[..., :2], named[..., 2], buffer, _POINT_SLACK)
        return Frames(
            as_picture(linear), named[..., :2].clone(), seen, cover > 0.5, truth, as_bytes(cover), loose > _LOOSE
        )

    @torch.no_grad()
    def plates(self, specs: list[SceneSpec], times: Tensor, size: int) -> Tensor:
        """See `Renderer.plates`."""
        moments = np.asarray(times, np.float64)
        scenes = [self._actor(spec).scene for spec in specs]
        drift = np.concatenate([scene.camera.background(moments[i : i + 1]) for i, scene in enumerate(scenes)])
        margin = plate_margin(size)
        behind = self._behind(specs, torch.from_numpy(drift).to(self.device), size, margin)
        lenses, seeds = [clean(scene.lens) for scene in scenes], [spec.scene for spec in specs]
        return as_picture(through_lenses(behind, lenses, seeds, moments.tolist(), self._noise[..., 3], margin))

    def _pose(self, specs: list[SceneSpec], actors: list[Actor], times: Array) -> tuple[Tensor, Truth]:
        """Vertices (N, V, 3) in the camera's frame, and projected."""
        points = to_camera(self._vertices(specs, actors, times), actors)
        drift = np.concatenate([a.scene.camera.background(times[i : i + 1]) for i, a in enumerate(actors)])
        background = torch.from_numpy(drift).to(self.device)
        return points, Truth(project(points, actors, background), background, self.kind)

    def _moment(self, specs: list[SceneSpec], actors: list[Any], times: Array, size: int, shading: bool) -> Tensor:
        """Linear light (N, 3, H, W) at other times (N,)."""
        points, truth = self._pose(specs, actors, times)
        stand = self._stand(actors, points, truth, shading)
        return self._draw(actors, stand, truth, self._behind(specs, truth.background, size))[0]

    def _stand(self, actors: list[Any], points: Tensor, truth: Truth, shading: bool) -> Stand:
        """Points (N, V, 3) in the camera's frame with what of their light no camera changes."""
        looks = self.looks(actors, self.device)
        shadows = self._shadows(points, truth, looks) if shading else None
        return Stand(points, vertex_normals(points, self.asset.triangles), looks, shadows)

    def _draw(
        self, actors: list[Actor], stand: Stand, truth: Truth, behind: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Linear light (N, 3, H, W), coverage (N, H, W), the buffer of triangles, and the coverage by loose hairs
        (N, H, W); `behind` (N, 3, H, W).
        """
        points, looks, shadows = stand.points, stand.looks, stand.shadows
        size = behind.shape[-1]
        asset, count, side = self.asset, len(actors), size * _SUPERSAMPLING
        screen = to_samples(truth.screen, size, _SUPERSAMPLING)
        buffer = rasterise(screen, asset.triangles, asset.two_sided, side, side)
        found = hits(buffer, screen, asset.triangles)
        surface = self._surface(actors, points, stand.normals, found)
        albedo, gloss, exponent = albedo_and_gloss(surface, looks, self._noise, self.dress)
        layer = torch.zeros(count * side * side, 4, device=self.device)
        if shadows is not None:
            surface.lit = shadows.lit(surface.position, surface.normal, surface.frame, _PENUMBRA)
            samples = [sample_width(actor, side, truth.background[row]) for row, actor in enumerate(actors)]
            surface.open = _creases(layer, surface, found, samples)
            rough = roughened(surface, self._pores(surface), samples)
            lit = light(surface, albedo, gloss, exponent, looks, rough)
        else:
            lit = albedo * surface.occlusion[:, None]
        layer[found.sample, :3] = lit
        layer[found.sample, 3] = 1
        below = torch.zeros(len(layer), device=self.device)
        below[found.sample] = 1 / surface.position[:, 2].clamp_min(1e-3)
        hair_over(layer, actors, (points, stand.normals), truth, below, looks, shadows)
        if shadows is not None and any(actor.clear_glass for actor in actors):
            glass_over(layer, actors, points, screen, found, asset, looks)
        layer = functional.avg_pool2d(layer.view(count, side, side, 4).permute(0, 3, 1, 2), _SUPERSAMPLING)
        solid = functional.avg_pool2d((buffer >= 0).float(), _SUPERSAMPLING)
        return layer[:, :3] + behind * (1 - layer[:, 3:]), layer[:, 3], buffer, layer[:, 3] - solid

    def _surface(self, actors: list[Actor], points: Tensor, normals: Tensor, found: Hits) -> Surface:
        """What is seen, in full light: points and normals (N, V, 3) in the camera's frame."""
        asset = self.asset
        corner = asset.triangles.index_select(0, found.triangle)
        paint = torch.stack([actor.paint for actor in actors])
        varying = torch.cat([normals, points, paint], -1)
        index = corner + (found.frame * points.shape[1])[:, None]
        values = interpolate(varying.flatten(0, 1), index, found.weights)
        fixed = interpolate(self._canonical, corner, found.weights)
        normal = functional.normalize(values[:, :3], dim=1)
        normal = torch.where((asset.two_sided[found.triangle] & (normal[:, 2] > 0))[:, None], -normal, normal)
        part, all_ = asset.triangle_part[found.triangle], torch.ones_like(fixed[:, 3])
        return Surface(found.frame, part, normal, fixed[:, :3], fixed[:, 3], values[:, 6:], values[:, 3:6], all_, all_)

    def _shadows(self, points: Tensor, truth: Truth, looks: Looks) -> ShadowMap:
        """Of the first lamp."""
        return shadow_map(
            points, truth.screen[..., 2], self._solid, looks.lamps[:, 0], points[:, self._eyeballs].mean(1)
        )

    def _pores(self, surface: Surface) -> Tensor:
        """(P, 3) in [0, 1], fixed to the skin."""
        place = surface.place
        cells = [
            ((place[:, 0] + 0.6 * place[:, 2]) * 9 + shift, place[:, 1] * 9 - shift) for shift in (0.0, 0.31, 0.67)
        ]
        return torch.stack([noise_at(self._noise, u, v)[:, 3] for u, v in cells], 1)


def _creases(layer: Tensor, surface: Surface, found: Hits, samples: list[float]) -> Tensor:
    """(P,), see `Surface.open`; `layer` (N * S * S, .) says how many samples there are, `samples` metres
    between them.
    """
    count = len(samples)
    side = round((len(layer) // count) ** 0.5)
    depth = torch.zeros(len(layer), device=layer.device)
    depth[found.sample] = surface.position[:, 2]
    return crease_light(depth.view(count, side, side), samples).flatten()[found.sample]


def face_poses(specs: list[SceneSpec], times: Array) -> Pose:
    """Head and face of every spec at its time."""
    moments = [motion(spec.motion).at(times[i : i + 1]) for i, spec in enumerate(specs)]
    return Pose(*(np.concatenate([getattr(m, n) for m in moments]) for n in Pose.__dataclass_fields__))


def rested(pose: Pose, actors: list[Any]) -> Pose:
    """The pose of each actor over what its face does at rest."""
    rest = np.stack([actor.identity.rest for actor in actors])
    return replace(pose, actions=over_rest(pose.actions, rest))


def trail_hair(
    asset: HeadAsset, posed: Tensor, actors: list[Any], specs: list[SceneSpec], times: Array
) -> None:  # fmt: skip
    """Long hair comes after the head: locks of `posed` (N, V, 3) lie between where they belong now and where they did
    `_TRAIL` seconds before, the more the nearer to their tips; in place.
    """
    span = asset.span(HAIR)
    late = torch.stack([actor.weights[span, 0] for actor in actors])
    if not bool(late.any()):
        return
    before = rested(face_poses(specs, times - _TRAIL), actors)
    posed[:, span] = torch.lerp(posed[:, span], pose_vertices(asset, actors, before)[:, span], late[..., None])


def face_turns(specs: list[SceneSpec], times: Array, tilts: list[float]) -> Tensor:
    """(N, 3, 3): how the heads of `specs` are turned before cameras with `tilts` (radians), for row vectors (x, y, z)
    with y down and z away from the camera.
    """
    angles = torch.from_numpy(face_poses(specs, times).rotation)
    tilt = torch.tensor([[0.0, each, 0.0] for each in tilts], dtype=angles.dtype)
    return (rotation_matrices(tilt) @ rotation_matrices(angles)).transpose(1, 2).float()


class HeadRenderer(PersonRenderer):
    """Draws talking heads; the same seeds and times give the same pictures."""

    kind = "head"

    def __init__(
        self, device: str | torch.device = "cpu", batch: int | None = None, photos: Photos | None = None
    ) -> None:
        """Arguments as of `Renderer`."""
        asset = load_head(device_name(device))
        super().__init__(device, batch, photos, asset, canonical(asset), point_vertices(asset))
        self._scenes: Cache[Scene] = Cache(256)
        self._actors: Cache[Actor] = Cache(256)

    def scene(self, seed: int) -> Scene:
        """What a scene's seed means."""
        return self._scenes.get_or_make(seed, lambda: sample_scene(seed))

    def _backdrop(self, seed: int) -> Array:
        return self.scene(seed).backdrop

    def _actor(self, spec: SceneSpec) -> Actor:
        key = (spec.identity, spec.scene)
        who, where = self.identity(spec.identity), self.scene(spec.scene)
        return self._actors.get_or_make(key, lambda: build_actor(self.asset, who, where))

    def turns(self, specs: list[SceneSpec], times: Tensor) -> Tensor:
        """See `Renderer.turns`."""
        tilts = [self.scene(spec.scene).camera.tilt for spec in specs]
        return face_turns(specs, times.numpy(), tilts).to(self.device)

    @torch.no_grad()
    def cuts(
        self, specs: list[SceneSpec], times: Tensor, size: int = 128, parts: tuple[str, ...] = tuple(PARTS)
    ) -> dict[str, Cuts]:
        """The `parts` alone of the frames that `render` would draw, `size` x `size` pixels each; see `cuts.Cuts`.

        The camera has its colours and tones, and neither noise, compression nor blur. Raises `KeyError` for a part
        that is not in `cuts.PARTS`.
        """
        rows = []
        for spec, time in zip(specs, np.asarray(times, np.float64), strict=True):
            actor = [self._actor(spec)]
            points, truth = self._pose([spec], actor, time[None])
            stand = self._stand(actor, points, truth, True)
            windows = {part: part_windows(self.asset, actor, truth.screen, part) for part in parts}
            rows.append(
                {part: Cuts(self._cut(spec, actor, stand, truth, at, size), at) for part, at in windows.items()}
            )
        return {
            part: Cuts(Frames.join([row[part].frames for row in rows]), torch.cat([row[part].window for row in rows]))
            for part in parts
        }

    def _cut(
        self, spec: SceneSpec, actor: list[Actor], stand: Stand, truth: Truth, window: Tensor, size: int
    ) -> Frames:
        """What one frame shows in a window (1, 3)."""
        seen = through_window(truth, window)
        drawn = self._draw(actor, stand, seen, self._behind([spec], seen.background, size))
        lens = replace(clean(actor[0].scene.lens), vignette=0.0, softness=0.0)
        light_up = through_lenses(drawn[0], [lens], [spec.scene], [0.0], self._noise[..., 3])
        return self._frames(light_up, *drawn[1:], seen)

    def _vertices(self, specs: list[SceneSpec], actors: list[Any], times: Array) -> Tensor:
        posed = pose_vertices(self.asset, actors, rested(face_poses(specs, times), actors))
        trail_hair(self.asset, posed, actors, specs, times)
        place_props(self.asset, posed, actors, times)
        return posed
