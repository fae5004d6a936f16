"""Photos posed by hand: one animator for each visitor, who asks for one pose after another."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from demo import notices
from demo.studio import Studio
from runtime import Animator
from runtime.media.still import write_still

_KEPT = 8
"""Visitors whose animator is remembered."""


@dataclass
class _Session:
    key: tuple[object, ...]
    animator: Animator
    folder: Path
    lock: threading.Lock = field(default_factory=threading.Lock)
    last: Path | None = None
    made: int = 0


class Hand:
    """The posed photos of the visitors. Safe to share between threads."""

    def __init__(self, studio: Studio, cache: Path) -> None:
        """Pictures go into folders of their own in `cache`."""
        self._studio, self._cache = studio, cache
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def pose(self, visitor: str, photo: str, model: str | None, controls: Mapping[str, float]) -> Path:
        """The file `photo` in a pose, as a file that says what it is. The visitor's last one goes. Raises a
        `BunrakuError`.
        """
        session = self._session(visitor, photo, model)
        with session.lock:
            picture = session.animator.pose(**controls)
            session.made += 1
            path = session.folder / f"{Path(photo).stem[:100]}-pose-{session.made}.webp"
            write_still(path, picture)
            if session.last is not None:
                session.last.unlink(missing_ok=True)
            session.last = path
        return path

    def forget(self, visitor: str) -> None:
        """Drop the visitor's animator."""
        with self._lock:
            self._sessions.pop(visitor, None)

    def _session(self, visitor: str, photo: str, model: str | None) -> _Session:
        engine = self._studio.shelf.engine(model)
        key = (id(engine), photo)
        with self._lock:
            known = self._sessions.get(visitor)
        if known is not None and known.key == key and known.folder.is_dir():
            return known
        animator = Animator(engine, limits=self._studio.reading)
        with notices.heard():
            animator.set_source(photo)
        session = _Session(key, animator, self._studio.visitors.home(visitor, self._cache))
        with self._lock:
            self._sessions[visitor] = session
            self._sessions.move_to_end(visitor)
            while len(self._sessions) > _KEPT:
                self._sessions.popitem(last=False)
        self._studio.visitors.at_leave(visitor, self.forget)
        return session
