"""Expressions: what a face does, whatever its head does; in proportion for lids, within what a face can do."""

from dataclasses import replace

import numpy as np
import pytest

from runtime.control.parts import Strengths
from runtime.layers.expression import SIDES, Expression, Seen, expression, on_mouth
from runtime.layers.frames import TEMPLATE, Affine

EYES = np.array([[0.3, 0.0, 0.0], [0.3, 0.0, 0.0]])


def face(lower_lip=0.0, chin=0.0, brow=0.0, pose=None):
    own = {name: np.array(place) for name, place in TEMPLATE.items()}
    own |= {"mouth.upper_lip": np.array([0, 0.75]), "mouth.lower_lip": np.array([0, 0.85 + lower_lip])}
    own |= {"mouth.corner_left": np.array([0.25, 0.8]), "mouth.corner_right": np.array([-0.25, 0.8])}
    own |= {"mouth.chin": np.array([0, 1.15 + chin])}
    for side, sign in zip(SIDES, (1, -1), strict=True):
        own[f"eye_{side}.brow"] = np.array([sign * 0.33, -0.25 + brow])
    pose = pose or Affine(np.eye(2) * 60, np.array([100.0, 80.0]))
    return {name: pose(place) for name, place in own.items()}


def eyes(share=1.0, gaze=(0.0, 0.0)):
    return EYES * [share, 1, 1] + np.array([0, *gaze])


def test_a_face_at_rest_is_at_rest():
    assert expression(Seen(face(), EYES), Seen(face(), EYES)).at_rest


def test_without_strength_every_face_is_at_rest():
    moved = Seen(face(0.3, 0.2, -0.1), eyes(0.1, (0.1, 0)))
    assert expression(moved, Seen(face(), EYES), Strengths.of(strength=0.0)).at_rest


def test_a_moved_turned_and_grown_head_does_the_same():
    turned = Affine(31 * np.array([[0.9, -0.4], [0.4, 0.9]]), np.array([10.0, 20.0]))
    for pose in (None, turned):
        found = expression(Seen(face(0.3, 0.2, -0.1, pose), EYES), Seen(face(), EYES))
        assert found.lower_lip == pytest.approx(0.45, abs=1e-6)  # lips part farther than their points
        assert found.chin == pytest.approx(0.2, abs=1e-6)
        np.testing.assert_allclose(found.brows, -0.1, atol=1e-6)
        assert found.upper_lip == pytest.approx(0, abs=1e-6)


def test_lids_close_in_proportion_to_what_they_are_at_rest():
    wide = np.array([[0.5, 0, 0], [0.5, 0, 0]])
    for rest in (EYES, wide):
        shares = [expression(Seen(face(), rest * [share, 1, 1]), Seen(face(), rest)).lids[0] for share in (1, 0.6, 0.2)]
        assert shares[0] == 1
        assert 0.15 < shares[1] < 0.6
        assert shares[2] == 0


def test_gaze_and_lids_follow_strength_and_no_face_does_more_than_faces_can():
    aside = eyes(3.0) + np.array([[0, 0.1, 0], [0, -0.1, 0]])
    found = expression(Seen(face(2.0), aside), Seen(face(), EYES), Strengths.of(strength=0.5))
    np.testing.assert_allclose(found.gaze[:, 0], [0.0925, -0.0925])
    assert found.lids.max() <= 1.15
    assert found.lower_lip <= 0.75


def test_who_begins_in_the_middle_of_a_blink_is_not_asleep():
    found = expression(Seen(face(), EYES), Seen(face(), eyes(0.1)))
    assert found.lids.max() <= 1.15


def looks(left, right):
    """Lids of a face whose eyes, each a pair of opening and gaze towards the inner corner, were 0.3 open."""
    now = np.array([[left[0], left[1], 0.0], [right[0], right[1], 0.0]])
    return expression(Seen(face(), now), Seen(face(), EYES))


def test_lids_close_together_but_for_a_wink():
    blink = looks((0.12, 0.0), (0.17, 0.0)).lids
    assert blink[0] == blink[1] < 0.2
    wink = looks((0.3, 0.0), (0.05, 0.0)).lids
    assert wink[0] > 0.95
    assert wink[1] < 0.05


def test_eyes_turn_together_and_a_shut_eye_looks_nowhere():
    aside = looks((0.3, 0.10), (0.3, -0.06)).gaze
    assert aside[0, 0] == pytest.approx(0.148, abs=0.01)
    assert aside[1, 0] == pytest.approx(-0.148, abs=0.01)
    assert not looks((0.05, 0.1), (0.06, 0.1)).gaze.any()


def mouth(opens, parted=0.0):
    return Expression(0.0, opens, 0.8 * opens, np.zeros((2, 2)), np.ones(2), np.zeros(2), np.zeros((2, 2)), parted)


SMILE, CLOSED = (0.14, 0.68, 0.5), (0.0, 0.5, 0.5)
"""Opening, width and length down to the chin of two mouths at rest."""


