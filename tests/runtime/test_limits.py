"""What is too large is refused before it costs anything, with a message that says which limit and how to raise it."""

import math
import struct
import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import encode, moving, spot
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from checkpoints.errors import InputError, OptionError
from runtime import Engine, Limits, Motion, animate
from runtime.cli import main
from runtime.media.picture import read_image
from runtime.media.video import probe, read_frames
from runtime.motion.file import MotionFile, save_motion

above = st.floats(min_value=1e-3, max_value=1e15)


@given(above, above, above)
def test_what_is_printed_is_read_back(pixels, seconds, size):
    limits = Limits(pixels, seconds, size)
    again = Limits.parse(str(limits))
    for name in ("pixels", "seconds", "bytes"):
        assert getattr(again, name) == pytest.approx(getattr(limits, name), rel=1e-5)


def test_words_and_units():
    assert Limits.parse("") == Limits()
    assert Limits.parse("pixels=50M") == Limits(pixels=50e6)
    assert Limits.parse("bytes=2g, seconds=1.5k") == Limits(bytes=2e9, seconds=1500)
    assert Limits.parse("seconds=inf").seconds == math.inf
    assert str(Limits()) == "pixels=120M,seconds=3600,bytes=16G"


@pytest.mark.parametrize(
    "text", ["size=3", "pixels", "pixels=", "pixels=x", "pixels=0", "seconds=-1", "bytes=nan", "pixels=1,pixels=2"]
)
def test_impossible_limits_are_refused(text):
    with pytest.raises(OptionError, match="limit"):
        Limits.parse(text)


