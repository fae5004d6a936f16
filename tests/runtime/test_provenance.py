"""Every result says that it is generated, in words that other programs find; and is otherwise what it was."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from clips import center, describe, lengths, moving, spot
from PIL import Image

from runtime import Engine, animate
from runtime.media.provenance import COMMENT, DIGITAL_SOURCE_TYPE, mark

TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"


def said_in(xmp: bytes) -> list[str]:
    """Every source type that a packet states, by a parser of XML."""
    text = xmp.decode().removeprefix("\ufeff").strip("\0")
    return [node.get(TYPE) for node in ElementTree.fromstring(text).iter() if node.get(TYPE)]


def packets(data: bytes) -> list[bytes]:
    """As programs that know no container look for XMP: by its marks."""
    return re.findall(rb"<x:xmpmeta.*?</x:xmpmeta>", data, re.DOTALL)


@pytest.fixture(scope="module")
def engine(toy) -> Engine:
    return Engine(toy, device="cpu", threads=1)


@pytest.mark.parametrize("name", ["a.mp4", "a.m4v", "a.mov", "a.mkv", "a.webm", "a.gif", "a.webp"])
def test_every_kind_of_file_carries_the_mark_and_still_plays(engine, tmp_path, name):
    driving = moving(tmp_path / "driving.mp4", 6, sound=0.24)
    result = animate(spot(20, 40), driving, model=engine, output=tmp_path / name, progress=False)
    if name.endswith("webp"):  # ffmpeg cannot read what it writes there
        with Image.open(result.path) as image:
            assert image.n_frames == 6
    else:
        assert lengths(result.path)[0] == 6
        np.testing.assert_allclose(center(list(result.frames)[-1]), (30, 40), atol=1.5)
    data = result.path.read_bytes()
    if name.endswith(("mkv", "webm")):
        assert COMMENT in describe(result.path)
        return
    (packet,) = packets(data)
    assert said_in(packet) == [DIGITAL_SOURCE_TYPE]
    if name.endswith("webp"):
        with Image.open(result.path) as image:
            assert said_in(image.info["xmp"]) == [DIGITAL_SOURCE_TYPE]
    elif not name.endswith("gif"):
        assert COMMENT in describe(result.path)


def test_a_gif_says_so_in_its_comment_too(engine, tmp_path):
    result = animate(spot(20, 40), [spot(20, 30)] * 3, model=engine, output=tmp_path / "a.gif", progress=False)
    with Image.open(result.path) as image:
        assert image.info["comment"].decode() == COMMENT


def test_frames_of_a_folder_carry_it(engine, tmp_path):
    animate(spot(20, 40), [spot(20, 30)] * 3, model=engine, output=f"{tmp_path}/frames/", progress=False)
    files = sorted((tmp_path / "frames").iterdir())
    assert len(files) == 3
    for file in files:
        with Image.open(file) as image:
            image.load()
            assert said_in(image.info["xmp"]) == [DIGITAL_SOURCE_TYPE]
            assert image.text["Comment"] == COMMENT


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lossy.webp", {}),
        ("lossless.webp", {"lossless": True}),
        ("palette.gif", {}),
        ("grey.png", {}),
        ("moving.webp", {"save_all": True, "append_images": [Image.new("RGB", (50, 31), "red")]}),
    ],
)
def test_pixels_stay_what_they_were(tmp_path, name, options):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (31, 50, 3), np.uint8))
    picture.save(tmp_path / name, **options)
    with Image.open(tmp_path / name) as image:
        before, size = np.array(image.convert("RGB")), image.size
    mark(tmp_path / name)
    with Image.open(tmp_path / name) as image:
        np.testing.assert_array_equal(np.array(image.convert("RGB")), before)
        assert image.size == size
    (packet,) = packets((tmp_path / name).read_bytes())
    assert said_in(packet) == [DIGITAL_SOURCE_TYPE]


def test_transparency_survives(tmp_path):
    Image.new("RGBA", (20, 20), (200, 10, 10, 99)).save(tmp_path / "a.webp", lossless=True)
    mark(tmp_path / "a.webp")
    with Image.open(tmp_path / "a.webp") as image:
        assert image.convert("RGBA").getpixel((3, 3)) == (200, 10, 10, 99)


def test_files_of_other_kinds_are_left_alone(tmp_path):
    for name, data in (("a.wav", b"RIFF\0\0\0\0WAVE"), ("a.mkv", b"\x1aE\xdf\xa3"), ("a.txt", b"")):
        (tmp_path / name).write_bytes(data)
        mark(tmp_path / name)
        assert (tmp_path / name).read_bytes() == data
