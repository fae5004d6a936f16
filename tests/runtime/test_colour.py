"""Pictures have the colours that they are meant to have: profiles, transparency, values of more than eight bits."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import heif
import numpy as np
import profiles
import pytest
from clips import center, spot
from PIL import Image, ImageCms

from checkpoints.errors import InputError
from runtime.media.picture import read_image

FIELDS = np.array([[(200, 60, 50), (60, 170, 80), (60, 80, 190), (128, 128, 128), (230, 220, 210)]], np.uint8)
"""Colours in sRGB that every profile here can hold."""


def chart(colours: np.ndarray = FIELDS) -> Image.Image:
    """A field of 32x32 pixels for each colour."""
    return Image.fromarray(np.asarray(colours, np.uint8).repeat(32, 0).repeat(32, 1))


def seen(path: Path | io.BytesIO, **options: object) -> np.ndarray:
    """The middle of each field (fields, 3)."""
    return np.asarray(read_image(path, **options))[16, 16::32].astype(int)  # type: ignore[arg-type]


def linear(values: np.ndarray) -> np.ndarray:
    values = values / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def stored_in(colours: tuple, curve: float | None = None) -> np.ndarray:
    """What a file with the profile `of_colours(colours, curve)` holds where `FIELDS` are meant, by the matrices."""
    xyz = linear(FIELDS) @ np.array(profiles.SRGB)
    light = np.clip(xyz @ np.linalg.inv(np.array(colours)), 0, 1)
    if curve is not None:
        return np.rint(255 * light ** (1 / curve))
    return np.rint(255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif"])
@pytest.mark.parametrize(
    ("colours", "curve"), [(profiles.P3, None), (profiles.ADOBE, 2.2), (profiles.SRGB[1:] + profiles.SRGB[:1], None)]
)
def test_profiles_of_colours_are_applied(tmp_path, suffix, colours, curve):
    """iPhones' P3, cameras' Adobe RGB, and one whose channels lie otherwise."""
    stored = stored_in(colours, curve)
    assert np.abs(stored - FIELDS).max() > 12  # or there would be nothing to see
    icc = profiles.of_colours(colours, curve or profiles.GAMMA)
    options = {
        "jpg": {"quality": 98, "subsampling": "4:4:4"},
        "webp": {"lossless": True},
        "avif": {"quality": 100, "subsampling": "4:4:4"},
    }
    chart(stored).save(tmp_path / f"a.{suffix}", icc_profile=icc, **options.get(suffix, {}))
    np.testing.assert_allclose(seen(tmp_path / f"a.{suffix}"), FIELDS[0], atol=6)


def test_a_phones_heic_with_p3(tmp_path):
    picture = np.asarray(chart(stored_in(profiles.P3)))
    heif.save(tmp_path / "a.heic", picture, [heif.profile(profiles.of_colours())])
    np.testing.assert_allclose(seen(tmp_path / "a.heic"), FIELDS[0], atol=5)


def by_numbers(path: Path, primaries: int, transfer: int = 13, picture: np.ndarray | None = None) -> Path:
    """What a file holds where `FIELDS` are meant in P3, its colours named by numbers (ITU-T H.273) alone."""
    image = chart(stored_in(profiles.P3)) if picture is None else Image.fromarray(picture)
    if path.suffix == ".heic":
        heif.save(path, np.asarray(image))
    else:
        options = {"quality": 100, "subsampling": "4:4:4"} if path.suffix == ".avif" else {}
        image.save(path, **options)  # type: ignore[arg-type]
    data = path.read_bytes()
    if path.suffix == ".png":
        body = b"cICP" + bytes([primaries, transfer, 0, 1])
        data = data[:33] + struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]
    else:
        at = data.index(b"nclx") + 4
        data = data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", ["png", "avif", "heic"])
def test_colours_that_are_named_by_numbers_are_converted(tmp_path, suffix):
    for primaries, transfer, meant in ((12, 13, FIELDS), (12, 1, FIELDS), (1, 13, stored_in(profiles.P3))):
        path = by_numbers(tmp_path / f"a.{suffix}", primaries, transfer)
        np.testing.assert_allclose(seen(path), meant[0], atol=6)
        np.testing.assert_allclose(seen(io.BytesIO(path.read_bytes())), meant[0], atol=6)


@pytest.mark.parametrize("numbers", [(12, 16), (12, 18), (200, 13), (12, 99), (0, 0), (2, 2), (1, 1), (1, 4)])
def test_numbers_that_say_nothing_of_use_are_left_alone(tmp_path, numbers):
    for suffix in ("png", "avif"):
        path = by_numbers(tmp_path / f"a.{suffix}", *numbers)
        np.testing.assert_allclose(seen(path), stored_in(profiles.P3)[0], atol=3)


def test_numbers_and_profiles_together(tmp_path):
    """In PNG numbers come first, in AVIF the profile."""
    icc = profiles.of_colours(profiles.ADOBE, 2.2)
    chart(stored_in(profiles.P3)).save(tmp_path / "b.png", icc_profile=icc)
    data = (tmp_path / "b.png").read_bytes()
    for numbers, meant in (((12, 13), FIELDS), ((1, 13), stored_in(profiles.P3))):
        body = b"cICP" + bytes([*numbers, 0, 1])
        more = struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body))
        (tmp_path / "c.png").write_bytes(data[:33] + more + data[33:])
        np.testing.assert_allclose(seen(tmp_path / "c.png"), meant[0], atol=5)
    chart(stored_in(profiles.P3)).save(
        tmp_path / "b.avif", icc_profile=profiles.of_colours(), quality=100, subsampling="4:4:4"
    )
    data = (tmp_path / "b.avif").read_bytes()
    if b"nclx" in data:
        at = data.index(b"nclx") + 4
        (tmp_path / "b.avif").write_bytes(data[:at] + struct.pack(">H", 9) + data[at + 2 :])
    np.testing.assert_allclose(seen(tmp_path / "b.avif"), FIELDS[0], atol=6)


def test_reduced_jpeg_and_a_pillow_image_keep_their_profile(tmp_path):
    icc = profiles.of_colours()
    chart(stored_in(profiles.P3)).resize((1600, 320), 0).save(tmp_path / "a.jpg", icc_profile=icc, quality=98)
    small = np.asarray(read_image(tmp_path / "a.jpg", 16))
    assert small.shape[0] < 320
    np.testing.assert_allclose(
        small[small.shape[0] // 2, small.shape[1] // 10 :: small.shape[1] // 5], FIELDS[0], atol=4
    )
    image = Image.open(tmp_path / "a.jpg")
    np.testing.assert_allclose(np.asarray(read_image(image))[160, 160::320], FIELDS[0], atol=4)


def test_what_is_srgb_already_keeps_its_bytes(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    pillows = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (pillows, profiles.of_colours(profiles.SRGB)):
        Image.fromarray(noise).save(tmp_path / "a.png", icc_profile=icc)
        np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "a.png")), noise)


@pytest.mark.parametrize("bits", [8, 16])
def test_profiles_of_grey_are_applied(tmp_path, bits):
    light = np.linspace(0.05, 0.95, 5)
    stored = np.rint(light * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    picture = Image.fromarray(stored[None].repeat(32, 0).repeat(32, 1))
    picture.save(tmp_path / "a.png", icc_profile=profiles.of_grey(1.0))  # light as it is, without a curve
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(seen(tmp_path / "a.png")[:, 0], expected, atol=4)


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_profiles_of_inks_are_applied(tmp_path, suffix):
    """Inks that are not what their names say: the first one is pale orange."""
    icc = profiles.of_inks(lambda c, m, y, k: ((1 - k) * (100 - 25 * c), (1 - k) * 20 * c, (1 - k) * 40 * c))
    image = Image.new("CMYK", (64, 64), (255, 0, 0, 0))
    image.save(tmp_path / f"a.{suffix}", icc_profile=icc, quality=98)
    found = seen(tmp_path / f"a.{suffix}")[0]
    np.testing.assert_allclose(found, (235, 170, 111), atol=4)  # L 75, a 20, b 40
    image.save(tmp_path / f"plain.{suffix}", quality=98)
    np.testing.assert_allclose(seen(tmp_path / f"plain.{suffix}")[0], (0, 255, 255), atol=4)


def test_lab_is_read(tmp_path):
    lab = Image.merge("LAB", [Image.new("L", (64, 64), value) for value in (191, 148, 168)])  # L 75, a 20, b 40
    lab.save(tmp_path / "a.tif")
    np.testing.assert_allclose(seen(tmp_path / "a.tif")[0], (235, 170, 111), atol=3)


@pytest.mark.parametrize(
    "icc",
    [
        b"",
        b"no profile",
        profiles.of_colours()[:200],
        profiles.of_colours()[:132] + bytes(348),
        profiles.of_grey(1.0),  # of other pixels than these
        profiles.of_inks(lambda c, m, y, k: (50, 0, 0)),
    ],
)
def test_profiles_that_are_not_good_are_left_alone(tmp_path, icc):
    chart().save(tmp_path / "a.png", icc_profile=icc)
    np.testing.assert_array_equal(seen(tmp_path / "a.png"), FIELDS[0])


def test_transparent_and_palette_pictures_are_profiled_too(tmp_path):
    stored = chart(stored_in(profiles.P3))
    clear = Image.new("L", stored.size, 255)
    clear.paste(0, (0, 0, 32, 32))
    cut = stored.copy()
    cut.putalpha(clear)
    cut.save(tmp_path / "cut.png", icc_profile=profiles.of_colours())
    found = seen(tmp_path / "cut.png", background="#204060")
    np.testing.assert_allclose(found[1:], FIELDS[0, 1:], atol=3)
    np.testing.assert_array_equal(found[0], (0x20, 0x40, 0x60))  # the background is sRGB
    stored.quantize(8).save(tmp_path / "palette.png", icc_profile=profiles.of_colours())
    np.testing.assert_allclose(seen(tmp_path / "palette.png"), FIELDS[0], atol=6)


def png(bits: int, kind: int, row: bytes, clear: bytes, width: int = 32) -> bytes:
    """A PNG picture of 32 equal rows, of which the value `clear` is transparent."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 32, bits, kind, 0, 0, 0)) + chunk(b"tRNS", clear)
    body = chunk(b"IDAT", zlib.compress(32 * (b"\0" + row))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + body


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_value_of_grey_counts_in_the_files_bits(tmp_path, bits):
    """The left half is transparent, the right one black; of 16 bits, a value that is next to the transparent one."""
    clear, other = {1: (1, 0), 16: (0x1234, 0x1235)}.get(bits, (3, 0))
    values = [clear] * 16 + [other] * 16
    text = "".join(format(value, f"0{bits}b") for value in values)
    row = bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))
    (tmp_path / "a.png").write_bytes(png(bits, 0, row, struct.pack(">H", clear)))
    found = np.asarray(read_image(tmp_path / "a.png", background="#204060"))
    np.testing.assert_array_equal(found[4, 4], (0x20, 0x40, 0x60))
    np.testing.assert_allclose(found[4, 28], round(other / 257) if bits == 16 else 0, atol=1)


