"""What motion counts from, of drivers who begin in the middle of a word."""

import numpy as np
import pytest

from runtime.control.reference import References
from runtime.layers import lips
from runtime.layers.anatomy import named
from runtime.layers.frames import head_frame
from runtime.motion.modes import Motion

SHUT = 0.15
"""How far points of shut lips are apart, in the head's own frame."""


def gaps(names, motion):
    found = []
    for points in motion.places:
        face = named(points, names)
        own = head_frame(face).inverse()
        found.append(own(face["mouth.lower_lip"])[1] - own(face["mouth.upper_lip"])[1])
    return np.array(found)


@pytest.fixture(scope="module")
def driver(names, places):
    """Makes motions of which lips are apart by `openings` (T,), in the head's own frame; the head goes about."""

    def driver(openings):
        unit = np.linalg.norm(head_frame(named(places, names)).linear[:, 1])
        (own,) = gaps(names, Motion(points=places[None]))
        frames = np.repeat(places[None], len(openings), 0)
        frames[:, names["mouth.lower_lip"], 1] += unit * (np.asarray(openings) - own)
        frames += np.linspace(0, 0.2, len(openings))[:, None, None]
        return Motion(points=frames.astype(np.float32))

    return driver


def counted_gaps(names, references, motion, opening=0.0, take=1):
    """(T,): how far the lips are apart that each frame counts from."""
    parts = references(take, motion, opening)
    assert sum(len(part) for part, _ in parts) == len(motion)
    return np.concatenate([np.repeat(gaps(names, reference), len(part)) for part, reference in parts])


def test_who_begins_shut_counts_from_the_first_frame(names, driver):
    motion = driver([SHUT, 0.3, SHUT - 0.02, 0.35, SHUT])
    ((part, reference),) = References(names, "relative")(1, motion, 0.0)
    assert len(part) == len(motion)
    np.testing.assert_array_equal(reference.places, motion[:1].places)


def test_who_begins_open_counts_from_lips_together(names, driver):
    motion = driver([0.3, 0.3, 0.25, SHUT, 0.3])
    found = counted_gaps(names, References(names, "relative"), motion)
    assert found[:3] == pytest.approx([0.17] * 3, abs=2e-3)  # as far as most people's shut lips are apart
    assert found[3:] == pytest.approx([SHUT] * 2, abs=2e-3)  # as this one's are


def test_no_farther_together_than_the_pictures_lips(names, driver):
    motion = driver([0.3, SHUT, 0.3])
    found = counted_gaps(names, References(names, "relative"), motion, opening=0.12)
    assert found[-1] == pytest.approx(SHUT + 0.12 / 1.5, abs=2e-3)
    wide = counted_gaps(names, References(names, "relative"), motion, opening=0.5)
    assert wide == pytest.approx([0.3] * 3, abs=2e-3)


def test_lips_that_never_meet_are_taken_for_shut_ones(names, driver):
    found = counted_gaps(names, References(names, "relative"), driver(np.full(100, 0.25)))
    assert found[0] == pytest.approx(0.17, abs=2e-3)
    assert found[-1] == pytest.approx(0.25, abs=2e-3)
    assert np.diff(found).min() >= 0
    assert np.diff(found).max() < 0.005  # slowly


def test_batches_make_no_difference(names, driver):
    rng = np.random.default_rng(3)
    motion = driver(rng.uniform(0.12, 0.3, 30) + np.linspace(0.1, 0, 30))
    at_once, one_by_one = References(names, "relative"), References(names, "relative")
    whole = counted_gaps(names, at_once, motion)
    alone = [counted_gaps(names, one_by_one, motion[at : at + 1])[0] for at in range(30)]
    np.testing.assert_array_equal(whole, alone)


def test_each_take_has_its_own_and_a_new_stream_begins_anew(names, driver):
    references = References(names, "relative")
    counted_gaps(names, references, driver([0.3, 0.12]))
    assert counted_gaps(names, references, driver([0.2, 0.2]), take=2) == pytest.approx([0.2] * 2, abs=0.02)
    references.reset()
    assert counted_gaps(names, references, driver([0.3]))[0] == pytest.approx(0.17, abs=2e-3)


def test_only_the_mouth_is_another(names, driver):
    motion = driver([0.3])
    ((_, reference),) = References(names, "relative")(1, motion, 0.0)
    moved = np.abs(reference.places - motion.places).max((0, 2)) > 0
    assert {name for name, at in names.items() if moved[at]} == {"mouth.lower_lip", "mouth.chin", "jaw.tip"}


