"""The truth that comes with the pictures: flow, visibility, points, seeds."""

import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample

from training.data.synth import POINT_NAMES, TEST_SEEDS, Frames, SceneSpec, true_flow
from training.data.synth.core.backdrop import EXTENT
from training.data.synth.core.renderer import backdrops
from training.data.synth.core.truth import pixel_grid, surface_buffer
from training.data.synth.person.head import HAIR, SKIN, load_head
from training.data.synth.person.performance import ACTIONS, motion
from training.data.synth.sets.plan import SetPlan


@pytest.fixture(scope="module")
def renderer(renderer_of):
    return renderer_of("head")


@pytest.fixture(scope="module")
def pairs(pair_of) -> tuple[Frames, Frames]:
    return pair_of("head")


def test_flow_moves_named_points_to_their_places(pairs):
    """The flow read at a visible driving point leads to the same named point in the source."""
    source, driving = pairs
    flow, visible = true_flow(source, driving, 192)
    at = driving.points[:, :, None]
    found = grid_sample(flow.permute(0, 3, 1, 2), at, align_corners=True)[..., 0].transpose(1, 2)
    clear = grid_sample(visible.float()[:, None], at, align_corners=True)[:, 0, :, 0] > 0.99
    bare = torch.tensor(
        [not n.startswith(("skull", "neck", "forehead")) for n in POINT_NAMES]
    )  # hair and clothes lie over
    use = clear & source.points_visible & driving.points_visible & bare
    distance = (found - source.points).norm(dim=-1)[use]
    assert use.sum() > 60
    assert distance.median() < 0.01
    assert (distance < 0.05).float().mean() > 0.9


def test_hidden_places_are_not_visible(renderer):
    """After a strong turn, the cheek that turned away is seen in one frame only."""
    times = torch.linspace(0, 60, 400).double().numpy()
    yaw = motion(7).at(times).rotation[:, 0]
    left, right = float(times[yaw.argmax()]), float(times[yaw.argmin()])
    spec = [SceneSpec(3, 7, 11)]
    a, b = (renderer.render(spec, torch.tensor([t]), 96) for t in (left, right))
    _, visible = true_flow(a, b, 96)
    share = (visible & b.mask).sum() / b.mask.sum()
    assert share < 0.9


def test_the_backdrop_is_drawn_where_its_map_says():
    """A bright place of its plane shows where the map takes it, and so agrees with the flow."""
    axis = torch.linspace(-1, 1, 257)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    places = torch.tensor([[0.3, -0.2], [-0.4, 0.5]])  # of the plane, in units of the frame
    spots = [torch.exp(-((x - a) ** 2 + (y - b) ** 2) / 0.0002) for a, b in (places / EXTENT).tolist()]
    maps = torch.tensor([[[1.1, -0.4, 0.1], [0.35, 0.9, -0.15]], [[0.8, 0.3, -0.2], [-0.25, 1.0, 0.1]]])
    drawn = backdrops(torch.stack(spots)[:, None].expand(-1, 3, -1, -1), maps, 129)
    wanted = (maps[:, :, :2] @ places[..., None])[..., 0] + maps[:, :, 2]
    weights = drawn[:, 0] / drawn[:, 0].sum((1, 2), keepdim=True)
    found = (weights[..., None] * pixel_grid(129)).sum((1, 2))
    torch.testing.assert_close(found, wanted, atol=0.01, rtol=0)


def test_points_lie_on_their_parts(pairs):
    """Mouth points lie on lips or chin, lids around the eyes, all on the person."""
    asset = load_head()
    from training.data.synth.person.points import point_vertices

    vertices = point_vertices(asset)
    assert len(set(vertices.tolist())) == 50
    assert (asset.part[vertices] == SKIN).all()
    lips = asset.masks[vertices, 0]
    for name in ("mouth.corner_left", "mouth.upper_lip", "mouth.lower_lip"):
        assert lips[POINT_NAMES.index(name)] > 0.2  # the mask fades at the border
    mean = asset.mean[vertices]
    for k in range(10):  # no group lies on a line: a spline needs an area
        centred = mean[5 * k : 5 * k + 5] - mean[5 * k : 5 * k + 5].mean(0)
        assert torch.linalg.svdvals(centred)[1] > 0.008
    source, _ = pairs
    inside = source.points_visible & (source.points.abs() < 0.97).all(-1)
    pixel = ((source.points + 1) / 2 * 191).round().long().clamp(0, 191)
    on = source.mask[torch.arange(len(source))[:, None], pixel[..., 1], pixel[..., 0]]
    assert on[inside].float().mean() > 0.95


