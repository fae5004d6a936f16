"""Faces at rest: of drivers who begin with an open mouth or shut eyes, and of pictures."""

import numpy as np
import pytest

from runtime.control.neutral import NeutralFace, relaxed
from runtime.layers import lips
from runtime.layers.anatomy import named
from runtime.layers.frames import head_frame
from runtime.motion.modes import Motion


def driver(names, places, openings, lids):
    """A motion whose lips part by `openings` and whose eyes are open by `lids` (T,) each."""
    frames = np.repeat(places[None], len(openings), 0)
    frames[:, names["mouth.lower_lip"], 1] += openings
    frames += np.linspace(0, 0.2, len(openings))[:, None, None]
    eyes = np.zeros((len(openings), 2, 3), np.float32)
    eyes[..., 0] = np.array(lids)[:, None]
    return Motion(points=frames.astype(np.float32), eyes=eyes)


def gap(names, motion):
    points = named(motion.places[0], names)
    own = head_frame(points).inverse()
    return own(points["mouth.lower_lip"])[1] - own(points["mouth.upper_lip"])[1]


@pytest.fixture(scope="module")
def talker(names, places):
    """Begins with an open mouth and shut eyes."""
    openings = np.array([0.12, 0.1, 0.0, 0.05, 0.0, 0.0, 0.1, 0.0, 0.02, 0.0])
    return driver(names, places, openings, [0.05, 0.1, 0.3, 0.3, 0.31, 0.3, 0.3, 0.05, 0.3, 0.29])


def test_a_driver_rests_with_lips_together_and_eyes_open(names, talker):
    face = NeutralFace(names)
    face.learn(talker, whole=True)
    rest = face.at_rest(talker[:1])
    assert gap(names, talker[:1]) > 0.25
    assert gap(names, rest) == pytest.approx(gap(names, talker[2:3]), abs=0.02)
    assert rest.eyes[0, :, 0] == pytest.approx(0.3, abs=0.02)
    # The head is where it was.
    np.testing.assert_array_equal(rest.places[0, names["nose.tip"]], talker.places[0, names["nose.tip"]])


def test_of_a_stream_what_has_come_tells(names, talker):
    face = NeutralFace(names)
    assert face.at_rest(talker[:1]) is not None
    face.learn(talker[:1])
    first = face.at_rest(talker[:1])
    assert gap(names, first) < 0.2  # nobody's lips are so far apart at rest
    assert first.eyes[0, 0, 0] >= 0.2
    for at in range(1, len(talker)):
        face.learn(talker[at : at + 1])
    assert face.at_rest(talker[:1]).eyes[0, 0, 0] == pytest.approx(0.3, abs=0.02)


def test_seen_lips_rest_together(names, talker):
    gaps = np.array([0.3, 0.2, 0.0, 0.1, 0.005, 0.0, 0.2, 0.0, 0.1, 0.0])
    seen = np.zeros((len(gaps), 7, 2), np.float32)
    seen[:, :2, 0], seen[:, lips.RIM_UPPER, 1] = (0.25, -0.25), -0.06
    for place, thick in ((lips.LOWER, 0.0), (lips.RIM_LOWER, 0.07), (lips.TIP, 0.35)):
        seen[:, place, 1] = gaps + thick
    shut = seen[2]
    face = NeutralFace(names)
    face.learn(talker.with_arrays({"lips": seen}), whole=True)
    rest = face.at_rest(talker[:1].with_arrays({"lips": seen[:1]}))
    np.testing.assert_allclose(rest.lips[0], shut, atol=0.01)
    assert face.at_rest(talker[:1]).lips is None  # nobody looked
    begun = NeutralFace(names)
    begun.learn(talker[:1].with_arrays({"lips": seen[:1]}))
    first = begun.at_rest(talker[:1].with_arrays({"lips": seen[:1]}))
    assert lips.apart(first.lips[0]) == pytest.approx(0, abs=1e-6)


def test_what_was_learned_whole_is_not_learned_again(names, talker):
    face = NeutralFace(names)
    face.learn(talker, whole=True)
    before = face.at_rest(talker[:1]).places
    face.learn(talker[:1])
    np.testing.assert_array_equal(face.at_rest(talker[:1]).places, before)


def test_frames_in_which_nobody_is_seen_tell_nothing(names, talker):
    face = NeutralFace(names)
    nobody = talker.with_arrays({"takes": np.zeros((len(talker), 1), np.float32)})
    face.learn(nobody, whole=True)
    assert face.at_rest(talker[:1]).places is not None
    np.testing.assert_array_equal(face.at_rest(talker[:1]).places, talker[:1].places)


def test_a_picture_comes_to_rest():
    narrow, open_ = (relaxed(np.array([[width, 0, 0]] * 2)) for width in (0.26, 0.4))
    assert narrow.lids[0] == pytest.approx(0.28 / 0.26)
    assert open_.lids[0] == 1.0
    assert open_.closed == 1.0
    assert relaxed(None).lids.tolist() == [1, 1]
