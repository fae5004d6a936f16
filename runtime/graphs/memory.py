"""What keeps memory small: one arena for all sessions, and what a process of our own does beside, with which a library
has no business in somebody else's.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from functools import cache
from threading import Lock

import onnxruntime as ort

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


def give_back() -> None:
    """Give the system what was freed and glibc keeps, as after opening large graphs: 400 of 1000 MB where weights are
    stored in 16 bits, and 120 of 700 where not. Nothing happens where there is no glibc.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def share_arena() -> None:
    """From now on there is an arena of memory on the CPU for all sessions of this process that ask for it, as ours do,
    and nobody else's. Each would keep one of its own, as large as it ever needed: what encoding a source took, and what
    folding weights left behind, would not be there for rendering. A third of all that an animation takes.
    """
    with _sharing:
        _share()


_sharing = Lock()


@cache
def _share() -> None:
    kind, usual = ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, None
    ort.create_and_register_allocator(ort.OrtMemoryInfo("Cpu", kind, 0, ort.OrtMemType.DEFAULT), usual)
