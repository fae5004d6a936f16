"""Every kind of picture becomes the same upright, opaque, unstretched square."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from clips import center, spot
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from checkpoints.errors import InputError, OptionError
from runtime.media.picture import read_square

RED = (200, 40, 30)


def test_a_square_of_the_right_size_is_left_alone():
    picture = spot(20, 40)
    np.testing.assert_array_equal(read_square(picture, 64), picture)
    np.testing.assert_array_equal(read_square(Image.fromarray(picture), 64), picture)


def test_crop_takes_the_centre_without_stretching():
    wide = spot(96, 40, size=192, height=64, side=24)  # the spot is in the middle of the width
    square = read_square(wide, 64, "crop")
    np.testing.assert_allclose(center(square), (32, 40), atol=0.3)
    tall = np.ascontiguousarray(np.swapaxes(wide, 0, 1))
    np.testing.assert_allclose(center(read_square(tall, 64, "crop")), (40, 32), atol=0.3)


def test_pad_keeps_everything_between_black_bars():
    white = np.full((64, 192, 3), 255, np.uint8)
    square = read_square(white, 96, "pad")
    assert (square[32:64] == 255).all()
    assert (square[:31] == 0).all()
    assert (square[65:] == 0).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(16, 200), st.integers(16, 200), st.sampled_from(["crop", "pad"]))
def test_any_size_gives_the_square_asked_for(width, height, fit):
    square = read_square(np.full((height, width, 3), 77, np.uint8), 48, fit)
    assert square.shape == (48, 48, 3)
    assert square.dtype == np.uint8
    assert (square[24, 24] == 77).all()


def test_a_circle_stays_a_circle():
    rows, columns = np.indices((300, 500))
    disc = (((rows - 150) ** 2 + (columns - 250) ** 2) < 100**2).astype(np.uint8) * 255
    for fit in ("crop", "pad"):
        bright = read_square(disc, 120, fit)[..., 0] > 128
        assert abs(int(bright.any(axis=0).sum()) - int(bright.any(axis=1).sum())) <= 1


def test_orientation_of_the_camera_is_applied(tmp_path):
    upright = spot(20, 30, side=12)
    image = Image.fromarray(np.ascontiguousarray(np.rot90(upright)))  # as a camera held sideways stores it
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    image.save(tmp_path / "phone.jpg", exif=exif, quality=95)
    np.testing.assert_allclose(center(read_square(tmp_path / "phone.jpg", 64)), (20, 30), atol=0.3)


def test_a_phones_heic_is_read_upright():
    """Made with libheif from a sideways `spot(20, 30, side=12)` and an orientation of 6."""
    square = read_square(Path(__file__).parent / "sideways.heic", 64)
    np.testing.assert_allclose(center(square), (20, 30), atol=0.3)


def test_transparency_becomes_white(tmp_path):
    for mode in ("RGBA", "LA", "PA"):
        image = Image.new("RGBA", (32, 32), (0, 0, 0, 0)).convert(mode)
        np.testing.assert_array_equal(read_square(image, 32), 255)
    half = Image.new("RGBA", (32, 32), (*RED, 128))
    expected = np.array(RED) * 128 / 255 + 255 * (1 - 128 / 255)
    np.testing.assert_allclose(read_square(half, 32)[0, 0], expected, atol=1)
    palette = Image.new("P", (32, 32), 5)
    palette.info["transparency"] = 5
    np.testing.assert_array_equal(read_square(palette, 32), 255)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV"])
def test_every_mode_keeps_its_colour(mode):
    image = Image.new("RGB", (32, 32), (255, 255, 255)).convert(mode)
    np.testing.assert_allclose(read_square(image, 32).astype(int), 255, atol=2)


def test_palette_and_cmyk_files_keep_their_colour(tmp_path):
    image = Image.new("RGB", (64, 64), RED)
    image.quantize(8).save(tmp_path / "palette.png")
    image.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    for name in ("palette.png", "cmyk.jpg"):
        np.testing.assert_allclose(read_square(tmp_path / name, 32)[5, 5].astype(int), RED, atol=4)


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    ramp = np.tile(np.linspace(0, 65535, 32).astype(np.uint16), (32, 1))
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    square = read_square(tmp_path / "deep.png", 32)
    np.testing.assert_allclose(square[0, :, 0].astype(int), np.linspace(0, 255, 32), atol=1)
    np.testing.assert_allclose(read_square(Image.fromarray(np.full((32, 32), 0.5, np.float32)), 32), 128, atol=1)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif"])
def test_common_files_are_read(tmp_path, suffix):
    Image.fromarray(spot(100, 60, size=200, side=40)).save(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(center(read_square(tmp_path / f"a{suffix}", 100)), (50, 30), atol=0.5)


def test_a_large_jpeg_is_read_like_a_png(tmp_path):
    random = np.random.default_rng(0)
    smooth = Image.fromarray(random.integers(0, 255, (20, 20, 3), dtype=np.uint8)).resize((1600, 1600))
    smooth.save(tmp_path / "a.jpg", quality=98)
    smooth.save(tmp_path / "a.png")
    difference = read_square(tmp_path / "a.jpg", 64).astype(int) - read_square(tmp_path / "a.png", 64)
    assert np.abs(difference).mean() < 2


def png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (12_000, 11_000), (2**31 - 1, 1)])
@pytest.mark.filterwarnings("error")
def test_a_picture_that_claims_too_many_pixels_is_refused_unpacked(tmp_path, width, height):
    (tmp_path / "bomb.png").write_bytes(png(width, height))
    with pytest.raises(InputError, match="pixels"):
        read_square(tmp_path / "bomb.png", 64)


def test_bad_files_are_refused_by_name(tmp_path):
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    long = b"\0\0\0\x10ftypheic" + bytes(4) + b"\0\0\0\1free" + b"\xff" * 8  # a box of more bytes than can be counted
    (tmp_path / "long.heic").write_bytes(long + bytes(100))
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    Image.new("RGB", (400, 400), RED).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:200])
    (tmp_path / "claims.png").write_bytes(png(500, 500))
    for name, words in {
        "text.jpg": "not a picture",
        "empty.png": "not a picture",
        "photo.heic": "cannot be read as HEIC",
        "long.heic": "cannot be read as HEIC",
        "dot.png": "1x1 pixels",
        "cut.png": "damaged",
        "claims.png": "damaged",
        "absent.png": "does not exist",
        ".": "is a folder",
    }.items():
        with pytest.raises(InputError) as caught:
            read_square(tmp_path / name, 64)
        assert words in str(caught.value), name
        assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((32, 32, 3), np.float32),
        np.zeros((32, 32, 2), np.uint8),
        np.zeros((3, 32, 32), np.uint8),
        np.zeros((1, 32, 32, 3), np.uint8),
        np.zeros((0, 32, 3), np.uint8),
        np.zeros((4, 4, 3), np.uint8),
    ],
)
def test_arrays_of_another_kind_are_refused(array):
    with pytest.raises(InputError):
        read_square(array, 64)


def test_the_callers_picture_is_not_changed():
    picture = spot(20, 40, size=100)
    before = picture.copy()
    read_square(picture, 64)[:] = 0
    np.testing.assert_array_equal(picture, before)


def test_an_unknown_fit_is_refused():
    with pytest.raises(OptionError, match="stretch"):
        read_square(spot(20, 40), 64, "stretch")  # type: ignore[arg-type]
