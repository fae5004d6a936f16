"""Every kind of result: what is written can be read again and shows what was made; nothing that exists is lost."""

import numpy as np
import pytest
from clips import center, describe, encode, lengths, moving, spot
from PIL import Image

from checkpoints.errors import OptionError, OutputError
from runtime import animate
from runtime.cli import main


@pytest.fixture
def driving(tmp_path):
    return moving(tmp_path / "driving.mp4", 10, sound=0.4)


def results(toy, driving, output, **options):
    return animate(spot(20, 30), driving, model=toy, output=output, progress=False, **options)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.webp", "a.mkv", "a.mov"])
def test_every_format_holds_the_frames(toy, driving, tmp_path, name):
    written = results(toy, driving, tmp_path / name)
    frames = list(written.frames)
    assert len(frames) == len(written) == 10
    assert [round(center(frame)[0]) for frame in frames[::3]] == pytest.approx([20, 26, 32, 38], abs=1)
    assert ("Audio" in describe(tmp_path / name)) == (name not in ("a.gif", "a.webp"))


def test_animated_webp_is_read_by_other_programs(toy, driving, tmp_path):
    results(toy, driving, tmp_path / "a.webp")
    with Image.open(tmp_path / "a.webp") as image:
        assert (image.format, image.n_frames, image.size, image.info["loop"]) == ("WEBP", 10, (64, 64), 0)


def test_a_folder_of_frames_is_lossless(toy, driving, tmp_path):
    written = results(toy, driving, f"{tmp_path}/frames/")
    kept = animate(spot(20, 30), driving, model=toy, progress=False).frames
    np.testing.assert_array_equal(np.stack(list(written.frames)), kept)
    assert [path.name for path in sorted((tmp_path / "frames").iterdir())][:2] == [
        "frame-000001.png",
        "frame-000002.png",
    ]
    with Image.open(tmp_path / "frames" / "frame-000001.png") as image:
        assert "AI-generated" in image.text["Comment"]


def test_an_empty_folder_is_filled_and_a_full_one_refused(toy, driving, tmp_path):
    (tmp_path / "frames").mkdir()
    assert len(results(toy, driving, tmp_path / "frames")) == 10
    with pytest.raises(OutputError, match="not empty"):
        results(toy, driving, tmp_path / "frames")
    assert len(list((tmp_path / "frames").iterdir())) == 10


def test_a_failure_leaves_no_folder(toy, tmp_path):
    def broken():
        yield spot(20, 30)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        results(toy, broken(), f"{tmp_path}/frames/")
    assert not list(tmp_path.iterdir())


def test_compare_shows_source_driving_and_result(toy, driving, tmp_path):
    frames = animate(spot(20, 40), driving, model=toy, compare=True, progress=False).frames
    assert frames.shape == (10, 64, 192, 3)
    for t, frame in enumerate(frames):
        source, shown, result = np.split(frame, 3, axis=1)
        np.testing.assert_array_equal(source, spot(20, 40))
        np.testing.assert_allclose(center(shown), (20 + 2 * t, 30), atol=0.7)
        np.testing.assert_allclose(center(result), (20 + 2 * t, 40), atol=0.7)
    wide = results(toy, driving, tmp_path / "a.mp4", compare=True, size=128, loop=2)
    assert (next(iter(wide.frames)).shape, len(wide)) == ((128, 384, 3), 20)


def test_compare_with_pasting_back_and_recorded_motion(toy, driving, tmp_path):
    photo = spot(60, 80, size=200, height=128, side=32)
    frames = animate(photo, driving, model=toy, compare=True, paste_back=True, progress=False).frames
    assert frames.shape == (10, 128, 200 + 128 + 200, 3)
    np.testing.assert_array_equal(frames[3][:, :200], photo)
    assert main(["motion", "extract", str(driving), "-o", str(tmp_path / "a.motion"), "--model", str(toy)]) == 0
    frames = animate(photo, tmp_path / "a.motion", model=toy, compare=True, progress=False).frames
    assert frames.shape == (10, 64, 128, 3)


