"""What is moved: a person who moves already, and several people in one picture."""

import shutil

import numpy as np
import pytest
import toy_bundle
from clips import center, encode, lengths, spot
from drawn_face import face_picture
from PIL import Image

from checkpoints.errors import BunrakuWarning, InputError, OptionError
from runtime import Animator, Engine, animate
from runtime.cli import main
from runtime.media.probe import probe


@pytest.fixture(scope="module")
def engine(toy) -> Engine:
    return Engine(toy, device="cpu", threads=1)


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Engine:
    """The toy bundle as one of faces."""
    folder = tmp_path_factory.mktemp("models") / "faces"
    return Engine(toy_bundle.build(folder, size=128, subject="face"), device="cpu", threads=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A source of eight frames that sinks, with sound, and drivers that walk to the right."""
    folder = tmp_path_factory.mktemp("sources")
    sinking = [spot(20, 20 + 2 * t) for t in range(8)]
    encode(folder / "sinking.mp4", sinking, sound=0.32, options=["-crf", "1"])
    encode(folder / "long.mp4", [spot(20 + t, 30) for t in range(12)], rate="50", options=["-crf", "1"])
    encode(folder / "short.mp4", [spot(20 + t, 30) for t in range(4)], sound=0.16, options=["-crf", "1"])
    pictures = [Image.fromarray(picture) for picture in sinking]
    for kind in ("gif", "webp", "png"):
        pictures[0].save(folder / f"sinking.{kind}", save_all=True, append_images=pictures[1:], duration=40)
    shutil.copy(folder / "sinking.mp4", folder / "named.jpg")  # what it is, its content tells
    (folder / "frames").mkdir()
    for number, picture in enumerate(pictures):
        picture.save(folder / "frames" / f"{number}.png")
    return folder


def places(animation) -> np.ndarray:
    return np.array([center(frame) for frame in animation.frames])


def test_the_drivers_motion_is_laid_on_the_sources_own(engine, files):
    result = animate(files / "sinking.mp4", files / "long.mp4", model=engine, adapt_scale=False, progress=False)
    assert (len(result), result.rate) == (8, 25)
    # Read at the source's rate, every second frame of the driver is shown: two pixels each.
    expected = [(20 + 2 * t if t < 6 else 30, 20 + 2 * t) for t in range(8)]
    np.testing.assert_allclose(places(result), expected, atol=0.6)


@pytest.mark.parametrize("name", ["sinking.gif", "sinking.webp", "sinking.png", "named.jpg", "frames"])
def test_pictures_that_move_are_moved_frame_by_frame(engine, files, name):
    result = animate(files / name, [spot(20, 30)], model=engine, progress=False)
    np.testing.assert_allclose(places(result), [(20, 20 + 2 * t) for t in range(8)], atol=0.6)


def test_of_a_picture_there_is_no_rate_to_choose(engine, files):
    with pytest.warns(BunrakuWarning, match="the source is one picture, which has neither rate nor length"):
        animate(files / "frames" / "0.png", [spot(20, 30)], model=engine, timing="driving", progress=False)


@pytest.mark.parametrize("name", ["sinking.mp4", "sinking.gif", "frames"])
@pytest.mark.parametrize("number", [0, 5])
def test_one_frame_of_them_may_be_taken_as_a_still(engine, files, name, number):
    result = animate(files / name, files / "short.mp4", model=engine, source_frame=number, progress=False)
    np.testing.assert_allclose(places(result), [(20 + t, 20 + 2 * number) for t in range(4)], atol=0.7)


def test_the_driver_may_give_rate_and_length(engine, files):
    result = animate(files / "sinking.mp4", files / "long.mp4", model=engine, timing="driving", progress=False)
    assert (len(result), result.rate) == (12, 50)
    still = animate(files / "sinking.mp4", files / "short.mp4", model=engine, timing="driving", progress=False)
    assert (len(still), still.rate) == (4, 25)
    longer = [spot(20, 30)] * 11
    held = places(animate(files / "sinking.mp4", longer, model=engine, timing="driving", progress=False))
    np.testing.assert_allclose(held, [(20, 20 + 2 * min(t, 7)) for t in range(11)], atol=0.6)


@pytest.mark.parametrize(
    ("options", "sound"),
    [
        ({}, 0.32),
        ({"sound": "source"}, 0.32),
        ({"sound": "driving"}, 0.16),
        ({"sound": "none"}, 0),
        ({"timing": "driving"}, 0.16),
        ({"timing": "driving", "sound": "source"}, 0.16),  # cut to the frames
    ],
)
def test_whose_sound_is_heard(engine, files, tmp_path, options, sound):
    output = tmp_path / "out.mp4"
    animate(files / "sinking.mp4", files / "short.mp4", model=engine, output=output, progress=False, **options)
    frames, seconds = lengths(output)
    assert frames == (4 if options.get("timing") else 8)
    assert seconds == pytest.approx(sound, abs=0.06)


def test_of_a_picture_the_driver_is_heard_as_ever(engine, files, tmp_path):
    for name, heard in {"auto": True, "driving": True, "source": False, "none": False}.items():
        output = tmp_path / f"{name}.mp4"
        animate(spot(20, 30), files / "short.mp4", model=engine, output=output, sound=name, progress=False)
        assert (probe(output).audio is not None) == heard


def test_played_again_and_compared(engine, files):
    one = animate(files / "sinking.mp4", files / "short.mp4", model=engine, progress=False).frames
    two = animate(files / "sinking.mp4", files / "short.mp4", model=engine, loop=2, compare=True, progress=False).frames
    assert two.shape == (16, 64, 192, 3)
    np.testing.assert_array_equal(two[:8, :, 128:], one)
    np.testing.assert_array_equal(two[8:], two[:8])
    left = np.array([center(frame) for frame in two[:8, :, :64]])
    np.testing.assert_allclose(left, [(20, 20 + 2 * t) for t in range(8)], atol=0.6)
    middle = np.array([center(frame) for frame in two[:8, :, 64:128]])
    np.testing.assert_allclose(middle, [(20 + min(t, 3), 30) for t in range(8)], atol=0.6)


def test_a_motion_file_of_another_rate_drives_a_video(engine, files, tmp_path):
    from runtime import extract_motion

    extract_motion(files / "long.mp4", tmp_path / "walk.motion", model=engine, progress=False)
    result = animate(files / "sinking.mp4", tmp_path / "walk.motion", model=engine, adapt_scale=False, progress=False)
    expected = [(20 + 2 * t if t < 6 else 30, 20 + 2 * t) for t in range(8)]
    np.testing.assert_allclose(places(result), expected, atol=0.6)


def test_a_video_is_pasted_back_frame_by_frame(faces, tmp_path):
    heads = [face_picture((320, 200), (200 + 4 * t, 110, 100)) for t in range(5)]
    for t, head in enumerate(heads):
        head[:40, :40] = 40 * t  # a backdrop that changes
    source = encode(tmp_path / "source.mp4", heads, options=["-crf", "1"])
    result = animate(source, [heads[0]], model=faces, paste_back=True, layers="off", progress=False)
    assert result.frames.shape == (5, 200, 320, 3)
    np.testing.assert_allclose(result.frames[:, 20, 20].mean(-1), [0, 40, 80, 120, 160], atol=4)
    assert np.abs(result.frames.astype(int) - np.array(heads)).mean() < 3


def test_what_is_no_source(engine, files, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.mp4").write_bytes(b"no video at all")
    from runtime import extract_motion

    extract_motion([spot(20, 30)], tmp_path / "a.motion", model=engine, progress=False)
    for source, options, error, words in [
        (tmp_path / "empty", {}, InputError, "holds no pictures"),
        (tmp_path / "broken.mp4", {}, InputError, "is not a video"),
        (tmp_path / "a.motion", {}, InputError, "recorded motion"),
        (files / "sinking.mp4", {"source_frame": 8}, OptionError, "has 8 frames"),
        (files / "frames", {"source_frame": 8}, OptionError, "has 8 frames"),
        (files / "frames" / "0.png", {"source_frame": 1}, OptionError, "one picture"),
    ]:
        with pytest.raises(error, match=words):
            animate(source, [spot(20, 30)], model=engine, progress=False, **options)


# Several people


@pytest.fixture(scope="module")
def couple():
    """Two heads, the right one larger."""
    return face_picture((640, 300), (160, 150, 130), (470, 150, 150))


def walking(step: float, count: int = 4) -> list[np.ndarray]:
    return [face_picture((300, 300), (150 + step * t, 150, 160)) for t in range(count)]


def changed(frames: np.ndarray, picture: np.ndarray) -> tuple[float, float]:
    """Mean change of the left and the right half in the last frame."""
    apart = np.abs(frames[-1].astype(int) - picture)
    return apart[:, :320].mean(), apart[:, 320:].mean()


def test_all_faces_move_and_are_pasted_into_one_picture(faces, couple):
    result = animate(couple, walking(8, 2), model=faces, face="all", progress=False).frames
    assert result.shape == (2, 300, 640, 3)
    np.testing.assert_array_equal(result[0], couple)
    left, right = changed(result, couple)
    assert min(left, right) > 0.5
    alone = animate(couple, walking(8, 2), model=faces, face=1, paste_back=True, progress=False).frames
    other, one = changed(alone, couple)
    assert one == pytest.approx(right, rel=0.1)
    assert other < 0.05 * left


def test_a_driver_for_each(faces, couple):
    still, walk = walking(0, 1), walking(8, 2)
    for options, moved in [
        ({"driving": walk, "drivings": [still]}, 1),
        ({"drivings": [walk, still], "face": [2, 1]}, 0),
    ]:
        halves = changed(animate(couple, model=faces, progress=False, **options).frames, couple)
        assert halves[moved] > 0.5
        assert halves[1 - moved] < 0.05


def test_who_ends_earlier_keeps_their_last_pose(faces, couple):
    result = animate(couple, walking(8, 2), drivings=[walking(4, 5)], model=faces, progress=False).frames
    assert len(result) == 5
    right = result[:, :, 330:]
    np.testing.assert_array_equal(right[1], right[4])
    assert (result[1, :, :310] != result[4, :, :310]).any()


def test_a_size_beside_several_faces_is_that_of_the_first(faces, couple):
    frames = animate(couple, walking(0, 1), model=faces, face="all", size=320, progress=False).frames
    animator = Animator(faces, face=1, size=320, paste_back=True)
    animator.set_source(couple)
    assert frames.shape[2:0:-1] == animator.size > (640, 300)


def test_two_people_in_a_video(faces, couple, tmp_path):
    source = encode(tmp_path / "couple.mp4", [couple] * 2, options=["-crf", "1"])
    result = animate(source, walking(8, 2), model=faces, face="all", progress=False).frames
    assert result.shape == (2, 300, 640, 3)
    assert min(changed(result, couple)) > 0.5
    assert np.abs(result[0].astype(int) - couple).mean() < 2


def test_what_cannot_be_for_several_is_refused(faces, engine, couple, tmp_path):
    one = face_picture((300, 300), (150, 150, 160))
    for source, options, error, words in [
        (couple, {"face": [1, 3]}, InputError, "face is 3, but 2 were found"),
        (couple, {"face": 1, "drivings": [[one]]}, OptionError, "2 driving videos but one face"),
        (couple, {"face": "all", "drivings": [[one], [one]]}, OptionError, "3 driving videos for 2 faces"),
        (couple, {"face": "all", "crop": "center"}, OptionError, "leave crop out"),
        (couple, {"face": "all", "background": "blue"}, OptionError, "leave background out"),
        (np.full((64, 64, 3), 90, np.uint8), {"face": "all"}, InputError, "No face"),
        ([one, one], {"face": "all"}, OptionError, "Several views"),
        (couple, {"face": "all", "model": engine}, OptionError, "not one of faces"),
        (couple, {"drivings": "a.mp4"}, OptionError, "must be a list"),
        (couple, {"drivings": None}, OptionError, "must be a list"),
        (couple, {"drivings": 5}, OptionError, "must be a list"),
    ]:
        with pytest.raises(error, match=words):
            animate(source, [one], **{"model": faces, "progress": False, **options})
    with pytest.raises(OptionError, match="one person"):
        Animator(faces, face="all")


def test_by_command(engine, faces, couple, files, in_tmp, capsys):
    Image.fromarray(couple).save("couple.png")
    for name, step in {"a.mp4": 8, "b.mp4": 0}.items():
        encode(in_tmp / name, walking(step, 2))
    model = str(faces.bundle.folder)
    assert main(["animate", "couple.png", "--driving", "a.mp4", "--driving", "b.mp4", "--model", model]) == 0
    assert capsys.readouterr().out.split() == ["couple-a.mp4"]
    alone = ["animate", "couple.png", "a.mp4", "--model", model, "--no-paste-back"]
    for several in (["--face", "all"], ["--driving", "b.mp4"]):
        assert main([*alone, *several]) == 2
        assert "so that --paste-back cannot be off; choose one face" in capsys.readouterr().err
    clip = ["animate", str(files / "sinking.mp4"), str(files / "short.mp4"), "--model", str(engine.bundle.folder)]
    assert main([*clip, "--timing", "driving", "--sound", "none", "-o", "clip.mp4"]) == 0
    assert main([*clip, "--source-frame", "3", "-o", "still.mp4"]) == 0
    assert capsys.readouterr().out.split() == ["clip.mp4", "still.mp4"]
    assert probe(in_tmp / "couple-a.mp4").size == (640, 300)
    assert probe(in_tmp / "clip.mp4").audio is None
