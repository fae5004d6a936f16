"""Whole figures in layers: a stick figure whose bones are known, drawn on backdrops of several kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from checkpoints.errors import InputError
from runtime.animator import Animator
from runtime.engine import Engine
from runtime.layers.canvas import Canvas
from runtime.layers.compose import Behind
from runtime.layers.figure.bending import Bending
from runtime.layers.figure.cutout import cut_out
from runtime.layers.figure.puppet import Puppet, see_figure
from runtime.layers.figure.regions import holes, reached
from runtime.layers.figure.skeleton import BODY, DRAWN, Skeleton, build_of
from runtime.layers.frames import Affine
from training.data.synth.renderers import points_of

SIDE = 128
GREEN, RED = (40, 160, 60), (200, 40, 50)
NAMES = {name: index for index, name in enumerate(points_of("cartoon"))}
JOINTS = {
    "head.chin": (64, 50), "head.top": (64, 22), "head.middle": (64, 36), "head.front": (54, 36), "head.back": (74, 36),
    "face.eye_near": (60, 34), "face.snout": (54, 40), "ears.near_tip": (64, 24), "ears.far_tip": (64, 24),
    "ears.hat": (64, 22), "chest.neck": (64, 52), "chest.top": (64, 50), "chest.middle": (64, 60),
    "chest.front": (54, 58), "chest.back": (74, 58), "belly.middle": (64, 74), "belly.front": (54, 72),
    "belly.back": (74, 72), "belly.hip_front": (56, 84), "belly.hip_back": (72, 84),
}  # fmt: skip
LIMBS = {
    "arm_near": ((54, 56), (34, 56), (18, 56)),
    "arm_far": ((74, 56), (94, 56), (110, 56)),
    "leg_near": ((58, 84), (54, 98), (50, 112)),
    "leg_far": ((70, 84), (74, 98), (78, 112)),
}


def stick() -> np.ndarray:
    """(50, 2): where the points of the figure are, in pixels."""
    points = np.full((len(NAMES), 2), 64.0)
    for name, at in JOINTS.items():
        points[NAMES[name]] = at
    for limb, (root, middle, end) in LIMBS.items():
        tip = np.add(end, np.subtract(end, middle) / 4)
        for name, place in (
            ("root", root),
            ("middle_front", middle),
            ("middle_back", middle),
            ("end", end),
            ("tip", tip),
        ):
            points[NAMES[f"{limb}.{name}"]] = place
    for name in ("root", "middle", "tip"):  # no tail: all of it on one spot
        points[NAMES[f"tail.{name}"]] = (64, 80)
    return points


def drawn(backdrop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture (SIDE, SIDE, 3) of the figure before a `backdrop`, and where it is."""
    image, mask = Image.fromarray(backdrop), Image.new("L", (SIDE, SIDE))
    for where, ink in ((image, True), (mask, False)):
        pen = ImageDraw.Draw(where)
        pen.ellipse((48, 18, 80, 52), fill=RED if ink else 255)
        pen.rectangle((52, 50, 76, 88), fill=GREEN if ink else 255)
        for joints in LIMBS.values():
            pen.line(joints, fill=RED if ink else 255, width=8)
    return np.asarray(image), np.asarray(mask) > 0


