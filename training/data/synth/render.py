"""Pictures of synthetic people with their truth."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .actor import Actor, build_actor, canonical, full_skin_weights
from .backdrop import EXTENT
from .head import load_head
from .identity import Identity, sample_identity
from .motion import Pose, motion
from .points import point_vertices
from .pose import pose_vertices, project, to_camera
from .raster import hits, rasterise, vertex_normals
from .scene import Scene, sample_scene
from .shade import Looks, Surface, albedo_and_gloss, light, noise_texture
from .truth import Truth, flow_between, pixel_grid, points_visible, surface_buffer, to_samples

_T = TypeVar("_T")
TEST_SEEDS = 1_000_000
"""Identity and motion seeds from here on are the test split; training never draws them."""
_SUPERSAMPLING = 2
_POINT_SLACK = 0.03
"""Metres of hair that may cover a named point which still counts as visible: its place is known."""


@dataclass(frozen=True)
class SceneSpec:
    """What to draw: independent seeds of who, how they move, and where."""

    identity: int
    motion: int
    scene: int
    kind: str = "head"


@dataclass
class Frames:
    """N drawn frames; slicing (`frames[i:j]`, or by an index tensor) gives frames again."""

    image: Tensor
    """(N, H, W, 3) uint8, sRGB."""
    points: Tensor
    """(N, 50, 2) float32 in [-1, 1] where inside the frame, in the order of POINT_NAMES."""
    points_visible: Tensor
    """(N, 50) bool."""
    mask: Tensor
    """(N, H, W) bool, True where the person is."""
    truth: Truth

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, index: slice | Tensor) -> Frames:
        return Frames(
            self.image[index], self.points[index], self.points_visible[index], self.mask[index], self.truth[index]
        )


def true_flow(source: Frames, driving: Frames, size: int = 64) -> tuple[Tensor, Tensor]:
    """Backward flow (N, size, size, 2) float32 and visibility (N, size, size) bool, frames paired by index.

    Both frames of a pair must show the same identity in the same scene. The flow says for every pixel of the driving
    frame where in the source the same surface point is; it may leave [-1, 1] (then it is not visible).
    """
    driving_buffer = surface_buffer(driving.truth, size)
    source_buffer = surface_buffer(source.truth, max(size, 128)).triangle
    return flow_between(source.truth, source_buffer, driving.truth, driving_buffer)


def _interpolate(table: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """(P, C) from a vertex table (V, C), corners (P, 3) and weights (P, 3), without a (P, 3, C) array."""
    total = table.index_select(0, index[:, 0]).mul_(weights[:, :1])
    for corner in (1, 2):
        total.addcmul_(table.index_select(0, index[:, corner]), weights[:, corner : corner + 1])
    return total


class _Cache(OrderedDict[Hashable, _T]):
    """The most recently used values, made on demand."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def get_or_make(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """The value of a key, made by `make()` when it is new."""
        if key not in self:
            self[key] = make()
            if len(self) > self.limit:
                self.popitem(last=False)
        self.move_to_end(key)
        return self[key]


class HeadRenderer:
    """Draws talking heads; the same seeds and times give the same pictures."""

    def __init__(self, device: str | torch.device = "cpu", batch: int | None = None) -> None:
        """`batch`: how many frames are drawn at once; by default one on a CPU (fastest there), 64 on a GPU."""
        self.device = torch.empty(0, device=device).device  # "cuda" becomes "cuda:0", as tensors say it
        self.batch = batch or (1 if self.device.type == "cpu" else 64)
        self.asset = load_head(str(self.device))
        self._weights = full_skin_weights(self.asset)
        self._canonical = canonical(self.asset)
        self._points = point_vertices(self.asset)
        self._noise = noise_texture().to(self.device)
        self._people = self.asset.coefficients.cpu().numpy(), self.asset.labels.cpu().numpy()
        self._identities: _Cache[Identity] = _Cache(256)
        self._scenes: _Cache[Scene] = _Cache(256)
        self._actors: _Cache[Actor] = _Cache(256)

    def identity(self, seed: int) -> Identity:
        """Who a seed is."""
        return self._identities.get_or_make(seed, lambda: sample_identity(seed, *self._people))

    def scene(self, seed: int) -> Scene:
        """What a scene's seed means."""
        return self._scenes.get_or_make(seed, lambda: sample_scene(seed))

    def _actor(self, spec: SceneSpec) -> Actor:
        key = (spec.identity, spec.scene)
        who, where = self.identity(spec.identity), self.scene(spec.scene)
        return self._actors.get_or_make(key, lambda: build_actor(self.asset, who, where))

    @torch.no_grad()
    def render(self, specs: list[SceneSpec], times: Tensor, size: int = 256, shading: bool = True) -> Frames:
        """One frame for each spec and time (seconds), `size` x `size` pixels.

        `shading=False` leaves light and highlights out, so that a surface point has one colour in all frames.
        """
        if unknown := {spec.kind for spec in specs} - {"head"}:
            raise ValueError(f"this renderer draws heads, not {', '.join(sorted(unknown))}")
        if len(specs) != len(times):
            raise ValueError(f"{len(specs)} specs but {len(times)} times")
        parts = []
        for start in range(0, len(specs), self.batch):
            stop = start + self.batch
            parts.append(self._render(specs[start:stop], np.asarray(times[start:stop], np.float64), size, shading))
        return Frames(
            image=torch.cat([part.image for part in parts]),
            points=torch.cat([part.points for part in parts]),
            points_visible=torch.cat([part.points_visible for part in parts]),
            mask=torch.cat([part.mask for part in parts]),
            truth=Truth(
                torch.cat([part.truth.screen for part in parts]), torch.cat([part.truth.background for part in parts])
            ),
        )

    def _render(self, specs: list[SceneSpec], times: np.ndarray, size: int, shading: bool) -> Frames:
        actors = [self._actor(spec) for spec in specs]
        moments = [motion(spec.motion).at(times[i : i + 1]) for i, spec in enumerate(specs)]
        pose = Pose(*(np.concatenate([getattr(m, n) for m in moments]) for n in Pose.__dataclass_fields__))
        points = to_camera(pose_vertices(self.asset, self._weights, actors, pose), actors)
        drift = np.concatenate([a.scene.camera.background(times[i : i + 1]) for i, a in enumerate(actors)])
        background = torch.from_numpy(drift).to(self.device)
        truth = Truth(project(points, actors, background), background)
        image, cover, buffer = self._draw(actors, points, truth, size, shading)
        named = truth.screen[:, self._points]
        seen = points_visible(truth, named[..., :2], named[..., 2], buffer, _POINT_SLACK)
        return Frames(image, named[..., :2].clone(), seen, cover > 0.5, truth)

    def _draw(
        self, actors: list[Actor], points: Tensor, truth: Truth, size: int, shading: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Image (N, H, W, 3) uint8, coverage (N, H, W) and the buffer of triangles."""
        asset, count, side = self.asset, len(actors), size * _SUPERSAMPLING
        screen = to_samples(truth.screen, size, _SUPERSAMPLING)
        buffer = rasterise(screen, asset.triangles, asset.two_sided, side, side)
        found = hits(buffer, screen, asset.triangles)
        corner = asset.triangles.index_select(0, found.triangle)
        paint = torch.stack([actor.paint for actor in actors])
        varying = torch.cat([vertex_normals(points, asset.triangles), paint], -1)
        index = corner + (found.frame * points.shape[1])[:, None]
        values = _interpolate(varying.flatten(0, 1), index, found.weights)
        fixed = _interpolate(self._canonical, corner, found.weights)
        normal = functional.normalize(values[:, :3], dim=1)
        normal = torch.where((asset.two_sided[found.triangle] & (normal[:, 2] > 0))[:, None], -normal, normal)
        surface = Surface(
            found.frame, asset.triangle_part[found.triangle], normal, fixed[:, :3], fixed[:, 3], values[:, 3:]
        )
        looks = Looks(actors, self.device)
        albedo, gloss, exponent = albedo_and_gloss(surface, looks, self._noise)
        lit = light(surface, albedo, gloss, exponent, looks) if shading else albedo * surface.occlusion[:, None]
        layer = torch.zeros(count * side * side, 4, device=self.device)
        layer[found.sample, :3] = lit
        layer[found.sample, 3] = 1
        layer = functional.avg_pool2d(layer.view(count, side, side, 4).permute(0, 3, 1, 2), _SUPERSAMPLING)
        behind = self._backdrops(actors, truth.background, size)
        linear = layer[:, :3] + behind * (1 - layer[:, 3:])
        image = (linear.clamp(0, 1) ** (1 / 2.2) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
        return image.contiguous(), layer[:, 3], buffer

    def _backdrops(self, actors: list[Actor], background: Tensor, size: int) -> Tensor:
        """(N, 3, size, size) what lies behind the people."""
        plates = torch.stack([torch.from_numpy(a.scene.backdrop) for a in actors]).to(self.device)
        grid = pixel_grid(size, self.device).view(1, -1, 2) - background[:, None, :, 2]
        grid = grid @ torch.linalg.inv(background[:, :, :2]).transpose(1, 2)
        grid = grid.view(len(actors), size, size, 2) / EXTENT
        return functional.grid_sample(plates, grid, padding_mode="reflection", align_corners=True)
