"""Awkward pictures, each made by a function from its name's path; what becomes of it stands beside it.

All good ones show the same when upright: a bright square on dark ground, at (20, 40) in 64ths of the centred square.
"""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import heif
import numpy as np
import profiles
import tiffs
from clips import spot
from PIL import Image, PngImagePlugin

HERE = Path(__file__).resolve().parent
Make = Callable[[Path], object]


def upright(width: int = 96, height: int = 80) -> Image.Image:
    """The picture that all of them show."""
    side = min(width, height)
    x, y = (width - side) / 2 + side * 20 / 64, (height - side) / 2 + side * 40 / 64
    return Image.fromarray(spot(x, y, size=width, height=height, side=side // 4))


def saved(width: int = 96, height: int = 80, mode: str = "RGB", **options: object) -> Make:
    """Saves it in a mode of Pillow's, in the format that the name says unless `format` does."""
    return lambda path: upright(width, height).convert(mode).save(path, **options)


def turned(orientation: int) -> Make:
    """A JPEG whose pixels lie otherwise, and whose EXIF block says how."""
    stored = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # the inverse transposition

    def make(path: Path) -> None:
        image = upright() if stored is None else upright().transpose(Image.Transpose(stored))
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(path, exif=exif)

    return make


def values(kind: str) -> Make:
    """Grey values of more than eight bits."""
    grey = np.asarray(upright().convert("L"), np.float32) / 255
    arrays = {"16": (grey * 65535).astype(np.uint16), "32": (grey * 65535).astype(np.int32), "float": grey}
    return lambda path: Image.fromarray(arrays[kind]).save(path)


def see_through(path: Path) -> None:
    """The dark ground is opaque, and the bright square a hole, behind which it is white."""
    pixels = np.dstack([np.asarray(upright()), np.full((80, 96), 255, np.uint8)])
    pixels[pixels[..., 0] > 128] = (10, 10, 10, 0)
    Image.fromarray(pixels).save(path)


def see_through_palette(path: Path) -> None:
    index = (np.asarray(upright())[..., 0] > 128).astype(np.uint8)
    image = Image.fromarray(index, "P")
    image.putpalette([20, 20, 20, 10, 10, 10])
    image.save(path, transparency=1)


def several(path: Path) -> None:
    """Frames after the first one show nothing."""
    upright().save(path, save_all=True, append_images=[Image.new("RGB", (96, 80))] * 3, duration=40)


def cut(make: Make, part: float, suffix: str) -> Make:
    """The first part of the file that `make` makes."""

    def made(path: Path) -> None:
        whole = path.with_name("whole" + suffix)
        make(whole)
        data = whole.read_bytes()
        path.write_bytes(data[: int(len(data) * part)])
        whole.unlink()

    return made


def under_another_name(make: Make, suffix: str) -> Make:
    """The file that `make` makes under a name of that `suffix`."""

    def made(path: Path) -> None:
        make(path.with_name("real" + suffix))
        path.with_name("real" + suffix).rename(path)

    return made


def content(data: bytes) -> Make:
    return lambda path: path.write_bytes(data)


def changed(make: Make, at: float, by: int = 4) -> Make:
    """Some bytes in the middle of the file are other ones."""

    def made(path: Path) -> None:
        make(path)
        data = bytearray(path.read_bytes())
        start = int(len(data) * at)
        data[start : start + by] = bytes(value ^ 0xFF for value in data[start : start + by])
        path.write_bytes(bytes(data))

    return made


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, extra: bytes = b"") -> bytes:
    """A PNG that says it is that large, with too little in it."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")


def gif(width: int, height: int) -> bytes:
    return (
        b"GIF89a"
        + struct.pack("<HH", width, height)
        + b"\0\0\0,\0\0\0\0"
        + struct.pack("<HH", width, height)
        + b"\0\2\0;"
    )


def bmp(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def inflating_text(path: Path) -> None:
    """A small, good picture whose comment of a few kilobytes unpacks to eight megabytes."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(8)) + packer.flush()
    about = PngImagePlugin.PngInfo()
    upright().save(path, pnginfo=about)
    data = path.read_bytes()
    path.write_bytes(data[:33] + chunk(b"zTXt", b"Comment\0\0" + packed) + data[33:])


def broken_exif(path: Path) -> None:
    upright().save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(20))