def test_a_transparent_colour_of_16_bits(tmp_path):
    colours = [(0, 0, 0)] * 16 + [(40000, 30000, 20000)] * 16
    row = b"".join(struct.pack(">HHH", *colour) for colour in colours)
    (tmp_path / "a.png").write_bytes(png(16, 2, row, bytes(6)))
    found = np.asarray(read_image(tmp_path / "a.png"))
    np.testing.assert_array_equal(found[4, 4], 255)
    np.testing.assert_allclose(found[4, 28], (156, 117, 78), atol=1)


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_numbers_with_a_point_reach_to_one_or_as_far_as_integers_do(tmp_path, white):
    ramp = np.tile(np.linspace(0, white, 32, dtype=np.float32), (32, 1))
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    np.testing.assert_allclose(np.asarray(read_image(tmp_path / "a.tif"))[5, :, 0], np.linspace(0, 255, 32), atol=1)


def test_lights_beyond_one_are_held_and_what_is_no_number_is_refused(tmp_path):
    values = np.full((32, 32), 0.5, np.float32)
    values[:, :8], values[:, 8:16] = 1.4, -0.2
    Image.fromarray(values).save(tmp_path / "a.tif")
    np.testing.assert_allclose(np.asarray(read_image(tmp_path / "a.tif"))[3, [3, 12, 20], 0], (255, 0, 128), atol=1)
    for bad, words in ((np.nan, "not numbers"), (np.inf, "not numbers"), (1e9, "1e\\+09")):
        values[0, 0] = bad
        Image.fromarray(values).save(tmp_path / "a.tif")
        with pytest.raises(InputError, match=words):
            read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("largest", [65535, 2**31 - 1])
