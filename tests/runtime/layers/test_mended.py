"""Points averaged with what the face mesh sees: more exact, the same where nothing is seen, and in motion files too."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from checkpoints.parameters import HEAD
from runtime.animator import Animator
from runtime.layers.anatomy import NEEDED, named
from runtime.layers.mended import SHARES, averaged, mended, see_head
from runtime.layers.mesh import Look, look_at
from runtime.motion.extract import extract_motion
from runtime.motion.file import MotionFile, load_motion, save_motion


@pytest.fixture(scope="module")
def seen(engine, frames):
    return engine.detect(frames, expression=True)


@pytest.fixture(scope="module")
def face(engine, seen):
    return named((seen.places[0] + 1) / 2 * (engine.resolution - 1), engine.names)


def look(face, by=(0.0, 0.0), score=1.0):
    return Look(np.zeros((468, 2)), np.array([face[name] for name in SHARES]) + by, score)


def test_points_are_those_of_the_head_that_the_mesh_finds(engine, frames, seen, face):
    assert seen.arrays[HEAD].shape == (len(frames), len(SHARES), 3)
    unit = np.hypot(*(face["eye_left.outer"] - face["eye_right.outer"]))
    found = np.array([face[name] for name in SHARES])
    assert (seen.arrays[HEAD][..., 2] == 1).all()
    pixels = (seen.arrays[HEAD][0, :, :2] + 1) / 2 * (engine.resolution - 1)
    assert np.hypot(*(pixels - found).T).mean() < 0.06 * unit


def test_a_face_that_is_turned_and_smaller_has_its_points_where_it_is(frames, face):
    """The weights hold in any place, size and turn."""
    picture = Image.fromarray(frames[0])
    small = picture.resize((224, 224), Image.Resampling.LANCZOS).rotate(12, Image.Resampling.BICUBIC)
    ends = np.array([face["eye_right.outer"], face["eye_left.outer"]])
    points = np.array([face[name] for name in SHARES])
    angle, middle = np.deg2rad(12), np.array([111.5, 111.5])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

    def moved(places):
        return ((places + 0.5) * 224 / 256 - 0.5 - middle) @ turn.T + middle

    first = look_at(np.asarray(picture), ends, points)
    second = look_at(np.asarray(small), moved(ends), moved(points))
    unit = np.hypot(*(ends[1] - ends[0]))
    assert np.hypot(*(moved(first.head) - second.head).T).max() < 0.06 * unit


def test_one_that_is_sure_counts_by_its_share_and_one_that_is_not_for_nothing(face):
    for score, sure in ((1.0, 1.0), (0.7, 0.5), (0.5, 0.0)):
        head = see_head(face, look(face, (2.0, -1.0), score))
        assert np.allclose(head[:, 2], sure)
        found = averaged(face, head)
        assert set(found) == set(face)
        for name in face:
            assert np.allclose(found[name] - face[name], SHARES.get(name, 0) * sure * np.array([2.0, -1.0]))


def test_who_sees_another_face_or_none_is_not_believed(face):
    unit = np.hypot(*(face["eye_left.outer"] - face["eye_right.outer"]))
    assert (see_head(face, look(face, (0.3 * unit, 0)))[:, 2] == 0).all()
    nobody = see_head(face, None)
    assert (nobody[:, 2] == 0).all()
    assert all((averaged(face, nobody)[name] == face[name]).all() for name in face)


def test_a_model_need_not_have_all_of_them(engine, seen, face):
    few = {name: face[name] for name in NEEDED}
    head = see_head(few, look(face, (2.0, -1.0)))
    assert (head[:, 2] == 1).all()
    assert averaged(few, head).keys() == few.keys()
    assert (see_head(few, None)[:, 2] == 0).all()
    names = {name: engine.names[name] for name in NEEDED}
    found = mended(seen, names)
    moved = np.hypot(*np.moveaxis(found.places - seen.places, -1, 0)).max(0)
    assert moved[[engine.names[name] for name in engine.names if name not in NEEDED]].max() == 0
    assert moved.max() > 0


def test_motion_is_mended_once_and_others_stay(engine, seen):
    found = mended(seen, engine.names)
    assert HEAD not in found.arrays
    assert mended(found, engine.names) is found
    moved = np.hypot(*np.moveaxis(found.places - seen.places, -1, 0))
    held = [index for name, index in engine.names.items() if name not in SHARES]
    assert moved[:, held].max() == 0
    assert 0 < moved.max() < 0.1
    assert (found.eyes == seen.eyes).all()


def test_files_keep_it_and_those_without_it_are_played(engine, sample, seen, tmp_path):
    save_motion(tmp_path / "with.motion", MotionFile.of(seen, Fraction(25), engine.bundle))
    kept = load_motion(tmp_path / "with.motion").motion
    assert (kept.arrays[HEAD] == seen.arrays[HEAD]).all()
    rest = {name: array for name, array in seen.arrays.items() if name != HEAD}
    old = type(seen).of(rest, {name: seen.parameters[name] for name in rest})
    save_motion(tmp_path / "without.motion", MotionFile.of(old, Fraction(25), engine.bundle))
    animator = Animator(engine)
    animator.set_source(sample)
    pictures = {}
    for name in ("with", "without"):
        animator.reset()
        pictures[name] = animator.poses(load_motion(tmp_path / f"{name}.motion").motion).astype(float)
    assert 0 < np.abs(pictures["with"] - pictures["without"]).mean() < 4


def test_without_layers_points_are_the_models_own(engine, sample, frames):
    animator = Animator(engine, layers="off")
    animator.set_source(sample)
    assert (animator.source.motion.places == engine.encode(animator._square[None]).motion.places).all()
    recorded = extract_motion([Image.fromarray(frame) for frame in frames], model=engine, progress=False)
    played = animator.poses(recorded.motion[:1])
    animator.reset()
    assert (animator.poses(engine.detect(frames[:1])) == played).all() or recorded.motion.places.shape[0]


def test_with_layers_a_picture_stays_as_it_is_at_rest(animator):
    """Its own points are mended as a driver's are."""
    animator.reset()
    still = animator.engine.detect(animator._square[None], expression=True)
    assert (animator.poses(still)[0] == animator.still).all()
