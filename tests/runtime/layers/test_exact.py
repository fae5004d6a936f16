"""A flow that is led through points is there what is wanted, and elsewhere what it was."""

import numpy as np
import pytest

from runtime.layers.exact import through

SIZE = 32


def look_up(flow, at):
    low = np.minimum(np.floor(at).astype(int), SIZE - 2)
    x, y = (at - low).T[..., None]
    (i, j) = low.T
    top = (1 - x) * flow[j, i] + x * flow[j, i + 1]
    return (1 - y) * top + y * ((1 - x) * flow[j + 1, i] + x * flow[j + 1, i + 1])


@pytest.fixture
def flow():
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    return np.stack([np.sin(3 * x + y), np.cos(2 * y - x)], -1)


def test_at_the_points_it_is_what_is_wanted_and_far_from_them_what_it_was(flow):
    at = np.array([[4.3, 5.6], [12.0, 6.5], [9.9, 12.2]])
    wanted = look_up(flow, at) + np.array([[0.5, -0.2], [0.3, 0.3], [-0.4, 0.1]])
    before, found = np.array(flow), through(flow, at, wanted, 1.5)
    assert (flow == before).all()
    missed = np.abs(look_up(flow, at) - wanted).max()
    assert np.abs(look_up(found, at) - wanted).max() < 0.05 * missed
    assert np.abs(found - flow)[20:, 20:].max() < 1e-3


def test_what_is_right_stays_to_the_bit(flow):
    at = np.array([[4.0, 5.0], [12.0, 6.0]])
    assert (through(flow, at, look_up(flow, at), 2.0) == flow).all()


def test_many_points_that_want_the_same_shift_it_as_a_whole(flow):
    rows, columns = np.mgrid[4:28:2, 4:28:2]
    at = np.stack([columns.ravel(), rows.ravel()], -1) + 0.25
    found = through(flow, at, look_up(flow, at) + np.array([0.7, -0.3]), 2.0)
    assert np.abs((found - flow)[6:26, 6:26] - np.array([0.7, -0.3])).max() < 0.02


@pytest.mark.parametrize("at", [[[-50.0, 4.0]], [[4.0, 1e6]], [[SIZE - 1.0, SIZE - 1.0]]])
def test_points_beyond_the_picture_do_no_harm(flow, at):
    found = through(flow, np.array(at), np.array([[100.0, 100.0]]), 2.0)
    assert np.isfinite(found).all()
    assert np.abs(found - flow)[:16, :16].max() < 1e-3 or at[0][0] < 0
