"""Framing: heads come out as large, and where, as the model is used to; what is set by hand is obeyed."""

import warnings

import numpy as np
import pytest
import toy_bundle
from clips import encode, extent, spot
from drawn_face import face_picture
from PIL import Image

from checkpoints.errors import BunrakuWarning, InputError, ModelError, OptionError
from demo.notices import heard
from runtime import Engine, Motion, animate
from runtime.framing.cutter import Cutter
from runtime.framing.faces import find_faces
from runtime.framing.framer import Framer, Framing, Subject, check_crop
from runtime.framing.window import Window
from runtime.media.picture import square
from runtime.motion import driving
from runtime.motion.driving import open_clip


def framer(crop="auto", driving_crop="auto", face=None, **framing) -> Framer:
    return Framer(Framing(**framing), "crop", crop, driving_crop, face)


def image(size, *heads) -> Image.Image:
    return Image.fromarray(face_picture(size, *heads))


def head_in(window: Window, head: tuple[float, float, float]) -> tuple[float, float, float]:
    """Middle (x, y) and height of a head as parts of the window's side."""
    x, y, height = head
    return (x - window.left) / window.side, (y - window.top) / window.side, height / window.side


@pytest.mark.parametrize(
    ("size", "head"),
    [((600, 600), (300, 300, 150)), ((1200, 800), (900, 300, 110)), ((500, 900), (200, 600, 200))],
)
def test_a_head_is_shown_as_in_training(size, head):
    window = framer().source(image(size, head))
    x, y, height = head_in(window, head)
    assert height == pytest.approx(0.6, abs=0.07)
    assert x == pytest.approx(0.5, abs=0.04)
    assert y == pytest.approx(0.46, abs=0.05)
    assert window == window.snapped()


def test_a_model_may_ask_for_another_framing():
    head = (300, 300, 150)
    window = framer(head=0.4, middle=0.55).source(image((600, 600), head))
    assert head_in(window, head) == pytest.approx((0.5, 0.55, 0.4), abs=0.06)


def test_a_close_up_is_not_padded_and_a_head_at_the_border_only_as_needed():
    window = framer().source(image((220, 220), (110, 112, 170)))  # the usual square would be 283 pixels wide
    assert window == Window(0, 0, 220)
    window = framer().source(image((400, 400), (60, 200, 110)))
    assert window.left == pytest.approx(-4, abs=6)  # 32 would be outside if the head were in the middle


