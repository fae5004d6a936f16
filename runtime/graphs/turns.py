"""One thread for every two cores computes in Python, and lets the others have their turn while a graph runs.

A frame is some hundred small steps of numpy. Each lets go of the interpreter and takes it back, and where two threads
take such steps side by side, each step hands it to the other one: that took as much time as the steps themselves. Who
takes turns does all steps up to the next graph undisturbed, while the graphs of other threads run on other cores.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from runtime.graphs.cores import available_cores

P = ParamSpec("P")
T = TypeVar("T")


def in_turn(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, computed when it is its thread's turn. It must not wait for what another thread does in its turn,
    unless it is `aside` meanwhile.
    """

    @wraps(function)
    def taken(*arguments: P.args, **keywords: P.kwargs) -> T:
        if _mine.held:
            return function(*arguments, **keywords)
        with _turn:
            _mine.held = True
            try:
                return function(*arguments, **keywords)
            finally:
                _mine.held = False

    return taken


@contextmanager
def aside() -> Iterator[None]:
    """Others may have their turn meanwhile; afterwards it is this thread's again, if it was."""
    if not _mine.held:
        yield
        return
    _mine.held = False
    _turn.release()
    try:
        yield
    finally:
        _turn.acquire()
        _mine.held = True


class _Mine(threading.local):
    held = False


def _turns() -> threading.Semaphore:
    """As many as there are pairs of cores: large pictures are long steps, which many cores do side by side."""
    return threading.Semaphore(max(1, available_cores() // 2))


_turn, _mine = _turns(), _Mine()


def _renew() -> None:
    global _turn, _mine
    _turn, _mine = _turns(), _Mine()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)  # the thread whose turn it was did not survive the fork
