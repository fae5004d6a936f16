"""The thread that opens the first session of a process, and starts the threads that open others and run them.

ONNX Runtime flushes denormals to zero in the thread that opens the first session of a process, for good, and in the
session's own threads. Threads inherit this from the one that starts them (on Linux); the caller's arithmetic, which is
none of ours, is left as it is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def in_opener(function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    """What `function` returns or raises, called in the opener. Meanwhile the caller can notice ctrl-C."""
    return _opener.submit(function, *arguments, **keywords).result()


def workers(count: int) -> Executor:
    """A pool whose threads are all started, by the thread that calls this."""
    pool = ThreadPoolExecutor(max_workers=count, thread_name_prefix="onnxruntime")
    together = threading.Barrier(count)
    for started in [pool.submit(together.wait) for _ in range(count)]:
        started.result()
    return pool


def _new_opener() -> Executor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="bunraku-open")


_opener = _new_opener()


def _reopen() -> None:
    global _opener
    _opener = _new_opener()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reopen)  # threads do not survive a fork
