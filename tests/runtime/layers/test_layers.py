"""Layers in the engine: exact at rest, still beside the person, whole heads; where nobody is seen, all is as before."""

import warnings

import numpy as np
import onnx
import pytest
from PIL import Image

from checkpoints.errors import OptionError
from export.assets.layers_graph import build
from runtime import animate
from runtime.animator import Animator
from runtime.engine import Engine
from runtime.framing.window import Window
from runtime.layers import lips
from runtime.layers.anatomy import named
from runtime.layers.canvas import Canvas
from runtime.layers.compose import MODEL, Made
from runtime.layers.expression import SIDES
from runtime.motion.file import MotionFile, load_motion, save_motion
from runtime.motion.modes import Motion


def test_the_shipped_graph_is_what_the_exporter_builds():
    assert onnx.load(MODEL) == build()


@pytest.mark.parametrize("size", [16, 100])
def test_results_smaller_than_the_models_pictures_are_made_small_last(engine, sample, frames, size):
    animator, whole = Animator(engine, size=size), Animator(engine)
    for each in (animator, whole):
        each.set_source(sample)
    wanted = Image.fromarray(whole.frames(frames[:2])[1]).resize((size, size), Image.Resampling.BICUBIC)
    assert (animator.frames(frames[:2])[1] == np.asarray(wanted)).all()


@pytest.mark.parametrize(
    "options",
    [
        *({}, {"size": 512}, {"paste_back": True}, {"mode": "absolute"}),
        {"strength": {"mouth": 0.0}, "parts": "mouth"},
        {"strength": {"mouth": 0.0}, "parts": "mouth", "mode": "absolute"},
    ],
)
def test_without_strength_the_source_comes_back_to_the_byte(engine, sample, frames, options):
    animator = Animator(engine, **{"strength": 0.0, "driving_crop": "off"} | options)
    animator.set_source(sample)
    for frame in frames[:2]:
        assert (animator.frame(frame) == animator.still).all()


def test_the_first_frame_of_the_relative_mode_is_the_source_where_the_drivers_lips_are_shut(animator, engine, frames):
    animator.reset()
    motion = engine.detect(frames[:1], expression=True)
    mouth = motion.lips[0].astype(np.float64)
    shut = lips.shut(mouth, lips.apart(mouth))[None].astype(np.float32)
    assert (animator.poses(motion.with_arrays({"lips": shut}))[0] == animator.still).all()
    animator.reset()
    lower = np.isin(np.arange(7), [lips.LOWER, lips.RIM_LOWER, lips.TIP])[:, None]
    parted = (shut + np.array([0, 0.2]) * lower).astype(np.float32)
    assert (animator.poses(motion.with_arrays({"lips": parted}))[0] != animator.still).any()


@pytest.mark.parametrize("mode", ["relative", "absolute"])
def test_lips_of_the_driver_open_the_sources(engine, sample, frames, mode):
    """The lips alone differ: something changes about the mouth, and nothing about the eyes."""
    animator = Animator(engine, mode=mode)
    animator.set_source(sample)
    motion = engine.detect(frames[:1], expression=True)
    shut = lips.shut(motion.lips[0].astype(np.float64), lips.apart(motion.lips[0]))
    parted = shut + np.array([0, 0.2]) * np.isin(np.arange(7), [lips.LOWER, lips.RIM_LOWER, lips.TIP])[:, None]
    motions = [motion.with_arrays({"lips": each[None].astype(np.float32)}) for each in (shut, parted)]
    driven = motion if mode == "absolute" else animator.source.motion
    first, second = (animator.poses(each)[0].astype(int) for each in motions)
    changed = np.nonzero(np.abs(first - second).max(-1) > 20)
    face = named(driven.places[0], engine.names)
    corners = [(face[f"mouth.corner_{side}"] + 1) / 2 * engine.resolution for side in SIDES]
    assert len(changed[0]) > 100
    assert changed[0].min() > max((face[f"eye_{side}.lower_lid"][1] + 1) / 2 * engine.resolution for side in SIDES)
    assert abs(changed[1].mean() - np.mean(corners, 0)[0]) < 15