def test_a_smile_opens_less_far_and_becomes_narrower():
    steps = np.linspace(0, 0.4, 41)
    smiles, closed = ([on_mouth(mouth(step), *own) for step in steps] for own in (SMILE, CLOSED))
    opening = np.array([face.lower_lip for face in smiles])
    assert opening[0] == 0
    assert (np.diff(opening) > 0).all()
    assert SMILE[0] + opening[-1] < closed[-1].lower_lip + 0.06  # about as far as a mouth that was closed
    assert smiles[-1].chin < closed[-1].chin
    assert smiles[-1].corners[0, 0] < -0.03 < 0.03 < smiles[-1].corners[1, 0]
    assert not closed[-1].corners.any()


def test_no_mouth_opens_beyond_its_chin():
    for own in (SMILE, CLOSED):
        assert on_mouth(mouth(5.0), *own).lower_lip < own[2]


def test_a_mouth_that_cannot_open_as_wide_goes_a_shorter_way_as_a_whole():
    shout = replace(mouth(0.5), upper_lip=-0.1, corners=np.array([[0.0, 0.1], [0.0, 0.12]]))
    opened = on_mouth(shout, *CLOSED)
    part = (opened.lower_lip - opened.upper_lip) / 0.6
    assert part < 0.7
    assert opened.upper_lip == pytest.approx(-0.1 * part)
    np.testing.assert_allclose(opened.corners[:, 1].mean(), 0.11 * part)
    np.testing.assert_allclose(np.diff(opened.corners[:, 1]), 0.02)  # as oblique as it was
    risen = replace(shout, corners=np.full((2, 2), -0.05))
    np.testing.assert_allclose(on_mouth(risen, *CLOSED).corners[:, 1], -0.05)


def test_a_smile_shuts_when_the_driver_shuts_what_it_had_open():
    for parted in (0.07, 0.14, 0.2):
        shuts = mouth(-parted, parted=parted)
        assert on_mouth(shuts, *SMILE).lower_lip == pytest.approx(-SMILE[0])
        assert -parted <= on_mouth(shuts, *CLOSED).lower_lip < 0  # what is shut already is pressed together


def test_a_smile_is_not_added_to_a_smile():
    laughs = replace(mouth(0.0), corners=np.array([[0.06, -0.1], [-0.06, -0.06]]))
    np.testing.assert_array_equal(on_mouth(laughs, *CLOSED).corners, laughs.corners)
    widths = [width + np.ptp(on_mouth(laughs, 0.1, width, 0.5).corners[:, 0]) for width in (0.53, 0.58, 0.63, 0.7)]
    np.testing.assert_allclose(widths, [0.65, 0.6625, 0.675, 0.7])
    full = on_mouth(laughs, 0.1, 0.7, 0.5).corners
    np.testing.assert_allclose(full[:, 1], [-0.02, 0.02])  # as oblique as it was
    shrinks = replace(laughs, corners=np.array([[-0.06, 0.1], [0.06, 0.06]]))
    np.testing.assert_array_equal(on_mouth(shrinks, 0.1, 0.7, 0.5).corners, shrinks.corners)


def test_a_mouth_counted_from_itself_gives_up_no_smile():
    same = on_mouth(mouth(0.1, None), *SMILE)
    assert not same.corners.any()
    assert same.lower_lip == pytest.approx(0.1, rel=0.2)
    wider = replace(mouth(0.0, None), corners=np.array([[0.06, -0.1], [-0.06, -0.06]]))
    np.testing.assert_array_equal(on_mouth(wider, *SMILE).corners, wider.corners)


def test_each_part_has_a_strength_of_its_own():
    now, rest = Seen(face(0.3, 0.2, -0.1), eyes(0.1, (0.1, 0))), Seen(face(), EYES)
    whole = expression(now, rest)
    for part in ("mouth", "eyes", "brows", "gaze"):
        alone = expression(now, rest, Strengths.of(part))
        assert (alone.lower_lip, alone.chin) == ((whole.lower_lip, whole.chin) if part == "mouth" else (0, 0))
        np.testing.assert_array_equal(alone.lids, whole.lids if part == "eyes" else 1)
        np.testing.assert_array_equal(alone.brows, whole.brows if part == "brows" else 0)
        np.testing.assert_array_equal(alone.gaze, whole.gaze if part == "gaze" else 0)
    assert expression(now, rest, Strengths(mouth=0.5)).lower_lip == pytest.approx(whole.lower_lip / 2)
    assert expression(now, rest, Strengths.of("head")).at_rest


def test_what_is_closed_opens_no_farther_than_its_driver():
    opening, width, length = SMILE
    shut = on_mouth(replace(mouth(0.0), closed=1.0, relaxed=1.0), *SMILE)
    assert shut.lower_lip - shut.upper_lip == pytest.approx(-opening)
    assert width + shut.corners[0, 0] - shut.corners[1, 0] == pytest.approx(0.53)
    opened = on_mouth(replace(mouth(0.1), closed=1.0), *SMILE)
    assert opening + opened.lower_lip == pytest.approx(on_mouth(mouth(0.1), 0.0, 0.5, length).lower_lip)


def test_one_face_on_top_of_another_does_both():
    both = mouth(0.1).on_top_of(replace(mouth(0.2), lids=np.array([0.5, 1.0]), closed=0.5))
    assert both.lower_lip == pytest.approx(0.3)
    assert both.closed == 0.5
    np.testing.assert_allclose(both.lids, [0.5, 1.0])
    np.testing.assert_allclose(both.on_top_of(both).lids, [0.25, 1.0])
