"""What a process of our own does to stay small; a library has no business doing it to somebody else's."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_ARENA_MAX = -8
"""glibc's M_ARENA_MAX."""
_ARENAS = 2


def stay_small() -> None:
    """Let threads share what they free. glibc gives each of them an arena of its own, and what the many short-lived
    ones here have freed in theirs, nobody else gets: 45 of 360 MB. Nothing happens where there is no glibc.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)
