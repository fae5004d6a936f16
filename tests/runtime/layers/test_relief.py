"""Heads that turn in space: the camera, the relief, and what a turn does to a face that does nothing."""

import numpy as np
import pytest

from runtime.control.head import rotations
from runtime.layers.expression import Seen, expression
from runtime.layers.relief import Relief
from runtime.layers.solid import Camera, Head, drawn
from runtime.layers.turn import Turn

SIDE, SCALE = 256, 5.0
EYES = np.array([[0.3, 0.0, 0.0], [0.3, 0.0, 0.0]])


def seen(degrees=(0, 0, 0), shift=(128.0, 110.0), scale=SCALE):
    """The drawn head's points, in pixels, turned by yaw, pitch and roll about its middle."""
    solid = (drawn().points - (0, 0, 6)) @ rotations(np.radians([degrees]))[0].T
    return dict(zip(drawn().names, scale * solid[:, :2] + np.array(shift), strict=True))


@pytest.fixture(scope="module")
def relief():
    y, x = np.mgrid[:SIDE, :SIDE]
    head = np.hypot((x - 128) / 44, (y - 110) / 62) < 1
    return Relief(seen(), (head | ((y > 150) & (np.abs(x - 128) < 30))).astype(np.float32))


@pytest.fixture(scope="module")
def cells():
    at = np.linspace(0.5, SIDE - 1.5, 64)
    return np.stack(np.meshgrid(at, at), -1)


def looked_up(cells, ways, place):
    """Where in the source the cell next to a `place` looks."""
    nearest = np.unravel_index(np.hypot(*np.moveaxis(cells - place, -1, 0)).argmin(), cells.shape[:2])
    return (cells + ways)[nearest], cells[nearest] - place


@pytest.mark.parametrize("degrees", [(20, 0, 0), (-25, 10, 0), (5, -15, 30)])
def test_a_camera_is_found_with_its_turn(degrees):
    turn = rotations(np.radians([degrees]))[0]
    points, weights = drawn().points, np.ones(len(drawn().points))
    camera = Camera.fit(points, 3 * points @ turn[:2].T + (4, 5), weights)
    assert camera.scale == pytest.approx(3)
    assert np.allclose(camera.turn, turn, atol=1e-6)
    assert np.allclose(camera(points), 3 * points @ turn[:2].T + (4, 5), atol=1e-4)


def test_points_on_one_spot_are_no_camera_and_raise_nothing():
    camera = Camera.fit(np.zeros((5, 3)), np.full((5, 2), 7.0), np.ones(5))
    assert np.isfinite(camera.linear).all()
    assert np.allclose(camera(np.zeros((1, 3))), 7)
    spot = dict.fromkeys(drawn().names, np.array([3.0, 4.0]))
    assert np.isfinite(Turn(spot, seen()).way(np.zeros((1, 2)), ["mouth.chin"])).all()


def test_depths_are_those_of_the_drawn_head():
    head, known = Head(seen()), drawn()
    way = head.depths - SCALE * known.points[:, 2]
    assert np.ptp(way) < 0.1


def test_at_rest_nothing_moves_and_a_shift_shifts(relief, cells):
    assert not relief(seen(), cells).any()
    shifted = relief(seen(shift=(131.0, 108.0)), cells)
    assert np.allclose(shifted, (-3, 2), atol=1e-6)


@pytest.mark.parametrize("yaw", [-25, 25])
def test_a_turned_face_is_looked_up_where_it_was(relief, cells, yaw):
    before, after = seen(), seen((yaw, 0, 0))
    ways = relief(after, cells)
    for name in ("nose.bridge", "mouth.upper_lip", "forehead.centre", "cheek_left.below_eye", "cheek_right.below_eye"):
        found, off = looked_up(cells, ways, after[name])
        assert np.abs(found - off - before[name]).max() < 3.0, name
    # One flat map, the best there is, leaves the nose's tip behind.
    assert (
        np.abs(after["nose.tip"] - before["nose.tip"])[0] > np.abs(after["nose.bridge"] - before["nose.bridge"])[0] + 4
    )


def test_the_side_that_turns_away_becomes_narrow_and_none_is_seen_twice(relief, cells):
    after = seen((25, 0, 0))
    row = (cells + relief(after, cells))[round(64 * after["nose.bridge"][1] / SIDE), :, 0]
    assert (np.diff(row) > -1.0).all()
    middle = round(64 * after["nose.bridge"][0] / SIDE)
    steps = np.diff(row)[middle - 5 : middle + 6]
    away, near = (steps[:4].mean(), steps[-4:].mean())
    assert max(away, near) > 1.2 * min(away, near)


def test_what_is_no_number_gives_numbers(relief, cells):
    wild = {name: np.full(2, 1e6) for name in drawn().names}
    assert np.isfinite(relief(wild, cells)).all()


@pytest.mark.parametrize("degrees", [(25, 0, 0), (-20, 8, 0), (0, -15, 5)])
def test_a_turn_is_no_expression(degrees):
    found = expression(Seen(seen(degrees), EYES), Seen(seen(), EYES), counted=False)
    flat = np.abs(found.corners).max(), abs(found.lower_lip), abs(found.chin), np.abs(found.brows).max()
    assert max(flat) < 0.03


def test_what_a_mouth_does_while_its_head_turns_is_what_it_does():
    points = drawn().points.copy()
    for name, way in (("mouth.corner_left", (0.7, -0.3, 0)), ("mouth.corner_right", (-0.7, -0.3, 0))):
        points[drawn().names[name]] += way
    solid = (points - (0, 0, 6)) @ rotations(np.radians([(22, 0, 0)]))[0].T
    smiling = dict(zip(drawn().names, SCALE * solid[:, :2] + (128, 110), strict=True))
    found = expression(Seen(smiling, EYES), Seen(seen(), EYES)).corners
    straight = dict(zip(drawn().names, SCALE * points[:, :2] + (128, 110), strict=True))
    wanted = expression(Seen(straight, EYES), Seen(seen(), EYES)).corners
    assert np.allclose(found, wanted, atol=0.02)


def test_points_that_the_drawn_head_does_not_have_change_nothing():
    more = {"mouth.tongue": np.array([128.0, 160.0]), "eye_left.third.brow": np.array([1.0, 2.0])}
    turned = seen((20, 0, 0))
    found = expression(Seen(turned | more, EYES), Seen(seen() | more, EYES))
    assert np.allclose(found.corners, expression(Seen(turned, EYES), Seen(seen(), EYES)).corners)
