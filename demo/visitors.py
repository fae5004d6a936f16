"""Who is on the page: what each has under way, and which files are theirs."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Visitors:
    """Visitors by the name of their session. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, set[threading.Event]] = defaultdict(set)
        self._files: dict[str, set[Path]] = defaultdict(set)
        self._homes: dict[str, set[Path]] = defaultdict(set)
        self._results: dict[str, Path] = {}
        self._farewells: dict[str, set[Callable[[str], object]]] = defaultdict(set)
        self._everybodys: frozenset[Path] = frozenset()
        self._closed = False

    def spare(self, files: Iterable[Path]) -> None:
        """These are nobody's own: the page's examples."""
        with self._lock:
            self._everybodys = frozenset(files)

    @property
    def spared(self) -> frozenset[Path]:
        """What nobody's leaving, and no sweep, takes away."""
        return self._everybodys

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
            if self._closed:
                stopped.set()
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

    def close(self) -> None:
        """Stop everybody's work, and what is begun from now on."""
        with self._lock:
            self._closed = True
            visitors = list(self._running)
        for visitor in visitors:
            self.stop(visitor)

    def home(self, visitor: str, within: Path) -> Path:
        """A new folder in `within`, under a name that nobody can guess, for what is made for `visitor`; it goes when
        they leave.
        """
        home = within / secrets.token_hex(16)
        home.mkdir(parents=True)
        with self._lock:
            self._homes[visitor].add(home)
        return home

    def owns(self, visitor: str, *files: str | Path | None) -> None:
        """These files go when `visitor` leaves, unless they are somebody else's too. Only for files that the page has
        admitted as uploads (`demo.gate`); a folder that is named here stays.
        """
        with self._lock:
            self._files[visitor].update(Path(file) for file in files if file)

    def keep(self, visitor: str, result: Path | None) -> None:
        """The `result` is what the visitor has made last; None for nothing."""
        with self._lock:
            if result is None:
                self._results.pop(visitor, None)
            else:
                self._results[visitor] = result

    def result(self, visitor: str) -> Path | None:
        """What the visitor has made last, while it is still there."""
        with self._lock:
            found = self._results.get(visitor)
        return found if found is not None and found.is_file() else None

    def at_leave(self, visitor: str, farewell: Callable[[str], object]) -> None:
        """Call `farewell` with `visitor` when they leave; the same one once."""
        with self._lock:
            self._farewells[visitor].add(farewell)

    def leave(self, visitor: str, within: Path) -> None:
        """Stop the visitor's work and delete what was made for them, and those of their files that lie in the folder
        `within`.
        """
        self.stop(visitor)
        with self._lock:
            farewells = self._farewells.pop(visitor, set())
        for farewell in farewells:
            farewell(visitor)
        with self._lock:  # until they are gone: who claims one of them meanwhile must not lose it
            self._results.pop(visitor, None)
            for home in self._homes.pop(visitor, ()):
                shutil.rmtree(home, ignore_errors=True)
            mine = self._files.pop(visitor, set())
            others = {home for homes in self._homes.values() for home in homes}
            for path in mine.difference(self._everybodys, *self._files.values()):
                if path.parent not in others and path.resolve().is_relative_to(within.resolve()):
                    _remove(path, within)

    def forget_gone(self) -> None:
        """Let go of the names of what is not there any more: scripts never leave."""
        with self._lock:
            for owned in (self._files, self._homes):
                for visitor in list(owned):
                    owned[visitor] = {path for path in owned[visitor] if path.exists()}
                    if not owned[visitor]:
                        del owned[visitor]
            self._results = {visitor: path for visitor, path in self._results.items() if path.exists()}


def _remove(file: Path, within: Path) -> None:
    """Delete a file, and its folder below `within` if that is empty then."""
    with contextlib.suppress(OSError):  # gone already, or none
        file.unlink()
    if file.parent != within:
        with contextlib.suppress(OSError):
            file.parent.rmdir()
