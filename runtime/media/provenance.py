"""The mark of what is generated, inside the files themselves: for people, for programs that read XMP, for ffmpeg.

Every result carries it; there is no switch. It says, in the words of IPTC, that a trained model changed a real picture.
It is metadata: whoever converts a file may lose it, for which a signature (`runtime.media.signing`) and a visible label
(`runtime.result.label`) are there.
"""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from pathlib import Path

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's term for real pictures changed by a trained model."""

STATEMENT = "AI-generated: a still picture animated by a neural network"

COMMENT = f"AI-generated with Bunraku; DigitalSourceType: {DIGITAL_SOURCE_TYPE}"

_XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 Iptc4xmpExt:DigitalSourceType="{DIGITAL_SOURCE_TYPE}" xmp:CreatorTool="Bunraku">
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{STATEMENT}</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>""".encode()

_XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""Identifies the box that holds XMP in files of the MP4 family (XMP specification, part 3)."""

_VP8X_XMP = 0x04


def ffmpeg_marks() -> list[str]:
    """Arguments that make ffmpeg write the mark as the tags of a container."""
    return ["-metadata", f"comment={COMMENT}", "-metadata", f"description={STATEMENT}"]


def mark(path: Path) -> None:
    """Put the mark into the finished file `path`, as XMP: MP4 and its kin, GIF, WebP and PNG by their first bytes.

    Other kinds, whose tags ffmpeg has written, are left as they are. Takes little memory, however large the file is.
    Raises `OSError` when it cannot be changed.
    """
    with path.open("rb") as file:
        head = file.read(64)
    if head[4:8] == b"ftyp":
        _append_box(path)
    elif head.startswith(b"GIF8"):
        palette = 3 << ((head[10] & 7) + 1) if head[10] & 0x80 else 0
        _insert(path, 13 + palette, _gif_blocks())
    elif head.startswith(b"\x89PNG"):
        _insert(path, 33, _png_texts())
    elif head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        if head[12:16] != b"VP8X":
            _insert(path, 12, _vp8x(head[12:]))
        _append_chunk(path)


def _insert(path: Path, at: int, data: bytes) -> None:
    """Put `data` into the file in front of the byte number `at`."""
    aside = path.with_name(f"{path.name}.part")
    try:
        with path.open("rb") as old, aside.open("wb") as new:
            new.write(old.read(at) + data)
            shutil.copyfileobj(old, new)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _append_box(path: Path) -> None:
    """A box of the MP4 family; at the end it moves nothing else."""
    body = b"uuid" + _XMP_BOX + _XMP
    with path.open("ab") as file:
        file.write(struct.pack(">I", 4 + len(body)) + body)


def _gif_blocks() -> bytes:
    """A comment, and XMP as an application extension."""
    text = COMMENT.encode()
    comment = b"!\xfe" + bytes([len(text)]) + text + b"\0"
    # Programs that do not know XMP must land on its end from wherever their block lengths lead them.
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    return comment + b"!\xff\x0bXMP DataXMP" + _XMP + trailer


def _png_texts() -> bytes:
    texts = {b"Comment": COMMENT.encode(), b"XML:com.adobe.xmp": _XMP}
    return b"".join(_png_chunk(b"iTXt", name + b"\0\0\0\0\0" + text) for name, text in texts.items())


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _append_chunk(path: Path) -> None:
    """The chunk of a WebP file that holds XMP, announced in its extended header."""
    with path.open("r+b") as file:
        file.seek(20)
        flags = file.read(1)[0]
        file.seek(20)
        file.write(bytes([flags | _VP8X_XMP]))
        file.seek(0, os.SEEK_END)
        file.write(b"XMP " + struct.pack("<I", len(_XMP)) + _XMP + b"\0" * (len(_XMP) % 2))
        size = file.tell()
        file.seek(4)
        file.write(struct.pack("<I", size - 8))


def _vp8x(chunk: bytes) -> bytes:
    """The extended header for a file whose first `chunk` holds one still picture."""
    if chunk[:4] == b"VP8L":
        bits = int.from_bytes(chunk[9:13], "little")
        width, height, alpha = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bits >> 28 & 1
    else:
        width, height = (value & 0x3FFF for value in struct.unpack("<HH", chunk[14:18]))
        alpha = 0
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X" + struct.pack("<II", 10, alpha << 4) + size
