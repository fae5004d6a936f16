"""A batched triangle rasteriser in plain torch: the same code on CPU and GPU, no graphics library.

Triangles become rows, rows become samples (two `repeat_interleave`s), and one `scatter_reduce` over packed
(inverse depth, triangle) keys keeps the nearest. Spans are half-open and every edge is evaluated from its upper
end, so triangles that share an edge never leave a hole nor cover a sample twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_TRIANGLE_BITS = 20


@dataclass
class Hits:
    """The samples that some triangle covers, nearest first kept; P of them over the whole batch."""

    sample: Tensor
    """(P,) int64, index into the flattened (N, H, W) samples."""
    frame: Tensor
    """(P,) int64 in [0, N)."""
    triangle: Tensor
    """(P,) int64 in [0, T)."""
    weights: Tensor
    """(P, 3) barycentric coordinates on the surface (perspective-correct), summing to one."""


def rasterise(
    screen: Tensor, triangles: Tensor, two_sided: Tensor, height: int, width: int, hidden: Tensor | None = None
) -> Tensor:
    """The nearest triangle of every sample.

    `screen` (N, V, 3): x and y in samples, with the first sample's centre at 0, and inverse depth (> 0, larger is
    nearer); `triangles` (T, 3) int64, clockwise on the screen (y down) where they face the camera; `two_sided` (T,)
    bool; `hidden` (N, T) bool leaves triangles out. Returns (N, H, W) int64, -1 where nothing is.
    """
    count = len(screen)
    if len(triangles) >= 1 << _TRIANGLE_BITS:
        raise ValueError(f"at most {1 << _TRIANGLE_BITS} triangles, got {len(triangles)}")
    corners = screen.index_select(1, triangles.flatten()).view(count, -1, 3, 3)
    x, y = corners[..., 0], corners[..., 1]
    area = (x[..., 1] - x[..., 0]) * (y[..., 2] - y[..., 0]) - (x[..., 2] - x[..., 0]) * (y[..., 1] - y[..., 0])
    low_y, high_y = y.amin(-1), y.amax(-1)
    inside = (high_y > 0) & (low_y <= height - 1) & (x.amax(-1) > 0) & (x.amin(-1) <= width - 1)
    inside &= low_y.ceil() < high_y  # crosses at least one row of samples
    inside &= torch.where(two_sided, area.abs(), area) > 1e-7
    inside &= corners[..., 2].amin(-1) > 0
    if hidden is not None:
        inside &= ~hidden
    frame, triangle = inside.nonzero(as_tuple=True)
    best = torch.full((count * height * width,), -1, dtype=torch.int64, device=screen.device)
    if len(frame):
        _draw(best, corners[frame, triangle], frame, triangle, height, width)
    hit = best >= 0
    return torch.where(hit, best & ((1 << _TRIANGLE_BITS) - 1), best).view(count, height, width)


def expand(lengths: Tensor) -> tuple[Tensor, Tensor]:
    """For runs of the given lengths: the run of every element, and its place inside the run."""
    run = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    start = lengths.cumsum(0) - lengths
    return run, torch.arange(len(run), device=lengths.device) - start[run]


def _draw(best: Tensor, corners: Tensor, frame: Tensor, triangle: Tensor, height: int, width: int) -> None:
    """Writes the nearest keys of M triangles into `best`, in place."""
    order = corners[..., 1].argsort(dim=-1, stable=True)
    corners = corners.gather(1, order[..., None].expand_as(corners))  # from top to bottom
    (x0, y0, w0), (x1, y1, w1), (x2, y2, w2) = (corners[:, i].unbind(-1) for i in range(3))
    determinant = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    w_x = ((w1 - w0) * (y2 - y0) - (w2 - w0) * (y1 - y0)) / determinant
    w_y = ((x1 - x0) * (w2 - w0) - (x2 - x0) * (w1 - w0)) / determinant
    constant = w0 - x0 * w_x - y0 * w_y
    long_slope, upper, lower = (x2 - x0) / (y2 - y0), (x1 - x0) / (y1 - y0), (x2 - x1) / (y2 - y1)

    first = y0.ceil().clamp_min(0)
    last = (y2.ceil() - 1).clamp_max(height - 1)
    run, row = expand((last - first + 1).clamp_min(0).long())
    y = first[run] + row
    on_long = x0[run] + (y - y0[run]) * long_slope[run]
    above = y < y1[run]
    on_short = torch.where(above, x0[run] + (y - y0[run]) * upper[run], x1[run] + (y - y1[run]) * lower[run])
    left = torch.minimum(on_long, on_short).ceil().clamp_min(0)
    right = (torch.maximum(on_long, on_short).ceil() - 1).clamp_max(width - 1)
    line, column = expand((right - left + 1).clamp_min(0).long())
    if not len(line):
        return
    start = left.long()
    x = start[line] + column
    line_w = constant[run] + y * w_y[run]
    inverse_depth = (line_w[line] + x * w_x[run][line]).clamp_min(1e-9)
    # Positive floats order like their bits; corner values bound the plane against slivers' rounding.
    inverse_depth = torch.minimum(inverse_depth, corners[..., 2].amax(-1)[run][line])
    key = (inverse_depth.view(torch.int32).long() << _TRIANGLE_BITS) | triangle[run][line]
    place = ((frame[run] * height + y.long()) * width)[line] + x
    best.scatter_reduce_(0, place, key, "amax")


def hits(buffer: Tensor, screen: Tensor, triangles: Tensor) -> Hits:
    """The covered samples of a buffer (N, H, W) made by `rasterise` with the same `screen` and `triangles`."""
    _, height, width = buffer.shape
    flat = buffer.flatten()
    sample = (flat >= 0).nonzero().flatten()
    triangle = flat[sample]
    frame = sample // (height * width)
    inside = sample - frame * (height * width)
    y = torch.div(inside, width, rounding_mode="floor")
    points = torch.stack([(inside - y * width).to(screen.dtype), y.to(screen.dtype)], -1)
    corner = (frame * screen.shape[1])[:, None] + triangles.index_select(0, triangle)
    corners = screen.reshape(-1, 3).index_select(0, corner.flatten()).view(-1, 3, 3)
    return Hits(sample, frame, triangle, surface_weights(corners, points))


def surface_weights(corners: Tensor, points: Tensor) -> Tensor:
    """Perspective-correct barycentric coordinates (P, 3) of screen points (P, 2) in triangles (P, 3, 3)."""
    x, y, w = corners.unbind(-1)
    dx, dy = x - points[:, :1], y - points[:, 1:]
    a = dx[:, 1] * dy[:, 2] - dx[:, 2] * dy[:, 1]
    b = dx[:, 2] * dy[:, 0] - dx[:, 0] * dy[:, 2]
    c = dx[:, 0] * dy[:, 1] - dx[:, 1] * dy[:, 0]
    weights = torch.stack([a, b, c], -1)
    total = weights.sum(-1, keepdim=True)
    weights = (weights / torch.where(total == 0, torch.ones_like(total), total)).clamp(0, 1) * w
    return weights / weights.sum(-1, keepdim=True).clamp_min(1e-12)


def vertex_normals(points: Tensor, triangles: Tensor) -> Tensor:
    """(N, V, 3) unit outward normals of points (N, V, 3), area-weighted over the triangles (T, 3) around each."""
    corners = points.index_select(1, triangles.flatten()).view(len(points), -1, 3, 3)
    faces = torch.linalg.cross(corners[:, :, 2] - corners[:, :, 0], corners[:, :, 1] - corners[:, :, 0])
    normals = torch.zeros_like(points)
    for corner in range(3):
        normals.index_add_(1, triangles[:, corner], faces)
    return torch.nn.functional.normalize(normals, dim=-1)


def interpolate(table: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """(P, C) from a vertex table (V, C), corners (P, 3) and weights (P, 3), without a (P, 3, C) array."""
    total = table.index_select(0, index[:, 0]).mul_(weights[:, :1])
    for corner in (1, 2):
        total.addcmul_(table.index_select(0, index[:, corner]), weights[:, corner : corner + 1])
    return total