def test_two_people_in_one_motion_turn_alike(renderer):
    times = torch.tensor([0.0, 1.3])
    pose, again = motion(2).at(times.double().numpy()), motion(2).at(times.double().numpy())
    for name in ("rotation", "translation", "actions", "gaze"):
        np.testing.assert_array_equal(getattr(pose, name), getattr(again, name))
    # Two people in one motion and scene: their faces turn alike, though their shapes differ.
    pair = renderer.render([SceneSpec(1, 2, 3), SceneSpec(20, 2, 3)], torch.tensor([1.3, 1.3]), 64)
    eyes = [POINT_NAMES.index("eye_left.outer"), POINT_NAMES.index("eye_right.outer")]
    axis = pair.points[:, eyes[0]] - pair.points[:, eyes[1]]
    angle = torch.atan2(axis[:, 1], axis[:, 0])
    assert abs(float(angle[0] - angle[1])) < 0.12
    assert not torch.equal(pair.image[0], pair.image[1])


def test_motion_is_smooth_and_within_its_ranges():
    times = np.arange(0, 40, 1 / 100)
    for seed in range(12):
        pose = motion(seed).at(times)
        assert (np.abs(pose.rotation) <= np.radians([70.1, 25.1, 20.1])).all()
        assert pose.actions.shape == (len(times), len(ACTIONS))
        assert pose.actions.min() >= 0
        assert pose.actions.max() <= 1
        assert np.abs(np.diff(pose.rotation, axis=0)).max() < 0.05  # under 290 degrees a second
        assert pose.actions[:, ACTIONS.index("eyeBlinkLeft")].max() > 0.95  # people blink
        assert pose.actions[:, ACTIONS.index("jawOpen")].max() > 0.1


def test_facial_actions_move_what_their_names_say():
    asset = load_head()
    mesh = asset.mesh_vertices
    moved = asset.actions.view(len(ACTIONS), mesh, 3)
    mean = asset.mean[:mesh]
    skull = (mean[:, 1] < -0.05) & (mean[:, 2] > 0.03)
    assert moved[:, skull].abs().max() < 0.004  # nothing in a face moves the skull
    jaw = moved[ACTIONS.index("jawOpen")]
    chin = mean[:, 1].sub(0.10).abs() + mean[:, 0].abs() + (mean[:, 2] + 0.025).abs() < 0.015
    assert (jaw[chin, 1] > 0.01).all()
    blink = moved[ACTIONS.index("eyeBlinkLeft")].norm(dim=1)
    assert mean[blink.argmax(), 0] > 0.015  # the person's left is positive


def test_train_and_test_seeds_never_meet():
    train = [SetPlan(500, 2, seed=s, split="train").clip(c).spec for s in range(20) for c in (0, 499)]
    test = [SetPlan(500, 2, seed=s, split="test").clip(c).spec for s in range(20) for c in (0, 499)]
    for field in ("identity", "motion", "scene"):
        assert max(getattr(s, field) for s in train) < TEST_SEEDS <= min(getattr(s, field) for s in test)


def test_bald_heads_show_no_hair(renderer):
    bald = next(s for s in range(200) if renderer.identity(s).hair.bald)
    frames = renderer.render([SceneSpec(bald, 0, 0)], torch.zeros(1), 64)
    seen = surface_buffer(frames.truth, 64).triangle
    assert not (load_head().triangle_part[seen[seen >= 0]] == HAIR).any()


def test_unknown_kinds_and_unequal_lengths_are_refused(renderer):
    with pytest.raises(ValueError, match="horse"):
        renderer.render([SceneSpec(0, 0, 0, kind="horse")], torch.zeros(1), 32)
    with pytest.raises(ValueError, match="2 specs but 1 times"):
        renderer.render([SceneSpec(0, 0, 0)] * 2, torch.zeros(1), 32)
