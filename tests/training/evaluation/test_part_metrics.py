"""Measures of mouth and eyes, and of ghosts: none can be fooled by a head that moves, or by a face at rest."""

import sys

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from checkpoints.errors import ModelError
from training.evaluation.measure import MOMENTS, Tracks, moments_of
from training.evaluation.metrics.ghosts import beside, ghosts
from training.evaluation.metrics.parts import SIXTY_EIGHT, Layout, Moments, box_errors, gaze, opening, seen
from training.evaluation.networks import make_rulers
from training.evaluation.summary import LIVELY, _regressions

ALL = np.ones(5, bool)
LAYOUT = Layout(mouth=[(4, 5)], lids=[(0, 1)], lips=(4, 6, 5, 7), eyes=((0, 1), (2, 3)))


def lips(gaps) -> np.ndarray:
    """A face 100 wide whose upper lip (4) and lower lip (5) are a given distance apart, with corners (6, 7)."""
    frames = [
        [(10, 10), (30, 10), (70, 10), (90, 10), (50, 70), (50, 70 + gap), (60, 70 + gap / 2), (40, 70 + gap / 2)]
        for gap in gaps
    ]
    return np.array(frames, float)


def test_an_opening_is_nothing_of_the_head():
    driving = lips([5, 10, 15, 5, 5])
    turned = driving @ np.array([[0.0, 2], [-2, 0]]) + np.arange(5)[:, None, None] * 7
    np.testing.assert_allclose(opening(turned, LAYOUT.mouth), opening(driving, LAYOUT.mouth))
    assert opening(driving, LAYOUT.mouth)[2] > 2.8 * opening(driving, LAYOUT.mouth)[0]


def test_followed_is_one_regression_over_all_cases():
    wanted = np.array([0.0, 0.1, 0.2, 0.1, 0.0])
    lively = Moments.of(0.5 * wanted + 0.03, wanted, ALL)
    assert lively is not None
    assert lively.both / lively.wanted == pytest.approx(0.5)  # a constant does not count
    assert lively.correlation == pytest.approx(1)
    noise = np.array([1.0, -1, 1, -1, 1]) * 1e-4
    resting = Moments.of(-3 * noise, noise, ALL)
    assert resting is not None
    cases = [
        {f"mouth_{name}{MOMENTS}": getattr(each, name) for name in ("both", "wanted", "result", "count")}
        for each in (lively, resting)
    ]
    found = _regressions(cases)
    assert found["mouth_followed"] == pytest.approx(0.5, abs=1e-4)  # and not the mean of 0.5 and -3
    assert found["mouth_correlation"] == pytest.approx(1)  # of the one where something happens
    assert moments_of(cases[0], "mouth") == lively
    assert moments_of(cases[0], "lids") is None
    assert resting.wanted < LIVELY["mouth"] ** 2 * resting.count


def test_what_was_not_found_does_not_count():
    wanted = np.array([0.0, 0.1, 0.2, 0.1, 0.0])
    wild = wanted.copy()
    wild[2] = 30
    assert Moments.of(wild, wanted, np.arange(5) != 2).correlation == pytest.approx(1)
    assert Moments.of(wanted, wanted, np.arange(5) < 2) is None
    assert Moments.of(np.zeros(5), wanted, ALL).correlation == 0
    some = np.ones((5, 8), bool)
    some[1, 3] = False
    assert seen(some, lips([5] * 5)).tolist() == [True, False, True, True, True]


def test_boxes_lie_where_mouth_and_eyes_are():
    points = lips([20] * 5)
    target = np.zeros((5, 100, 100, 3), np.uint8)
    values = {}
    for name, (x, y) in {"mouth": (50, 71), "eye": (20, 10), "cheek": (95, 95)}.items():
        result = target.copy()
        result[:, y - 1 : y + 2, x - 1 : x + 2] = 255
        values[name] = box_errors(result, target, points, ALL, LAYOUT)
    assert values["mouth"]["mouth_l1"] > 0 < values["mouth"]["inside_l1"]
    assert values["mouth"]["eyes_l1"] == 0
    assert values["eye"]["eyes_l1"] > 0 == values["eye"]["mouth_l1"] == values["eye"]["inside_l1"]
    assert set(values["cheek"].values()) == {0}
    shut = box_errors(target, target, lips([0.5] * 5), ALL, LAYOUT)
    assert "inside_l1" not in shut  # nothing is seen between lips that are shut
    assert box_errors(target, target, points, ~ALL, LAYOUT) == {}


def test_a_box_beyond_the_picture_is_left_out():
    target = np.zeros((1, 40, 40, 3), np.uint8)
    assert box_errors(target, target, lips([20]) + 200, ALL[:1], LAYOUT) == {}


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """A person's head and shoulders, uint8 (256, 256, 3)."""
    return np.asarray(Image.fromarray(astronaut()[0:256, 96:352]))


@pytest.fixture(scope="module")
def tracks(face) -> Tracks:
    detector = make_rulers("face-mesh", []).detector
    assert detector is not None
    return detector(np.stack([face, face[:, ::-1]]))


def test_a_mirrored_person_looks_the_mirrored_way(face, tracks):
    layout = make_rulers("face-mesh", []).detector.layout
    looks, known = gaze(np.stack([face, face[:, ::-1]]), tracks.points, tracks.found, layout)
    assert known.all()
    np.testing.assert_allclose(looks[0], looks[1, ::-1], atol=0.03)  # towards the inner corner, and down
    assert np.abs(looks).max() < 0.5


def test_ghosts_are_what_changes_beside_a_person(face):
    clip = np.stack([face] * 2)
    bands = beside(face, clip)
    assert ghosts(clip, face, clip, bands) == 0
    haunted = clip.copy()
    haunted[:, 30:60, 200:215] = 255 - haunted[:, 30:60, 200:215]  # beside the head
    assert ghosts(haunted, face, clip, bands) > 0.5
    inside = clip.copy()
    inside[:, 90:130, 110:140] = 0  # in the face
    assert ghosts(inside, face, clip, bands) == 0
    assert np.isnan(ghosts(clip, face, clip, beside(np.zeros_like(face), np.zeros_like(clip))))


def test_the_detectors_of_faces_know_their_parts(tracks):
    mesh = make_rulers("face-mesh", []).detector.layout
    points = tracks.points[0]
    for layout, count in ((mesh, 468), (SIXTY_EIGHT, 68)):
        used = [*layout.lips, *np.ravel(layout.mouth), *np.ravel(layout.lids), *np.ravel(layout.eyes)]
        assert 0 <= min(used) <= max(used) < count
    (left_inner, left_outer), (right_inner, right_outer) = (points[list(eye)] for eye in mesh.eyes)
    assert right_outer[0] < right_inner[0] < left_inner[0] < left_outer[0]  # the person's left is on the right
    for above, below in (*mesh.mouth, *mesh.lids):
        assert points[above][1] < points[below][1]


def test_dlib_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(ModelError, match=r"--keypoints dlib needs packages.*pip install dlib-bin"):
        make_rulers("dlib", [])
