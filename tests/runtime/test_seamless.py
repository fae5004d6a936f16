"""Seamless loops: whatever drives, the last frame leads to the first one."""

import numpy as np
import pytest

from runtime.motion.modes import Motion
from runtime.motion.seamless import cross_faded, seamless, there_and_back

TIME = np.arange(100) / 25


def moving(values, **more):
    """A motion of five points that are at those `values` (T,)."""
    path = np.stack([values, np.zeros_like(values)], -1)[:, None] * np.ones((1, 5, 1))
    motion = Motion(points=path.astype(np.float32))
    return motion.with_arrays({name: np.asarray(array, np.float32) for name, array in more.items()})


def leap(motion):
    """The step over the seam, by the largest one elsewhere."""
    values = motion.points[:, 0, 0]
    return abs(values[0] - values[-1]) / max(np.abs(np.diff(values)).max(), 1e-9)


def test_what_ends_as_it_began_stays():
    circle = moving(np.sin(2 * np.pi * TIME / 4))
    assert seamless(circle, 25) is circle
    still = moving(np.zeros(100))
    assert seamless(still, 25) is still


def test_the_best_cut_is_found():
    found = seamless(moving(np.sin(2 * np.pi * TIME / 3)), 25)  # a circle and a third
    assert abs(len(found) - 75) <= 2
    assert leap(found) <= 1.3


@pytest.mark.parametrize("values", [TIME / 4, np.cumsum(np.random.default_rng(1).normal(0, 0.03, 100)), TIME**2])
def test_nothing_leaps(values):
    found = seamless(moving(values), 25)
    assert leap(found) <= 1.5
    assert len(found) <= 2.3 * len(values)


def test_what_cannot_be_bridged_turns_back_slowly():
    found = there_and_back(moving(TIME), 25).points[:, 0, 0]
    assert found.max() == pytest.approx(TIME.max(), abs=0.02)
    assert found[0] == 0
    assert found[-1] == pytest.approx(0, abs=0.01)
    steps = np.diff(found)
    assert np.abs(np.diff(steps)).max() < 0.3 * np.abs(steps).max()


def test_takes_stay_whole_numbers():
    takes = np.repeat([1, 2], 50)[:, None]
    found = seamless(moving(TIME, takes=takes), 25)
    assert set(np.unique(found.takes)) == {1, 2}


def test_lips_do_not_leap_either():
    """Whose head stands still, and who begins to speak: what ends as it began is a loop, all else is none."""
    said = np.stack([0.3 * TIME**2 / TIME[-1] ** 2] * 14, -1).reshape(100, 7, 2)
    talking = moving(np.zeros(100), lips=said)
    assert np.abs(talking.lips[0] - talking.lips[-1]).max() > 0.2
    found = seamless(talking, 25)
    steps = np.abs(np.diff(found.lips[:, 0, 0]))
    assert abs(found.lips[0, 0, 0] - found.lips[-1, 0, 0]) <= 1.5 * steps.max()
    assert np.ptp(found.lips) > 0.1


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_short_clips_loop(frames):
    found = seamless(moving(TIME[:frames]), 25)
    assert len(found) >= frames
    assert np.isfinite(found.points).all()


def test_cross_fading_ends_where_it_begins():
    motion = moving(TIME)
    found = cross_faded(motion[10:], motion[:10], 10).points[:, 0, 0]
    assert len(found) == 90
    assert found[0] == pytest.approx(0.4)
    assert found[-1] < 0.5 < found[75]
