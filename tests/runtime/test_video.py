"""Videos in and out, on real files: rate, rotation, shape of pixels, sound, colours, and bad files."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import center, describe, encode, ffmpeg, lengths, moving, spot
from PIL import Image

from checkpoints.errors import BunrakuWarning, InputError, OutputError
from runtime.media.provenance import DIGITAL_SOURCE_TYPE
from runtime.media.video import probe, read_frames
from runtime.media.writer import VideoWriter


def write(path: Path, frames, rate=Fraction(25), audio=None) -> Path:
    with VideoWriter(path, (frames[0].shape[1], frames[0].shape[0]), rate, audio) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.mark.parametrize("rate", ["25", "30000/1001", "24000/1001", "60", "12.5"])
def test_the_exact_rate_is_found_and_every_frame_read(tmp_path, rate):
    info = probe(moving(tmp_path / "a.mp4", 12, rate=rate))
    assert info.rate == Fraction(rate)
    assert (info.width, info.height, info.audio) == (64, 64, None)
    assert info.frames == 12
    assert len(list(read_frames(info, 64))) == 12


def test_frames_come_in_order_and_where_they_were(tmp_path):
    info = probe(moving(tmp_path / "a.mp4", 8))
    for t, frame in enumerate(read_frames(info, 64)):
        np.testing.assert_allclose(center(frame), (20 + 2 * t, 30), atol=0.5)


def test_sound_is_noticed(tmp_path):
    assert probe(moving(tmp_path / "a.mp4", 5, sound=0.2)).audio == "aac"


def test_a_video_that_was_filmed_sideways_is_read_upright(tmp_path):
    stored = encode(tmp_path / "stored.mp4", [np.ascontiguousarray(np.rot90(spot(30, 80, size=64, height=128)))] * 3)
    ffmpeg("-display_rotation", "-90", "-i", str(stored), "-c", "copy", str(tmp_path / "phone.mp4"))
    info = probe(tmp_path / "phone.mp4")
    assert (info.width, info.height) == (64, 128)
    whole = next(iter(read_frames(info)))
    assert whole.shape == (128, 64, 3)
    np.testing.assert_allclose(center(whole), (30, 80), atol=0.5)
    np.testing.assert_allclose(center(next(iter(read_frames(info, 64)))), (30, 80 - 32), atol=0.5)


def test_pixels_that_are_not_square_are_made_square(tmp_path):
    squeezed = spot(32, 40, size=64, height=128, side=32)  # twice as wide when shown: the whole is 128 x 128
    path = encode(tmp_path / "a.mp4", [squeezed] * 3, options=["-vf", "setsar=2"])
    frame = next(iter(read_frames(probe(path), 128)))
    np.testing.assert_allclose(center(frame), (64, 40), atol=1)
    bright = frame.mean(axis=2) > 128
    assert abs(bright.any(axis=0).sum() - 64) <= 2
    assert abs(bright.any(axis=1).sum() - 32) <= 2


def test_crop_and_pad_never_stretch(tmp_path):
    path = encode(tmp_path / "a.mp4", [spot(96, 40, size=192, height=96, side=24)] * 3)
    info = probe(path)
    cropped = next(iter(read_frames(info, 96, "crop")))
    np.testing.assert_allclose(center(cropped), (48, 40), atol=0.5)
    padded = next(iter(read_frames(info, 96, "pad")))
    np.testing.assert_allclose(center(padded), (48, 24 + 20), atol=0.5)
    assert padded[:20].max() < 16


def test_an_uneven_rate_is_evened_out_to_the_videos_own_length(tmp_path):
    frames = [spot(20 + t, 30) for t in range(30)]
    path = encode(
        tmp_path / "uneven.mp4", frames, rate="30", options=["-vf", "select='not(eq(mod(n,5),3))'", "-fps_mode", "vfr"]
    )
    info = probe(path)
    assert lengths(path)[0] == 24
    read = list(read_frames(info, 64))
    assert len(read) / info.rate == pytest.approx(1.0, abs=0.05)
    assert info.rate <= 30


def test_a_fine_clock_with_few_frames_is_not_taken_for_the_rate(tmp_path):
    frames = [spot(20 + t, 30) for t in range(10)]
    options = ["-vf", "settb=1/1000,setpts='N*100+mod(N*7,13)'", "-fps_mode", "vfr", "-video_track_timescale", "1000"]
    info = probe(encode(tmp_path / "screen.mp4", frames, rate="10", options=options))
    assert 9 <= info.rate <= 11
    assert 9 <= len(list(read_frames(info, 64))) <= 11


def test_a_chosen_rate_resamples(tmp_path):
    info = probe(moving(tmp_path / "a.mp4", 20, rate="20"))
    assert len(list(read_frames(info, 64, rate=Fraction(10)))) == 10


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".gif", ".avi"])
def test_common_containers_are_read(tmp_path, suffix):
    options = ["-c:v", "libvpx"] if suffix == ".webm" else []
    if suffix == ".gif":
        options = ["-pix_fmt", "rgb8"]
    info = probe(moving(tmp_path / f"a{suffix}", 6, options=options))
    assert info.rate == 25
    assert len(list(read_frames(info, 64))) == 6


def bad_files(folder: Path) -> dict[str, str]:
    whole = moving(folder / "whole.mp4", 10).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "text.mp4").write_text("hello")
    (folder / "empty.mp4").write_bytes(b"")
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", str(folder / "sound.mp4"))
    ffmpeg("-f", "lavfi", "-i", "color=size=64x64:duration=0", "-frames:v", "0", str(folder / "none.mp4"))
    ffmpeg("-f", "lavfi", "-i", "color=size=8x8:duration=0.2", str(folder / "tiny.mp4"))
    (folder / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{folder}/whole.mp4\n#EXT-X-ENDLIST\n")
    (folder / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{folder}/whole.mp4'\n")
    (folder / "folder.mp4").mkdir()
    return {
        "cut.mp4": "cut short",
        "text.mp4": "not a video",
        "empty.mp4": "not a video",
        "sound.mp4": "no moving picture",
        "none.mp4": "not a video",
        "tiny.mp4": "8x8 pixels",
        "list.m3u8": "not a video",
        "list.mp4": "not a video",
        "folder.mp4": "is a folder",
        "absent.mp4": "does not exist",
    }


def test_bad_files_are_refused_by_name(tmp_path):
    for name, words in bad_files(tmp_path).items():
        with pytest.raises(InputError) as caught:
            probe(tmp_path / name)
        assert words in str(caught.value), name
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_names_that_look_like_options_or_addresses_are_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-version.mp4", "http:x.mp4", "a b%d'ü.mp4"):
        os.rename(moving(tmp_path / "plain.mp4", 3), tmp_path / name)
        assert len(list(read_frames(probe(Path(name)), 64))) == 3
        write(Path(name), [spot(20, 30)] * 4)
        assert lengths(tmp_path / name)[0] == 4


def test_reading_can_be_left_at_any_frame(tmp_path):
    frames = read_frames(probe(moving(tmp_path / "a.mp4", 200)), 64)
    next(frames)
    frames.close()  # kills ffmpeg; a hang here would run into the time limit


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(50)])
def test_what_is_written_has_its_rate_frames_and_places(tmp_path, rate):
    path = write(tmp_path / "a.mp4", [spot(20 + t, 30) for t in range(15)], rate)
    info = probe(path)
    assert info.rate == rate
    assert lengths(path) == (15, 0)
    for t, frame in enumerate(read_frames(info)):
        np.testing.assert_allclose(center(frame), (20 + t, 30), atol=0.5)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v", ".mkv", ".webm", ".gif"])
def test_every_format_is_written_with_its_sound(tmp_path, suffix):
    driving = probe(moving(tmp_path / "driving.mp4", 25, sound=1.0))
    path = write(tmp_path / f"a{suffix}", [spot(20 + t, 30) for t in range(25)], Fraction(25), driving)
    frames, sound = lengths(path)
    assert frames == 25
    assert sound == pytest.approx(0 if suffix == ".gif" else 1.0, abs=0.06)
    if suffix != ".gif":
        assert DIGITAL_SOURCE_TYPE in describe(path)


def test_players_find_what_they_expect(tmp_path):
    text = describe(write(tmp_path / "a.mp4", [spot(20, 30)] * 5))
    assert "h264" in text
    assert "yuv420p(tv, bt709" in text
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays before all of it has arrived


@pytest.mark.parametrize(("sound", "expected"), [(3.0, 1.0), (0.4, 0.4)])
def test_sound_is_cut_to_the_frames_and_never_cuts_them(tmp_path, sound, expected):
    driving = probe(moving(tmp_path / "driving.mp4", 25, sound=sound))
    frames, length = lengths(write(tmp_path / "a.mp4", [spot(20, 30)] * 25, Fraction(25), driving))
    assert frames == 25
    assert length == pytest.approx(expected, abs=0.06)


def test_sound_that_the_container_takes_is_kept_bit_by_bit(tmp_path):
    driving = moving(tmp_path / "driving.mp4", 25, sound=1.0)
    result = write(tmp_path / "a.mp4", [spot(20, 30)] * 25, Fraction(25), probe(driving))
    raw = [tmp_path / "driving.aac", tmp_path / "a.aac"]
    for path, stream in zip((driving, result), raw, strict=True):
        ffmpeg("-i", str(path), "-map", "0:a", "-c", "copy", str(stream))
    assert raw[0].read_bytes() == raw[1].read_bytes()


def test_sound_that_the_container_does_not_take_is_encoded(tmp_path):
    driving = probe(moving(tmp_path / "driving.mkv", 25, sound=1.0, options=["-c:a", "pcm_s16le"]))
    assert driving.audio == "pcm_s16le"
    path = write(tmp_path / "a.mp4", [spot(20, 30)] * 25, Fraction(25), driving)
    assert probe(path).audio == "aac"
    assert lengths(path)[1] == pytest.approx(1.0, abs=0.06)


def test_private_metadata_of_the_driving_video_does_not_travel(tmp_path):
    place = ["-metadata", "location=+48.8577+002.295/", "-metadata", "title=secret", "-movflags", "use_metadata_tags"]
    driving = moving(tmp_path / "driving.mp4", 10, sound=0.4, options=place)
    assert "secret" in describe(driving)
    text = describe(write(tmp_path / "a.mp4", [spot(20, 30)] * 10, Fraction(25), probe(driving)))
    assert "secret" not in text
    assert "48.8577" not in text


def test_colours_survive(tmp_path):
    colours = [(200, 40, 30), (30, 160, 60), (40, 60, 190), (230, 200, 180), (12, 12, 12), (255, 255, 255)]
    frames = [np.full((64, 64, 3), colour, np.uint8) for colour in colours]
    for suffix in (".mp4", ".webm"):
        path = write(tmp_path / f"a{suffix}", frames)
        for colour, frame in zip(colours, read_frames(probe(path)), strict=True):
            np.testing.assert_allclose(frame[20:40, 20:40].mean(axis=(0, 1)), colour, atol=6)


def test_an_interrupted_write_leaves_nothing_and_keeps_what_was_there(tmp_path):
    (tmp_path / "a.mp4").write_text("older")

    def interrupted():
        with VideoWriter(tmp_path / "a.mp4", (64, 64), Fraction(25)) as writer:
            writer.write(spot(20, 30))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_text() == "older"


def test_sound_that_cannot_be_read_is_left_out_and_said(tmp_path):
    driving = moving(tmp_path / "driving.mp4", 10, sound=0.4)
    info = probe(driving)
    driving.unlink()
    with pytest.warns(BunrakuWarning, match="silent"):
        write(tmp_path / "a.mp4", [spot(20, 30)] * 10, Fraction(25), info)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert lengths(tmp_path / "a.mp4") == (10, 0)


def test_a_dead_encoder_is_an_output_error(tmp_path):
    def write_on():
        with VideoWriter(tmp_path / "a.mp4", (64, 64), Fraction(25)) as writer:
            writer._ffmpeg.process.kill()
            for _ in range(1000):
                writer.write(spot(20, 30))

    with pytest.raises(OutputError, match="cannot be written"):
        write_on()
    assert list(tmp_path.iterdir()) == []


def test_a_finished_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "other").touch()
    write(tmp_path / "a.mp4", [spot(20, 30)] * 2)
    assert (tmp_path / "a.mp4").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize(
    ("name", "words"), [("a.avi", "must end in"), ("a", "must end in"), ("no/a.mp4", "does not exist"), (".", "folder")]
)
def test_outputs_that_cannot_be_are_refused_at_once(tmp_path, name, words):
    with pytest.raises(OutputError, match=words):
        VideoWriter(tmp_path / name, (64, 64), Fraction(25))
    assert list(tmp_path.iterdir()) == []


def test_a_still_picture_is_a_video_of_one_frame(tmp_path):
    Image.fromarray(spot(20, 30)).save(tmp_path / "a.png")
    (frame,) = read_frames(probe(tmp_path / "a.png"), 64)
    np.testing.assert_array_equal(frame, spot(20, 30))
