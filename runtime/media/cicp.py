"""Colours that a file names by numbers (ITU-T H.273) instead of describing them by a profile: cICP in PNG, nclx in AVIF
and HEIC. The numbers become the profile that says the same.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import IO, Any

from runtime.media.items import describe

_PNG = b"\x89PNG\r\n\x1a\n"

_WHITE = (0.9642, 1.0, 0.8249)
"""D50 in XYZ, to which profiles adapt all colours."""
_PRIMARIES = {
    1: ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)),
    9: ((0.67348, 0.27904, -0.00193), (0.16566, 0.67535, 0.02997), (0.12505, 0.04561, 0.79685)),
    11: ((0.48616, 0.22677, -0.00079), (0.32384, 0.71033, 0.04324), (0.15422, 0.06297, 0.78247)),
    12: ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
}
"""Red, green and blue in XYZ of sRGB (BT.709), BT.2020, DCI-P3 and Display P3, adapted to D50 (Bradford)."""
_SRGB = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_CURVES: dict[int, float | Sequence[float]] = {4: 2.2, 5: 2.8, 8: 1.0, **dict.fromkeys((1, 2, 6, 13, 14, 15), _SRGB)}
"""From values to light: exponents, or sRGB's parameters, which stand for those of video, too. Not those of HDR."""


def apply_numbers(info: dict[Any, Any], file: IO[bytes]) -> None:
    """Put into a picture's `info` the profile (ICC) that the numbers in its `file` stand for. In PNG they count before
    a profile, elsewhere a profile before them; where they say nothing, all stays as it is.
    """
    file.seek(0)
    head = file.read(12)
    file.seek(0)
    numbers = None
    if head.startswith(_PNG):
        numbers = _of_png(file)
    elif head[4:8] == b"ftyp" and "icc_profile" not in info:
        numbers = _of_items(file)
    if numbers == (1, 13):
        info.pop("icc_profile", None)
    elif numbers is not None and (profile := profile_of(*numbers)) is not None:
        info["icc_profile"] = profile


def profile_of(primaries: int, transfer: int) -> bytes | None:
    """The profile of pixels in RGB of these numbers; None where that is sRGB, or nothing is known of them."""
    colours, curve = _PRIMARIES.get(primaries), _CURVES.get(transfer)
    if colours is None or curve is None or (primaries == 1 and curve in (_SRGB, 2.2)):
        return None
    tags = {b"wtpt": _xyz(_WHITE)}
    for name, colour in zip((b"r", b"g", b"b"), colours, strict=True):
        tags |= {name + b"XYZ": _xyz(colour), name + b"TRC": _curve(curve)}
    return _profile(tags)


def _of_png(file: IO[bytes]) -> tuple[int, int] | None:
    file.seek(len(_PNG))
    while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"cICP" and length == 4:
            body = file.read(4)
            # Of RGB (0) in full range (1), as the specification has it.
            return (body[0], body[1]) if body[2:] == b"\0\1" else None
        file.seek(length + 4, 1)
    return None


def _of_items(file: IO[bytes]) -> tuple[int, int] | None:
    known = describe(file)
    for body in known.of(known.main, b"colr"):
        if body[:4] == b"nclx" and len(body) >= 8:
            return struct.unpack(">HH", body[4:8])
    return None


def _fixed(values: Sequence[float]) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _curve(curve: float | Sequence[float]) -> bytes:
    kind, values = (0, (curve,)) if isinstance(curve, float) else (3, curve)
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + _fixed(values)


def _profile(tags: Mapping[bytes, bytes]) -> bytes:
    """A profile of a display with these tags (ICC.1:2022, 7)."""
    at, entries, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        entries += name + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I", at + len(body)) + bytes(4) + b"\x04\x30\0\0mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    return (head + _fixed(_WHITE)).ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + body
