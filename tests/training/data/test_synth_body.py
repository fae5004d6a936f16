"""Whole bodies: skeleton, gestures, clothes, and that they are the people whom the heads show."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.synth import SceneSpec
from training.data.synth.body.actor import build_body
from training.data.synth.body.asset import ASSET, load_body
from training.data.synth.body.gesture import ARM_ANGLES, NAMES, BodyPose, Gestures, gestures
from training.data.synth.body.outfit import garment_distances, sample_outfit
from training.data.synth.body.points import BODY_POINTS, body_point_vertices
from training.data.synth.body.pose import axis_rotation, body_rotations
from training.data.synth.body.skeleton import BONE, BONES, PARENTS, bone_transforms, bones_below, skin
from training.data.synth.person.head import SKIN
from training.data.synth.person.scene import sample_scene

HEAD_POINTS = [i for i, name in enumerate(BODY_POINTS) if name.startswith("face")]


@pytest.fixture(scope="module")
def renderer(renderer_of):
    return renderer_of("body")


def still(count: int = 1) -> BodyPose:
    """Hanging arms, standing straight."""
    zero = np.zeros((count, 3), np.float32)
    arms, fingers, legs = (np.zeros((count, 2, n), np.float32) for n in (7, 6, 2))
    return BodyPose(arms, fingers, zero, zero, legs, zero)


def joints_of(pose: BodyPose, body) -> torch.Tensor:
    """(N, J, 3) where the joints of a body at rest (J, 3) are in a pose."""
    rest = body[None].expand(len(pose.turn), -1, -1)
    moved = bone_transforms(rest, body_rotations(rest, torch.zeros(len(rest), 2), pose, torch.zeros(len(rest), 3)))
    return (moved[..., :3] @ rest[..., None])[..., 0] + moved[..., 3]


def test_the_asset_is_small_and_whole():
    assert ASSET.stat().st_size < 6e6
    body = load_body()
    assert torch.allclose(body.weights.sum(1), torch.ones(len(body.weights)), atol=1e-4)
    assert int(body.figure.triangles.max()) == len(body.figure.part) - 1
    assert len(body.figure.triangles) < 2**15  # shards store their numbers in 16 bits
    assert all(parent < bone for bone, parent in enumerate(PARENTS))


def test_the_skin_has_no_holes_but_at_the_ankles():
    """Below the neck every edge has two triangles, where head and body were joined too; shoes hide the ankles."""
    figure = load_body().figure
    own = figure.triangles[(figure.triangles < figure.mesh_vertices).all(1)]
    own = own[(figure.part[own] == SKIN).all(1)]
    edges = torch.cat([own[:, [0, 1]], own[:, [1, 2]], own[:, [2, 0]]]).sort(1).values
    edges, count = edges.unique(dim=0, return_counts=True)
    height = figure.mean[edges[count == 1]][..., 1]
    assert len(height) > 0
    assert ((height < 0.12) | (height > load_body().joints[BONE["foot_left"], 1] - 0.05)).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=9, max_size=9))
def test_bones_keep_their_lengths_and_rotations_run_down(numbers):
    """Whatever turns, a bone's length stays; what hangs on a turned bone turns with it, the rest stays."""
    rest = load_body().joints[None]
    axis = torch.nn.functional.normalize(torch.tensor(numbers[:3]) + 1e-3, dim=0)
    rotations = torch.eye(3).repeat(1, len(BONES), 1, 1)
    turned = BONE["forearm_left"]
    rotations[0, turned] = axis_rotation(axis, torch.tensor(numbers[3]))
    moved = bone_transforms(rest, rotations)
    places = (moved[..., :3] @ rest[..., None])[..., 0] + moved[..., 3]
    parents = torch.tensor(PARENTS[1:])
    lengths = [(p[0, 1:] - p[0, parents]).norm(dim=-1) for p in (rest, places)]
    assert torch.allclose(*lengths, atol=1e-5)
    others = [b for b in range(len(BONES)) if b not in bones_below("forearm_left")]
    assert torch.allclose(places[0, others], rest[0, others], atol=1e-6)
    one_bone = torch.zeros(1, len(BONES))
    one_bone[0, BONE["hand_left"]] = 1
    hand = skin(rest[:, [BONE["hand_left"]]], moved, one_bone)
    assert torch.allclose(hand[0, 0], places[0, BONE["hand_left"]], atol=1e-5)


