"""The rasteriser against a brute-force one in numpy, sample by sample and triangle by triangle."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.synth.core.raster import hits, rasterise, surface_weights, vertex_normals


def brute_force(screen, triangles, two_sided, height, width):
    """Nearest triangle, its inverse depth, and how far from any edge each sample is."""
    ys, xs = np.mgrid[:height, :width].astype(np.float64)
    best = np.full((height, width), -1)
    nearest = np.full((height, width), -np.inf)
    second = np.full((height, width), -1e9)
    margin = np.full((height, width), np.inf)
    for number, triangle in enumerate(triangles):
        (x0, y0, w0), (x1, y1, w1), (x2, y2, w2) = screen[triangle].astype(np.float64)
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if (abs(area) if two_sided[number] else area) < 1e-6:
            continue
        a = ((x1 - xs) * (y2 - ys) - (x2 - xs) * (y1 - ys)) / area
        b = ((x2 - xs) * (y0 - ys) - (x0 - xs) * (y2 - ys)) / area
        c = 1 - a - b
        longest = max(np.hypot(x1 - x0, y1 - y0), np.hypot(x2 - x1, y2 - y1), np.hypot(x0 - x2, y0 - y2))
        margin = np.minimum(margin, np.minimum(np.minimum(abs(a), abs(b)), abs(c)) * abs(area) / longest)
        inside = (a >= 0) & (b >= 0) & (c >= 0)
        w = a * w0 + b * w1 + c * w2
        nearer = inside & (w > nearest)
        second = np.where(nearer, nearest, np.where(inside, np.maximum(second, w), second))
        best[nearer], nearest[nearer] = number, w[nearer]
    return best, (margin > 1e-3) & ((best < 0) | (nearest - second > 1e-4))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(24, 40), (33, 17)]), st.booleans())
def test_equals_brute_force(seed, shape, both):
    random = np.random.default_rng(seed)
    height, width = shape
    screen = random.uniform(-0.3, 1.3, (2, 40, 3)) * [width, height, 0] + [0, 0, 1]
    screen[..., 2] = random.uniform(0.2, 3, (2, 40))
    triangles = random.integers(0, 40, (30, 3))
    two_sided = random.random(30) < (0.5 if both else 0)
    buffer = rasterise(
        torch.tensor(screen, dtype=torch.float32), torch.tensor(triangles), torch.tensor(two_sided), height, width
    )
    for frame in range(2):
        expected, certain = brute_force(screen[frame].astype(np.float32), triangles, two_sided, height, width)
        assert certain.mean() > 0.5
        np.testing.assert_array_equal(buffer[frame].numpy()[certain], expected[certain])


def test_a_mesh_has_neither_holes_nor_double_covers():
    """A jittered grid over the frame covers every sample exactly once: the two halves' buffers are complements."""
    generator = torch.Generator().manual_seed(3)
    n, size = 24, 200
    y, x = torch.meshgrid(torch.linspace(-8, size + 8, n), torch.linspace(-8, size + 8, n), indexing="ij")
    xy = torch.stack([x, y], -1) + torch.rand(n, n, 2, generator=generator) * 5
    screen = torch.cat([xy.view(1, -1, 2), torch.ones(1, n * n, 1)], -1)
    a = (torch.arange(n - 1)[:, None] * n + torch.arange(n - 1)).flatten()
    triangles = torch.cat([torch.stack([a, a + 1, a + n], 1), torch.stack([a + 1, a + n + 1, a + n], 1)])
    one_sided = torch.zeros(len(triangles), dtype=torch.bool)
    whole = rasterise(screen, triangles, one_sided, size, size)
    assert (whole >= 0).all()
    hidden = torch.rand(len(triangles), generator=generator) < 0.5
    one = rasterise(screen, triangles, one_sided, size, size, hidden[None]) >= 0
    other = rasterise(screen, triangles, one_sided, size, size, ~hidden[None]) >= 0
    assert (one ^ other).all()


def test_back_faces_and_hidden_vertices_are_left_out():
    screen = torch.tensor([[[1.0, 1, 1], [8, 1, 1], [1, 8, 1]]])
    front, back = torch.tensor([[0, 1, 2]]), torch.tensor([[0, 2, 1]])
    one, two = torch.tensor([False]), torch.tensor([True])
    assert (rasterise(screen, front, one, 9, 9) == 0).any()
    assert (rasterise(screen, back, one, 9, 9) == -1).all()
    assert torch.equal(rasterise(screen, back, two, 9, 9), rasterise(screen, front, one, 9, 9))
    screen[0, 1, 2] = 0
    assert (rasterise(screen, front, two, 9, 9) == -1).all()


def test_weights_are_perspective_correct():
    """Points spread evenly on a slanted triangle in space come back with the weights they were made from."""
    generator = torch.Generator().manual_seed(0)
    space = torch.tensor([[-1.0, -1, 2], [1, -1, 4], [0, 1, 8]])
    weights = torch.rand(50, 3, generator=generator) + 0.05
    weights = weights / weights.sum(1, keepdim=True)
    place = weights @ space
    flat = place[:, :2] / place[:, 2:] * 100
    corners = torch.cat([space[:, :2] / space[:, 2:] * 100, 1 / space[:, 2:]], 1)
    torch.testing.assert_close(surface_weights(corners.expand(50, 3, 3), flat), weights, atol=1e-4, rtol=1e-4)


def test_hits_name_the_samples_they_belong_to():
    screen = torch.rand(3, 30, 3, generator=torch.Generator().manual_seed(5)) * 20
    screen[..., 2] += 0.5
    triangles = torch.arange(30).view(10, 3)
    buffer = rasterise(screen, triangles, torch.ones(10, dtype=torch.bool), 20, 20)
    found = hits(buffer, screen, triangles)
    assert torch.equal(buffer.flatten()[found.sample], found.triangle)
    assert torch.equal(found.sample // 400, found.frame)
    corner = screen[found.frame[:, None], triangles[found.triangle]]
    depth = found.weights / corner[..., 2]
    back = (corner[..., :2] * depth[..., None]).sum(1) / depth.sum(1, keepdim=True)
    expected = torch.stack([found.sample % 20, found.sample % 400 // 20], 1).float()
    assert (back - expected).abs().max() < 0.02


def test_normals_of_a_ball_point_outwards():
    trimesh = pytest.importorskip("trimesh")
    ball = trimesh.creation.icosphere(subdivisions=3)
    points = torch.tensor(ball.vertices, dtype=torch.float32)[None]
    clockwise = torch.tensor(np.ascontiguousarray(ball.faces[:, [0, 2, 1]]))
    assert ((vertex_normals(points, clockwise) * points).sum(-1) > 0.99).all()
