"""Expressions: what a face does, whatever its head does; in proportion for lids, within what a face can do."""

import numpy as np
import pytest

from runtime.layers.expression import SIDES, expression
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
    assert expression((face(), EYES), (face(), EYES)).at_rest


def test_without_strength_every_face_is_at_rest():
    assert expression((face(0.3, 0.2, -0.1), eyes(0.1, (0.1, 0))), (face(), EYES), 0.0).at_rest


def test_a_moved_turned_and_grown_head_does_the_same():
    turned = Affine(31 * np.array([[0.9, -0.4], [0.4, 0.9]]), np.array([10.0, 20.0]))
    for pose in (None, turned):
        found = expression((face(0.3, 0.2, -0.1, pose), EYES), (face(), EYES))
        assert found.lower_lip == pytest.approx(0.375, abs=1e-6)  # lips part by a quarter more than their points
        assert found.chin == pytest.approx(0.2, abs=1e-6)
        np.testing.assert_allclose(found.brows, -0.1, atol=1e-6)
        assert found.upper_lip == pytest.approx(0, abs=1e-6)


def test_lids_close_in_proportion_to_what_they_are_at_rest():
    wide = np.array([[0.5, 0, 0], [0.5, 0, 0]])
    for rest in (EYES, wide):
        shares = [expression((face(), rest * [share, 1, 1]), (face(), rest)).lids[0] for share in (1, 0.6, 0.2)]
        assert shares[0] == 1
        assert 0.3 < shares[1] < 0.6
        assert shares[2] == 0


def test_gaze_and_lids_follow_strength_and_no_face_does_more_than_faces_can():
    found = expression((face(2.0), eyes(3.0, (0.1, 0.0))), (face(), EYES), 0.5)
    np.testing.assert_allclose(found.gaze[:, 0], 0.05)
    assert found.lids.max() <= 1.15
    assert found.lower_lip <= 0.75


def test_who_begins_in_the_middle_of_a_blink_is_not_asleep():
    found = expression((face(), EYES), (face(), eyes(0.1)))
    assert found.lids.max() <= 1.15
