"""From pictures to results with framing, pasting back and reference frames, by way of `animate` and `Animator`."""

import numpy as np
import pytest
import toy_bundle
from clips import center, encode, moving, spot
from drawn_face import face_picture
from PIL import Image

from checkpoints.errors import BunrakuWarning, OptionError
from runtime import Animator, Engine, animate
from runtime.framing.framer import Framer, Framing
from runtime.framing.window import Window
from runtime.media.video import probe, read_frames, read_whole
from runtime.motion.driving import frame_clip, open_clip, read_motion
from runtime.motion.modes import Motion, best_frame


@pytest.fixture(scope="module")
def engine(toy) -> Engine:
    return Engine(toy, device="cpu", threads=1)


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Engine:
    """The toy bundle as one of faces, larger, so that what it shows can be looked at."""
    folder = tmp_path_factory.mktemp("models") / "faces"
    return Engine(toy_bundle.build(folder, size=128, subject="face"), device="cpu", threads=1)


def test_the_result_is_the_framed_square_by_default(faces):
    photo, heads = face_picture((640, 400), (480, 220, 120)), [face_picture((300, 300), (150, 150, 160))] * 3
    result = animate(photo, heads, model=faces, progress=False)
    assert result.frames.shape == (3, 128, 128, 3)
    window = faces_window(photo)
    np.testing.assert_array_equal(result.frames[0], window.cut(Image.fromarray(photo), 128))  # nothing moves


def faces_window(photo) -> Window:
    return Framer(Framing(), "crop", "auto", "auto", None).source(Image.fromarray(photo))


def test_pasted_back_it_has_the_photos_size_and_keeps_the_rest(faces, tmp_path):
    photo = face_picture((641, 400), (480, 220, 120))
    driving = encode(tmp_path / "driving.mp4", [face_picture((300, 300), (150 + 4 * t, 150, 160)) for t in range(6)])
    result = animate(photo, driving, model=faces, paste_back=True, progress=False)
    assert result.frames.shape == (6, 400, 640, 3)
    window = faces_window(photo)
    assert (result.frames[:, :, : int(window.left)] == photo[None, :, : int(window.left)]).all()
    written = animate(photo, driving, model=faces, paste_back=True, output=tmp_path / "out.mp4", progress=False)
    info = probe(written.path)
    assert (info.width, info.height) == (640, 400)
    for kept, read in zip(result.frames, written.frames, strict=True):
        assert np.abs(kept.astype(int) - read).mean() < 3


def test_set_by_hand_nothing_is_searched(engine, tmp_path):
    """A spot of 16 pixels in a crop of 64 walks as the one in the driving crop does."""
    wide = np.full((120, 200, 3), 20, np.uint8)
    wide[30:94, 100:164] = spot(20, 40)
    frames = []
    for t in range(5):
        frame = np.full((140, 180, 3), 20, np.uint8)
        frame[50:114, 20:84] = spot(30 + 2 * t, 30)
        frames.append(frame)
    video = encode(tmp_path / "driving.mp4", frames, options=["-crf", "5"])
    options = {"model": engine, "crop": (100, 30, 64, 64), "driving_crop": "20,50,64,64", "progress": False}
    for driving in (video, frames):
        result = animate(wide, driving, **options)
        for t, frame in enumerate(result.frames):
            np.testing.assert_allclose(center(frame), (20 + 2 * t, 40), atol=0.6)


def test_a_window_of_a_video_is_cut_as_from_its_frames(tmp_path):
    rows, columns = np.indices((90, 120))
    frame = np.stack([columns * 2, rows * 2, rows + columns], -1).astype(np.uint8)
    info = probe(encode(tmp_path / "a.mkv", [frame] * 2, options=["-c:v", "ffv1", "-pix_fmt", "bgr0"]))
    for window in (Window(20, 10, 64), Window(-16, 40, 80), Window(60, -20, 128), Window(-10, -10, 150)):
        cut = next(iter(read_frames(info, 64, window=window)))
        expected = window.cut(Image.fromarray(frame), 64)
        assert np.abs(cut.astype(int) - expected).mean() < 3