def test_integers_of_32_bits(tmp_path, largest):
    ramp = np.tile(np.linspace(0, largest, 32), (32, 1)).astype(np.int32)
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    np.testing.assert_allclose(np.asarray(read_image(tmp_path / "a.tif"))[5, :, 0], np.linspace(0, 255, 32), atol=1)


def test_alpha_of_heic(tmp_path):
    picture, opaque = spot(60, 40, size=96, height=80, side=20), np.full((80, 96), 255, np.uint8)
    opaque[:20] = 0
    opaque[20:24, :] = 128
    heif.save(tmp_path / "a.heic", picture, [heif.profile(profiles.of_colours())], [heif.alpha(opaque)])
    found = np.asarray(read_image(tmp_path / "a.heic", background="#204060")).astype(int)
    np.testing.assert_allclose(found[5, 5], (0x20, 0x40, 0x60), atol=3)
    np.testing.assert_allclose(found[60, 5], 20, atol=3)
    np.testing.assert_allclose(center(found.astype(np.uint8)), (60, 40), atol=0.5)
    assert read_image(io.BytesIO((tmp_path / "a.heic").read_bytes())).getpixel((5, 5))[0] > 250


def test_alpha_of_heic_that_is_stored_as_tiles(tmp_path):
    """As phones store cut-outs of large photos."""
    opaque = np.zeros((128, 128), np.uint8)
    opaque[:, 40:] = 255
    heif.save_tiled(tmp_path / "a.heic", spot(90, 50, size=128, height=128, side=30), opaque)
    found = np.asarray(read_image(tmp_path / "a.heic", background="#204060")).astype(int)
    np.testing.assert_allclose(found[100, 20], (0x20, 0x40, 0x60), atol=3)
    np.testing.assert_allclose(found[100, 60], 20, atol=3)
    np.testing.assert_allclose(found[50, 90], 230, atol=30)


def test_thumbnails_and_depth_in_heic_are_not_taken_for_alpha(tmp_path):
    picture = spot(60, 40, size=96, height=80, side=20)
    small = heif.Item(np.full((20, 24, 3), 250, np.uint8), (), b"thmb")
    depth = heif.Item(np.zeros((80, 96, 3), np.uint8), [heif.full(b"auxC", b"urn:mpeg:hevc:2015:auxid:2\0")], b"auxl")
    heif.save(tmp_path / "a.heic", picture, [], [small, depth])
    found = np.asarray(read_image(tmp_path / "a.heic"))
    assert found.shape == (80, 96, 3)
    np.testing.assert_allclose(center(found), (60, 40), atol=0.5)
