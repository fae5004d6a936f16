"""Of files that hold several pictures the main one is read, and what is none yet is refused."""

from __future__ import annotations

import io
import struct

import heif
import numpy as np
import pytest
import tiffs
from clips import center, spot
from PIL import Image
from tiffs import CFA, FULL, LINEAR, MASK, REDUCED, Page

from checkpoints.errors import InputError
from runtime import Limits
from runtime.media.picture import read_image

MAIN = spot(110, 60, size=160, height=120, side=20)
SMALL = spot(20, 30, size=64, side=10)
CLEAR = np.full((120, 160, 3), 255, np.uint8)

RIGHT = {
    "a DNG of a phone": [Page(SMALL, REDUCED, inner=[Page(MAIN, FULL)], more={50706: 0x01040000})],
    "with a preview as well": [
        Page(SMALL, REDUCED, inner=[Page(np.repeat(SMALL, 2, 1), REDUCED), Page(MAIN), Page(CLEAR, MASK)])
    ],
    "larger further in, though nothing says so": [Page(SMALL, None, inner=[Page(MAIN, None)])],
    "a thumbnail as first page": [Page(SMALL, REDUCED), Page(MAIN, FULL)],
    "a mask as first page": [Page(CLEAR, MASK), Page(MAIN, FULL)],
    "a pyramid": [Page(MAIN, FULL, inner=[Page(MAIN[::2, ::2], REDUCED), Page(MAIN[::4, ::4], REDUCED)])],
    "pages of a scanner": [Page(MAIN, None), Page(np.repeat(SMALL, 4, 0).repeat(4, 1), None)],
    "pages of a document": [Page(MAIN, 2), Page(np.repeat(SMALL, 4, 0).repeat(4, 1), 2)],
    "nothing but reduced ones": [Page(SMALL, REDUCED), Page(MAIN, REDUCED)],
    "an older word for reduced": [Page(SMALL, None, more={255: 2}), Page(MAIN, None, more={255: 1})],
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])
def test_the_main_picture_is_read(tmp_path, name, order, big):
    path = tiffs.save(tmp_path / "a.dng", RIGHT[name], order, big)
    for given in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        np.testing.assert_array_equal(np.asarray(read_image(given)), MAIN)


def test_the_main_picture_is_turned_upright_by_its_own_word(tmp_path):
    page = Page(SMALL, REDUCED, inner=[Page(np.ascontiguousarray(np.rot90(MAIN)), more={274: 6})])
    np.testing.assert_array_equal(np.asarray(read_image(tiffs.save(tmp_path / "a.tif", [page]))), MAIN)


@pytest.mark.parametrize(
    "pages",
    [
        [Page(SMALL, REDUCED, inner=[Page(MAIN, FULL, CFA)])],
        [Page(SMALL, REDUCED, inner=[Page(MAIN, REDUCED), Page(MAIN, FULL, LINEAR)])],
        [Page(MAIN, FULL, CFA)],
        [Page(SMALL, REDUCED), Page(MAIN, FULL, CFA)],
    ],
)
def test_what_a_sensor_has_seen_is_refused_rather_than_its_preview_moved(tmp_path, pages):
    with pytest.raises(InputError, match=r"a\.nef is a camera's raw file.*JPEG"):
        read_image(tiffs.save(tmp_path / "a.nef", pages))


def test_canons_raw_files_are_refused(tmp_path):
    path = tiffs.save(tmp_path / "a.tif", [Page(MAIN, None)])
    data = path.read_bytes()
    shifted = tiffs.save(tmp_path / "b.cr2", [Page(MAIN, None)])
    shifted.write_bytes(data[:4] + (16).to_bytes(4, "little") + b"CR\x02\0\0\0\0\0" + data[8:])
    with pytest.raises(InputError, match="raw file"):
        read_image(shifted)


def test_the_limit_of_pixels_is_that_of_the_main_picture(tmp_path):
    path = tiffs.save(tmp_path / "a.dng", [Page(SMALL, REDUCED, inner=[Page(MAIN)])])
    with pytest.raises(InputError, match="more than 10000 pixels"):
        read_image(path, limits=Limits(pixels=10_000))


def test_directories_that_lead_in_a_circle_or_nowhere(tmp_path):
    path = tiffs.save(tmp_path / "a.tif", [Page(SMALL, None), Page(MAIN, None)])
    data = bytearray(path.read_bytes())
    count = int.from_bytes(data[8:10], "little")
    at = 10 + 12 * count
    for following in (8, 10**9):
        path.write_bytes(data[:at] + following.to_bytes(4, "little") + data[at + 4 :])
        np.testing.assert_array_equal(np.asarray(read_image(path)), SMALL)


def test_icons_and_phones_give_their_largest_picture(tmp_path):
    Image.fromarray(MAIN[:, :120]).resize((128, 128)).save(tmp_path / "a.ico", sizes=[(16, 16), (128, 128), (32, 32)])
    assert read_image(tmp_path / "a.ico").size == (128, 128)
    small = heif.Item(SMALL[:32, :32].copy(), (), b"thmb")
    heif.save(tmp_path / "a.heic", MAIN, [], [small])
    np.testing.assert_allclose(center(np.asarray(read_image(tmp_path / "a.heic"))), (110, 60), atol=0.5)


def test_channels_of_16_bits_that_lie_apart_are_refused(tmp_path):
    """Pillow would take each half of a value for one."""
    path = tmp_path / "a.tif"
    planes = [np.full((32, 32), value, "<u2").tobytes() for value in (60000, 30000, 10000)]
    entries = [(256, 4, 1, 32), (257, 4, 1, 32), (258, 3, 3, 134), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 3, 140)]
    entries += [(277, 3, 1, 3), (278, 4, 1, 32), (279, 4, 3, 152), (284, 3, 1, 2)]
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(struct.pack("<HHII", *each) for each in entries)
    places = [164 + 2048 * index for index in range(3)]
    body = head + bytes(4) + struct.pack("<3H3I3I", 16, 16, 16, *places, 2048, 2048, 2048)
    path.write_bytes(body + b"".join(planes))
    with pytest.raises(InputError, match="keeps its channels apart, of 16 bits"):
        read_image(path)
