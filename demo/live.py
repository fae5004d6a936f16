"""Webcams that move photos: one animator for each visitor, one frame in, one frame out."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from PIL import Image

from checkpoints.contract import Mode
from demo import notices
from runtime import Animator, Engine
from runtime.control.parts import ALL, check_parts
from runtime.framing.search import search_faces
from runtime.many.live import CALM
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.values import Bytes

_KEPT = 16
"""Visitors whose animator is remembered; who comes back after more others starts anew."""
_LOOK = 0.5
"""Seconds between two looks whether there is still a face."""
_MISSED = 3
"""Looks in vain after which nobody is there any more: a hand before the face passes."""
_MEMORY = 0.9
"""Weight of the past in the mean time between frames."""


@dataclass
class _Session:
    key: tuple[object, ...]
    animator: Animator
    lock: threading.Lock = field(default_factory=threading.Lock)
    present: bool = False
    looked: float = 0.0
    missed: int = 0
    last: float | None = None
    interval: float | None = None


@dataclass(frozen=True)
class Moved:
    """One answer to one picture of a webcam."""

    frame: Bytes
    """uint8 (R, R, 3)."""
    seconds: float
    """What it took to make."""
    rate: float | None
    """Answers a second, lately; None for the first one."""
    face: bool = True
    """Whether there is a face that it follows; without one the photo rests."""


class Live:
    """The animators of the visitors who are live. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}

    def move(
        self,
        visitor: str,
        engine: Engine,
        photo: str,
        camera: Bytes,
        *,
        mode: Mode,
        strength: float,
        parts: str = ALL,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Moved:
        """The file `photo` in the pose of `camera`, uint8 (H, W, 3); the first frame of a visitor, a photo or a mode is
        the pose that the relative mode counts from: with models of faces, the first one that shows a face, and anew
        after there was none. Raises a `BunrakuError`, also for a photo beyond the `limits`.
        """
        session = self._session(visitor, engine, photo, mode, limits)
        with session.lock, notices.heard():  # frames of one visitor in order; what is said, the page says
            started = time.perf_counter()
            check_parts(parts)
            session.animator.strength, session.animator.parts = strength, parts
            face = _present(session, camera, started)
            frame = session.animator.frame(camera) if face else session.animator.still
            now = time.perf_counter()
            if session.last is not None:
                interval = min(now - session.last, 2.0)
                before = session.interval if session.interval is not None else interval
                session.interval = _MEMORY * before + (1 - _MEMORY) * interval
            session.last = now
        return Moved(frame, now - started, 1 / session.interval if session.interval else None, face)

    def rest(self, visitor: str) -> None:
        """The visitor's next frame is the resting pose, and where the face is looked for again."""
        with self._lock:
            session = self._sessions.get(visitor)
        if session is not None:
            with session.lock:
                session.animator.reset()

    def forget(self, visitor: str) -> None:
        """Drop the visitor's animator."""
        with self._lock:
            self._sessions.pop(visitor, None)

    def _session(self, visitor: str, engine: Engine, photo: str, mode: Mode, limits: Limits) -> _Session:
        key = (id(engine), photo, mode)
        with self._lock:
            session = self._sessions.get(visitor)
            if session is not None and session.key == key:
                return session
        animator = Animator(engine, mode=mode, smoothing=CALM, fps=10.0, limits=limits)
        animator.set_source(photo)
        animator.hasten()
        session = _Session(key, animator)
        with self._lock:
            self._sessions.pop(visitor, None)
            self._sessions[visitor] = session
            while len(self._sessions) > _KEPT:
                self._sessions.pop(next(iter(self._sessions)))
        return session


def _present(session: _Session, camera: Bytes, now: float) -> bool:
    """Whether somebody is before the camera, for models of faces; when they come, their motion counts anew."""
    if not session.animator.framer.framing.watches_faces:
        return True
    if session.present and now - session.looked < _LOOK:
        return True
    session.looked = now
    if search_faces(Image.fromarray(camera), levels=2):
        if not session.present:
            session.animator.reset()
        session.present, session.missed = True, 0
    else:
        session.missed += 1
        session.present = session.present and session.missed < _MISSED
    return session.present
