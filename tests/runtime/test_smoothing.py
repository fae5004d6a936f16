"""The One-Euro filter: still where the input is still, calm where it trembles, prompt where it moves."""

import numpy as np
import pytest

from checkpoints.errors import OptionError
from runtime.motion.modes import Motion
from runtime.motion.smoothing import OneEuro


def as_motion(track: np.ndarray) -> Motion:
    """One point on the x axis for every value of `track`, with a linear part that follows it."""
    values = np.zeros((len(track), 1, 2), np.float32)
    values[:, 0, 0] = track
    jacobians = np.eye(2, dtype=np.float32) + values[..., None] * np.eye(2, dtype=np.float32)
    return Motion(values, jacobians, np.ones((len(track), 1, 2, 2), np.float32))


def one_euro(vectors: np.ndarray, cutoff: float, rate: float) -> np.ndarray:
    """Casiez, Roussel, Vogel 2012, algorithm 1, for vectors (T, n): the least cut-off in Hz, 4 Hz more a unit of speed
    (what ours was tuned to), 1 Hz for the speed itself.
    """

    def alpha(frequency):
        return 1 / (1 + rate / (2 * np.pi * frequency))

    value, speed, result = vectors[0], np.zeros_like(vectors[0]), []
    for vector in vectors:
        speed = alpha(1.0) * (vector - value) * rate + (1 - alpha(1.0)) * speed
        share = alpha(cutoff + 4.0 * np.linalg.norm(speed))
        value = share * vector + (1 - share) * value
        result.append(value)
    return np.stack(result)


def test_points_jacobians_eyes_and_lips_are_filtered_as_in_the_paper_each_by_a_speed_of_its_own():
    random = np.random.default_rng(3)
    points, jacobians, eyes, lips = (
        random.normal(0, 0.2, (15, *shape)).astype(np.float32) for shape in ((2, 2), (2, 2, 2), (2, 3), (7, 2))
    )
    for smoothing, rate in ((0.5, 25.0), (1.0, 60.0)):
        motion = Motion(points, jacobians, None, eyes, lips)
        smoothed = OneEuro(smoothing, rate)(motion)
        assert smoothed.arrays.keys() == motion.arrays.keys()
        for name, given in motion.arrays.items():
            found = smoothed.arrays[name]
            for each in range(given.shape[1]):
                vectors = given[:, each].reshape(15, -1).astype(np.float64)
                expected = one_euro(vectors, 0.5 / smoothing, rate).reshape(given[:, each].shape)
                np.testing.assert_allclose(found[:, each], expected, atol=1e-6)


def test_off_hands_the_motion_through():
    motion = as_motion(np.random.default_rng(0).random(20))
    assert OneEuro(0.0, 25)(motion) is motion


def test_trembling_is_calmed_and_more_smoothing_calms_more():
    noise = as_motion(0.004 * np.random.default_rng(0).standard_normal(300))
    spread = [OneEuro(s, 25)(noise).points[50:, 0, 0].std() for s in (0.0, 0.2, 0.5, 1.0)]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < 0.35 * spread[0]


def test_a_fast_movement_is_followed_with_little_delay():
    track = np.concatenate([np.zeros(25), np.linspace(0, 1.5, 25)])  # 1.5 units in a second
    smoothed = OneEuro(0.5, 25)(as_motion(track)).points[:, 0, 0]
    assert abs(smoothed[-1] - 1.5) < 0.1
    slow_filter_lag = 1.5 / (2 * np.pi * 1.0)  # of a plain low-pass filter of the same cut-off at rest, 1 Hz
    assert abs(smoothed[-1] - 1.5) < slow_filter_lag / 2


def test_batches_of_any_size_give_the_same():
    motion = as_motion(np.random.default_rng(1).random(12))
    whole = OneEuro(0.5, 25)(motion)
    single = OneEuro(0.5, 25)
    parts = Motion.concatenate([single(motion[t : t + 1]) for t in range(12)])
    np.testing.assert_allclose(whole.points, parts.points, atol=1e-7)
    np.testing.assert_allclose(whole.jacobians, parts.jacobians, atol=1e-7)


def test_reset_starts_a_new_stream():
    smooth = OneEuro(1.0, 25)
    smooth(as_motion(np.full(10, 0.9)))
    smooth.reset()
    assert smooth(as_motion(np.zeros(1))).points[0, 0, 0] == 0


def test_covariances_pass_untouched():
    motion = as_motion(np.random.default_rng(1).random(5))
    assert OneEuro(1.0, 25)(motion).covariances is motion.covariances


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, float("nan")])
def test_smoothing_outside_its_range_is_refused(smoothing):
    with pytest.raises(OptionError, match="smoothing"):
        OneEuro(smoothing, 25)
