"""Hairs, shadows, cameras and contours of drawn people."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from training.data.synth import HeadRenderer, SceneSpec
from training.data.synth.core.lens import Lens, compressed, through_lenses
from training.data.synth.core.renderer import as_bytes
from training.data.synth.core.seeds import Draw
from training.data.synth.core.shadow import crease_light, shadow_map
from training.data.synth.core.strands import Strands, draw, place
from training.data.synth.person.contours import contour_vertices
from training.data.synth.person.hairdo import _direction, sample_comb
from training.data.synth.person.head import SCALP_ROWS
from training.data.synth.person.performance import ACTIONS, Motion
from training.data.synth.person.rest import over_rest, sample_rest
from training.data.synth.person.skin import brow_middle
from training.data.synth.sets.plan import SetPlan
from training.data.synth.sets.shards import SynthShards
from training.data.synth.sets.writers import jobs, make_set

SQUARE = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
AWAY = torch.tensor([[0.0, 0.0, -1.0]]).expand(4, 3)


def one_strand(offset):
    weight = torch.full((1, 2, 4), 0.25)
    return Strands(
        torch.arange(4).expand(1, 2, 4), weight, torch.tensor(offset)[None], torch.ones(1, 2), torch.ones(1, 3),
        torch.tensor([0.001]),
    )  # fmt: skip


def test_a_strand_is_where_its_mesh_is_turned_and_moved():
    strand = one_strand([[0.0, 0.0, 0.0], [0.1, 0.2, 0.3]])
    curve, normal = place(strand, SQUARE, AWAY)
    torch.testing.assert_close(curve[0, 0], torch.tensor([0.5, 0.5, 0.0]))
    torch.testing.assert_close(curve[0, 1], torch.tensor([0.5 + 0.3, 0.7, -0.1]))  # normal, tangent, their product
    turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    moved, turned = place(strand, SQUARE @ turn.T + 2, AWAY @ turn.T)
    torch.testing.assert_close(moved, curve @ turn.T + 2)
    torch.testing.assert_close(turned, normal @ turn.T)


def test_a_line_covers_its_samples_where_nothing_is_nearer():
    line = torch.tensor([[[1.2, 4, 1], [8.2, 4, 1]], [[1.2, 5, 2], [8.2, 5, 2]]])
    below = torch.zeros(100)
    below[44:47] = 1.5  # hides the middle of the first
    seen = draw(line, torch.ones(2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64), below, 10)
    rows = {int(row): sorted((seen.sample[seen.sample // 10 == row] % 10).tolist()) for row in (4, 5)}
    assert not {4, 5, 6} & set(rows[4])
    assert {2, 3, 7} <= set(rows[4])
    assert set(range(2, 8)) <= set(rows[5])
    assert set(seen.segment.tolist()) == {0, 1}
    wide = draw(line[1:], torch.tensor([3]), torch.zeros(1, dtype=torch.int64), torch.zeros(100), 10)
    assert set((wide.sample // 10).tolist()) == {5, 6, 7}


def test_hairs_that_lie_one_behind_the_other_are_counted():
    line = torch.tensor([[[1.2, 4, 1], [8.2, 4, 1]], [[1.2, 4, 2], [8.2, 4, 2]], [[5.2, 4, 3], [8.2, 4, 3]]])
    below = torch.zeros(100)
    below[47] = 2.5  # hides two of them
    seen = draw(line, torch.ones(3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64), below, 10)
    crowd = dict(zip(seen.sample.tolist(), seen.crowd.tolist(), strict=True))
    assert (crowd[42], crowd[43], crowd[46], crowd[47]) == (2, 2, 3, 1)


def test_only_what_nothing_shows_through_is_255():
    assert as_bytes(torch.tensor([0.0, 0.5, 0.9985, 1 - 1e-7, 1.0])).tolist() == [0, 128, 254, 255, 255]


def test_fewer_strands_are_drawn_where_samples_are_wide():
    many = Strands(*(value.expand(400, *value.shape[1:]) for value in vars(one_strand([[0.0] * 3] * 2)).values()))
    assert len(many.thinned(0.0005)) == 400
    assert 180 <= len(many.thinned(0.004)) <= 220


def test_what_stands_before_a_lamp_is_in_its_shadow():
    wall = SQUARE * 0.4 - torch.tensor([0.2, 0.2, -1.0])
    board = SQUARE * 0.1 - torch.tensor([0.05, 0.05, -0.9])
    points = torch.cat([wall, board])[None]
    triangles = torch.tensor([[0, 1, 2], [1, 3, 2], [4, 5, 6], [5, 7, 6]])
    lamp = torch.tensor([[0.0, 0.0, -1.0]])
    shadows = shadow_map(points, torch.ones(1, 8), triangles, lamp, torch.tensor([[0.0, 0.0, 1.0]]))
    asked = torch.tensor([[0.0, 0, 1], [0.12, 0, 1], [0, 0, 0.9], [3, 0, 1]])
    lit = shadows.lit(asked, lamp.expand(4, 3), torch.zeros(4, dtype=torch.int64), 0.005)
    torch.testing.assert_close(lit, torch.tensor([0.0, 1, 1, 1]))
    hidden = shadow_map(points, torch.tensor([[1.0] * 4 + [0] * 4]), triangles, lamp, torch.tensor([[0.0, 0.0, 1.0]]))
    assert hidden.lit(asked, lamp.expand(4, 3), torch.zeros(4, dtype=torch.int64), 0.005).min() > 0.99


def test_creases_are_darker_than_planes_and_the_backdrop_is_none():
    depth = torch.ones(1, 64, 64)
    depth[:, :, 30:34] += 0.006
    depth[:, 50:] = 0
    light = crease_light(depth, [0.001])[0]
    assert light[20, 32] < 0.9
    assert light[20, 10] > 0.99
    assert (light[50:] == 1).all()
    assert torch.equal(crease_light(depth.expand(2, -1, -1), [0.002, 0.001])[1], light)


def test_a_camera_s_software_changes_what_it_says():
    picture = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0)) * 0.8
    noise = torch.rand(256, 256)
    plain = Lens(0.0, 0.0, 0.0, 0.5)

    def taken(**changes):
        return through_lenses(picture, [replace(plain, **changes)], [3], [0.5], noise)[0]

    assert torch.equal(taken(), picture[0])
    warm = taken(warmth=0.1) / picture[0]
    assert warm[0].median() > 1.05
    assert warm[2].median() < 0.95
    assert taken(sharpening=1.0).std() > picture.std()
    rows = (taken(rows=0.02) - picture[0]).mean(0)
    assert rows.std(1).mean() < 0.5 * rows.mean(1).std()
    assert torch.equal(taken(rows=0.02), taken(rows=0.02))


@pytest.mark.parametrize("side", [48, 37])
def test_compression_loses_more_at_lower_quality(side):
    axis = torch.linspace(0, 9, side)
    picture = torch.stack([0.5 + 0.4 * torch.sin(axis[:, None] + shift) * torch.cos(axis) for shift in (0.0, 1.0, 2.0)])
    lost = [float((compressed(picture, quality) - picture).abs().mean()) for quality in (100, 90, 50, 10)]
    assert lost[0] < 0.004
    assert lost == sorted(lost)
    assert lost[-1] > 0.01


def test_blinks_close_fully_within_a_tenth_to_four_tenths_of_a_second():
    lid = ACTIONS.index("eyeBlinkLeft")
    times = np.arange(0, 60, 1 / 200)
    for seed in range(4):
        motion = Motion(seed)
        closed = motion._blink(times)
        assert closed.max() > 0.999
        edges = np.flatnonzero(np.diff((closed > 0).astype(int)))
        lengths = np.diff(edges)[(closed[edges[:-1] + 1] > 0)] / 200
        assert ((lengths > 0.09) & (lengths < 0.42)).all()
        assert motion.at(times).actions[:, lid].max() > 0.999


def test_faces_rest_differently_and_may_still_do_everything():
    rests = np.stack([sample_rest(Draw(0x4E57, seed)) for seed in range(200)])
    smile, jaw = rests[:, ACTIONS.index("mouthSmileLeft")], rests[:, ACTIONS.index("jawOpen")]
    assert 0.3 < (smile > 0.2).mean() < 0.8
    assert 0.2 < (jaw > 0.05).mean() < 0.7
    assert (over_rest(np.ones_like(rests), rests) == 1).all()
    assert np.allclose(over_rest(np.zeros_like(rests), rests), rests)


def test_dark_skinned_people_have_tighter_curls_more_often():
    pitches = [[sample_comb(Draw(1, seed), "medium", tone, 0.6).pitch for seed in range(150)] for tone in (0.1, 0.8)]
    assert np.mean(np.array(pitches[1]) < 0.02) > 2 * np.mean(np.array(pitches[0]) < 0.02)


def test_hair_falls_over_a_fringe_s_edge_and_grows_away_from_hairlines():
    azimuth, rooted = np.linspace(-1, 1, 21), np.zeros(21)
    for seed in range(20):
        comb = sample_comb(Draw(3, seed), "medium", 0.3, 0.5)
        edge = _direction(comb, azimuth, np.full(21, SCALP_ROWS - 1.0), rooted)
        assert np.abs(edge).max() < 1  # mostly down
        assert np.abs(_direction(comb, azimuth, np.full(21, SCALP_ROWS - 1.0), rooted + 1)).min() > 1.5
        crown = np.full(21, 6.0)
        assert np.array_equal(_direction(comb, azimuth, crown, rooted), _direction(comb, azimuth, crown, rooted + 1))


def test_drawn_brows_lie_along_their_contours():
    renderer = HeadRenderer()
    brows = torch.from_numpy(np.stack([renderer.identity(seed).brow for seed in range(40)]))
    line = renderer.asset.mean[contour_vertices(renderer.asset)["brow_left"]]
    drawn = torch.stack([brow_middle(x.expand(40), brows) for x in line[:, 0]], 1)
    assert (drawn.mean(0) - line[:, 1]).abs().max() < 0.005
    assert (drawn[:, 2:4].mean(1) < drawn[:, 0]).float().mean() > 0.9  # they arch, and come down
    assert (drawn[:, -1] > drawn[:, 3]).float().mean() > 0.9


def test_contours_lie_where_their_names_say():
    renderer = HeadRenderer()
    lines, mean = contour_vertices(renderer.asset), renderer.asset.mean

    def height(name):
        return mean[lines[name], 1]

    for side, sign in (("left", 1), ("right", -1)):
        assert (mean[lines[f"upper_lid_{side}"], 0] * sign > 0).all()
        assert height(f"brow_{side}").mean() < height(f"upper_lid_{side}")[2:-2].mean()
        assert (height(f"upper_lid_{side}")[2:-2] < height(f"lower_lid_{side}")[2:-2]).all()
        assert len(set(lines[f"iris_{side}"].tolist())) == 8
    lips = [height(f"lip_{name}")[3:-3] for name in ("upper_outer", "upper_inner", "lower_inner", "lower_outer")]
    assert all((above <= below).all() for above, below in pairwise(lips))
    opened = renderer.asset.actions.view(len(ACTIONS), -1, 3)[ACTIONS.index("jawOpen"), :, 1]
    assert opened[lines["lip_lower_inner"]][4:-4].min() > 3 * opened[lines["lip_upper_inner"]][4:-4].max()


def test_mattes_are_soft_at_hair_and_reach_shards(tmp_path):
    plan = SetPlan(1, 2, 7, "test")
    make_set(jobs(plan, tmp_path, 64, "shard"), 1, progress=False)
    clip = plan.clip(0)
    frames = HeadRenderer().render([clip.spec] * 2, torch.tensor(clip.times, dtype=torch.float64), 64)
    shards = SynthShards(tmp_path)
    assert torch.equal(shards.matte(0, 1), frames.matte[1])
    assert frames.mask[frames.matte > 128].all()
    assert (frames.matte[frames.mask] > 127).all()
    long = HeadRenderer().render([SceneSpec(105, 105, 105)], torch.zeros(1), 96)
    assert long.loose.float().mean() > 0.01
    assert ((long.matte > 20) & (long.matte < 235) & long.loose).sum() > 40