def pipe(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        import pytest

        pytest.skip("this system has no named pipes")
    os.mkfifo(path)


def postscript(path: Path) -> None:
    """What Pillow would hand to Ghostscript, an interpreter of programs."""
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n%%EOF\n")


def camera(photometric: int) -> Make:
    """A thumbnail that shows nothing, and further in the picture itself, or what a sensor has seen."""
    page = tiffs.Page(np.asarray(upright()), tiffs.FULL, photometric)
    return lambda path: tiffs.save(path, [tiffs.Page(np.zeros((32, 32, 3), np.uint8), tiffs.REDUCED, inner=[page])])


GOOD: dict[str, Make] = {
    "plain.jpg": saved(),
    "progressive.jpeg": saved(progressive=True),
    "cmyk.jpg": saved(mode="CMYK"),
    "grey.jpg": saved(mode="L"),
    "plain.png": saved(),
    "palette.png": saved(mode="P"),
    "one-bit.png": lambda path: upright().convert("L").point(lambda grey: grey > 128, "1").save(path),
    "grey-and-alpha.png": saved(mode="LA"),
    "hole.png": see_through,
    "hole.webp": see_through,
    "palette-hole.png": see_through_palette,
    "16-bit.png": values("16"),
    "16-bit.tif": values("16"),
    "32-bit.tif": values("32"),
    "float.tif": values("float"),
    "lzw.tiff": saved(compression="tiff_lzw"),
    "lossy.webp": saved(),
    "lossless.webp": saved(lossless=True),
    "moving.webp": several,
    "moving.gif": several,
    "moving.png": several,
    "pages.tif": several,
    "plain.bmp": saved(),
    "plain.ppm": saved(),
    "plain.avif": saved(quality=90),
    "plain.jp2": saved(),
    "two-in-one.jpg": lambda path: upright().save(path, "MPO", save_all=True, append_images=[upright()]),
    **{f"turned-{n}.jpg": turned(n) for n in range(1, 9)},
    "turned-6.png": turned(6),
    "broken-exif.jpg": broken_exif,
    "png-named.jpg": saved(format="PNG"),
    "webp-named.mp4": saved(format="WEBP"),
    "no-extension": saved(format="JPEG"),
    "ünï cödé 日本 %d 'q'.png": saved(),
    "-o.png": saved(),
    "thin.png": saved(640, 16),
    "high.png": saved(34, 801),
    "odd.jpg": saved(101, 67),
    "large.jpg": saved(4000, 3000),
    "p3.jpg": saved(icc_profile=profiles.of_colours(), quality=95),
    "grey-profile.png": saved(mode="L", icc_profile=profiles.of_grey(1.8)),
    "broken-profile.png": saved(icc_profile=profiles.of_colours()[:150]),
    "thumbnail.dng": camera(tiffs.RGB),
    "alpha.heic": lambda path: heif.save(
        path, np.asarray(upright()), [], [heif.alpha(np.full((80, 96), 255, np.uint8))]
    ),
    "trailing.jpg": lambda path: (saved()(path), path.write_bytes(path.read_bytes() + bytes(1000))),
}

BAD: dict[str, tuple[Make, str]] = {
    "empty.jpg": (content(b""), "not a picture"),
    "text.jpg": (content(b"hello\n" * 100), "not a picture"),
    "page.png": (content(b"<!DOCTYPE html><html></html>"), "not a picture"),
    "drawing.svg": (content(b"<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'/>"), "not a picture"),
    "program.eps": (postscript, "not a picture"),
    "document.pdf": (saved(), "not a picture"),
    "zeros.png": (content(bytes(5000)), "not a picture"),
    "head-only.png": (content(b"\x89PNG\r\n\x1a\n"), "not a picture|damaged"),
    "cut.jpg": (cut(saved(), 0.7, ".jpg"), "damaged"),
    "cut.png": (cut(saved(), 0.7, ".png"), "damaged"),
    "cut.webp": (cut(saved(), 0.7, ".webp"), "damaged|not a picture"),
    "cut.gif": (cut(saved(), 0.5, ".gif"), "damaged"),
    "cut.avif": (cut(saved(quality=90), 0.7, ".avif"), "damaged|not a picture"),
    "cut.tif": (cut(saved(), 0.5, ".tif"), "damaged"),
    "cut.bmp": (cut(saved(), 0.5, ".bmp"), "damaged"),
    "cut.heic": (cut(lambda path: shutil.copy(HERE / "runtime" / "sideways.heic", path), 0.5, ".heic"), "HEIC"),
    "changed.png": (changed(saved(), 0.5), "damaged"),
    "camera.nef": (camera(tiffs.CFA), "raw file"),
    "linear.dng": (camera(tiffs.LINEAR), "raw file"),
    "bomb.png": (content(png(60_000, 60_000)), "more than 120M pixels"),
    "wide-bomb.png": (content(png(2**31 - 1, 16)), "more than 120M pixels|not a picture"),
    "bomb.gif": (content(gif(65_535, 65_535)), "more than 120M pixels"),
    "bomb.bmp": (content(bmp(50_000, 50_000)), "more than 120M pixels"),
    "comment-bomb.png": (inflating_text, "damaged|not a picture"),
    "too-little.png": (content(png(4000, 4000)), "damaged"),
    "dot.png": (saved(1, 1), "1x1 pixels"),
    "narrow.png": (saved(15, 300), "15x300 pixels"),
    "folder.png": (lambda path: path.mkdir(), "holds no pictures"),
    "pipe.png": (pipe, "not a regular file"),
    "absent.png": (lambda path: None, "does not exist"),
    "n" * 300 + ".png": (lambda path: None, "cannot be opened|does not exist"),
}
