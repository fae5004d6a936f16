"""Deleting what is too old, whatever it is: uploads, results, and what uploads that broke off have left.

Gradio's own sweep knows only of files that it has handed out, and ends for good at the first that it cannot remove.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from demo.visitors import Visitors

_PATIENCE = 10.0
"""Seconds that work which was told to stop has for it, before what it writes is deleted under its hands."""


def sweep(folder: Path, age: float, spared: Collection[Path] = (), now: float | None = None) -> None:
    """Delete everything in `folder` that has not changed for `age` seconds, but for the `spared` files and what cannot
    be removed. Of links the link goes, and not what it leads to.
    """
    _sweep(folder, (time.time() if now is None else now) - age, {str(path) for path in spared})


def keeping(
    folder: Path,
    visitors: Visitors,
    every: float,
    age: float,
    beside: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """A lifespan for a server: while it runs, what in `folder` is older than `age` seconds is deleted, `every` so many
    seconds, and what `beside` does is done; when it ends, nothing is left (see `end`).
    """

    def clean() -> None:
        sweep(folder, age, visitors.spared)
        visitors.forget_gone()

    async def again() -> None:
        while True:
            await asyncio.to_thread(clean)
            await asyncio.sleep(every)

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        del app
        task = asyncio.create_task(again())
        try:
            async with beside():
                yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await asyncio.to_thread(end, folder, visitors)

    return lifespan


def end(folder: Path, visitors: Visitors) -> None:
    """Stop all work, and delete everything in `folder`, and the folder itself. May be called again."""
    visitors.close()
    patience = time.monotonic() + _PATIENCE
    while visitors.busy and time.monotonic() < patience:
        time.sleep(0.02)
    sweep(folder, -math.inf)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _sweep(folder: Path, oldest: float, kept: Collection[str]) -> None:
    with contextlib.suppress(OSError):  # gone meanwhile, or not ours
        entries = list(os.scandir(folder))
        for entry in entries:
            with contextlib.suppress(OSError):
                changed = _changed(entry)  # before its own entries go, which would count as a change
                if entry.is_dir(follow_symlinks=False):
                    _sweep(Path(entry.path), oldest, kept)
                    if changed <= oldest:
                        os.rmdir(entry.path)
                elif changed <= oldest and entry.path not in kept:
                    os.unlink(entry.path)


def _changed(entry: os.DirEntry[str]) -> float:
    """When the entry itself was written, or came to where it is."""
    facts = entry.stat(follow_symlinks=False)
    return max(facts.st_mtime, facts.st_ctime)