def test_arm_angles_mean_what_their_names_say():
    """Hanging, sideways, forward, overhead; a bent elbow brings the hand forward; both sides are mirror images."""
    body = load_body().joints
    pose = still(5)
    for row, (elevation, plane, elbow) in enumerate(((0, 0, 0), (90, 0, 0), (90, 90, 0), (175, 45, 0), (0, 0, 90))):
        for name, value in (("elevation", elevation), ("plane", plane), ("elbow", elbow)):
            pose.arms[row, :, ARM_ANGLES.index(name)] = np.radians(value)
    joints = joints_of(pose, body)
    for side, sign in (("left", 1), ("right", -1)):
        shoulder, wrist = joints[:, BONE[f"upper_arm_{side}"]], joints[:, BONE[f"hand_{side}"]]
        way = torch.nn.functional.normalize(wrist - shoulder, dim=-1) * torch.tensor([sign, 1.0, 1.0])
        assert way[0, 1] > 0.95  # down
        assert way[1, 0] > 0.95  # to its own side
        assert way[2, 2] < -0.95  # forward
        assert way[3, 1] < -0.9  # up
        assert way[4, 2] < -0.6
        assert way[4, 1] > 0.6
    left, right = (joints[:, bones_below(f"clavicle_{side}")] for side in ("left", "right"))
    assert torch.allclose(left * torch.tensor([-1.0, 1.0, 1.0]), right, atol=2e-3)


def test_fingers_close_towards_the_palm():
    """In a fist the tips come near the wrist, and the hand's back stays where it is."""
    body = load_body().joints
    pose = still(2)
    pose.fingers[1, :, :5] = 1
    joints = joints_of(pose, body)
    for side in ("left", "right"):
        wrist, tip, knuckle = (joints[:, BONE[f"{n}_{side}"]] for n in ("hand", "middle_3", "middle_1"))
        assert (tip[1] - wrist[1]).norm() < 0.75 * (tip[0] - wrist[0]).norm()
        assert torch.allclose(knuckle[0], knuckle[1], atol=1e-5)


def test_gestures_all_come_up_and_motion_is_continuous():
    seen = {NAMES[g] for seed in range(30) for g in Gestures(seed).gestures.flatten()}
    assert seen == set(NAMES)
    assert {Gestures(seed).walking for seed in range(30)} == {True, False}
    times = np.arange(0, 20, 0.01)
    for seed in range(10):
        pose, again = gestures(seed).at(times), Gestures(seed).at(times)
        for name in ("arms", "fingers", "spine", "turn", "legs", "shift"):
            values = getattr(pose, name)
            assert np.isfinite(values).all()
            assert np.abs(np.diff(values, axis=0)).max() < 0.2  # radians in a hundredth of a second
            np.testing.assert_array_equal(values, getattr(again, name))
        assert np.ptp(pose.arms[..., 3]) > 0.5  # elbows bend


def test_two_people_in_one_motion_do_the_same(renderer):
    """From wrist to elbow, seen alike; their shapes differ."""
    times = torch.full((2,), 1.3)
    pair = renderer.render([SceneSpec(1, 2, 3, "body"), SceneSpec(20, 2, 3, "body")], times, 48)
    for side in ("left", "right"):
        ends = [BODY_POINTS.index(f"{name}_{side}.{end}") for name, end in (("arm", "elbow"), ("hand", "wrist"))]
        way = torch.nn.functional.normalize(pair.points[:, ends[1]] - pair.points[:, ends[0]], dim=-1)
        assert (way[0] @ way[1]) > 0.9
    assert not torch.equal(pair.image[0], pair.image[1])


