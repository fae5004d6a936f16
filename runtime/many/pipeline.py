"""Two small pieces that let decoding, inference and encoding overlap, with bounded memory.

Errors cross the threads as they are: what fails in a thread is raised in the one that uses it.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL = 0.1
"""Seconds after which a blocked thread looks whether it is still wanted."""


@contextmanager
def prefetch(items: Iterable[T], depth: int) -> Iterator[Iterator[T]]:
    """Iterate over `items` in a thread of its own, at most `depth` items ahead.

    The iterator must be used inside the `with` block; leaving it stops the thread and closes `items` (in that
    thread) if it is a generator.
    """
    queue: Queue[tuple[bool, T | BaseException | None]] = Queue(maxsize=depth)
    stop = threading.Event()

    def put(entry: tuple[bool, T | BaseException | None]) -> None:
        while not stop.is_set():
            try:
                return queue.put(entry, timeout=_POLL)
            except Full:
                continue
        return None

    def work() -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                put((True, item))
                if stop.is_set():
                    break
            else:
                put((False, None))
        except BaseException as error:  # raised again in the thread that reads
            put((False, error))
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    def read() -> Iterator[T]:
        while True:
            is_item, value = queue.get()
            if is_item:
                yield value  # type: ignore[misc]
            elif isinstance(value, BaseException):
                raise value
            else:
                return

    # With the caller's context, so that what is warned of in there reaches whoever listens out here.
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), name="prefetch", daemon=True)
    thread.start()
    try:
        yield read()
    finally:
        stop.set()
        thread.join()


class Sink(Generic[T]):
    """Calls `consume` on every item in a thread of its own, with at most `depth` items waiting.

    Use as a context manager: leaving it normally waits for the last item and raises what failed; leaving it
    by an exception drops what waits.
    """

    def __init__(self, consume: Callable[[T], object], depth: int) -> None:
        self._consume = consume
        self._queue: Queue[T] = Queue(maxsize=depth)
        self._error: BaseException | None = None
        self._finished = threading.Event()  # no more items will come
        self._aborted = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sink", daemon=True)

    def __enter__(self) -> Sink[T]:
        self._thread.start()
        return self

    def put(self, item: T) -> None:
        """Hand over one item, waiting for room. Raises what `consume` raised on an earlier one."""
        while True:
            if self._error is not None:
                raise self._error
            try:
                return self._queue.put(item, timeout=_POLL)
            except Full:
                continue

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._finished.set()
        if kind is not None:
            self._aborted.set()
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            while not self._aborted.is_set():
                try:
                    item = self._queue.get(timeout=_POLL)
                except Empty:
                    if self._finished.is_set():
                        return
                    continue
                self._consume(item)
        except BaseException as error:  # raised again in the thread that feeds
            self._error = error