def test_compare_refuses_frames_that_come_once(toy):
    with pytest.raises(OptionError, match="twice"):
        animate(spot(20, 30), iter([spot(20, 30)]), model=toy, compare=True, progress=False)


def test_format_names_the_output(toy, driving, in_tmp):
    Image.fromarray(spot(20, 30)).save("photo.png")
    base = ["animate", "photo.png", str(driving), "--model", str(toy), "--no-progress"]
    assert main([*base, "--format", "webp"]) == 0
    assert (in_tmp / "photo-driving.webp").is_file()
    assert main([*base, "--format", "png"]) == 0
    assert len(list((in_tmp / "photo-driving").iterdir())) == 10
    assert main([*base, "--format", "gif", "-o", "a.gif"]) == 2


def test_a_loop_repeats_frames_and_sound(toy, driving, tmp_path):
    once = animate(spot(20, 30), driving, model=toy, progress=False).frames
    thrice = animate(spot(20, 30), driving, model=toy, loop=3, progress=False).frames
    np.testing.assert_array_equal(thrice, np.concatenate([once] * 3))
    results(toy, driving, tmp_path / "a.mp4", loop=3)
    frames, sound = lengths(tmp_path / "a.mp4")
    assert frames == 30
    assert sound == pytest.approx(1.2, abs=0.05)


def test_trimming_plays_a_part_with_its_sound(toy, driving, tmp_path):
    whole = animate(spot(20, 30), driving, model=toy, mode="absolute", progress=False).frames
    part = animate(spot(20, 30), driving, model=toy, mode="absolute", start=0.12, end=0.28, progress=False).frames
    np.testing.assert_array_equal(part, whole[3:7])
    written = results(toy, driving, tmp_path / "a.mp4", start=0.12, end=0.28)
    frames, sound = lengths(written.path)
    assert (frames, sound) == (4, pytest.approx(0.16, abs=0.05))


def test_trimming_of_pictures_and_of_motion_files(toy, driving, tmp_path):
    pictures = [spot(20 + 2 * t, 30) for t in range(10)]
    options = {"model": toy, "mode": "absolute", "progress": False, "start": 0.12, "end": 0.28}
    of_list = animate(spot(20, 30), pictures, **options).frames
    np.testing.assert_array_equal(animate(spot(20, 30), iter(pictures), **options).frames, of_list)
    assert len(of_list) == 4
    assert main(["motion", "extract", str(driving), "-o", str(tmp_path / "a.motion"), "--model", str(toy)]) == 0
    of_motion = animate(spot(20, 30), tmp_path / "a.motion", **options).frames
    np.testing.assert_array_equal(of_motion, animate(spot(20, 30), driving, **options).frames)


def test_sound_of_a_part_begins_there(toy, tmp_path):
    """Half a second of silence, then a tone: the part from there on must not be silent."""
    frames = [spot(20, 30)] * 25
    video = encode(tmp_path / "d.mp4", frames, sound=1, options=["-af", "volume=0:enable='lt(t,0.5)'"])
    results(toy, video, tmp_path / "late.mkv", start=0.6)
    results(toy, video, tmp_path / "early.mkv", end=0.4)
    assert loudness(tmp_path / "late.mkv") > -30 > -60 > loudness(tmp_path / "early.mkv")


def loudness(path):
    import re
    import subprocess

    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-af", "volumedetect", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60).stderr
    return float(re.search(r"max_volume: (-?[\d.]+|-inf) dB", said)[1])


@pytest.mark.parametrize(
    "options", [{"start": -1}, {"start": 2, "end": 1}, {"start": 9}, {"end": 0}, {"loop": 0}, {"loop": 1.5}]
)
def test_impossible_parts_are_refused(toy, driving, options):
    with pytest.raises(OptionError):
        animate(spot(20, 30), driving, model=toy, progress=False, **options)
