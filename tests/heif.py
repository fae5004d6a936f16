"""HEIC pictures for tests, which ffmpeg can read but not write: its HEVC stills in boxes of ours (ISO/IEC 23008-12)."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import clips
import numpy as np

Bytes = clips.Bytes

_ALPHA = b"urn:mpeg:hevc:2015:auxid:1\0"


@dataclass(frozen=True)
class Item:
    """A picture in the file: uint8 (height, width, 3), its own properties, and what it is to the main one."""

    picture: Bytes
    properties: Sequence[bytes] = ()
    role: bytes = b""
    """"auxl" (alpha) or "thmb" (thumbnail)."""


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def still(picture: Bytes, colours: str = "yuv444p") -> tuple[bytes, bytes]:
    """Box "hvcC" and sample of `picture`, stored as `colours` says."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "still.mp4")
        scale = f"scale=out_color_matrix=bt709:out_range=pc,format={colours}"
        options = ["-vf", scale, "-c:v", "libx265", "-crf", "4", "-x265-params", "log-level=error:info=0"]
        clips.encode(path, [picture], options=[*options, "-pix_fmt", colours, "-color_range", "pc"])
        data = path.read_bytes()
    at = data.index(b"hvcC") - 4
    length = struct.unpack(">I", data[at : at + 4])[0]
    start = data.index(b"mdat") + 4
    sample = struct.unpack(">I", data[start - 8 : start - 4])[0] - 8
    return data[at : at + length], data[start : start + sample]


def profile(icc: bytes) -> bytes:
    """The property that a picture's colours are those of the profile `icc`."""
    return box(b"colr", b"prof", icc)


def alpha(values: Bytes) -> Item:
    """How opaque the main picture is: uint8 (height, width)."""
    return Item(np.repeat(values[..., None], 3, axis=2), [full(b"auxC", _ALPHA)], b"auxl")


def save(
    path: Path,
    picture: Bytes,
    properties: Sequence[bytes] = (),
    others: Sequence[Item] = (),
    colours: str = "yuv444p",
) -> Path:
    """Write `picture` as the main one of the file `path`, with that of its properties, and the `others`, which come
    first in the file.
    """
    items = [*others, Item(picture, properties)]
    main, coded = len(items), [still(item.picture, colours) for item in items]
    known: list[bytes] = []
    associated = b""
    for number, (item, (header, _)) in enumerate(zip(items, coded, strict=True), 1):
        height, width = item.picture.shape[:2]
        own = [header, full(b"ispe", struct.pack(">II", width, height)), _nclx(), *item.properties]
        known += own
        first = len(known) - len(own) + 1
        numbers = bytes(0x80 | index if index == first else index for index in range(first, len(known) + 1))
        associated += struct.pack(">HB", number, len(own)) + numbers
    links = [box(item.role, struct.pack(">HHH", n, 1, main)) for n, item in enumerate(items, 1) if item.role]
    return _write(path, main, [(b"hvc1", sample) for _, sample in coded], links, known, associated)


def save_tiled(path: Path, picture: Bytes, opaque: Bytes, tile: int = 64) -> Path:
    """Write `picture`, and how `opaque` it is, uint8 (height, width), as tiles: whole numbers of them in each row."""
    items: list[tuple[bytes, bytes, bytes, list[bytes], tuple[int, int]]] = []
    links = []

    def add(whole: Bytes, properties: list[bytes]) -> int:
        height, width = whole.shape[:2]
        first = len(items) + 1
        for top in range(0, height, tile):
            for left in range(0, width, tile):
                header, sample = still(np.ascontiguousarray(whole[top : top + tile, left : left + tile]))
                items.append((b"hvc1", header, sample, [], (tile, tile)))
        shape = struct.pack(">BBBBHH", 0, 0, height // tile - 1, width // tile - 1, width, height)
        items.append((b"grid", b"", shape, properties, (width, height)))
        number = len(items)
        links.append(box(b"dimg", struct.pack(f">HH{number - first}H", number, number - first, *range(first, number))))
        return number

    main = add(picture, [])
    mask = add(np.repeat(opaque[..., None], 3, axis=2), [full(b"auxC", _ALPHA)])
    links.append(box(b"auxl", struct.pack(">HHH", mask, 1, main)))
    known: list[bytes] = []
    associated = b""
    for number, (_, header, _, properties, (width, height)) in enumerate(items, 1):
        own = [*([header] if header else []), full(b"ispe", struct.pack(">II", width, height)), *properties]
        first = len(known) + 1
        known += own
        associated += struct.pack(">HB", number, len(own)) + bytes(range(first, first + len(own)))
    return _write(path, main, [(item[0], item[2]) for item in items], links, known, associated)


def _write(
    path: Path,
    main: int,
    items: Sequence[tuple[bytes, bytes]],
    links: Sequence[bytes],
    known: Sequence[bytes],
    associated: bytes,
) -> Path:
    """Write `items` of a kind and a content each, numbered from 1 on, the properties that are `known`, and which item
    has which of these.
    """
    names = [full(b"infe", struct.pack(">HH", n, 0), kind + b"\0", version=2) for n, (kind, _) in enumerate(items, 1)]

    def meta(start: int) -> bytes:
        places = b""
        for number, (_, content) in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, start, len(content))
            start += len(content)
        return full(
            b"meta",
            full(b"hdlr", bytes(4), b"pict", bytes(13)),
            full(b"pitm", struct.pack(">H", main)),
            full(b"iloc", struct.pack(">HH", 0x4400, len(items)), places),
            full(b"iinf", struct.pack(">H", len(items)), *names),
            *([full(b"iref", *links)] if links else []),
            box(b"iprp", box(b"ipco", *known), full(b"ipma", struct.pack(">I", len(items)), associated)),
        )

    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    start = len(head) + len(meta(0)) + 8
    path.write_bytes(head + meta(start) + box(b"mdat", *(content for _, content in items)))
    return path


def _nclx() -> bytes:
    return box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 1, 0x80))
