"""The exact correspondence between frames of one actor, from projected vertices.

For every pixel of the driving frame: which triangle is seen there and where on it; that place, projected by the
source frame's vertices, is where to look. It is visible when nothing nearer was drawn there in the source.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .raster import hits, rasterise
from .topology import Topology, load_topology

DEPTH_SLACK = 0.002
"""Metres by which a surface may lie behind the nearest one and still be the same surface."""

ROUNDING = 1e-4
"""Frame units by which a place may lie outside the frame: a border pixel is seen in its own frame."""


@dataclass
class Truth:
    """What correspondence needs of N frames."""

    screen: Tensor
    """(N, V, 3) float32: x, y in [-1, 1] and inverse depth in 1/m, 0 for vertices that are not shown."""
    background: Tensor
    """(N, 2, 3) affine maps from the backdrop's plane to the frame."""
    kind: str = "head"

    def __getitem__(self, index: slice | Tensor) -> Truth:
        return Truth(self.screen[index], self.background[index], self.kind)


@dataclass
class SurfaceBuffer:
    """The nearest surface at every pixel of N small frames; pixel centres span [-1, 1] from first to last."""

    triangle: Tensor
    """(N, S, S) int64, -1 for the backdrop."""
    weights: Tensor
    """(N, S, S, 3) float32, where on the triangle."""


def to_samples(screen: Tensor, size: int, supersampling: int = 1) -> Tensor:
    """Frame coordinates in [-1, 1] to samples, `supersampling` of them a pixel and side; depth is kept."""
    flat = ((screen[..., :2] + 1) * ((size - 1) / 2) + 0.5) * supersampling - 0.5
    return torch.cat([flat, screen[..., 2:]], -1)


def pixel_grid(size: int, device: torch.device | str = "cpu") -> Tensor:
    """(size, size, 2) coordinates of the pixels' centres."""
    axis = torch.linspace(-1, 1, size, device=device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], -1)


def surface_buffer(truth: Truth, size: int) -> SurfaceBuffer:
    """Draws the frames at `size` x `size`, one sample a pixel."""
    mesh = load_topology(truth.kind, str(truth.screen.device))
    screen = to_samples(truth.screen, size)
    triangle = rasterise(screen, mesh.triangles, mesh.two_sided, size, size)
    found = hits(triangle, screen, mesh.triangles)
    weights = torch.zeros(triangle.numel(), 3, device=screen.device)
    weights[found.sample] = found.weights
    return SurfaceBuffer(triangle, weights.view(*triangle.shape, 3))


def locate(mesh: Topology, screen: Tensor, triangle: Tensor, weights: Tensor) -> Tensor:
    """(N, Q, 3) projections of surface places: `triangle` (N, Q), `weights` (N, Q, 3) on `screen` (N, V, 3)."""
    corner = mesh.triangles[triangle.clamp_min(0)]
    count = len(screen)
    index = corner + (torch.arange(count, device=screen.device) * screen.shape[1])[:, None, None]
    places = screen.reshape(-1, 3)[index]
    depths = weights / places[..., 2].clamp_min(1e-6)
    depth = depths.sum(-1, keepdim=True).clamp_min(1e-9)
    return torch.cat([(places[..., :2] * depths[..., None]).sum(-2) / depth, 1 / depth], -1)


