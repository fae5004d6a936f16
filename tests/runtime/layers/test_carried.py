"""Where expressions take places of a source: what shutters show there must be what was at those places."""

import numpy as np
import pytest

from runtime.layers.anatomy import Shutters
from runtime.layers.carried import Parts, carried
from runtime.layers.expression import Expression
from runtime.layers.eyes import Eye
from runtime.layers.frames import Affine
from runtime.layers.mouth import Lips, MouthShutter
from runtime.layers.shutters import EyeShutter

SIDE = 128


def doing(**what):
    """An expression that does only that."""
    rest = {
        "upper_lip": 0.0, "lower_lip": 0.0, "chin": 0.0, "corners": np.zeros((2, 2)), "lids": np.ones(2),
        "brows": np.zeros(2), "gaze": np.zeros((2, 2)),
    }  # fmt: skip
    return Expression(**(rest | what))


@pytest.fixture
def places():
    """A picture (128, 128, 4) of its own coordinates: whatever is looked up in it says where it was."""
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    return np.stack([x, y, np.zeros_like(x), np.ones_like(x)], -1).astype(np.float32)


@pytest.fixture
def mouth(places):
    frame = Affine(np.eye(2) * 60, np.array([64.0, 12.0]))
    back = frame.inverse()
    right, left, upper, lower = (back(np.array(at, float)) for at in ((40, 60), (88, 60), (64, 52), (64, 68)))
    return MouthShutter(frame, Lips.between(right, left, upper, lower), 0.6, 1.2, places)


@pytest.fixture
def eye(places):
    x = np.linspace(0, 1, 9)
    line = np.stack([44 + 40 * x, np.full(9, 64.0)], 1)
    bow = np.stack([np.zeros(9), 10 * np.sqrt(4 * x * (1 - x))], 1)
    return EyeShutter(Eye(line - bow, line + bow, np.array([64.0, 64.0]), 8.0), np.array([64.0, 40.0]), places)


def parts(count, lower=False, teeth=False, ball=False):
    whole = [np.broadcast_to(flag, count) for flag in (lower, teeth, ball, False)]
    return Parts(whole[0], whole[1], (whole[2], whole[3]))


def looked(picture, at):
    """(N, 2): what a picture of coordinates shows at places (N, 2), linearly."""
    column, row = np.floor(at).astype(int).T
    x, y = (at - np.floor(at)).T[..., None]
    found = picture[..., :2]
    above = found[row, column] + x * (found[row, column + 1] - found[row, column])
    below = found[row + 1, column] + x * (found[row + 1, column + 1] - found[row + 1, column])
    return above + y * (below - above)


def moved(picture, shutter, patch):
    result = picture.copy()
    result[shutter.patch.place] = patch
    return result


SMILE = {"corners": np.array([[0.05, -0.06], [-0.04, -0.05]]), "thickness": np.array([0.85, 0.9])}


@pytest.mark.parametrize("face", [doing(**SMILE), doing(lower_lip=0.3, chin=0.2, upper_lip=-0.03, **SMILE)])
def test_a_mouth_shows_its_skin_where_it_is_carried(mouth, places, face):
    aim = np.array([[x, y] for x in (30, 46, 60, 70, 81) for y in (48.5, 55, 65, 72, 80)], float)
    shutters = Shutters([], mouth)
    there = carried(shutters, aim, parts(len(aim), lower=aim[:, 1] > 60), face)
    assert np.abs(there - aim).max() > 1
    shown = looked(moved(places, mouth, mouth(places, face)), there)
    assert np.abs(shown - aim).max() < 0.8  # a pixel or two of the patch are between two lines, which bend there
    assert np.abs(shown - aim).mean() < 0.08


def test_lips_part_by_as_much_as_the_mouth_opens(mouth):
    middle = np.array([[64.0, 60.0]] * 2)
    lower = Parts(np.array([False, True]), np.zeros(2, bool), (np.zeros(2, bool),) * 2)
    face = doing(lower_lip=0.3, chin=0.2)
    upper, under = carried(Shutters([], mouth), middle, lower, face)
    assert 12 < under[1] - upper[1] < 0.3 * 60 * 1.2
    still = carried(Shutters([], mouth), middle, lower, doing())
    assert (still == middle).all()


def test_teeth_stay_while_lips_part_and_go_when_they_rise(mouth):
    middle = np.array([[64.0, 60.0]])
    teeth = parts(1, teeth=True)
    parted = carried(Shutters([], mouth), middle, teeth, doing(upper_lip=-0.02))
    high = carried(Shutters([], mouth), middle, teeth, doing(upper_lip=-0.3))
    assert abs(parted[0, 1] - 60) < 0.5
    assert high[0, 1] < 55


@pytest.mark.parametrize("lids", [0.6, 0.25])
def test_lids_show_their_skin_where_it_is_carried(eye, places, lids):
    aim = np.array([[x, y] for x in (54, 62, 70, 76) for y in (36, 42, 47, 79, 84)], float)
    face = doing(lids=np.array([lids, 1.0]), brows=np.array([-0.03, 0.0]))
    there = carried(Shutters([(eye, 0.5)], None), aim, parts(len(aim)), face)
    up, _, rim = eye._heights(lids, -0.06, 1 - lids)
    assert up.shape == rim.shape
    heights = places.copy()
    heights[eye.patch.place] = looked_up(eye, places, lids)
    shown = looked(heights, there)
    assert np.abs(there - aim)[:, 1].max() > 1
    assert np.abs(shown - aim).max() < 0.4


def looked_up(eye, places, lids):
    """The eye's patch before lids are painted."""
    y = eye._heights(lids, -0.06, 1 - lids)[0]
    patch = eye.patch
    return patch.look(places, patch.x, patch.y + (y - patch.y) * patch.inside)


def test_shut_lids_meet(eye):
    edges = np.array([[64.0, 54.0], [64.0, 74.0]])
    upper, lower = carried(Shutters([(eye, 0.5)], None), edges, parts(2), doing(lids=np.array([0.0, 1.0])))
    assert lower[1] - upper[1] == pytest.approx(0, abs=0.5)
    assert 68 < upper[1] < 74


def test_an_iris_goes_as_a_disc(eye):
    ring = 64 + 7 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1.0]])
    face = doing(gaze=np.array([[0.15, 0.0], [0.0, 0.0]]))
    there = carried(Shutters([(eye, 0.5)], None), ring, parts(4, ball=True), face)
    np.testing.assert_allclose(there - ring, [[6, 0]] * 4, atol=0.3)
