"""Driving modes against the published demos' numbers, the hull against scipy, and what must hold for any
motion.
"""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial import ConvexHull

from checkpoints.contract import DISENTANGLE, FROM_REFERENCE, MODES, NEEDS, REQUIRED_GRAPHS, offered
from checkpoints.errors import OptionError
from runtime.motion.modes import MOVES, Drive, Motion, absolute, hull_area, movement_scale, relative

TESTS = Path(__file__).resolve().parents[1]
SHARED = TESTS.parents[1] / "shared" / "golden"

coordinates = st.floats(-1, 1, width=32).map(lambda value: round(value, 3))


def points():
    return st.integers(3, 30).flatmap(lambda k: hnp.arrays(np.float32, (k, 2), elements=coordinates))


def random_motion(seed: int, frames: int, k: int = 6) -> Motion:
    random = np.random.default_rng(seed)
    jacobians = np.eye(2) + 0.2 * random.standard_normal((frames, k, 2, 2))
    covariances = random.random((frames, k, 2, 2))
    return Motion(
        random.uniform(-1, 1, (frames, k, 2)).astype(np.float32),
        jacobians.astype(np.float32),
        covariances.astype(np.float32),
    )


def golden(model: str, linear: str | None) -> tuple[Motion, Motion, dict[str, np.ndarray]]:
    places = TESTS / "golden" / f"{model}.npz", SHARED / model / "expected.npz"
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        pytest.skip(f"the golden data of {model} lie beside the checkout only")
    with np.load(path, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files if "mid." not in name}
    motions = [
        Motion(
            found[f"{role}_kp"].reshape(-1, *found["source_kp"].shape),
            None if linear is None else found[f"{role}_{linear}"].reshape(-1, *found[f"source_{linear}"].shape),
            found[f"{role}_covar"].reshape(-1, *found["source_covar"].shape) if model == "mraa" else None,
        )
        for role in ("source", "driving")
    ]
    return motions[0], motions[1], found


def test_the_modes_of_the_contract_read_what_it_says_they_do():
    assert set(MOVES) == set(MODES) == set(offered((*REQUIRED_GRAPHS, DISENTANGLE)))
    assert set(offered(REQUIRED_GRAPHS)) == set(MODES) - set(NEEDS)
    source, driving, first, other = (random_motion(seed, frames=1) for seed in range(4))
    asked = []
    for mode in MODES:
        drive = Drive(disentangle=lambda shape, pose, mode=mode: asked.append(mode) or pose)
        one, two = (drive(mode, source, driving, reference) for reference in (first, other))
        assert (not np.array_equal(one.points, two.points)) == (mode in FROM_REFERENCE), mode
    assert set(asked) == {mode for mode, graph in NEEDS.items() if graph == DISENTANGLE}
    with pytest.raises(OptionError, match="sideways"):
        drive("sideways", source, driving, first)


@pytest.mark.parametrize(("model", "linear"), [("tpsmm", None), ("fomm", "jacobian"), ("mraa", "affine")])
def test_relative_mode_is_that_of_the_published_demos(model, linear):
    source, driving, expected = golden(model, linear)
    moved = relative(source, driving, driving[:1])
    assert hull_area(source.points[0]) == pytest.approx(float(expected["hull_area_source"]), rel=1e-6)
    scale = movement_scale(source.points[0], driving.points[0])
    assert scale == pytest.approx(float(expected["movement_scale"]), rel=1e-6)
    np.testing.assert_allclose(moved.points, expected["relative_kp"], atol=2e-6)
    if linear is not None:
        np.testing.assert_allclose(moved.jacobians, expected[f"relative_{linear}"], atol=2e-5)
    if model == "mraa":
        np.testing.assert_array_equal(moved.covariances, expected["relative_covar"])


@settings(max_examples=100, deadline=None)
@given(points())
def test_hull_area_is_scipys(values):
    centred = values.astype(np.float64) - values.mean(axis=0)
    if np.linalg.matrix_rank(centred, tol=1e-6) < 2:
        assert hull_area(values) == pytest.approx(0, abs=1e-6)
    else:
        assert hull_area(values) == pytest.approx(ConvexHull(values).volume, rel=1e-9, abs=1e-9)


def test_hull_of_one_line_has_no_area_and_scales_nothing():
    line = np.array([[0, 0], [0.5, 0.5], [1, 1]], np.float32)
    assert hull_area(line) == 0
    assert movement_scale(line, line) == 1
    assert hull_area(line[:1]) == 0


@pytest.mark.parametrize("adapt_scale", [True, False])
def test_the_reference_frame_leaves_the_source_as_it_is(adapt_scale):
    source, driving = random_motion(0, 1), random_motion(1, 3)
    moved = relative(source, driving[:1], driving[:1], adapt_scale=adapt_scale)
    np.testing.assert_allclose(moved.points, source.points, atol=1e-6)
    np.testing.assert_allclose(moved.jacobians, source.jacobians, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 4), st.integers(0, 1000))
def test_strength_scales_the_displacement(strength, seed):
    source, driving = random_motion(seed, 1), random_motion(seed + 1, 3)
    full = relative(source, driving, driving[:1])
    part = relative(source, driving, driving[:1], strength=strength)
    np.testing.assert_allclose(part.points - source.points, strength * (full.points - source.points), atol=1e-4)
    np.testing.assert_allclose(
        part.jacobians - source.jacobians, strength * (full.jacobians - source.jacobians), atol=1e-3
    )
    towards = absolute(source, driving, strength=strength)
    np.testing.assert_allclose(towards.points - source.points, strength * (driving.points - source.points), atol=1e-5)


def test_absolute_mode_hands_the_driving_motion_through():
    source, driving = random_motion(0, 1), random_motion(1, 3)
    assert absolute(source, driving) is driving
    still = absolute(source, driving, strength=0)
    np.testing.assert_array_equal(still.points, np.repeat(source.points, 3, axis=0))


def test_covariances_stay_the_driving_frames_own_in_every_mode():
    source, driving = random_motion(0, 1), random_motion(1, 3)
    assert absolute(source, driving, strength=0.5).covariances is driving.covariances
    assert relative(source, driving, driving[:1], strength=0.5).covariances is driving.covariances


def test_adapted_scale_does_not_depend_on_the_size_of_the_driving_face():
    source, driving = random_motion(0, 1), random_motion(1, 4)
    twice = Motion(2 * driving.points, driving.jacobians, None)
    np.testing.assert_allclose(
        relative(source, driving, driving[:1]).points, relative(source, twice, twice[:1]).points, atol=1e-5
    )


def test_a_singular_reference_gives_numbers_not_an_exception():
    source, driving = random_motion(0, 1), random_motion(1, 2)
    flat = Motion(driving.points[:1], np.zeros_like(driving.jacobians[:1]))
    assert np.isfinite(relative(source, driving, flat).jacobians).all()


def test_inputs_are_not_written_to():
    source, driving = random_motion(0, 1), random_motion(1, 2)
    before = driving.points.copy(), driving.jacobians.copy(), source.points.copy()
    relative(source, driving, driving[:1], strength=2)
    for array, copy in zip((driving.points, driving.jacobians, source.points), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_concatenation_undoes_slicing():
    motion = random_motion(3, 5)
    joined = Motion.concatenate([motion[:2], motion[2:]])
    assert len(joined) == 5
    np.testing.assert_array_equal(joined.points, motion.points)
    np.testing.assert_array_equal(joined.covariances, motion.covariances)