def bomb(path: Path, side: int) -> Path:
    """The beginning of a grey PNG of `side` pixels squared, in a kilobyte."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packed = zlib.compress(bytes(10**6))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", packed) + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("side", [11_000, 15_000, 100_000])  # the last two are beyond Pillow's own limits too
def test_a_bomb_is_refused_by_its_head(tmp_path, side):
    path = bomb(tmp_path / "bomb.png", side)
    with pytest.raises(InputError, match=r"bomb\.png has more than 120M pixels"):
        read_image(path)


def test_our_limit_counts_and_not_pillows(tmp_path, monkeypatch, recwarn):
    Image.new("L", (200, 150), 77).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)  # it warns above that, and refuses above twice that
    assert read_image(tmp_path / "large.png").size == (200, 150)
    with pytest.raises(InputError, match="more than 29999 pixels"):
        read_image(tmp_path / "large.png", limits=Limits(pixels=29_999))
    assert Image.MAX_IMAGE_PIXELS == 10_000
    assert not recwarn.list


def test_arrays_and_pictures_in_memory_count_too():
    for picture in (np.zeros((100, 200, 3), np.uint8), Image.new("RGB", (200, 100))):
        with pytest.raises(InputError, match="more than 19999 pixels"):
            read_image(picture, limits=Limits(pixels=19_999))
        assert read_image(picture, limits=Limits(pixels=20_000)).size == (200, 100)


def test_frames_of_a_video_count_before_they_are_unpacked(tmp_path):
    video = encode(tmp_path / "wide.mp4", [spot(30, 30, size=128)] * 2)
    with pytest.raises(InputError, match=r"wide\.mp4 has more than 16000 pixels"):
        probe(video, Limits(pixels=16_000))
    assert probe(video, Limits(pixels=17_000)).width == 128


def test_a_video_that_is_too_long_is_refused_at_once_or_while_it_is_read(tmp_path):
    long = moving(tmp_path / "long.mp4", 75)
    with pytest.raises(InputError, match="longer than 2 seconds"):
        probe(long, Limits(seconds=2))
    stream = moving(tmp_path / "stream.h264", 75, options=["-f", "h264"])  # it does not say how long it is
    with pytest.raises(InputError, match="longer than 2 seconds"):
        probe(stream, Limits(seconds=2))
    frames = read_frames(replace(probe(stream), limits=Limits(seconds=2)))  # as if that had not been seen
    for _ in range(51):
        next(frames)
    with pytest.raises(InputError, match="longer than 2 seconds"):
        next(frames)


def test_files_have_a_largest_size(tmp_path):
    Image.fromarray(spot(20, 40)).save(tmp_path / "a.bmp")
    size = (tmp_path / "a.bmp").stat().st_size
    with pytest.raises(InputError, match="bytes"):
        read_image(tmp_path / "a.bmp", limits=Limits(bytes=size - 1))
    read_image(tmp_path / "a.bmp", limits=Limits(bytes=size))
    video = moving(tmp_path / "a.mp4", 5)
    with pytest.raises(InputError, match="bytes"):
        probe(video, Limits(bytes=100))
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(2 * 10**9)  # sparse: it takes no room
    with pytest.raises(InputError, match="more than 1G bytes"):
        read_image(tmp_path / "huge.jpg")


def test_a_motion_file_has_a_length_too(toy, tmp_path):
    engine = Engine(toy, device="cpu", threads=1)
    motion = Motion(np.zeros((100, 4, 2), np.float32))
    save_motion(tmp_path / "nod.motion", MotionFile.of(motion, Fraction(25), engine.bundle))
    source = spot(20, 40)
    with pytest.raises(InputError, match=r"nod\.motion is longer than 3 seconds"):
        animate(source, tmp_path / "nod.motion", model=engine, limits=Limits(seconds=3), progress=False)


def test_the_command_takes_limits(toy, in_tmp, capsys):
    Image.fromarray(spot(20, 40, size=100)).save("a.png")
    moving(in_tmp / "b.mp4", 50)
    words = ["animate", "a.png", "b.mp4", "-o", "out.mp4", "--model", str(toy), "--no-progress", "--limits"]
    for limits, complaint in [("seconds=1", "b.mp4 is longer"), ("pixels=5000", "a.png has more"), ("x=1", '"x=1"')]:
        assert main([*words, limits]) == 2
        err = capsys.readouterr().err
        assert complaint in err
        assert err.count("\n") == 1
    assert main([*words, "seconds=2,pixels=1M"]) == 0


def test_pixels_that_are_not_square_count_as_they_are_shown(tmp_path):
    path = moving(tmp_path / "wide.mp4", 3, size=256, options=["-vf", "setsar=100/1"])
    assert probe(path, Limits(pixels=256 * 256 * 100)).size == (25600, 256)
    with pytest.raises(InputError, match="has more than 5M pixels"):
        probe(path, Limits(pixels=5e6))
    thin = moving(tmp_path / "thin.mp4", 3, size=256, options=["-vf", "setsar=1/100"])
    with pytest.raises(InputError, match=r"thin.mp4 has 3x256 pixels; at least"):
        probe(thin)


def test_nor_can_they_grow_half_way(tmp_path):
    path = moving(tmp_path / "wide.mp4", 3, size=256, options=["-vf", "setsar=50/1"])
    square = replace(probe(path), aspect=Fraction(1), limits=Limits(pixels=256 * 512))  # as if they had been at first
    for frame in read_frames(square, 64, "pad"):
        assert (frame.mean(axis=(1, 2)) > 8).sum() <= 2  # 256 by 5: fitted into what the first one was, between bars


@pytest.mark.parametrize("end", [1e-9, 1e-300])
def test_a_moment_is_one_frame_and_not_all_of_them(toy, tmp_path, end):
    path = moving(tmp_path / "a.mp4", 10)
    pictures = list(read_frames(probe(path)))
    for driving in (path, pictures):
        assert len(animate(pictures[0], driving, model=toy, end=end, progress=False)) == 1


@pytest.mark.parametrize("span", [{"end": 1e308}, {"start": 1e308}, {"end": 1e12}, {"start": math.nan}])
def test_a_time_that_no_video_reaches_is_our_sentence(toy, tmp_path, span):
    path = moving(tmp_path / "a.mp4", 3)
    (name,) = span
    for driving in (path, [spot(20, 30)] * 3):
        with pytest.raises(OptionError, match=f"^{name} is .*; it must be a number of seconds"):
            animate(spot(20, 30), driving, model=toy, progress=False, **span)