def test_whole_frames_are_as_shown_and_bounded(tmp_path):
    path = encode(tmp_path / "a.mp4", [spot(30, 30, size=64)] * 10, options=["-aspect", "2:1"])
    info = probe(path)
    assert info.size == (128, 64)
    assert next(iter(read_whole(info, 1000))).shape == (64, 128, 3)
    assert next(iter(read_whole(info, 64))).shape == (32, 64, 3)
    assert len(list(read_whole(info, 64, seconds=0.2))) == 5


def test_a_live_animator_frames_by_the_first_frame(faces):
    animator = Animator(faces)
    animator.set_source(face_picture((640, 400), (480, 220, 120)))
    first = animator.frame(face_picture((300, 300), (150, 150, 130)))
    again = animator.frame(face_picture((300, 300), (150, 150, 130)))
    np.testing.assert_array_equal(first, again)
    with pytest.warns(BunrakuWarning, match="driving"):
        animator.frame(np.full((200, 200, 3), 99, np.uint8))  # another size: another camera


def test_the_reference_frame_is_where_the_motion_is_counted_from(engine):
    driving = [spot(30 + 2 * t, 30) for t in range(7)]
    for number in (0, 3, 6):
        result = animate(spot(30, 40), driving, model=engine, reference=number, progress=False)
        for t, frame in enumerate(result.frames):  # in order, before the reference as well as after it
            np.testing.assert_allclose(center(frame), (30 + 2 * (t - number), 40), atol=0.2)
    first = animate(spot(30, 40), driving, model=engine, reference="first", progress=False)
    number = animate(spot(30, 40), driving, model=engine, reference=0, progress=False)
    np.testing.assert_array_equal(first.frames, number.frames)


def test_the_best_reference_is_the_most_similar_pose(toy, engine):
    """The toy's points are a box as wide and as high as the bright spot: shape is what tells its frames apart."""
    frames = [np.full((64, 64, 3), 20, np.uint8) for _ in range(3)]
    for frame, (width, height) in zip(frames, ((24, 8), (12, 12), (8, 30)), strict=True):
        frame[20 : 20 + height, 10 : 10 + width] = 250
    source = spot(40, 40, side=20)  # square, of another size and elsewhere
    best = animate(source, frames, model=engine, reference="best", progress=False)
    chosen = animate(source, frames, model=engine, reference=1, progress=False)
    np.testing.assert_array_equal(best.frames, chosen.frames)
    other = animate(source, frames, model=engine, reference=0, progress=False)
    assert not np.array_equal(best.frames, other.frames)


def test_best_frame_ignores_place_and_size():
    rng = np.random.default_rng(0)
    pose = rng.normal(size=(10, 2)).astype(np.float32)
    poses = [rng.normal(size=(10, 2)).astype(np.float32) for _ in range(5)]
    poses[3] = pose * 0.3 + np.float32([0.4, -0.2]) + rng.normal(size=(10, 2)).astype(np.float32) * 0.01
    assert best_frame(Motion(pose[None]), Motion(np.stack(poses))) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reference": 9}, "last driving frame is 1"),
        ({"reference": -1}, "reference is"),
        ({"reference": "last"}, "reference is"),
        ({"crop": "left"}, "crop is"),
        ({"driving_crop": (1, 2, 3)}, "driving_crop is"),
        ({"face": 0}, "face is"),
        ({"crop": (900, 0, 5, 5)}, "crop does not fit"),
    ],
)
def test_wrong_options_are_refused(engine, change, words):
    with pytest.raises(OptionError, match=words):
        animate(spot(20, 40), [spot(20, 40)] * 2, model=engine, progress=False, **change)


def test_motion_comes_in_order_and_in_full(engine, tmp_path):
    clip = open_clip(moving(tmp_path / "driving.mp4", 9))
    framer = Framer(Framing(subject="spot"), "crop", "off", "auto", None)
    motion = Motion.concatenate(list(read_motion(frame_clip(clip, framer), engine)))
    assert len(motion) == clip.total == 9
    assert (np.diff(motion.points.mean(axis=1)[:, 0]) > 0).all()