def test_the_backdrop_stays_where_it_is(animator, layers, frames):
    animator.reset()
    moved = animator.frames(frames)
    inner = layers._canvas.inner
    alpha = layers._own[inner, inner, 3]
    columns = np.r_[:30, -30:0]  # the person never comes near in this video
    beside = (alpha[:120, columns] == 0).all(1)
    difference = np.abs(moved.astype(int) - animator.still)[:, :120][:, :, columns][:, beside]
    assert difference.max() <= 1


def test_the_person_moves(animator, frames):
    animator.reset()
    moved = animator.frames(frames)
    assert np.abs(moved[1:].astype(int) - animator.still).mean() > 2


def test_frames_do_not_depend_on_what_is_made_beside_them(animator, frames):
    animator.reset()
    together = animator.frames(frames)
    animator.reset()
    alone = np.concatenate([animator.frames(frame[None]) for frame in frames])
    assert np.abs(together.astype(int) - alone).max() <= 1


def test_two_takes_of_one_source_are_the_same(engine, animator, sample, frames):
    again = Animator(engine)
    again.set_source(sample)
    animator.reset()
    assert (again.frames(frames) == animator.frames(frames)).all()


def test_shut_eyes_of_the_driver_shut_the_sources(animator, engine, frames):
    """The eyes' parts of the motion alone differ."""
    animator.reset()
    motion = engine.detect(frames[:1], expression=True)
    open_eyes = motion.eyes.copy()
    open_eyes[..., 0] = 0.3
    shut_eyes = open_eyes * np.array([0, 1, 1], np.float32)
    first, second = (animator.poses(Motion(motion.points, eyes=eyes))[0] for eyes in (open_eyes, shut_eyes))
    changed = np.nonzero(np.abs(first.astype(int) - second).max(-1) > 20)
    eyes = animator._finish.layers._subject.eyes
    middle = np.mean([(eye.upper[0] + eye.upper[-1]) / 2 for eye in eyes], 0) - animator._finish.layers._canvas.margin
    assert len(changed[0]) > 30
    assert abs(changed[0].mean() - middle[1]) < 10
    assert np.ptp(changed[0]) < 40


def test_off_leaves_all_to_the_model(engine, sample, frames):
    animator = Animator(engine, layers="off")
    animator.set_source(sample)
    assert animator._finish.layers is None
    source = animator.source
    wanted = engine.render(source, animator._posed(1, engine.detect(frames[:1]))[0][0])
    animator.reset()
    assert (animator.frames(frames[:1]) == wanted).all()


