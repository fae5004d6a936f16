"""Graphs in files that are kept small."""

from __future__ import annotations

import os
from pathlib import Path


def content(path: Path) -> bytes | str:
    """The graph in a file that is compressed (.xz); the name of one that is not."""
    if path.suffix != ".xz":
        return os.fspath(path)
    import lzma  # here: few graphs need it

    return lzma.decompress(path.read_bytes())
