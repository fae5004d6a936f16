"""Who is on the page: what each has under way, and which files are theirs."""

from __future__ import annotations

import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Visitors:
    """Visitors by the name of their session. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, set[threading.Event]] = defaultdict(set)
        self._files: dict[str, set[Path]] = defaultdict(set)
        self._farewells: dict[str, set[Callable[[str], object]]] = defaultdict(set)
        self._everybodys: set[Path] = set()

    def spare(self, folder: Path) -> None:
        """What lies in `folder` now is nobody's own: the page's examples."""
        with self._lock:
            self._everybodys = {path for path in folder.rglob("*") if path.is_file()}

    @property
    def busy(self) -> int:
        """How many pieces of work are under way."""
        with self._lock:
            return sum(map(len, self._running.values()))

    @contextmanager
    def working(self, visitor: str) -> Iterator[threading.Event]:
        """An event that `stop` sets while the `visitor`'s work is done in the block."""
        stopped = threading.Event()
        with self._lock:
            self._running[visitor].add(stopped)
        try:
            yield stopped
        finally:
            with self._lock:
                self._running[visitor].discard(stopped)
                if not self._running[visitor]:
                    del self._running[visitor]

    def stop(self, visitor: str) -> int:
        """Stop what `visitor` has under way, after the frames now being computed; returns how many that was."""
        with self._lock:
            running = list(self._running.get(visitor, ()))
        for stopped in running:
            stopped.set()
        return len(running)

    def owns(self, visitor: str, *files: str | Path | None) -> None:
        """These files, or folders, go when `visitor` leaves, unless they are somebody else's too: Gradio stores equal
        uploads once.
        """
        with self._lock:
            self._files[visitor].update(Path(file) for file in files if file)

    def at_leave(self, visitor: str, farewell: Callable[[str], object]) -> None:
        """Call `farewell` with `visitor` when they leave; the same one once."""
        with self._lock:
            self._farewells[visitor].add(farewell)

    def leave(self, visitor: str, within: Path) -> None:
        """Stop the visitor's work and delete those of their files that lie in the folder `within`."""
        self.stop(visitor)
        with self._lock:
            farewells = self._farewells.pop(visitor, set())
        for farewell in farewells:
            farewell(visitor)
        with self._lock:  # until they are gone: who claims one of them meanwhile must not lose it
            mine = self._files.pop(visitor, set())
            for path in mine.difference(self._everybodys, *self._files.values()):
                if not path.resolve().is_relative_to(within.resolve()):
                    continue
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