def test_where_nobody_is_seen_all_is_left_to_the_model(engine, frames):
    empty = Image.fromarray(np.full((256, 256, 3), 90, np.uint8))
    results = []
    for layers in ("auto", "off"):
        animator = Animator(engine, layers=layers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            animator.set_source(empty)
        results.append(animator.frames(frames))
    assert (results[0] == results[1]).all()


def test_models_without_names_move_the_person_whole_too(sample, frames):
    """The same model, were its points nameless: the face is found by the detector, the head's map from the flow."""
    nameless = Engine("faces-lite")
    nameless.names = {}
    animator = Animator(nameless)
    animator.set_source(sample)
    layers = animator._finish.layers
    assert layers is not None
    assert layers.eyes is None
    moved = animator.frames(frames)
    assert (moved[0] == animator.still).all()
    # Hair, which is no part of the face's own flow, moves with it; beside it nothing does.
    hair = np.abs(moved.astype(float) - animator.still)[1:, : round(layers._subject.middle[1]) - layers._canvas.margin]
    assert (hair[:, :, 90:170].mean((1, 2, 3)) > 3).all()
    assert hair[:, :, :30].max() <= 1


@pytest.mark.parametrize("sunk", [0.05, 0.15, 0.3])
def test_a_head_that_sinks_goes_before_shoulders_that_stay_whole(engine, sample, sunk):
    """All but the neck's points, and the face's flow, go down by `sunk` halves of the square."""
    animator = Animator(engine, background="transparent")
    animator.set_source(sample)
    layers, points = animator._finish.layers, animator.source.motion.places[0].astype(np.float64)
    neck = [index for name, index in engine.names.items() if name.startswith("neck.")]
    sinking = np.delete(np.arange(len(points)), neck)
    points[sinking, 1] += sunk
    moved = layers(Made(layers._rest.image, layers._rest.flow - np.array([0, sunk], np.float32)), points, None)
    inner = np.arange(layers._canvas.inner.start, layers._canvas.inner.stop, dtype=float)
    trunk = layers._person._depth(layers._person._own(np.stack(np.meshgrid(inner, inner), -1))) >= 1
    shoulders = trunk & (animator.still[..., 3] == 255)
    assert shoulders.mean() > 0.05
    assert (moved[shoulders][:, 3] >= 250).mean() > 0.95  # 0.78 at the most, were there one map alone
    assert np.abs(moved.astype(int) - animator.still)[:60].max() > 20  # the crown has left its place


def test_a_choice_that_is_none_is_refused():
    with pytest.raises(OptionError, match="auto or off"):
        Animator(layers="some")


def test_what_eyes_and_lips_do_is_kept_in_motion_files(engine, frames, tmp_path):
    motion = engine.detect(frames, expression=True)
    assert motion.eyes.shape == (len(frames), 2, 3)
    assert motion.lips.shape == (len(frames), 7, 2)
    save_motion(tmp_path / "a.motion", MotionFile.of(motion, 25, engine.bundle))
    kept = load_motion(tmp_path / "a.motion").motion
    assert (kept.eyes == motion.eyes).all()
    assert (kept.lips == motion.lips).all()


def test_motion_without_eyes_moves_all_but_these(engine, sample, frames, tmp_path):
    motion = engine.detect(frames)
    save_motion(tmp_path / "a.motion", MotionFile.of(motion, 25, engine.bundle))
    moved = animate(sample, tmp_path / "a.motion", model=engine, progress=False)
    assert len(moved.frames) == len(frames)
    assert np.abs(moved.frames[1].astype(int) - moved.frames[0]).mean() > 1


def test_motion_of_before_lips_were_looked_at_follows_the_points(engine, sample, frames, tmp_path):
    motion = engine.detect(frames, expression=True)
    old = Motion(motion.points, eyes=motion.eyes)
    save_motion(tmp_path / "old.motion", MotionFile.of(old, 25, engine.bundle))
    assert load_motion(tmp_path / "old.motion").motion.lips is None
    moved = animate(sample, tmp_path / "old.motion", model=engine, progress=False).frames
    animator = Animator(engine)
    animator.set_source(sample)
    assert (moved == animator.poses(old)).all()
    animator.reset()
    looked = np.abs(animator.poses(motion).astype(int) - moved).max(-1) > 20
    assert looked.any()
    assert looked.mean() < 0.05  # the mouth alone


def test_the_canvas_holds_the_square_as_it_is_and_the_picture_around_it(sample):
    window = Window(40, 30, 128)
    square = window.cut(sample, 64)
    canvas = Canvas.around(square, sample, window)
    assert canvas.picture.shape == (96, 96, 3)
    assert (canvas.picture[canvas.inner, canvas.inner] == square).all()
    wide = Window(8, -2, 192).cut(sample, 96)
    assert np.abs(canvas.picture.astype(int) - wide).mean() < 3


def test_points_of_the_squares_corners_lie_on_its_corners():
    canvas = Canvas.around(np.zeros((64, 64, 3), np.uint8), Image.new("RGB", (64, 64)), None)
    places = canvas.places(np.array([[-1.0, -1.0], [1.0, 1.0]]), 64)
    np.testing.assert_allclose(places, [[16, 16], [79, 79]])
