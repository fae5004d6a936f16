"""TIFF files of several pictures for tests, as cameras and scanners order them: thumbnails first, others further in."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import clips
import numpy as np

FULL, REDUCED, MASK = 0, 1, 4
"""New subfile types."""
RGB, CFA, LINEAR = 2, 32803, 34892
"""Photometric interpretations."""


@dataclass(frozen=True)
class Page:
    """A directory of the file with a picture (height, width, 3) of uint8, and those further in."""

    picture: clips.Bytes
    kind: int | None = FULL
    """None: the file does not say."""
    photometric: int = RGB
    inner: Sequence[Page] = ()
    more: dict[int, int] = field(default_factory=dict)
    """Further tags."""


def save(path: Path, pages: Sequence[Page], order: str = "<", big: bool = False) -> Path:
    """Write `pages` in that byte `order`, as BigTIFF where it is to be `big`."""
    wide = "Q" if big else "I"
    start = 16 if big else 8
    out = bytearray(b"II" if order == "<" else b"MM")
    out += struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, start) if big else (42, start)))

    def put(page: Page, last: bool) -> int:
        """Append the directory, its pixels and what is further in; returns where it lies."""
        height, width = page.picture.shape[:2]
        tags: dict[int, tuple[str, Sequence[int]]] = {
            **({} if page.kind is None else {254: ("I", [page.kind])}),
            256: ("I", [width]),
            257: ("I", [height]),
            258: ("H", [8, 8, 8]),
            259: ("H", [1]),
            262: ("H", [page.photometric]),
            273: (wide, [0]),
            277: ("H", [3]),
            278: ("I", [height]),
            279: (wide, [3 * width * height]),
            **({330: (wide, [0] * len(page.inner))} if page.inner else {}),
            **{tag: ("I", [value]) for tag, value in page.more.items()},
        }
        at = len(out)
        entry = 20 if big else 12
        out.extend(bytes((8 if big else 2) + entry * len(tags) + (8 if big else 4)))
        tags[273] = (wide, [len(out)])
        out.extend(np.ascontiguousarray(page.picture).tobytes())
        if page.inner:
            tags[330] = (wide, [put(each, True) for each in page.inner])
        body = struct.pack(order + ("Q" if big else "H"), len(tags))
        for tag, (code, values) in sorted(tags.items()):
            data = struct.pack(f"{order}{len(values)}{code}", *values)
            body += struct.pack(order + "HH" + wide, tag, {"H": 3, "I": 4, "Q": 16}[code], len(values))
            if len(data) > struct.calcsize(order + wide):
                data, place = struct.pack(order + wide, len(out)), data
                out.extend(place)
            body += data.ljust(struct.calcsize(order + wide), b"\0")
        following = 0 if last else len(out) + len(out) % 2
        out.extend(bytes(len(out) % 2))
        out[at : at + len(body) + (8 if big else 4)] = body + struct.pack(order + wide, following)
        return at

    for page in pages:
        put(page, page is pages[-1])
    path.write_bytes(out)
    return path
