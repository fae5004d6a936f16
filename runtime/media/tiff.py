"""Which of the pictures in a TIFF file is the one that is meant: the first is often a thumbnail, above all in the files
of cameras (DNG and other raw formats are TIFF).

Tags as in TIFF 6.0, TIFF/EP (ISO 12234-2) and DNG 1.7.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from PIL import Image, TiffImagePlugin

from checkpoints.errors import InputError

_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT, _PHOTOMETRIC, _INNER = 254, 255, 256, 257, 262, 330
_SENSOR = (32803, 34892)
"""Photometric interpretations of what a sensor has seen, which needs to be developed first: CFA and LinearRaw."""
_REDUCED, _MASK = 1, 4
"""Bits of the new subfile type: a smaller version of another picture, and its transparency."""
_BITS, _PLANES = 258, 284
_MOST = 256
"""Directories that are looked at."""


@dataclass(frozen=True)
class _Page:
    """A directory of the file: where it lies, and what it says of its picture."""

    offset: int
    pixels: int
    full: bool
    """Neither a smaller version of another picture, nor its mask."""
    sensor: bool
    inner: tuple[int, ...]
    """Where further directories of the same picture lie."""


def check_planes(image: Image.Image, name: str) -> None:
    """Raises `InputError` where a TIFF `image` keeps its channels apart, of more than 8 bits each: Pillow would take
    their halves for whole ones.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = image.tag_v2.get(_BITS, (8,))
        if image.tag_v2.get(_PLANES) == 2 and len(bits) > 1 and max(bits) > 8:
            raise InputError(
                f"{name} keeps its channels apart, of {max(bits)} bits each; save it interleaved, or as PNG."
            )


def is_tiff(file: IO[bytes]) -> bool:
    """Whether the `file` is one; it is read from its beginning, and left there."""
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    return head in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def main_picture(file: IO[bytes], name: str) -> int | None:
    """Where in the TIFF `file` the directory of the main picture lies; None where that is the first one.

    That is the first page of full size, or what is larger in its own directories; without such a page, the largest
    picture. Raises `InputError` where it is what a camera's sensor has seen, of which the others are small previews.
    """
    head = file.read(16)
    if head[8:10] == b"CR":  # Canon's CR2 keeps its previews in front, and does not mark them as such
        raise _is_raw(name)
    pages, first = _chain(file, head)
    file.seek(0)
    if not first:
        return None
    groups = [[page, *(inside for inside in map(pages.get, page.inner) if inside)] for page in first]
    known = [page for group in groups for page in group]
    if any(page.sensor and page.full for page in known):
        raise _is_raw(name)
    for group in groups:
        if full := [page for page in group if page.full]:
            chosen = max(full, key=lambda page: page.pixels)  # the first of the largest
            break
    else:
        chosen = max(known, key=lambda page: page.pixels)
    return None if chosen is first[0] else chosen.offset


def beginning_at(path_or_data: Path | bytes, offset: int) -> bytes:
    """The TIFF file with the directory at `offset` as its first one."""
    data = path_or_data if isinstance(path_or_data, bytes) else path_or_data.read_bytes()
    order: Any = "big" if data[:2] == b"MM" else "little"
    at, size = (8, 8) if int.from_bytes(data[2:4], order) == 43 else (4, 4)  # 43: BigTIFF
    return data[:at] + offset.to_bytes(size, order) + data[at + size :]


def _chain(file: IO[bytes], head: bytes) -> tuple[dict[int, _Page], list[_Page]]:
    """All directories by where they lie, and those of the file's pages in order; as far as they can be read."""
    pages: dict[int, _Page] = {}
    first: list[_Page] = []
    with suppress(Exception):  # Pillow's parser has many kinds of errors for damaged files
        _follow(file, head, pages, first)
    return pages, first


def _follow(file: IO[bytes], head: bytes, pages: dict[int, _Page], first: list[_Page]) -> None:
    """Read directory after directory into `pages` and `first`."""
    kept = head if head[2:4] in (b"+\0", b"\0+") else head[:8]
    following = TiffImagePlugin.ImageFileDirectory_v2(kept).next
    while following and following not in pages and len(pages) < _MOST:
        page, following = _read(file, kept, following)
        pages[page.offset] = page
        first.append(page)
        for offset in page.inner[: _MOST - len(pages)]:
            if offset not in pages:
                pages[offset] = _read(file, kept, offset)[0]


def _read(file: IO[bytes], head: bytes, offset: int) -> tuple[_Page, int]:
    """The directory at `offset`, and where the next one lies."""
    directory = TiffImagePlugin.ImageFileDirectory_v2(head)
    file.seek(offset)
    directory.load(file)
    kind, old = _value(directory, _SUBFILE), _value(directory, _OLD_SUBFILE)
    inner = directory.get(_INNER, ())
    page = _Page(
        offset,
        _value(directory, _WIDTH) * _value(directory, _HEIGHT),
        not kind & (_REDUCED | _MASK) and old != 2,
        _value(directory, _PHOTOMETRIC) in _SENSOR,
        tuple(int(each) for each in (inner if isinstance(inner, tuple) else (inner,))),
    )
    return page, int(directory.next or 0)


def _value(directory: TiffImagePlugin.ImageFileDirectory_v2, tag: int) -> int:
    value = directory.get(tag, 0)
    return int(value[0] if isinstance(value, tuple) else value)


def _is_raw(name: str) -> InputError:
    return InputError(f"{name} is a camera's raw file, which is no picture yet; develop it, and save it as JPEG.")
