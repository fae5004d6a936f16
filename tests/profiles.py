"""Colour profiles (ICC.1:2022) for tests: of three colours, of grey, and of four inks."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence

import numpy as np

P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
"""Red, green and blue of Display P3, in XYZ as adapted to D50."""
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
GAMMA = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""sRGB's curve, of which P3 makes use too."""


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _profile(space: bytes, connection: bytes, kind: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    at, entries, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        entries += name + struct.pack(">II", at + len(body), len(data))
        body += data
    size = struct.pack(">I", at + len(body))
    head = size + bytes(4) + b"\x02\x40\0\0" + kind + space + connection + bytes(12) + b"acsp" + bytes(28)
    head += _fixed(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + body


def _curve(curve: float | Sequence[float]) -> bytes:
    if isinstance(curve, float):
        return b"curv" + bytes(4) + struct.pack(">IH", 1, round(curve * 256))
    return b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(*curve)


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*values)


def of_colours(colours: Sequence[Sequence[float]] = P3, curve: float | Sequence[float] = GAMMA) -> bytes:
    """Of pixels in RGB: what full red, green and blue are, and the curve of each."""
    tags = {b"wtpt": _xyz(0.9642, 1, 0.8249)}
    for name, colour in zip((b"r", b"g", b"b"), colours, strict=True):
        tags |= {name + b"XYZ": _xyz(*colour), name + b"TRC": _curve(curve)}
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags)


def of_grey(curve: float) -> bytes:
    """Of grey pixels whose light is their value to the power of `curve`."""
    return _profile(b"GRAY", b"XYZ ", b"mntr", {b"wtpt": _xyz(0.9642, 1, 0.8249), b"kTRC": _curve(curve)})


def of_inks(lab: Callable[[float, float, float, float], Sequence[float]]) -> bytes:
    """Of pixels in CMYK: what L, a and b each combination of inks, of none and all, has; linear in between."""
    corners = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    found = [lab(*corner) for corner in corners]
    table = b"".join(bytes(round(v) for v in (light * 2.55, a + 128, b + 128)) for light, a, b in found)
    straight = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + _fixed(*np.eye(3).ravel())
    tags = dict.fromkeys((b"A2B0", b"A2B1"), lut + 4 * straight + table + 3 * straight)
    return _profile(b"CMYK", b"Lab ", b"prtr", {b"wtpt": _xyz(0.9642, 1, 0.8249), **tags})
