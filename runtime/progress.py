"""How far the work has come, told to whoever wants to know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int | None], object]
"""Called with the number of frames done and, where it is known, of all; an exception from it stops the work."""


@contextmanager
def progress_bar(progress: bool | Progress, total: int | None) -> Iterator[Progress]:
    """The function to report to: the caller's, a bar's on stderr, or one that does nothing."""
    if callable(progress):
        yield progress
        return
    from tqdm import tqdm  # here: only those who watch need it

    with tqdm(total=total, unit=" frames", disable=not progress, leave=True) as bar:
        yield lambda done, _: bar.update(done - bar.n)
