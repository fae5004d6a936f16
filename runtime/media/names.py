"""Names of files that are written: where a link leads, what lies beside them until they are complete, and how long
they may be.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from checkpoints.errors import OptionError

MOST_BYTES = 255
"""Of a name, on nearly every file system."""
_ASIDE_BYTES = 40
"""Of the name in what lies beside it for a while."""


def check_path(path: Any, name: str) -> None:
    """Raises `OptionError` unless the option called `name` is None or can be a path."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if text is not None and not (isinstance(text, str) and "\0" not in text):
        raise OptionError(f"{name} is {path!r}; it must be the name of a file, as text or pathlib.Path.")


def destination(path: Path) -> Path:
    """The file that `path` stands for: where it is a link, the one that it leads to, so that the link stays."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def aside(path: Path) -> str:
    """How hidden files begin that lie beside `path` until it is complete."""
    return f".{shortened(path.stem, _ASIDE_BYTES)}-"


def shortened(text: str, most: int = MOST_BYTES) -> str:
    """As much of `text` as has at most that many bytes as a part of a file's name."""
    data = os.fsencode(text)
    if len(data) <= most:
        return text
    while most and data[most] & 0xC0 == 0x80:  # never a part of a letter
        most -= 1
    return os.fsdecode(data[:most])


def joined(one: str, other: str, ending: str = "") -> str:
    """A name of both names and an `ending`, each as far as there is room."""
    room = MOST_BYTES - len(os.fsencode(f"-{ending}")) - 8  # for a number, should it be needed
    half = room // 2
    long, short = len(os.fsencode(one)), len(os.fsencode(other))
    return f"{shortened(one, max(half, room - short))}-{shortened(other, max(half, room - long))}{ending}"
