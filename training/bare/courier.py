"""Brings a run's files home again and again, so that whatever ends it, little of what it learned is lost."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.bare.carried import Limits, hand_out, pack

OVERTIME = 3
"""Exit status of a run that the watchdog had to end."""


class Courier:
    """Packs the files of the run in `work` into `output`, whenever asked to, and once more before it is too late."""

    def __init__(self, work: Path, output: Path, limits: Limits, clips: dict[str, Any], chunk: int = 1) -> None:
        """`clips`: what the data are; `chunk`: which lot of files is handed out (see `carried.hand_out`)."""
        self.work = work
        self.output = output
        self.limits = limits
        self.clips = clips
        self.chunk = chunk
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._handed: set[str] = set()

    def send(self) -> str:
        """Pack what lies in the run's folder now; returns a line about it."""
        with self._lock:
            files, how = pack(self.work, self.clips, self.limits)
            lots = hand_out(files, self.output, self.chunk, self.limits)
            known = {path.name for path in files}
            for name in self._handed - known:  # parts of an older state, older pictures: the new ones are there by now
                (self.output / name).unlink(missing_ok=True)
            self._handed = known
            return f"state: {how}; lot {self.chunk} of {lots} is in {self.output}"

    def watch(self, deadline: float, end: Callable[[int], object] = os._exit) -> None:
        """From now on, when `time.monotonic()` shows `deadline` and `close` was not called: send, and end the process.

        Something hangs then, and what is on disk would be lost with the machine.
        """

        def run() -> None:
            if self._closed.wait(max(0.0, deadline - time.monotonic())):
                return
            try:
                print(f"the time is over and the run has not ended; {self.send()}", flush=True)
            except Exception as error:  # nothing is left to be done about it
                print(f"the time is over, and packing failed: {error}", flush=True)
            if not self._closed.is_set():
                end(OVERTIME)

        threading.Thread(target=run, daemon=True).start()

    def close(self) -> None:
        """All is done: the watchdog lets go."""
        self._closed.set()