def test_a_body_has_the_head_of_its_identity(renderer, renderer_of):
    """The same seed is the same face in both kinds, vertex for vertex."""
    spec = SceneSpec(7, 0, 3, "body")
    body, head = renderer._actor(spec), renderer_of("head")._actor(SceneSpec(7, 0, 3))
    asset = renderer_of("head").asset
    face = (asset.mean[: asset.mesh_vertices, 1] < 0.1).nonzero().flatten()
    assert torch.allclose(body.neutral[face], head.neutral[face], atol=1e-6)
    assert torch.allclose(body.paint[face, :6], head.paint[face], atol=1e-6)


def test_clothes_leave_hands_and_faces_bare_and_cover_the_trunk(renderer):
    asset = renderer.body
    mesh = asset.figure.mesh_vertices
    hands = asset.weights[:, bones_below("hand_left", "hand_right")].sum(1) > 0.9
    face = asset.figure.mean[:mesh, 1] < 0.1
    waist = asset.joints[BONE["waist"], 1]
    place = asset.figure.mean[:mesh]
    trunk = (asset.figure.part[:mesh] == SKIN) & (asset.arms.sum(1) < 0.02) & ((place[:, 1] - waist).abs() < 0.1)
    sleeves = set()
    for seed in range(30):
        outfit = sample_outfit(seed, sample_scene(seed).clothes)
        distances = garment_distances(asset, outfit).amax(1)
        assert (distances[hands] < 0).all()
        assert (distances[face] < 0).all()
        assert (distances[trunk] > 0).all()  # no gap between top and trousers
        sleeves.add(round(outfit.sleeve, 1))
    assert len(sleeves) >= 4


def test_cloth_lies_outside_the_skin(renderer):
    """Covered skin moves outwards, or is smoothed, never more than a hand's breadth; bare skin stays."""
    who, where = renderer.identity(3), renderer.scene(4)
    worn = build_body(renderer.body, who, where.scene, where.outfit)
    asset = renderer.body
    mesh = asset.figure.mesh_vertices
    bare = garment_distances(asset, where.outfit).amax(1) < 0
    coefficients = torch.from_numpy(who.coefficients)
    base = (asset.figure.mean + (coefficients @ asset.figure.basis).view(-1, 3))[:mesh]
    legs = bare & (asset.arms.sum(1) == 0) & (asset.figure.part[:mesh] == SKIN)
    assert torch.allclose(worn.neutral[:mesh][legs], base[legs], atol=1e-5)
    covered = (~bare) & (asset.arms.sum(1) == 0)
    away = (worn.neutral[:mesh][covered] - base[covered]).norm(dim=1)
    assert away.max() < 0.08
    assert away.median() > 0.003


def test_points_lie_on_the_parts_they_name(renderer):
    asset = renderer.body
    vertices = body_point_vertices(asset)
    assert len(set(vertices.tolist())) == 50
    roots = {"hand_left": "hand_left", "hand_right": "hand_right", "leg_left": "thigh_left", "leg_right": "thigh_right"}
    for name, vertex in zip(BODY_POINTS, vertices.tolist(), strict=True):
        group = name.split(".")[0]
        if group in roots and not name.endswith((".wrist", ".hip")):
            assert asset.weights[vertex, bones_below(roots[group])].sum() > 0.5, name
    places = torch.cat([asset.figure.mean[: asset.figure.mesh_vertices]])[vertices]
    for k in range(10):  # no group lies on a line: a spline needs an area
        centred = places[5 * k : 5 * k + 5] - places[5 * k : 5 * k + 5].mean(0)
        assert torch.linalg.svdvals(centred)[1] > 0.008, BODY_POINTS[5 * k]