def test_where_only_the_model_opens_mouths_it_is_as_published(names, driver):
    motion = driver([0.3, 0.12])
    ((_, reference),) = References(names, "relative")(1, motion, None)
    np.testing.assert_array_equal(reference.places, motion[:1].places)


def test_modes_without_a_reference_have_none(names, driver):
    ((part, reference),) = References(names, "absolute")(1, driver([0.3, 0.12]), 0.0)
    assert reference is None
    assert len(part) == 2


def looked(motion, *gaps):
    """`motion` of somebody whose lips are seen that far apart."""
    y = np.array([[0.86, 0.86, 0.86, 0.86 + gap, 0.8, 0.93 + gap, 1.2 + gap] for gap in gaps])
    x = np.array([0.25, -0.25, 0, 0, 0, 0, 0])
    return motion.with_arrays({"lips": np.stack(np.broadcast_arrays(x, y), -1).astype(np.float32)})


def test_of_lips_that_are_seen_each_frame_tells_whether_they_are_shut(names, driver):
    open_, shut = driver([0.2, 0.2]), driver([SHUT, SHUT])
    ((_, first),) = References(names, "relative")(1, looked(open_, 0.2, 0.0), 0.0)
    assert lips.apart(first.lips[0]) == pytest.approx(0, abs=1e-6)
    assert gaps(names, first) < gaps(names, open_[:1])
    ((part, second),) = References(names, "relative")(1, looked(shut, 0.0, 0.2), 0.0)
    assert len(part) == 2
    np.testing.assert_array_equal(second.lips, looked(shut, 0.0, 0.2).lips[:1])
    np.testing.assert_array_equal(second.places, shut.places[:1])


def test_seen_lips_stay_as_far_apart_as_the_pictures(names, driver):
    motion = looked(driver([0.3]), 0.2)
    whole = lips.apart(motion.lips[0])
    ((_, reference),) = References(names, "relative")(1, motion, 0.2)
    assert lips.opened(motion.lips[0], reference.lips[0]) == pytest.approx(whole - 0.2, abs=1e-5)
    ((_, wide),) = References(names, "relative")(1, motion, 0.5)
    np.testing.assert_array_equal(wide.lips, motion.lips)


def test_motion_without_lips_counts_by_points_whatever_its_reference_has(names, driver):
    motion = driver([0.3, 0.12])
    references = References(names, "relative")
    references.reset(looked(driver([0.3]), 0.2))
    assert counted_gaps(names, references, motion)[0] == pytest.approx(0.17, abs=2e-3)


def looking(driver, openings):
    """A driver whose lips are shut, whose eyes are so far open, and look down as far as they do."""
    openings = np.asarray(openings, np.float32)
    eyes = np.stack([openings, np.zeros_like(openings), -openings], -1)[:, None].repeat(2, 1)
    still = np.zeros((len(openings), 7, 2), np.float32)
    return driver([SHUT] * len(openings)).with_arrays({"eyes": eyes, "lips": still})


def counted_eyes(references, motion, take=1):
    """(T, 2, 3): the eyes that each frame counts from."""
    parts = references(take, motion, 0.0)
    assert sum(len(part) for part, _ in parts) == len(motion)
    return np.concatenate([np.repeat(reference.eyes, len(part), 0) for part, reference in parts])


def test_who_begins_with_open_eyes_counts_from_these(names, driver):
    motion = looking(driver, [0.2, 0.35, 0.05, 0.3])
    np.testing.assert_array_equal(counted_eyes(References(names, "relative"), motion), motion.eyes[:1].repeat(4, 0))


def test_who_begins_with_shut_eyes_counts_from_them_as_they_open(names, driver):
    motion = looking(driver, [0.05, 0.06, 0.2, 0.3, 0.25] + [0.3] * 40 + [0.4])
    found = counted_eyes(References(names, "relative"), motion)
    assert found[:2, 0, 0] == pytest.approx([0.3] * 2)  # as most people's are open: shut ones stay shut
    assert found[2:6, 0, 2] == pytest.approx([-0.2, -0.3, -0.3, -0.3])  # as an eye opens it looks ahead
    assert found[-1, 0] == pytest.approx([0.3, 0, -0.3])  # what comes later changes nothing
    steps = np.abs(np.diff(found[3:, :, 0], axis=0))
    assert steps.max() < 0.03  # and lids do not jump


def test_shut_eyes_are_counted_from_likewise_however_frames_come(names, driver):
    motion = looking(driver, [0.05, 0.1, 0.2, 0.33] + [0.3] * 30)
    whole = counted_eyes(References(names, "relative"), motion)
    references = References(names, "relative")
    single = [counted_eyes(references, motion[at : at + 1])[0] for at in range(len(motion))]
    np.testing.assert_array_equal(whole, np.stack(single))
