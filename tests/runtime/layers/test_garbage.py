"""Motion files and models may say anything of where points are: layers then show something, and raise nothing."""

import numpy as np
import pytest

from checkpoints.contract import MODES
from runtime.animator import Animator
from runtime.layers.anatomy import see_faces, see_subject
from runtime.layers.canvas import Canvas

POINTS = {
    "at one place": lambda points: np.zeros_like(points),
    "on a line": lambda points: points * np.float32([1, 0]),
    "far": lambda points: points * np.float32(1e10),
    "the farthest": lambda points: np.full_like(points, 3e38),
    "the farthest apart": lambda points: 0 * points + np.resize([3e38, -3e38], points.shape[1])[:, None],
    "no numbers": lambda points: np.full_like(points, np.nan),
}
EYES = {"shut": 0.0, "large": 3e38, "negative": -3e38}
LIPS = {"no place": 0.0, "lips far away": 3e38, "lips far off": -3e38, "nowhere": np.nan}


HEADS = {"a head far away": 3e38, "a head surely not": -3e38, "a head nowhere": np.nan}


@pytest.fixture(scope="module")
def motion(engine, frames):
    return engine.detect(frames[:2], expression=True)


@pytest.fixture(scope="module")
def animated(engine, sample):
    made = {mode: Animator(engine, mode=mode) for mode in engine.bundle.modes}
    for animator in made.values():
        animator.set_source(sample)
    return made


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("strength", [0.0, 1.0, 100.0])
@pytest.mark.parametrize("what", [*POINTS, *EYES, *LIPS, *HEADS])
def test_any_motion_is_played(animated, motion, mode, strength, what):
    if mode not in animated:
        pytest.skip(f"the model has no mode {mode}")
    animator = animated[mode]
    assert animator._finish.layers is not None
    animator.strength = strength
    if what in POINTS:
        odd = POINTS[what](motion.points).astype(np.float32)
        odd = motion.with_arrays({"points": np.concatenate([motion.points[:1], odd[1:]])})
    elif what in LIPS:
        odd = motion.with_arrays({"lips": np.full_like(motion.lips, LIPS[what])})
    elif what in HEADS:
        odd = motion.with_arrays({"head": np.full_like(motion.arrays["head"], HEADS[what])})
    else:
        odd = motion.with_arrays({"eyes": np.full_like(motion.eyes, EYES[what])})
    animator.reset()
    assert animator.poses(odd).dtype == np.uint8
    animator.reset(odd[1:])
    assert animator.poses(odd[1:]).dtype == np.uint8


@pytest.mark.parametrize("what", POINTS)
def test_points_that_are_no_face_are_none(engine, frames, motion, what):
    odd = POINTS[what](motion.points).astype(np.float32)
    for seen in see_faces(frames[:2], engine.names, odd).values():
        assert np.isfinite(seen).all()
    canvas = Canvas.around(frames[0], None, None)
    subject = see_subject(canvas, engine.names, odd[0], engine.resolution)
    if what in ("at one place", "no numbers", "the farthest"):
        assert subject is None
    if subject is not None:
        subject.shutters(np.concatenate([canvas.picture, canvas.picture[..., :1]], -1).astype(np.float32))
