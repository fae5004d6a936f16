"""What the engine warns of while it works, as sentences for one visitor and not for another."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from checkpoints.errors import BunrakuWarning

_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


@contextmanager
def heard() -> Iterator[list[str]]:
    """The messages of every `BunrakuWarning` of this thread, and of those it starts with its context, each once.

    They are not printed then. (`warnings.catch_warnings` would hear those of all visitors.)
    """
    messages: list[str] = []
    _listen()
    token = _heard.set(messages)
    try:
        yield messages
    finally:
        _heard.reset(token)


def _listen() -> None:
    """Hand warnings to whoever listens. Again and again, since what catches warnings undoes it."""
    warnings.simplefilter("always", BunrakuWarning)  # by default a message is given once a process
    if getattr(warnings.showwarning, "page", False):
        return
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        messages = _heard.get()
        if messages is None or not issubclass(category, BunrakuWarning):
            usual(message, category, *where, **more)
        elif str(message) not in messages:
            messages.append(str(message))

    show.page = True  # type: ignore[attr-defined]
    warnings.showwarning = show