def _nearest_inverse_depth(mesh: Topology, screen: Tensor, buffer: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Inverse depth (N, Q) of what the source shows at places (N, Q, 2), and the triangle there.

    The plane of the nearest sample's triangle is followed to the exact place, so slopes cost no accuracy.
    """
    count, size, _ = buffer.shape
    cell = ((places + 1) * ((size - 1) / 2)).round().clamp(0, size - 1).long()
    triangle = buffer.view(count, -1).gather(1, cell[..., 1] * size + cell[..., 0])
    index = mesh.triangles[triangle.clamp_min(0)]
    index = index + (torch.arange(count, device=screen.device) * screen.shape[1])[:, None, None]
    corner = screen.reshape(-1, 3)[index]
    e1, e2 = corner[..., 1, :] - corner[..., 0, :], corner[..., 2, :] - corner[..., 0, :]
    area = e1[..., 0] * e2[..., 1] - e1[..., 1] * e2[..., 0]
    area = torch.where(area.abs() < 1e-9, torch.full_like(area, 1e-9), area)
    slope_x = (e1[..., 2] * e2[..., 1] - e2[..., 2] * e1[..., 1]) / area
    slope_y = (e1[..., 0] * e2[..., 2] - e2[..., 0] * e1[..., 2]) / area
    offset = places - corner[..., 0, :2]
    inverse = corner[..., 0, 2] + offset[..., 0] * slope_x + offset[..., 1] * slope_y
    reach = (slope_x.abs() + slope_y.abs()) * (0.5 / size)
    return inverse - reach.clamp_max(0.02), triangle


def background_between(source: Tensor, driving: Tensor) -> Tensor:
    """(N, 3, 3) motion of the backdrop, homogeneous driving to source coordinates, from both frames' (N, 2, 3) maps."""
    last = torch.eye(3, device=source.device)[2:]

    def square(affine: Tensor) -> Tensor:
        return torch.cat([affine, last.expand(len(affine), 1, 3)], 1)

    # The adjugate, not `torch.linalg.inv`: that makes a graphics card wait to see whether it failed.
    (a, b, x), (c, d, y) = (row.unbind(-1) for row in driving.unbind(-2))
    area = a * d - b * c
    rows = (d, -b, b * y - d * x), (-c, a, c * x - a * y)
    back = torch.stack([torch.stack(row, -1) for row in rows], -2) / area[:, None, None]
    return square(source) @ square(back)


def flow_between(
    source: Truth, source_buffer: Tensor, driving: Truth, driving_buffer: SurfaceBuffer
) -> tuple[Tensor, Tensor]:
    """Backward flow (N, S, S, 2) and visibility (N, S, S) from a driving buffer to the source.

    `source_buffer` (N, B, B) holds the source's nearest triangles at any resolution.
    """
    mesh = load_topology(source.kind, str(source.screen.device))
    count, size, _ = driving_buffer.triangle.shape
    triangle = driving_buffer.triangle.view(count, -1)
    place = locate(mesh, source.screen, triangle, driving_buffer.weights.view(count, -1, 3))
    grid = pixel_grid(size, triangle.device).view(1, -1, 2)
    motion = background_between(source.background, driving.background)
    behind = grid @ motion[:, :2, :2].transpose(1, 2) + motion[:, None, :2, 2]
    backdrop = triangle < 0
    flow = torch.where(backdrop[..., None], behind, place[..., :2])
    nearest, seen = _nearest_inverse_depth(mesh, source.screen, source_buffer, flow)
    same = (seen == triangle) | (place[..., 2] >= nearest * (1 - DEPTH_SLACK * nearest))
    visible = torch.where(backdrop, seen < 0, (seen >= 0) & same)
    visible &= (flow.abs() <= 1 + ROUNDING).all(-1)
    return flow.clamp(-4, 4).view(count, size, size, 2), visible.view(count, size, size)


def points_visible(truth: Truth, points: Tensor, inverse_depth: Tensor, buffer: Tensor, slack: float) -> Tensor:
    """(N, K) whether points (N, K, 2) are inside the frame and nothing lies more than `slack` metres before them."""
    mesh = load_topology(truth.kind, str(truth.screen.device))
    nearest, seen = _nearest_inverse_depth(mesh, truth.screen, buffer, points)
    free = (seen < 0) | (inverse_depth >= nearest * (1 - slack * nearest))
    return free & (points.abs() <= 1).all(-1)


def without_loose_hair(flow: Tensor, visible: Tensor, source: Tensor, driving: Tensor) -> Tensor:
    """(N, S, S) bool: `visible` where neither frame shows a loose hair, which the flow (N, S, S, 2) knows nothing of.

    `source` and `driving` (N, H, W) bool, see `Frames.loose`.
    """
    size = flow.shape[1]
    here = functional.adaptive_max_pool2d(driving.float()[:, None], size)[:, 0] > 0
    there = functional.grid_sample(source.float()[:, None], flow, align_corners=True)[:, 0] > 0.05
    return visible & ~here & ~there
