"""Memory of a step that the next one takes again, for training on processors.

glibc gives large blocks back to the system when they are freed, and a step asks for hundreds of them: the system then
clears every page anew, four to eight hundredths of a step's time. Kept, and in pages of 2 MiB, they cost nothing.
"""

from __future__ import annotations

import ctypes
import os

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Parameters of glibc's `mallopt` (mallopt(3), malloc.h)."""
_LARGEST = 2**31 - 1
_GROWTH = 64 * 2**20


def ask_for_huge_pages() -> None:
    """Have torch take tensors of 2 MiB and more in huge pages, where Linux gives them on request.

    Torch reads this setting with its first tensor; where somebody has set it already, it stays.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def keep_freed_memory() -> bool:
    """Have this process keep what it frees from now on; False where the C library is not glibc: nothing changes."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc: macOS, Windows, musl
        return False
    values = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _LARGEST), (_TOP_PAD, _GROWTH))
    taken = [mallopt(name, value) == 1 for name, value in values]
    return all(taken)
