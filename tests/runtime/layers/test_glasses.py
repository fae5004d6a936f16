import numpy as np

from checkpoints.parameters import Parameter
from runtime.layers.glasses import without_glasses
from runtime.layers.residual import CELLS, covered
from runtime.motion.kinds import KINDS

X, Y = covered(CELLS, CELLS)


def _around_an_eye(reach: float) -> np.ndarray:
    return np.hypot(np.abs(X) - 0.333, Y - 0.02) < reach


def test_what_rims_do_is_gone_and_what_the_head_does_stays():
    turning = np.stack([0.2 + 0.05 * X + 0 * Y, 0.1 * Y + 0 * X, 0 * X + 0 * Y], -1)
    rims = _around_an_eye(0.26) & ~_around_an_eye(0.14)
    seen = turning + 0.15 * rims[..., None]
    found = without_glasses(np.float32([seen, turning]))
    assert np.abs(found - turning).max() < 0.025  # of rims that go 0.15 otherwise
    assert np.array_equal(found[0, Y[:, 0] > 0.5], np.float32(seen)[Y[:, 0] > 0.5])


def test_nothing_stays_nothing():
    assert not without_glasses(np.zeros((2, CELLS, CELLS, 3), np.float32)).any()


def test_glasses_are_their_own_drivers_alone():
    """Who is put in the driver's place has them on, who is moved by their changes has not."""
    seen = np.zeros((2, CELLS, CELLS, 3), np.float32)
    seen[1, _around_an_eye(0.2)] = 0.1
    rest, kind, parameter = seen[:1], KINDS["residual"], Parameter("residual", seen.shape[1:])
    assert np.array_equal(kind.taken(rest, seen, 1.0, parameter), seen)
    assert np.abs(kind.since(rest, seen, rest, 1.0, 1.0, parameter)).max() < 1e-3
