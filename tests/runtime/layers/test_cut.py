"""Heads that a photo cuts stay at its edge."""

import numpy as np
import pytest

from runtime.animator import Animator
from runtime.faces import find_faces
from runtime.motion.inside import kept_inside
from runtime.prepared import Prepared

DOWN, UP, RIGHT = (0.0, 0.12), (0.0, -0.12), (0.12, 0.0)


@pytest.fixture(scope="module")
def cut(engine, sample):
    """The sample's face, whose forehead ends at the photo's edge."""
    (face,) = find_faces(np.asarray(sample))
    animator = Animator(engine)
    left, top, right, bottom = face.left, face.top, face.right, face.bottom
    more = 0.25 * (right - left)
    animator.set_source(sample.crop(tuple(round(at) for at in (left - more, top, right + more, bottom + more))))
    return animator


def stepped(animator, step):
    """The source's own pose, by `step` sides of the picture aside."""
    rest = animator.source.motion[:1]
    return rest.with_places(rest.places + 2 * np.float32(step))


def way(animator, step, name="nose.tip"):
    """How far that takes a point, in sides."""
    moved = kept_inside(animator.source.motion[:1], stepped(animator, step), animator._finish.layers)
    at = animator.engine.names[name]
    return (moved.places - animator.source.motion.places)[0, at] / 2


def test_a_head_does_not_leave_the_edge_that_cuts_it(cut):
    assert way(cut, DOWN)[1] < 0.04
    assert way(cut, RIGHT)[0] > 0.08
    np.testing.assert_allclose(way(cut, DOWN, "neck.pit"), DOWN, atol=0.06)  # shoulders go as they went
    assert way(cut, UP)[1] < -0.06


def test_it_comes_to_rest_smoothly(cut):
    ways = np.array([way(cut, (0.0, step))[1] for step in np.linspace(0, 0.2, 41)])
    assert ways[0] == 0
    assert (np.diff(ways) > -1e-6).all()
    assert np.abs(np.diff(ways, 2)).max() < 0.002
    rest = cut.source.motion[:1]
    assert np.array_equal(cut._finish.layers.held(rest.places), rest.places)


def test_a_head_with_room_around_it_goes_as_it_went(animator):
    for step in ((0.0, 0.05), (0.05, 0.0), UP):
        moved = stepped(animator, step)
        assert np.array_equal(animator._finish.layers.held(moved.places), moved.places)


@pytest.mark.parametrize(("mode", "least", "most"), [("relative", 0.0, 0.04), ("absolute", 0.1, 0.14)])
def test_absolute_modes_take_places_as_they_are(cut, engine, mode, least, most):
    animator = Animator(engine, mode=mode)
    animator.use(Prepared(cut.source, cut.finish, cut._square))
    animator.reset(cut.source.motion[:1])
    _, driven, _ = animator._driven(stepped(cut, DOWN))
    assert least <= (driven.places - cut.source.motion.places)[0, engine.names["nose.tip"], 1] / 2 <= most
