"""People's joints: found in a drawn person, told to the model's points, kept in motion files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from checkpoints.parameters import LIMBS
from runtime.animator import Animator
from runtime.engine import Engine
from runtime.layers.figure import pose
from runtime.layers.figure.limbs import circle, mended_limbs, see_limb_points, shares, told
from runtime.layers.figure.membrane import membrane
from runtime.layers.figure.pose import look_at
from runtime.layers.figure.skeleton import BODY, placed
from runtime.motion.file import MotionFile, load_motion, save_motion
from training.data.synth.renderers import points_of

FIGURES = Path(__file__).parents[3] / "demo" / "assets" / "figures"


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.asarray(Image.open(FIGURES / "person.jpg").convert("RGB").resize((256, 256)))


@pytest.fixture(scope="module")
def people() -> Engine:
    return Engine("bodies-lite", device="cpu")


def test_joints_lie_on_the_drawn_person_and_the_silhouette_covers_them(picture: np.ndarray) -> None:
    look = look_at(picture)
    assert look is not None
    assert look.score > 0.9
    shoulders, wrists = look.joints[[11, 12]], look.joints[[15, 16]]
    assert shoulders[0, 0] > shoulders[1, 0]  # the left one is seen on the right
    assert wrists[0, 1] < shoulders[0, 1] < wrists[1, 1]  # who waves with the left hand
    at = np.stack(np.meshgrid(np.arange(256.0), np.arange(256.0)), -1)
    mask = look.mask(at)
    assert 0.1 < (mask > 0.5).mean() < 0.5
    columns, rows = np.rint(np.concatenate([shoulders, look.joints[[13, 14]]])).astype(int).T
    assert (mask[rows, columns] > 0.5).all()


def test_nobody_is_seen_in_a_plain_picture() -> None:
    assert look_at(np.full((256, 256, 3), 90, np.uint8)) is None


def test_a_circle_that_is_known_tells_who_of_two(picture: np.ndarray) -> None:
    both = np.concatenate([picture, picture], 1)
    one = look_at(picture)
    assert one is not None
    hips = one.joints[[23, 24]].mean(0)
    up = np.array([0.0, -100.0])
    for shift in (0, 256):
        middle = hips + np.array([shift, 0])
        look = look_at(both, (middle, middle + up))
        assert look is not None
        assert np.abs(look.joints[[11, 12]] - one.joints[[11, 12]] - [shift, 0]).max() < 12


def test_told_points_are_those_of_bodies_and_weights_are_of_one() -> None:
    names, weights = told()
    assert names == tuple(points_of("body"))
    assert np.allclose(weights.sum(1), 1, atol=1e-4)
    assert all(0 < share <= 1 for share in shares().values())
    for limb in BODY.limbs:
        assert all(sum(joint.values()) == pytest.approx(1) for joint in limb.joints)


def test_without_a_look_the_own_points_stay(people: Engine) -> None:
    body = {name: np.array([float(index), 2.0]) for index, name in enumerate(points_of("body"))}
    rows = see_limb_points(body, None)
    assert np.allclose(rows[:, 0], np.arange(50))
    assert not rows[:, 2].any()
    hips, end = circle({**body, "chest.pit": np.array([15.5, -98.0])})
    assert np.allclose(hips, placed(body, BODY.pelvis))
    assert end[1] < -98


def test_a_drivers_joints_go_into_its_motion_and_into_its_points(
    people: Engine, picture: np.ndarray, tmp_path: Path
) -> None:
    plain = people.detect(picture[None])
    assert LIMBS not in plain.arrays
    motion = people.detect(picture[None], expression=True)
    assert motion.arrays[LIMBS].shape == (1, 50, 3)
    exact = people.exact(motion)
    assert LIMBS not in exact.arrays
    names = {name: index for index, name in enumerate(points_of("body"))}
    told_at, sure = motion.arrays[LIMBS][0, :, :2], motion.arrays[LIMBS][0, :, 2]
    at = [names[name] for name in told()[0]]
    before, after = (np.hypot(*(each.places[0, at] - told_at).T) for each in (plain, exact))
    left = 1 - sure * np.array(list(shares().values()))
    assert (sure > 0.9).sum() > 20
    assert np.allclose(after, left * before, atol=1e-5)
    assert mended_limbs(plain, names) is plain
    save_motion(tmp_path / "wave.motion", MotionFile.of(motion, Fraction(25), people.bundle))
    loaded = load_motion(tmp_path / "wave.motion").motion
    assert np.array_equal(loaded.arrays[LIMBS], motion.arrays[LIMBS])
    assert np.allclose(people.exact(loaded).places, exact.places)


def test_people_are_moved_in_layers_and_rest_is_exact(people: Engine, picture: np.ndarray) -> None:
    animator = Animator(people, strength=0.0, crop="off", driving_crop="off")
    animator.set_source(Image.fromarray(picture))
    assert animator.layered
    assert animator.watches
    assert (animator.frames(picture[None]) == animator.still).all()
    assert (animator.still == picture).all()


def test_the_model_of_faces_opens_no_network_of_poses(monkeypatch: pytest.MonkeyPatch, picture: np.ndarray) -> None:
    def never() -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(pose, "_network", never)
    monkeypatch.setattr(pose, "_finder", never)
    faces = Engine("faces-lite", device="cpu")
    assert not faces.sees_limbs
    assert LIMBS not in faces.detect(picture[None], expression=True).arrays
    assert not Engine("cartoons-lite", device="cpu").sees_limbs


def test_a_membrane_goes_on_without_a_step() -> None:
    at = np.linspace(0, 200, 96, dtype=np.float32)
    slope = np.repeat(np.broadcast_to(at, (96, 96))[..., None], 3, 2).copy()
    alpha = np.zeros((96, 96), np.float32)
    alpha[20:90, 30:60] = 1
    hidden = slope.copy()
    hidden[alpha > 0] = 255
    found = membrane(hidden, alpha, np.ones_like(alpha))
    assert np.abs(found - slope).max() < 12
    assert np.array_equal(found[:10], slope[:10])
