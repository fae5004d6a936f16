"""Photos as iPhones store them (HEIC, ISO/IEC 23008-12). Pillow cannot read these; ffmpeg can, and turns them upright,
joins their tiles and hands on their colour profile. What it does not know is which of the other pictures in the file is
the main one's alpha: that is read from the file's boxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image

from checkpoints.errors import InputError
from runtime.media.ffmpeg import Ffmpeg, max_pixels
from runtime.media.limits import Limits

_BRANDS = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"))
"""How such files begin, after four bytes of length."""

_ALPHA = (b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")
"""What a picture says of itself that is another one's alpha; depth maps and gain maps say something else."""

_LARGEST_META = 1 << 24
"""Bytes of a file's description; that of a hundred tiles has a few thousand."""


def is_heic(head: bytes) -> bool:
    """Whether a file with these first 12 bytes is one."""
    return head[4:12] in _BRANDS


def read_heic(path: Path, name: str, limits: Limits) -> Image.Image:
    """The main picture of the file `path`, of which errors speak as `name`: upright, with its colour profile, and in
    mode "RGBA" where it has alpha. Raises `InputError`.
    """
    image = _decoded(path, name, limits, [])
    item = _alpha_of(path)
    if item is None:
        return image
    alpha = _decoded(path, name, limits, ["-map", f"0:#{item}", "-pix_fmt", "gray"]).convert("L")
    profile = image.info.get("icc_profile")
    image = image.convert("RGB")
    image.putalpha(alpha if alpha.size == image.size else alpha.resize(image.size))
    if profile is not None:
        image.info["icc_profile"] = profile
    return image


def _decoded(path: Path, name: str, limits: Limits, chosen: list[str]) -> Image.Image:
    """The main picture, or the `chosen` one."""
    guards = ["-format_whitelist", "mov", "-protocol_whitelist", "file", *max_pixels(limits.pixels)]
    # Without "-map", so that ffmpeg joins the tiles that large photos are stored in.
    arguments = [*guards, "-i", f"file:{path.absolute()}", *chosen, "-frames:v", "1", "-c:v", "png", "-f", "image2pipe"]
    with Ffmpeg([*arguments, "pipe:1"], stdout=True) as ffmpeg:
        data = ffmpeg.stdout.read()
        if ffmpeg.finish() != 0 or not data:
            raise InputError(f"{name} cannot be read as HEIC ({ffmpeg.complaint()}); save it as JPEG.")
    return Image.open(BytesIO(data))


@dataclass
class _Described:
    """What of a file's description tells which picture is the alpha of which."""

    main: int | None = None
    auxiliary: list[tuple[int, list[int]]] = field(default_factory=list)
    """Pictures, and those to which they belong."""
    alphas: set[int] = field(default_factory=set)
    """Numbers, from 1 on, of the properties that mark an alpha."""
    has: dict[int, list[int]] = field(default_factory=dict)
    """Numbers of the properties that a picture has."""


def _alpha_of(path: Path) -> int | None:
    """The picture (item) that is the main one's alpha; None where there is none, or nothing can be made out."""
    try:
        known = _described(_meta(path))
    except (IndexError, ValueError):  # damaged: ffmpeg has read what there is to be seen
        return None
    for item, owners in known.auxiliary:
        if known.main in owners and known.alphas & set(known.has.get(item, ())):
            return item
    return None


def _meta(path: Path) -> bytes:
    """The body of the box "meta" of the file."""
    with path.open("rb") as file:
        while len(head := file.read(8)) == 8:
            length, kind = int.from_bytes(head[:4], "big"), head[4:]
            body = int.from_bytes(file.read(8), "big") - 16 if length == 1 else length - 8
            if kind == b"meta":
                return file.read(min(max(body, 0), _LARGEST_META)) if length else file.read(_LARGEST_META)
            if body < 0:
                break
            file.seek(body, 1)
    return b""


def _described(meta: bytes) -> _Described:
    known = _Described()
    for kind, body in _boxes(meta[4:]):
        wide = bool(body[:1] and body[0])
        if kind == b"pitm":
            known.main = _number(body, 4, 4 if wide else 2)
        elif kind == b"iref":
            size = 4 if wide else 2
            for role, link in _boxes(body[4:]):
                count = _number(link, size, 2)
                owners = [_number(link, size + 2 + size * index, size) for index in range(count)]
                if role == b"auxl":
                    known.auxiliary.append((_number(link, 0, size), owners))
        elif kind == b"iprp":
            for part, inner in _boxes(body):
                if part == b"ipco":
                    marks = enumerate(_boxes(inner), 1)
                    known.alphas = {number for number, (what, text) in marks if what == b"auxC" and _is_alpha(text)}
                elif part == b"ipma":
                    known.has.update(_associations(inner))
    return known


def _is_alpha(body: bytes) -> bool:
    return body[4:].partition(b"\0")[0] in _ALPHA


def _associations(body: bytes) -> Iterator[tuple[int, list[int]]]:
    """Pictures, and the numbers of their properties."""
    size, wide, at = 4 if body[0] else 2, body[3] & 1, 8
    for _ in range(_number(body, 4, 4)):
        item, count = _number(body, at, size), body[at + size]
        at += size + 1
        width = 2 if wide else 1
        mask = 0x7FFF if wide else 0x7F
        yield item, [_number(body, at + width * index, width) & mask for index in range(count)]
        at += width * count


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of the boxes in `data`."""
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        if length < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + length]
        at += length


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError(f"{size} bytes at {at} of {len(data)}")
    return int.from_bytes(data[at : at + size], "big")
