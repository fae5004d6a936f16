"""Pictures of articulated cartoons with their truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..core.lens import through_lenses
from ..core.photos import Photos
from ..core.raster import hits, interpolate, rasterise
from ..core.renderer import EXPOSED, Cache, Frames, Renderer, SceneSpec
from ..core.seeds import Array
from ..core.topology import load_topology
from ..core.truth import Truth, points_visible, to_samples
from ..person.shade import noise_texture
from .figure import (
    INDEX,
    PART_VERTICES,
    PARTS,
    figure_point_vertices,
    inverse_depths,
    local_places,
    triangle_parts,
)
from .gait import CHANNELS, ToonPose, gait
from .identity import Toon, sample_toon
from .pose import pose_figure
from .scene import ToonScene, sample_toon_scene

_SUPERSAMPLING = 3
_POINT_SLACK = 0.005
_ON_PEOPLE = ("body", "arm_near", "arm_far")
_PATTERNED = ("body", "tail", "head", "neck", "arm_near", "arm_far", "leg_near", "leg_far", "ear_near", "ear_far")
_UNLINED = ("mouth", "nose", "pupil_near", "pupil_far")


@dataclass
class Figure:
    """One identity, ready to be posed and coloured."""

    toon: Toon
    size: float
    """Its height (or width, if larger) where it stands at rest; divides the pose's coordinates."""
    middle: float
    """Where its middle is then, forward of the hip."""
    local: Tensor
    """(FIGURE_VERTICES, 4), see `figure.local_places`."""
    inverse: Tensor
    """(FIGURE_VERTICES,) inverse depth, 0 for parts it has not."""


def _figure(seed: int, device: torch.device) -> Figure:
    toon = sample_toon(seed)
    rest = pose_figure(toon, gait_at_rest())
    shown = np.repeat(toon.shown, PART_VERTICES)
    extent = np.ptp(rest[shown], axis=0)
    lengths = np.array([toon.lengths.get(n.removesuffix("_near").removesuffix("_far"), 0.0) for n in PARTS])
    local = torch.from_numpy(local_places(lengths, toon.widths).reshape(-1, 4)).to(device)
    inverse = torch.from_numpy(inverse_depths() * shown).to(device)
    middle = float(rest[shown, 0].min() + extent[0] / 2)
    return Figure(toon, float(max(extent[1], 0.85 * extent[0])), middle, local, inverse)


def gait_at_rest() -> ToonPose:
    """Standing straight."""
    return ToonPose(np.zeros(len(CHANNELS)), 1.0, 0.0, 0.0, np.zeros(2))


