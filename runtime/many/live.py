"""A webcam loop with bounded latency: the newest frame is shown, and what comes meanwhile is dropped, never queued.

live(animator, camera_frames, show)

`camera_frames` is any iterable of pictures and `show` any function; `runtime.many.live_devices` has both for real
machines.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from runtime.animator import Animator
from runtime.media.picture import Picture
from runtime.values import Bytes

T = TypeVar("T")

Show = Callable[[Bytes], object]
"""Called with each result, uint8 (height, width, 3) in RGB; what it returns is left alone but for `STOP`."""

STOP = object()
"""What a `Show` returns to end the loop: its window was closed."""

RESET = object()
"""What it returns to count the motion from the next frame's pose on."""

CALM = 0.3
"""Smoothing of webcams, which are noisy."""

_POLL = 0.1
"""Seconds after which the loop looks whether it was interrupted."""

_KEPT = 1000
"""Latencies that are remembered."""


class Latest(Generic[T]):
    """Reads `items` in a thread of its own and holds the newest one only. Use as a context manager."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items = items
        self._ready = threading.Condition()
        self._slot: tuple[T, float] | None = None
        self._error: BaseException | None = None
        self._ended = False
        self._wanted = True
        self.read = 0
        """Items that have come so far."""
        self._thread = threading.Thread(target=self._work, name="latest", daemon=True)

    def __enter__(self) -> Latest[T]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wanted = False
        self._thread.join()

    def take(self) -> tuple[T, float] | None:
        """The newest item that was not taken yet, and when it came (`time.monotonic`); waits for one.

        None at the end. Raises what reading the items raised.
        """
        with self._ready:
            while self._slot is None and not self._ended:
                self._ready.wait(_POLL)
            slot, self._slot = self._slot, None
            if slot is None and self._error is not None:
                raise self._error
            return slot

    def _work(self) -> None:
        iterator = iter(self._items)
        try:
            for item in iterator:
                with self._ready:
                    self._slot = (item, time.monotonic())
                    self.read += 1
                    self._ready.notify()
                if not self._wanted:
                    break
        except BaseException as error:  # raised again in the thread that takes
            self._error = error
        finally:
            if close := getattr(iterator, "close", None):
                close()
            with self._ready:
                self._ended = True
                self._ready.notify()


@dataclass
class Session:
    """What came of a live loop."""

    read: int = 0
    """Frames that the camera gave."""
    shown: int = 0
    """Frames that were shown; the others were dropped."""
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds from a frame's arrival until it had been shown, of the last thousand."""

    @property
    def fps(self) -> float:
        """Frames shown a second."""
        return self.shown / self.seconds if self.seconds else 0.0

    @property
    def latency(self) -> float:
        """Median of the latencies."""
        return float(np.median(self.latencies)) if self.latencies else 0.0

    @property
    def worst(self) -> float:
        """Largest of the latencies."""
        return max(self.latencies, default=0.0)


def live(animator: Animator, frames: Iterable[Picture], show: Show, *, seconds: float | None = None) -> Session:
    """Move the animator's source as the pictures of `frames` move, until they end, `show` returns `STOP`, or after
    `seconds`.

    `frames` is read in a thread of its own, as fast as it gives them; a frame waits at most until the one in work
    is shown, so that the latency stays below twice the time for one. Raises what reading, animating and showing raise.
    """
    session = Session()
    animator.hasten()
    begin = time.monotonic()
    with Latest(frames) as latest:
        while seconds is None or time.monotonic() - begin < seconds:
            taken = latest.take()
            if taken is None:
                break
            picture, came = taken
            answer = show(animator.frame(picture))
            session.shown += 1
            session.latencies = [*session.latencies[1 - _KEPT :], time.monotonic() - came]
            if answer is STOP:
                break
            if answer is RESET:
                animator.reset()
    session.read, session.seconds = latest.read, time.monotonic() - begin
    return session
