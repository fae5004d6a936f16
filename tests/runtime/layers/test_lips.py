"""Lips by the face mesh: shut ones are shut, parted ones part, smiles widen, in whatever pose the head is."""

import numpy as np
import pytest

from runtime.control.parts import Strengths
from runtime.layers import lips
from runtime.layers.anatomy import named
from runtime.layers.expression import SIDES, Seen, expression
from runtime.layers.frames import TEMPLATE, head_frame

EYES = np.array([[0.3, 0.0, 0.0], [0.3, 0.0, 0.0]])
POINTS = {name: np.array(place, float) for name, place in TEMPLATE.items()}
POINTS |= {f"mouth.{name}": np.array(at) for name, at in (("upper_lip", (0, 0.75)), ("lower_lip", (0, 0.85)))}
POINTS |= {f"mouth.corner_{side}": np.array([sign * 0.25, 0.8]) for side, sign in zip(SIDES, (1, -1), strict=True)}
POINTS |= {f"eye_{side}.brow": np.array([sign * 0.33, -0.25]) for side, sign in zip(SIDES, (1, -1), strict=True)}
POINTS["mouth.chin"] = np.array([0, 1.15])
GAPS = (-0.01, 0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.1, 0.3, 0.5)
"""Between inner edges, from lips that the mesh finds crossed to a mouth wide open."""


def mouth(gap=0.0, wide=0.5, upper=0.06, lower=0.07):
    """(7, 2): lips so far apart, so wide and so thick."""
    y = 0.8 + np.cumsum([0, upper, gap, lower, 0.3])
    return np.array([(wide / 2, 0.86), (-wide / 2, 0.86), (0, y[1]), (0, y[2]), (0, y[0]), (0, y[3]), (0, y[4])])


def does(now, rest, **strengths):
    return expression(Seen(POINTS, EYES, now), Seen(POINTS, EYES, rest), Strengths(**strengths))


def opening(face):
    return face.lower_lip - face.upper_lip


def test_shut_lips_are_not_apart_and_parted_ones_are_farther_the_farther_they_are():
    found = [lips.apart(mouth(gap)) for gap in GAPS]
    assert found[:3] == [0, 0, 0]
    assert (np.diff(found[3:]) > 0).all()
    assert found[6] > 0.03  # the mesh draws lips together


@pytest.mark.parametrize("gap", GAPS)
def test_lips_that_do_not_move_do_not_open(gap):
    assert lips.opened(mouth(gap), mouth(gap)) == 0
    assert does(mouth(gap), mouth(gap)).at_rest


@pytest.mark.parametrize("gap", GAPS)
def test_lips_that_shut_close_by_as_much_as_they_were_apart(gap):
    assert lips.opened(mouth(0.0), mouth(gap)) == -lips.apart(mouth(gap))
    assert lips.opened(mouth(0.0, upper=0.02, lower=0.02), mouth(gap)) == -lips.apart(mouth(gap))


@pytest.mark.parametrize("gap", GAPS)
def test_lips_are_shut_by_as_much_as_is_asked(gap):
    seen = mouth(gap)
    whole = lips.apart(seen)
    shut = lips.shut(seen, whole)
    assert lips.apart(shut) == pytest.approx(0, abs=1e-9)
    if gap >= 0.03:  # lips that are surely not shut
        assert lips.opened(seen, shut) == pytest.approx(whole)
    if gap >= 0.1:
        half = lips.shut(seen, whole / 2)
        assert lips.apart(half) <= whole / 2 + 1e-9
        assert lips.opened(seen, half) == pytest.approx(whole / 2)
    assert set(np.nonzero((shut != seen).any(1))[0]) <= {lips.LOWER, lips.RIM_LOWER, lips.TIP}
    assert (shut <= seen).all()  # the lower lip rises


def test_shut_lips_that_become_thinner_do_not_open():
    """Pressed together they are thin: their outer edges move, their inner ones do not."""
    pressed = does(mouth(0.0, upper=0.03, lower=0.04), mouth())
    assert opening(pressed) == 0
    assert (pressed.thickness < 1).all()


def test_outer_edges_tell_how_far_parted_lips_open():
    little, much = (opening(does(mouth(0.05, upper=thick, lower=thick), mouth())) for thick in (0.06, 0.1))
    assert 0.05 < little < much


def test_a_smile_is_wider_and_its_lips_are_thinner():
    smile = does(mouth(wide=0.6, upper=0.04), mouth())
    assert smile.corners[0, 0] == pytest.approx(1.15 * 0.05)
    assert smile.corners[1, 0] == pytest.approx(1.15 * -0.05)
    assert smile.thickness[0] < 1
    assert smile.thickness[1] == 1


def test_lips_become_neither_nothing_nor_balloons():
    thin, thick = (does(mouth(upper=each, lower=each), mouth()).thickness for each in (0.0, 1.0))
    assert 0.5 < thin[0] < 1 < thick[0] < 2


def test_a_chin_goes_with_the_jaw():
    assert does(mouth(0.2), mouth()).chin == pytest.approx(0.2, rel=0.2)


def test_the_mouths_strength_is_that_of_all_of_it_and_of_nothing_else():
    now, rest = mouth(0.2, wide=0.6, upper=0.04), mouth()
    whole, half = (does(now, rest, mouth=strength) for strength in (1.0, 0.5))
    assert does(now, rest, mouth=0.0).at_rest
    assert opening(half) == pytest.approx(opening(whole) / 2)
    np.testing.assert_allclose(half.corners, whole.corners / 2)
    np.testing.assert_allclose(half.thickness - 1, (whole.thickness - 1) / 2, atol=1e-12)
    alone = does(now, rest, eyes=0.0, brows=0.0, gaze=0.0)
    assert (opening(alone), alone.chin) == (opening(whole), whole.chin)
    assert opening(does(now, rest, mouth=1e300)) <= 0.75


@pytest.mark.parametrize("which", ["now", "rest", "both"])
def test_where_nobody_looked_points_tell(which):
    points = POINTS | {"mouth.lower_lip": POINTS["mouth.lower_lip"] + (0, 0.1)}
    now, rest = (None if which in (name, "both") else mouth(0.3) for name in ("now", "rest"))
    found = expression(Seen(points, EYES, now), Seen(POINTS, EYES, rest))
    plain = expression(Seen(points, EYES), Seen(POINTS, EYES))
    assert opening(found) == opening(plain) == pytest.approx(0.15)
    assert found.thickness.tolist() == [1, 1]


@pytest.fixture(scope="module")
def found(engine, sample):
    """The photo, a model's points on it, and what its lips do."""
    picture = np.asarray(sample.resize((engine.resolution,) * 2))
    motion = engine.detect(picture[None], expression=True)
    return picture, motion


def test_what_is_seen_of_a_picture_lies_where_its_mouth_is(engine, found):
    _, motion = found
    (seen,), face = motion.lips, named(motion.places[0], engine.names)
    own = head_frame(face).inverse()
    for place, name in ((lips.LEFT, "corner_left"), (lips.RIGHT, "corner_right"), (lips.TIP, "chin")):
        assert np.hypot(*(seen[place] - own(face[f"mouth.{name}"]))) < 0.15
    heights = seen[[lips.RIM_UPPER, lips.UPPER, lips.LOWER, lips.RIM_LOWER, lips.TIP], 1]
    assert (np.diff(heights) > 0).all()
    assert seen[lips.LEFT, 0] - seen[lips.RIGHT, 0] > 0.4