class CartoonRenderer(Renderer):
    """Draws layered figures that walk, run, jump, wave and dance; the same seeds and times give the same pictures."""

    kind = "cartoon"

    def __init__(
        self, device: str | torch.device = "cpu", batch: int | None = None, photos: Photos | None = None
    ) -> None:
        """Arguments as of `Renderer`."""
        super().__init__(device, batch, photos)
        self._mesh = load_topology(self.kind, str(self.device))
        self._parts = triangle_parts().to(self.device)
        self._points = figure_point_vertices().to(self.device)
        self._noise = noise_texture()[..., 3].to(self.device)
        self._figures: Cache[Figure] = Cache(256)
        self._scenes: Cache[ToonScene] = Cache(256)
        flags = [[name in _PATTERNED, name not in _UNLINED, name in _ON_PEOPLE] for name in PARTS]
        self._flags = torch.tensor(flags, device=self.device).float()

    def figure(self, seed: int) -> Figure:
        """Who an identity seed is."""
        return self._figures.get_or_make(seed, lambda: _figure(seed, self.device))

    def scene(self, seed: int) -> ToonScene:
        """What a scene's seed means."""
        return self._scenes.get_or_make(seed, lambda: sample_toon_scene(seed))

    def _backdrop(self, seed: int) -> Array:
        return self.scene(seed).backdrop

    def _render(self, specs: list[SceneSpec], times: Array, size: int, shading: bool, exposure: float) -> Frames:
        truth = self._truth(specs, times)
        picture, cover, buffer = self._draw(specs, truth, size)
        if exposure:
            moments = [times + exposure * share for share in EXPOSED]
            others = [self._draw(specs, self._truth(specs, at), size)[0] for at in moments]
            picture = torch.stack([picture, *others]).mean(0)
        if shading:
            lenses, seeds = [self.scene(spec.scene).lens for spec in specs], [spec.scene for spec in specs]
            picture = through_lenses(picture, lenses, seeds, times.tolist(), self._noise)
        image = (picture.clamp(0, 1) ** (1 / 2.2) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
        named = truth.screen[:, self._points]
        seen = points_visible(truth, named[..., :2], named[..., 2], buffer, _POINT_SLACK) & (named[..., 2] > 0)
        return Frames.without_hairs(image.contiguous(), named[..., :2].clone(), seen, cover, truth)

    def _truth(self, specs: list[SceneSpec], times: Array) -> Truth:
        screens, backgrounds = [], []
        for spec, time in zip(specs, times, strict=True):
            figure, scene, pose = self.figure(spec.identity), self.scene(spec.scene), gait(spec.motion).at(float(time))
            flat = (pose_figure(figure.toon, pose) - [figure.middle, 0.0]) * (scene.height / figure.size)
            flat[:, 0] = flat[:, 0] * pose.facing + pose.shift * scene.height + scene.middle
            flat[:, 1] += scene.ground
            background = scene.camera.background(np.array([time]))[0]
            flat = flat @ background[:, :2].T + background[:, 2]
            place = torch.from_numpy(flat.astype(np.float32)).to(self.device)
            screens.append(torch.cat([place, figure.inverse[:, None]], 1))
            backgrounds.append(torch.from_numpy(background))
        return Truth(torch.stack(screens), torch.stack(backgrounds).to(self.device), self.kind)

    def _draw(self, specs: list[SceneSpec], truth: Truth, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Linear light (N, 3, S, S), coverage (N, S, S) and the buffer of triangles."""
        side = size * _SUPERSAMPLING
        screen = to_samples(truth.screen, size, _SUPERSAMPLING)
        buffer = rasterise(screen, self._mesh.triangles, self._mesh.two_sided, side, side)
        found = hits(buffer, screen, self._mesh.triangles)
        figures = [self.figure(spec.identity) for spec in specs]
        corner = self._mesh.triangles[found.triangle] + (found.frame * truth.screen.shape[1])[:, None]
        local = interpolate(torch.cat([figure.local for figure in figures]), corner, found.weights)
        layer = torch.zeros(len(specs) * side * side, 4, device=self.device)
        layer[found.sample, :3] = self._colours(figures, found.frame, self._parts[found.triangle], local)
        layer[found.sample, 3] = 1
        layer = functional.avg_pool2d(layer.view(len(specs), side, side, 4).permute(0, 3, 1, 2), _SUPERSAMPLING)
        behind = self._behind(specs, truth.background, size)
        return layer[:, :3] + behind * (1 - layer[:, 3:]), layer[:, 3], buffer

    def _colours(self, figures: list[Figure], frame: Tensor, part: Tensor, local: Tensor) -> Tensor:
        """(P, 3) flat colours, pattern and outline of samples; `local` (P, 4) as of `figure.local_places`."""

        def table(values: list[object]) -> Tensor:
            return torch.from_numpy(np.stack([np.asarray(v, np.float32) for v in values])).to(self.device)

        toons = [figure.toon for figure in figures]
        along, across, edge, share = local.unbind(1)
        splits = table([toon.split for toon in toons])[frame, part]
        colour = table([toon.colours for toon in toons])[frame, part, (share > splits).long()]
        people = [toon.creature == "person" for toon in toons]
        numbers = table([[t.pattern, t.pattern_scale, t.line, p] for t, p in zip(toons, people, strict=True)])[frame]
        kind, scale, line, person = numbers.unbind(1)
        patterned, lined, clothed = self._flags[part].unbind(1)
        patterned = torch.where(person > 0, clothed, patterned)
        u, v = along / scale, across / scale
        spots = (u % 1 - 0.5) ** 2 + ((v + 0.5 * (u.floor() % 2)) % 1 - 0.5) ** 2 < 0.08
        belly = (part == INDEX["body"]) & (across > 0.5 * scale)
        second = ((kind == 1) & (u % 1 < 0.4)) | ((kind == 2) & spots) | ((kind == 3) & belly)
        second |= (kind == 4) & (v % 1 < 0.4)
        chosen = (second & (patterned > 0))[:, None]
        colour = torch.where(chosen, table([toon.second for toon in toons])[frame], colour)
        drawn = (edge < line * lined)[:, None]
        return torch.where(drawn, table([toon.outline for toon in toons])[frame], colour)
