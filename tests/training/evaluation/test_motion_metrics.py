"""AKD, MKR, jitter, transfer score, AED, CSIM, truth metrics and the Frechet distance on cases with a known answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from training.evaluation.metrics.frechet import frechet_distance
from training.evaluation.metrics.identity import aed, csim
from training.evaluation.metrics.keypoints import akd, jitter, mkr, motion_error, transfer_score
from training.evaluation.metrics.truth import flow_epe, occlusion_iou, surface_point_error

ALL = np.ones(5, bool)


def tracks(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 128, (5, 7, 2))


def grid(frames: int, size: int) -> np.ndarray:
    """The identity flow."""
    line = np.linspace(-1, 1, size)
    return np.repeat(np.stack(np.meshgrid(line, line), -1)[None], frames, 0)


def test_akd_of_a_shift_is_its_length():
    points = tracks()
    assert akd(points + np.array([3, 4]), points, ALL, ALL) == pytest.approx(5)


def test_akd_counts_only_what_was_found_in_both():
    points = tracks()
    moved = points.copy()
    moved[0] += 1000
    found = ALL.copy()
    found[0] = False
    assert akd(moved, points, found, ALL) == akd(moved, points, ALL, found) == 0
    assert np.isnan(akd(moved, points, ~ALL, ALL))


def test_mkr_is_the_share_lost():
    result = np.array([[True, False], [True, True], [False, False]])
    target = np.array([[True, True], [True, False], [True, False]])
    assert mkr(result, target) == pytest.approx(2 / 4)
    assert mkr(target, target) == 0
    assert np.isnan(mkr(target, ~np.ones_like(target)))


def test_jitter_is_zero_for_steady_motion_and_four_for_alternation():
    steady = tracks()[:1] + np.arange(5)[:, None, None] * np.array([2.0, -1])
    shaking = tracks()[:1] + np.array([0, 1, 0, 1, 0])[:, None, None] * np.array([2.0, 0])
    assert jitter(steady, ALL) == pytest.approx(0, abs=1e-9)
    assert jitter(shaking, ALL) == pytest.approx(4)
    assert np.isnan(jitter(steady[:2], ALL[:2]))
    gap = np.array([True, True, False, True, True])
    assert np.isnan(jitter(shaking, gap))


def test_transfer_score():
    assert transfer_score(0.0, 4.0) == 1
    assert transfer_score(4.0, 4.0) == 0
    assert transfer_score(6.0, 4.0) == -0.5
    assert np.isnan(transfer_score(0.0, 0.0))


def test_embeddings():
    a = np.array([[1.0, 0], [0, 2]])
    assert csim(a, np.array([[3.0, 0]])) == pytest.approx(0.5)
    assert aed(a, a + np.array([3, 4])) == pytest.approx(5)
    lost = np.array([[1.0, 0], [np.nan, np.nan]])
    assert csim(lost, a) == pytest.approx(1)
    assert np.isnan(aed(lost[1:], a[1:]))


@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.sampled_from([8, 16, 33]))
@settings(max_examples=20, deadline=None)
def test_flow_error_of_a_shift_is_its_length_at_any_resolution(dx, dy, size):
    truth = grid(2, 33)
    visible = np.ones(truth.shape[:3], bool)
    wanted = np.hypot(dx, dy) * 127 / 2
    assert flow_epe(grid(2, size) + np.array([dx, dy]), truth, visible, 128) == pytest.approx(wanted, abs=1e-6)


def test_flow_error_leaves_out_what_is_hidden():
    truth, flow = grid(1, 16), grid(1, 16)
    flow[:, :8] += 5
    visible = np.zeros((1, 16, 16), bool)
    visible[:, 8:] = True
    assert flow_epe(flow, truth, visible, 128) == 0
    assert np.isnan(flow_epe(flow, truth, ~np.ones_like(visible), 128))


def test_occlusion_iou():
    visible = np.ones((1, 8, 8), bool)
    visible[:, :, :4] = False  # the left half is hidden
    half = visible.astype(float)
    assert occlusion_iou(half, visible) == 1
    assert occlusion_iou(1 - half, visible) == 0
    assert occlusion_iou(np.zeros_like(half), visible) == pytest.approx(0.5)
    assert occlusion_iou(np.ones_like(half), np.ones_like(visible)) == 1


def test_surface_points_sent_by_the_true_flow_arrive():
    source = np.random.default_rng(1).uniform(-0.5, 0.5, (9, 2))
    shift = np.array([[0.1, 0.2], [-0.2, 0.1]])
    driving = source[None] + shift[:, None]
    flow = grid(2, 32) - shift[:, None, None]
    seen = np.ones(driving.shape[:2], bool)
    assert surface_point_error(flow, driving, source, seen, 256) == pytest.approx(0, abs=1e-6)
    assert surface_point_error(grid(2, 32), driving, source, seen, 256) == pytest.approx(np.hypot(0.1, 0.2) * 127.5)


@pytest.mark.parametrize("count", [6, 400])  # fewer and more pictures than dimensions
def test_frechet_distance_is_that_of_the_formula(count):
    rng = np.random.default_rng(count)
    a = rng.normal(size=(count, 8)) @ rng.normal(size=(8, 8))
    b = rng.normal(size=(count + 1, 8)) + 1
    covariance_a, covariance_b = np.cov(a.T), np.cov(b.T)
    root = np.real(np.trace(sqrtm(covariance_a @ covariance_b)))
    wanted = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(covariance_a + covariance_b) - 2 * root
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-4)


def test_frechet_distance_of_equal_sets_is_zero_and_of_a_shift_its_square():
    a = np.random.default_rng(0).normal(size=(50, 4))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + 2) == pytest.approx(16)
    with pytest.raises(ValueError, match="two pictures"):
        frechet_distance(a[:1], a)


def test_motion_error_of_the_same_motion_is_zero_at_any_size_and_place():
    driving = tracks() + np.arange(5)[:, None, None] * np.array([3.0, -1])
    assert motion_error(driving * 0.5 + 40, driving, ALL, ALL) == pytest.approx(0, abs=1e-9)
    frozen = np.repeat(driving[:1], 5, 0)
    length = motion_error(frozen, driving, ALL, ALL)
    size = np.sqrt(np.square(driving[0] - driving[0].mean(0)).sum(-1).mean())
    assert length == pytest.approx(np.linalg.norm(driving[1:] - driving[:1], axis=-1).mean() / size)
    half = driving[:1] + 0.5 * (driving - driving[:1])
    assert transfer_score(motion_error(half, driving, ALL, ALL), length) == pytest.approx(0.5)


def test_motion_error_needs_a_first_frame_and_counts_what_was_found_in_both():
    driving = tracks()
    wild = driving.copy()
    wild[3] += 500
    lost = ALL.copy()
    lost[3] = False
    assert motion_error(wild, driving, lost, ALL) == pytest.approx(0, abs=1e-9)
    lost[0] = False
    assert np.isnan(motion_error(driving, driving, lost, ALL))
    assert np.isnan(motion_error(driving[:1], driving[:1], ALL[:1], ALL[:1]))
    some = np.ones((5, 7), bool)
    some[0, 2:] = False  # two keypoints are enough to tell a size
    assert motion_error(driving * 2, driving, some, some) == pytest.approx(0, abs=1e-9)
    some[0, 1] = False
    assert np.isnan(motion_error(driving, driving, some, some))