def plain() -> np.ndarray:
    """Light that falls off, above a floor."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    sky = np.stack([200 + x / 4, 210 - y / 3, 190 + y / 4], -1)
    return np.where((y > 104)[..., None], (120, 110, 90), sky).astype(np.uint8)


def noise() -> np.ndarray:
    """Nothing of which tells what is next to it."""
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def canvas_of(picture: np.ndarray) -> Canvas:
    return Canvas.around(picture, Image.fromarray(picture), None)


def places(points: np.ndarray) -> np.ndarray:
    """In [-1, 1], as a model of SIDE pixels gives them."""
    return points / (SIDE - 1) * 2 - 1


def seen(picture: np.ndarray, behind: Behind | None = None) -> Puppet | None:
    canvas = canvas_of(picture)
    return see_figure(canvas, DRAWN, NAMES, canvas.places(places(stick()), SIDE), SIDE, behind)


def raised() -> np.ndarray:
    """The points with the arm at the left turned upwards about its shoulder."""
    points, root = stick(), np.array(LIMBS["arm_near"][0])
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    for name, index in NAMES.items():
        if name.startswith("arm_near."):
            points[index] = root + turn @ (points[index] - root)
    return points


def test_builds_are_told_by_names_of_points() -> None:
    assert build_of(NAMES) is DRAWN
    assert build_of({name: index for index, name in enumerate(points_of("body"))}) is BODY
    assert build_of({name: index for index, name in enumerate(points_of("head"))}) is None
    assert build_of({}) is None


def test_what_hangs_together_goes_round_corners_and_encloses() -> None:
    mask = np.zeros((9, 9), bool)
    mask[1, 1:8] = mask[7, 1:8] = mask[1:8, 1] = mask[1:8, 7] = True
    assert (holes(mask) == np.pad(np.ones((5, 5), bool), 2)).all()
    seeds = np.zeros_like(mask)
    seeds[1, 1] = True
    apart = mask.copy()
    apart[1, 4] = apart[7, 4] = False
    assert (reached(seeds, apart) == apart & (np.arange(9) < 4)).all()


def test_limbs_hang_together_however_points_jump() -> None:
    points = stick()
    skeleton = Skeleton(DRAWN, NAMES, points, np.array([0.0, 0, SIDE, SIDE]))
    rest = skeleton.maps(points)
    assert all(np.allclose(each.linear, np.eye(2)) and np.allclose(each.offset, 0, atol=1e-9) for each in rest)
    maps = skeleton.maps(points + np.random.default_rng(1).normal(0, 12, points.shape))
    for bone, back in zip(skeleton.bones, maps, strict=True):
        if bone.above and bone.limb >= 0:
            joint = maps[bone.above].inverse()(bone.start)
            assert np.allclose(back(joint), bone.start, atol=1e-6)
        forth = back.inverse()
        assert 0.4 < np.hypot(*(forth(bone.end) - forth(bone.start))) / bone.length < 3


def test_what_bends_keeps_its_size() -> None:
    skeleton = Skeleton(DRAWN, NAMES, stick(), np.array([0.0, 0, SIDE, SIDE]))
    bending, maps = Bending(skeleton.bones), skeleton.maps(raised())
    (arm,) = (i for i, bone in enumerate(skeleton.bones) if bone.above == 0 and bone.start[0] == 54)
    bone = skeleton.bones[arm]
    along = np.linspace(0, 1, 11)[:, None, None] * np.array([0.0, -20.0]) + bone.start
    look = bending(arm, along, maps)
    assert np.allclose(np.hypot(*np.moveaxis(look - bone.start, -1, 0)), np.linspace(0, 20, 11)[:, None], atol=1e-6)
    identity = [Affine(np.eye(2), np.zeros(2))] * len(skeleton.bones)
    assert np.allclose(bending(arm, along, identity), along)


def test_figures_before_what_is_plain_are_cut_out() -> None:
    picture, truth = drawn(plain())
    canvas = canvas_of(picture)
    bones = Skeleton(DRAWN, NAMES, canvas.places(places(stick()), SIDE), np.array([32.0, 32, 160, 160])).bones
    scene = cut_out(canvas, bones, False)
    assert scene is not None
    found = scene.alpha[canvas.inner, canvas.inner] > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.93
    assert np.abs(scene.plate[canvas.inner, canvas.inner] - plain()).mean() < 2


def test_where_nothing_is_found_surely_there_are_no_layers() -> None:
    assert seen(noise()) is None
    assert seen(plain()) is None


def test_at_rest_a_figure_is_its_source_to_the_byte() -> None:
    picture, _ = drawn(plain())
    puppet = seen(picture)
    assert puppet is not None
    assert (puppet(None, places(stick()), None) == picture).all()
    assert (puppet.still == picture).all()


def test_an_arm_goes_where_its_points_go_and_the_backdrop_stays() -> None:
    picture, truth = drawn(plain())
    puppet = seen(picture)
    assert puppet is not None
    result, alpha = puppet.apart(None, places(raised()), None)
    assert np.abs(result[20:36, 54].astype(int) - RED).mean() < 12  # upwards from the shoulder
    assert np.abs(result[56, 14:34].astype(int) - plain()[56, 14:34]).mean() < 6  # where it was
    arm = np.zeros_like(truth)
    arm[:64, :60] = True
    assert (result[~arm & ~truth] == picture[~arm & ~truth]).mean() > 0.98
    assert alpha[28, 54] > 0.9 > 0.1 > alpha[56, 20]


def test_figures_are_laid_over_another_backdrop_or_none() -> None:
    picture, truth = drawn(plain())
    blue = np.full((SIDE, SIDE, 3), (0, 0, 255), np.uint8)
    before = seen(picture, Behind(blue))
    assert before is not None
    assert (before.still[:10, :10] == (0, 0, 255)).all()
    assert np.abs(before.still[60:70, 60:68].astype(int) - GREEN).max() < 8
    cut = seen(picture, Behind(np.zeros_like(blue), True))
    assert cut is not None
    assert cut.still.shape == (SIDE, SIDE, 4)
    assert ((cut.still[..., 3] > 127) == truth).mean() > 0.98


FIGURES = Path(__file__).parents[3] / "demo" / "assets" / "figures"


@pytest.fixture(scope="module")
def cartoons() -> Engine:
    return Engine("cartoons-lite", device="cpu")


def test_the_model_of_cartoons_moves_in_layers_and_not_at_all_by_none_of_the_strength(cartoons: Engine) -> None:
    animator = Animator(cartoons, strength=0.0)
    animator.set_source(FIGURES / "cartoon-fox.jpg")
    assert animator.layered
    assert not animator.watches  # no driver's face is looked for
    squares = np.random.default_rng(2).integers(0, 256, (2, 256, 256, 3), np.uint8)
    results = animator.frames(squares)
    assert (results == animator.still).all()


def test_layers_of_figures_can_be_left_out(cartoons: Engine) -> None:
    animator = Animator(cartoons, layers="off")
    animator.set_source(FIGURES / "cartoon-fox.jpg")
    assert not animator.layered


def test_another_background_needs_a_figure(cartoons: Engine) -> None:
    animator = Animator(cartoons, background="transparent", crop="off")
    with pytest.raises(InputError):
        animator.set_source(noise())