def test_several_faces_are_told_and_can_be_chosen():
    heads = [(150, 200, 200), (480, 200, 120)]
    picture = image((640, 480), *heads)
    with pytest.warns(BunrakuWarning, match="2 faces"):
        assert head_in(framer().source(picture), heads[0])[0] == pytest.approx(0.5, abs=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, head in enumerate(heads, start=1):
            assert head_in(framer(face=number).source(picture), head)[0] == pytest.approx(0.5, abs=0.1)
    with pytest.raises(InputError, match="2 were found"):
        framer(face=3).source(picture)


def test_no_face_is_told_and_leaves_the_middle():
    empty = Image.new("RGB", (300, 200), "gray")
    with pytest.warns(BunrakuWarning, match="No face"):
        assert framer().source(empty) is None
    with pytest.warns(BunrakuWarning, match="driving"):
        assert framer().driving([empty]) is None


def test_a_model_of_something_else_looks_for_no_face():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert framer(subject="body").source(Image.new("RGB", (300, 200), "gray")) is None


def test_crops_by_hand():
    picture = Image.new("RGB", (300, 200))
    assert framer(crop="center").source(picture) == Window(50, 0, 200)
    assert framer(crop="off").source(picture) is None
    assert framer(crop="10,20,64,64").source(picture) == framer(crop=(10, 20, 64, 64)).source(picture)
    assert framer(crop=(10, 20, 64, 64)).source(picture) == Window(10, 20, 64)
    assert framer(crop=(0, 50, 100, 60)).source(picture) == Window(0, 30, 100)  # all of it, and not stretched
    with pytest.raises(OptionError, match="300x200"):
        framer(crop=(400, 0, 50, 50)).source(picture)
    with pytest.raises(OptionError, match="300x200"):
        framer(crop=(0, 0, 1e9, 5)).source(picture)


@pytest.mark.parametrize("crop", ["face", "1,2,3", "1,2,3,0", "1,2,nan,4", (1, 2), 5, "follow", "inf,0,1,1"])
def test_what_is_no_crop_is_refused(crop):
    with pytest.raises(OptionError, match="crop is"):
        check_crop(crop, "crop")


@pytest.mark.parametrize("face", [0, -1, 1.5])
def test_what_is_no_number_of_a_face_is_refused(face):
    with pytest.raises(OptionError, match="face is"):
        framer(face=face)


@pytest.mark.parametrize("values", [{"head": 0}, {"head": "large"}, {"middle": 9}, {"subject": 5}, {"head": True}])
def test_an_impossible_framing_of_a_bundle_is_refused(values):
    with pytest.raises(ModelError, match="framing"):
        Framing.of(values)
    assert Framing.of({"head": 0.5, "later": "key"}) == Framing(head=0.5)


def test_the_square_of_a_video_holds_the_face_wherever_it_goes_in_it():
    heads = [(250 + 20 * t, 200 - 5 * t, 120) for t in range(4)]
    frames = [image((640, 400), head) for head in heads]
    window = framer().driving(frames)
    for head in heads:
        x, y, height = head_in(window, head)
        assert height / 2 < x < 1 - height / 2
        assert height / 2 - 0.02 < y < 1 - height / 2
    assert window.side < 120 / 0.6 + 60 + 20


def test_following_keeps_the_face_in_the_middle_and_a_fixed_square_does_not():
    heads = [(150 + 8 * t, 200, 120) for t in range(30)]
    follow, fixed = (Cutter(framer(driving_crop=how), 128, 25.0) for how in ("follow", "auto"))
    for head in heads:
        picture = face_picture((640, 400), head)
        followed, stayed = follow(picture), fixed(picture)
    (there,) = find_faces(followed)
    assert there.center[0] == pytest.approx(64, abs=20)
    assert not np.array_equal(followed, stayed)
    assert not [found for found in find_faces(stayed) if abs(found.center[0] - 64) < 20]


def test_the_square_of_a_video_is_that_of_its_usual_face():
    """Half of the faces are smaller, half are larger: one that comes close for a moment changes little."""
    sizes = [180, 200, 220, 520, 140]
    pictures = {size: face_picture((900, 900), (450, 450, size)) for size in sizes}
    alone = framer().driving([Image.fromarray(pictures[200])]).side
    assert alone == pytest.approx(200 / 0.6, rel=0.1)
    aims = np.array([Framing().aim(find_faces(picture, levels=2)[0]) for picture in pictures.values()])
    mixed = framer().driving([Image.fromarray(picture) for picture in pictures.values()]).side
    assert mixed == pytest.approx(alone + np.ptp(aims, axis=0).max(), abs=2)


def test_following_stays_with_the_face_that_was_followed():
    """Though a larger one appears elsewhere, which a search of one picture alone would take."""
    follow = Cutter(framer(driving_crop="follow"), 128, 25.0)
    follow(face_picture((900, 400), (220, 200, 110)))
    for _ in range(12):
        shown = follow(face_picture((900, 400), (226, 200, 110), (700, 200, 190)))
    (there,) = find_faces(shown)
    assert there.center[0] == pytest.approx(64, abs=12)
    np.testing.assert_allclose(follow._window.center[0], 226, atol=12)


def test_a_video_is_looked_through_once_however_often_it_is_read(toy, tmp_path, monkeypatch):
    path = encode(tmp_path / "clip.mp4", [face_picture((320, 240), (160, 120, 90))] * 8)
    clip, chooser, looked = open_clip(path), framer(), []
    shots, samples = driving.find_shots, driving.first_samples
    monkeypatch.setattr(driving, "find_shots", lambda video, *more: looked.append(video) or shots(video, *more))
    monkeypatch.setattr(driving, "first_samples", lambda video, rate: looked.append(video) or samples(video, rate))
    framed = driving.frame_clip(clip, chooser)
    first, second = (list(driving.read_squares(framed, 64)) for _ in range(2))
    assert looked == [clip.video]
    assert framed.window == chooser.video(samples(clip.video, clip.rate), clip.video.size)
    assert len(first) == len(second) == 8
    looked.clear()
    photo = face_picture((200, 200), (100, 100, 80))
    animate(photo, path, model=toy, driving_crop="points", compare=True, loop=2, progress=False)
    assert len(looked) == 1


def test_a_clip_of_a_moment_is_framed_too(toy, tmp_path):
    path = encode(tmp_path / "clip.mp4", [spot(30, 30)] * 25)
    photo = face_picture((200, 200), (100, 100, 80))
    for end, frames in ((1e-9, 1), (0.04, 1), (0.12, 3), (0.16, 4), (0.2, 5)):
        animation = animate(photo, path, model=toy, driving_crop="points", end=end, progress=False)
        assert len(animation) == frames


def test_what_is_noticed_while_looking_ahead_reaches_whoever_listens(toy, tmp_path):
    path = encode(tmp_path / "clip.mp4", [spot(30, 30)] * 8)
    folder = tmp_path / "toy"
    toy_bundle.build(folder, subject="face")
    with heard() as said:
        animate(spot(30, 30), path, model=folder, progress=False)
    assert any("No face was found in the driving video" in each for each in said)


def test_what_goes_wrong_while_looking_ahead_is_told(toy, tmp_path, monkeypatch):
    path = encode(tmp_path / "clip.mp4", [face_picture((320, 240), (160, 120, 90))] * 3)

    def broken(video, rate):
        raise InputError("the disk is gone")

    monkeypatch.setattr(driving, "first_samples", broken)
    with pytest.raises(InputError, match="the disk is gone"):
        animate(face_picture((200, 200), (100, 100, 80)), path, model=toy, driving_crop="points", progress=False)


def test_a_models_own_points_frame_what_is_no_face(toy, tmp_path):
    """The toy's points surround a spot; it is framed equally large and in the middle wherever it is in the picture."""
    folder = tmp_path / "toy"
    toy_bundle.build(folder, subject="points")
    engine = Engine(folder)
    framer = Framer(Framing.of({"subject": "points", "spread": 0.3}), "crop", "auto", "auto", None, engine.subject)
    for x, y, side in ((100, 120, 40), (300, 150, 40), (200, 130, 60)):
        picture = Image.fromarray(spot(x, y, size=400, height=260, side=side))
        for window in (framer.source(picture), framer.driving([picture])):
            np.testing.assert_allclose(window.center, (x, y), atol=0.15 * window.side)
            # The points lie at the standard deviation of a square: 0.577 of its side apart.
            assert window.side == pytest.approx(side * 0.577 / 0.3, rel=0.15)


@pytest.mark.parametrize("of_video", [False, True])
def test_without_a_face_a_models_own_points_frame_what_they_mark(toy, of_video):
    """As cats, statues and drawings are framed by a model of faces."""
    engine = Engine(toy)
    framer = Framer(Framing(spread=0.3), "crop", "auto", "auto", None, engine.subject)
    for x, y, side in ((100, 120, 60), (300, 150, 60)):
        picture = Image.fromarray(spot(x, y, size=400, height=260, side=side))
        with heard() as said:
            window = framer.video([picture] * 9, (800, 520)) if of_video else framer.source(picture)
        scale = 2 if of_video else 1
        np.testing.assert_allclose(window.center, (scale * x, scale * y), atol=0.15 * window.side)
        assert window.side == pytest.approx(scale * side * 0.577 / 0.3, rel=0.15)
        (line,) = [str(each) for each in said]
        assert line.startswith(f"No face was found in the {'driving video' if of_video else 'picture'}; what the model")


def test_where_a_models_points_wander_they_say_only_where():
    """On textures a look follows another without an end: the largest square is taken, about where the first one is."""
    chance = np.random.default_rng(0)

    def detect(squares):
        places = chance.uniform(-1, 1, (len(squares), 20, 2)) * chance.uniform(0.2, 0.6) - (0.4, 0)
        return Motion(places.astype(np.float32))

    framer = Framer(Framing(), "crop", "auto", "auto", None, Subject(detect, 64))
    grey = Image.new("RGB", (400, 300), "grey")
    for look in (lambda: framer.source(grey), lambda: framer.driving([grey] * 3)):
        with heard() as said:
            window = look()
        assert (window.side, window.top) == (300, 0)
        assert 0 <= window.left < 50
        assert "what the model's own points mark is taken" in str(said[0])
    with heard() as said:
        assert Framer(Framing(), "crop", "auto", "auto", None).source(grey) is None  # a model without points
    assert "its middle is taken" in str(said[0])


def test_points_may_be_asked_for_with_any_model(toy):
    photo = spot(300, 150, size=400, height=260, side=40)
    (frame,) = animate(photo, [spot(30, 30)], model=toy, crop="points", progress=False).frames
    assert extent(frame) > 1.8 * extent(square(Image.fromarray(photo), 64))
