"""Photos as iPhones store them (HEIC, ISO/IEC 23008-12). Pillow cannot read these; ffmpeg can, and turns them upright,
joins their tiles and hands on their colour profile. What it does not know is which of the other pictures in the file is
the main one's alpha: that is read from the file's boxes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path

from PIL import Image

from checkpoints.errors import InputError
from runtime.media.cicp import apply_numbers
from runtime.media.ffmpeg import Ffmpeg, max_pixels
from runtime.media.items import Description, describe
from runtime.media.limits import Limits

_BRANDS = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"))
"""How such files begin, after four bytes of length."""


def is_heic(head: bytes) -> bool:
    """Whether a file with these first 12 bytes is one."""
    return head[4:12] in _BRANDS


def read_heic(path: Path, name: str, limits: Limits) -> Image.Image:
    """The main picture of the file `path`, of which errors speak as `name`: upright, with its colour profile, and in
    mode "RGBA" where it has alpha. Raises `InputError`.
    """
    with path.open("rb") as file:
        known = describe(file)
        image = _whole(path, name, limits, known, known.main, [])
        file.seek(0)
        apply_numbers(image.info, file)
    item = known.alpha
    if item is None:
        return image
    tiled = [number for number, kind in known.kinds.items() if kind == b"grid"]  # as ffmpeg numbers what it joins
    chosen = ["-filter_complex", f"[0:g:{tiled.index(item)}]null"] if item in tiled else ["-map", f"0:#{item}"]
    alpha = _whole(path, name, limits, known, item, [*chosen, "-pix_fmt", "gray"]).convert("L")
    profile = image.info.get("icc_profile")
    image = image.convert("RGB")
    image.putalpha(alpha if alpha.size == image.size else alpha.resize(image.size))
    if profile is not None:
        image.info["icc_profile"] = profile
    return image


def _whole(
    path: Path, name: str, limits: Limits, known: Description, item: int | None, chosen: list[str]
) -> Image.Image:
    """The picture `item`, that is the main one or the `chosen` one, as far as it is to be shown.

    Codes of half the resolution in colour have even sides; what an odd picture has too much is to be cut off (the
    property "clap"). ffmpeg cuts colours and brightness by whole pixels of colour, which takes a row and a column more:
    it is cut here, and then what is to come after that (turned, mirrored) is done here, too.
    """
    if not known.of(item, b"clap") or known.kinds.get(item or 0) == b"grid":
        return _decoded(path, name, limits, chosen)
    image = _decoded(path, name, limits, chosen, ["-noautorotate", "-apply_cropping", "codec"])
    image.load()
    image.info.pop("exif", None)  # in which ffmpeg writes how the picture is to be turned
    for kind, body in known.all_of(item):
        image = _shown(image, kind, body)
    return image


def _shown(image: Image.Image, kind: bytes, body: bytes) -> Image.Image:
    """The `image` after one of the properties that change how it is shown; all others leave it as it is."""
    if kind == b"clap" and len(body) >= 32:
        numbers = struct.unpack(">IIIIiIiI", body[:32])
        if not all(numbers[1::2]):
            return image
        width, height, right, down = (Fraction(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True))
        left, top = (round(offset + (whole - part) / 2) for offset, whole, part in
                     ((right, image.width, width), (down, image.height, height)))  # fmt: skip
        box = max(left, 0), max(top, 0), min(left + round(width), image.width), min(top + round(height), image.height)
        return image.crop(box) if box[0] < box[2] and box[1] < box[3] else image
    if kind == b"irot" and body and body[0] % 4:
        return image.transpose(_TURNS[body[0] % 4 - 1])
    if kind == b"imir" and body:
        return image.transpose(_MIRRORS[body[0] % 2])
    return image


_TURNS = Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270
"""Anticlockwise, as the file says it."""
_MIRRORS = Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.FLIP_LEFT_RIGHT


def _decoded(path: Path, name: str, limits: Limits, chosen: list[str], how: Sequence[str] = ()) -> Image.Image:
    """The main picture, or the `chosen` one."""
    guards = ["-format_whitelist", "mov", "-protocol_whitelist", "file", *max_pixels(limits.pixels), *how]
    # Without "-map", so that ffmpeg joins the tiles that large photos are stored in.
    arguments = [*guards, "-i", f"file:{path.absolute()}", *chosen, "-frames:v", "1", "-c:v", "png", "-f", "image2pipe"]
    with Ffmpeg([*arguments, "pipe:1"], stdout=True) as ffmpeg:
        data = ffmpeg.stdout.read()
        if ffmpeg.finish() != 0 or not data:
            raise InputError(f"{name} cannot be read as HEIC ({ffmpeg.complaint()}); save it as JPEG.")
    return Image.open(BytesIO(data))
