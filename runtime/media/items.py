"""What HEIC and AVIF files say of the pictures in them (ISO/IEC 23008-12): which is the main one, which belong to
it, and what properties each has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

_ALPHA = (b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")
"""What a picture says of itself that is another one's alpha; depth maps and gain maps say something else."""

_LARGEST_META = 1 << 24
"""Bytes of a file's description; that of a hundred tiles has a few thousand."""
_FARTHEST = 1 << 62
"""No file is so long; farther than twice that none can be sought in."""


@dataclass
class Description:
    """Of a file's pictures (items), which have numbers."""

    main: int | None = None
    kinds: dict[int, bytes] = field(default_factory=dict)
    """How each is stored: "hvc1" by itself, "grid" as tiles, ..."""
    auxiliary: list[tuple[int, list[int]]] = field(default_factory=list)
    """Pictures, and those to which they belong."""
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Kind and body of all; they have numbers from 1 on."""
    has: dict[int, list[int]] = field(default_factory=dict)
    """Numbers of the properties that a picture has."""

    def all_of(self, item: int | None) -> list[tuple[bytes, bytes]]:
        """Kind and body of the properties that the picture `item` has, in the order in which they are applied."""
        numbers = self.has.get(item, []) if item is not None else []
        return [self.properties[number - 1] for number in numbers if 0 < number <= len(self.properties)]

    def of(self, item: int | None, kind: bytes) -> list[bytes]:
        """Bodies of the properties of that kind that the picture `item` has."""
        return [body for name, body in self.all_of(item) if name == kind]

    @property
    def alpha(self) -> int | None:
        """The picture that is the main one's alpha; None where there is none."""
        for item, owners in self.auxiliary:
            if self.main in owners and any(_is_alpha(body) for body in self.of(item, b"auxC")):
                return item
        return None


def describe(file: IO[bytes]) -> Description:
    """What `file`, read from its beginning, says; little or nothing where it is damaged."""
    known = Description()
    try:
        for kind, body in boxes(_meta(file)[4:]):
            _add(known, kind, body)
    except (IndexError, ValueError):
        pass
    return known


def _add(known: Description, kind: bytes, body: bytes) -> None:
    wide = bool(body[:1] and body[0])
    if kind == b"pitm":
        known.main = _number(body, 4, 4 if wide else 2)
    elif kind == b"iinf":
        for _, entry in boxes(body[8 if wide else 6 :]):
            size = 2 if entry[0] < 3 else 4
            known.kinds[_number(entry, 4, size)] = entry[6 + size : 10 + size]
    elif kind == b"iref":
        size = 4 if wide else 2
        for role, link in boxes(body[4:]):
            count = _number(link, size, 2)
            owners = [_number(link, size + 2 + size * index, size) for index in range(count)]
            if role == b"auxl":
                known.auxiliary.append((_number(link, 0, size), owners))
    elif kind == b"iprp":
        for part, inner in boxes(body):
            if part == b"ipco":
                known.properties = list(boxes(inner))
            elif part == b"ipma":
                known.has.update(_associations(inner))


def _meta(file: IO[bytes]) -> bytes:
    """The body of the box "meta"."""
    while len(head := file.read(8)) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        body = int.from_bytes(file.read(8), "big") - 16 if length == 1 else length - 8
        if kind == b"meta":
            return file.read(min(max(body, 0), _LARGEST_META)) if length else file.read(_LARGEST_META)
        if not 0 <= body < _FARTHEST:
            break
        file.seek(body, 1)
    return b""


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


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
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
