"""Heads in space: what a turn does to points, and what of points' motion is the head's."""

import numpy as np
import pytest

from runtime.control.head import Head, expressions, rotations
from runtime.control.parts import PARTS, Strengths, part_of
from runtime.control.pose import as_row
from runtime.layers.solid import drawn


def turned(places, degrees, scale=1.0, shift=(0.0, 0.0)):
    """The mean head's points after a turn by yaw, pitch and roll."""
    mean = drawn()
    solid = mean.points @ rotations(np.radians([degrees]))[0].T
    return (scale * solid[:, :2] * 0.045 - (0, 0.2) + shift).astype(np.float32)


def spoken(names, places):
    """The same face with an open mouth, shut eyes and lifted brows."""
    moved = np.array(places)
    moved[names["mouth.lower_lip"]] += (0, 0.08)
    moved[names["mouth.chin"]] += (0, 0.06)
    for side in ("left", "right"):
        moved[names[f"eye_{side}.upper_lid"]] += (0, 0.05)
        moved[names[f"eye_{side}.brow"]] += (0, -0.03)
    return moved


def test_every_point_belongs_to_a_part(names):
    assert {part_of(name) for name in names} == set(PARTS) - {"gaze"}
    assert part_of("neck.pit") == part_of("nose.tip") == "head"


def test_with_every_strength_motion_stays_as_it_is(names, places):
    moved = turned(places, (12, -5, 8), 1.1, (0.1, 0.05)) + (spoken(names, places) - places)
    found = Head(names, places).weigh(moved[None], Strengths())[0]
    np.testing.assert_allclose(found, moved, atol=1e-5)


@pytest.mark.parametrize("degrees", [(0, 0, 0), (15, 0, 0), (0, 12, 0), (0, 0, 20), (10, -8, 12)])
def test_without_the_head_a_face_speaks_as_if_it_were_still(names, places, degrees):
    spoke = spoken(names, places) - places
    angle = np.radians(degrees[2])
    roll = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = turned(places, degrees, 1.0, (0.1, 0.0)) + (spoke @ roll.T).astype(np.float32)
    found = Head(names, places).weigh(moved[None], Strengths.of("mouth,eyes,brows"))[0]
    # A fifth of a turned head's foreshortening is not undone: no more than that.
    assert np.abs(found - places - spoke).max() < 0.012


def test_without_the_mouth_a_head_turns_with_the_mouth_of_the_picture(names, places):
    moved = turned(places, (15, 5, 10), 1.05, (0.1, 0.05))
    spoke = moved + (spoken(names, places) - places)
    found = Head(names, places).weigh(spoke[None], Strengths.of("head"))[0]
    assert np.abs(found - moved).max() < 0.012
    assert np.abs(spoke - moved).max() > 0.05


def test_half_a_strength_is_half_the_motion(names, places):
    moved = places + np.float32(0.1)
    spoke = moved + spoken(names, places) - places
    found = Head(names, places).weigh(spoke[None], Strengths(head=0.5, mouth=2.0, eyes=0.0, brows=0.0))[0]
    way = found - places
    np.testing.assert_allclose(way[names["nose.tip"]], 0.05, atol=1e-5)
    np.testing.assert_allclose(way[names["mouth.lower_lip"]], (0.05, 0.21), atol=2e-3)
    np.testing.assert_allclose(way[names["eye_left.upper_lid"]], 0.05, atol=2e-3)


def test_a_pose_turns_lifts_and_tilts(names, places):
    head = Head(names, places)
    assert np.array_equal(head.posed(as_row({}))[0], places)

    def way(point, **pose):
        return head.posed(as_row(pose))[0, names[point]] - places[names[point]]

    assert way("nose.tip", yaw=20)[0] > 0.1
    assert way("nose.tip", yaw=-20)[0] < -0.1
    assert way("nose.tip", pitch=15)[1] < -0.05
    assert way("skull.crown", roll=15)[0] > 0.1
    assert abs(way("neck.shoulder_left", yaw=20)).max() < 0.05
    assert way("nose.tip", yaw=20)[0] > way("cheek_left.side", yaw=20)[0]  # nearer points go farther
    assert way("mouth.lower_lip", mouth=1)[1] > 0.08
    assert way("mouth.corner_left", smile=1)[1] < -0.03
    assert way("eye_left.brow", brows=1)[1] < -0.02
    assert way("eye_left.upper_lid", wink=1)[1] > 0.03 > way("eye_right.upper_lid", wink=1)[1]


def test_a_turned_source_turns_about_its_own_axes(names, places):
    """A head that lies on its side nods sideways."""
    lying = turned(places, (0, 0, 90))
    way = Head(names, lying).posed(as_row({"pitch": 15}))[0] - lying
    up = way[names["nose.tip"]]
    assert abs(up[0]) > 5 * abs(up[1])


def test_expressions_of_poses():
    (face,) = expressions(as_row({}))
    assert face.at_rest
    (face,) = expressions(as_row({"mouth": 1, "eyes": -1, "brows": 1, "gaze_x": 1, "gaze_y": 1}))
    assert face.lower_lip - face.upper_lip > 0.3
    np.testing.assert_array_equal(face.lids, 0)
    assert (face.brows < 0).all()
    assert face.gaze[0, 0] == -face.gaze[1, 0] < 0  # away from the nose on the picture's right, towards it on the left
    assert (face.gaze[:, 1] < 0).all()
    (face,) = expressions(as_row({"mouth": -1, "wink": -1}))
    assert (face.closed, face.lids.tolist()) == (1.0, [1.0, 0.0])


def test_no_strength_leaves_all_pictures(names, places):
    found = Head(names, places).weigh(places[None] + np.float32(0.1), Strengths(head=1e300, mouth=1e30))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("strange", [np.nan, np.inf, 1e30, 0.0])
def test_points_that_are_nowhere_raise_nothing(names, places, strange):
    odd = np.full_like(places, strange)
    for source, driven in ((odd, places), (places, odd), (odd, odd)):
        head = Head(names, source)
        assert head.weigh(driven[None], Strengths(head=0.5, mouth=2)).shape == (1, 50, 2)
        assert head.posed(as_row({"yaw": 30, "mouth": 1})).shape == (1, 50, 2)
