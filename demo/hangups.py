"""Who hangs up makes room: nobody waits behind, and nothing is computed for, a client that has gone.

A browser that closes says so. A script may join the queue and never ask for the answer, or stop listening half way;
Gradio would keep its place, and compute for it to the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

_LISTENING = re.compile(r"/gradio_api/(?:queue/data|call/(?:v2/)?[^/]+/(?P<event>[^/]+))/?$")
"""The addresses at which clients wait for their answers."""
_EVERY = 0.5
"""Seconds between two looks."""

BACK = 5.0
"""Seconds that who has stopped listening has to come back, ..."""
BEGIN = 60.0
"""... and who never listened to begin."""


class HangUps:
    """Knows which clients listen, and ends what the others have left behind."""

    def __init__(self, queue: Callable[[], Any], stop: Callable[[str], object]) -> None:
        """`queue` gives the page's queue, `stop` ends the work of a session."""
        self._queue, self._stop = queue, stop
        self._listening: Counter[str] = Counter()
        self._until: dict[str, float] = {}

    def around(self, app: Any) -> Any:
        """The ASGI application `app`, with its listeners known."""

        async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
            session = self._session(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
            if session is None:
                await app(scope, receive, send)
                return
            self._listening[session] += 1
            self._until.pop(session, None)
            try:
                await app(scope, receive, send)
            finally:
                self._listening[session] -= 1
                if not self._listening[session]:
                    del self._listening[session]
                    self._until[session] = time.monotonic() + BACK

        return application

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[None]:
        """While in the block, a look is taken again and again."""

        async def again() -> None:
            while True:
                await asyncio.sleep(_EVERY)
                await self._look()

        task = asyncio.create_task(again())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _look(self) -> None:
        queue, now = self._queue(), time.monotonic()
        running = [event for job in queue.active_jobs if job for event in job]
        waiting = [event for line in queue.event_queue_per_concurrency_id.values() for event in line.queue]
        silent = {event.session_hash for event in running + waiting} - set(self._listening)
        self._until = {session: self._until.get(session, now + BEGIN) for session in silent}
        for session in [each for each in silent if self._until[each] <= now]:
            await queue.clean_events(session_hash=session)
            self._stop(session)
            for event in running:
                if event.session_hash == session:  # a webcam's would wait for the next picture
                    event.run_time, event.closed = math.inf, True
                    event.signal.set()

    def _session(self, scope: dict[str, Any]) -> str | None:
        found = _LISTENING.search(scope["path"])
        if found is None:
            return None
        if found["event"] is None:
            named = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash")
            return named[0] if named else None
        event = self._queue().event_ids_to_events.get(found["event"])
        return found["event"] if event is None else str(event.session_hash)
