"""In relative mode what is moved stays in its picture, however far the driver walks."""

from __future__ import annotations

import numpy as np
import pytest
from clips import center, spot

from checkpoints.parameters import Parameter
from runtime import Animator, Engine, animate
from runtime.motion.inside import kept_inside
from runtime.motion.modes import Motion

FACE = np.random.default_rng(0).uniform(-0.4, 0.4, (1, 40, 2)).astype(np.float32)


def shifted(*by: tuple[float, float]) -> Motion:
    return Motion(np.concatenate([FACE + np.float32(each) for each in by]))


def test_what_stays_well_inside_is_left_as_it_is():
    driven = shifted((0, 0), (0.2, 0.1), (-0.2, 0.2))
    assert kept_inside(Motion(FACE), driven) is driven


@pytest.mark.parametrize("direction", [(1, 0), (-1, 0), (0, 1), (0, -1), (1, -1)])
def test_what_would_leave_stops_at_the_edge(direction):
    driven = shifted(*(np.multiply(direction, step) for step in (0.15, 0.9, 3.0)))
    kept = kept_inside(Motion(FACE), driven)
    np.testing.assert_array_equal(kept.points[0], driven.points[0])
    for points in kept.points[1:]:
        low, high = np.quantile(points, [0.15, 0.85], axis=0)
        assert (low > -0.951).all()
        assert (high < 0.951).all()
        np.testing.assert_allclose(points - points.mean(0), FACE[0] - FACE[0].mean(0), atol=1e-5)
    assert np.abs(kept.points[1] - kept.points[2]).max() < 0.1
    assert np.abs(kept.points[2]).max() > np.abs(FACE).max() + 0.4  # as far as there is room


def test_a_face_that_fills_its_picture_goes_about_less_than_its_driver():
    large = Motion(FACE * 3)  # there is room for 0.18 to its right
    driven = Motion(np.concatenate([large.points + np.float32([x, 0]) for x in (0, 0.05, 0.3)]))
    ways = (kept_inside(large, driven).points - large.points).mean(1)[:, 0]
    np.testing.assert_allclose(ways[:2], (0, 0.05), atol=1e-6)
    assert 0.12 < ways[2] < 0.16


def test_it_goes_on_smoothly_and_back_again():
    path = np.concatenate([np.linspace(0, 2, 50), np.linspace(2, 0, 50)])
    kept = kept_inside(Motion(FACE), shifted(*((x, 0.0) for x in path))).points.mean(axis=1)
    assert np.abs(np.diff(kept[:, 0])).max() < 0.042  # no faster than the driver
    np.testing.assert_allclose(kept[0], kept[-1], atol=1e-6)


def test_a_source_that_is_half_outside_may_stay_there_but_goes_no_further():
    source = shifted((0.8, 0))
    driven = shifted((0.8, 0), (0.7, 0.0), (1.2, 0))
    kept = kept_inside(source, driven)
    np.testing.assert_array_equal(kept.points[:2], driven.points[:2])
    np.testing.assert_allclose(kept.points[2], source.points[0], atol=1e-5)


def test_what_grows_larger_than_the_picture_stays_in_its_middle():
    kept = kept_inside(Motion(FACE), Motion(FACE * 6 + np.float32(0.7)))
    low, high = np.quantile(kept.points[0], [0.15, 0.85], axis=0)
    np.testing.assert_allclose(low + high, 0, atol=1e-5)


def test_every_kind_of_place_is_shifted_and_nothing_else():
    random = np.random.default_rng(1)
    parameters = {
        "corners": Parameter("point", (9, 3)),
        "maps": Parameter("linear", (9, 3, 3)),
        "outline": Parameter("contour", (2, 7, 2)),
        "style": Parameter("code", (4,)),
    }
    arrays = {name: random.uniform(-0.3, 0.3, (2, *what.shape)).astype(np.float32) for name, what in parameters.items()}
    source = Motion.of({name: array[:1] for name, array in arrays.items()}, parameters)
    arrays["corners"] = arrays["corners"] + np.float32([2, 0, 0])
    driven = Motion.of(arrays, parameters)
    kept = kept_inside(source, driven)
    by = kept.arrays["corners"] - driven.arrays["corners"]
    assert (by[..., 0] < -1).all()
    np.testing.assert_array_equal(by[..., 1:], 0)
    moved = kept.arrays["outline"][..., 0] - driven.arrays["outline"][..., 0]
    np.testing.assert_allclose(moved, np.broadcast_to(by[:, :1, 0, None], moved.shape), atol=1e-6)
    for name in ("maps", "style"):
        np.testing.assert_array_equal(kept.arrays[name], driven.arrays[name])
    numbers = Motion.of({"style": arrays["style"]}, parameters)
    assert kept_inside(numbers, numbers) is numbers


def test_a_driver_who_leaves_their_picture_leaves_the_result_in_its_own(toy):
    driving = [spot(x, 32) for x in (12, 20, 30, 40, 50)]  # 38 of 64 pixels to the right
    frames = animate(spot(40, 30), driving, model=toy, progress=False).frames
    places = np.array([center(frame)[0] for frame in frames])
    np.testing.assert_allclose(places[:2], (40, 48), atol=0.7)
    assert (np.diff(places) >= -0.1).all()
    assert 52 < places[-1] < 60
    whole = [frame for frame in frames if (frame.mean(axis=2) > 128).sum() >= 0.75 * 16 * 16]
    assert len(whole) == len(frames)
    animator = Animator(Engine(toy), mode="absolute")  # the other modes take places as they are
    animator.set_source(spot(40, 30))
    np.testing.assert_allclose(center(animator.frame(spot(58, 32)))[0], 57, atol=1.5)
