"""Uploads lie under names that nobody can guess.

Gradio names the folder of an upload after its content: whoever has the same file knows where somebody else's lies, and
could ask whether it is there, or give it out as their own. Here each upload gets a folder of its own, by chance.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PATH = "/gradio_api/upload"
_SHUT = ("/gradio_api/file=http:", "/gradio_api/file=https:", "/gradio_api/process_recording")
"""Gradio fetches files from elsewhere, and cuts videos, for anybody and past the queue; this page has no use for it."""


class Uploads:
    """An ASGI application around the page's."""

    def __init__(self, app: Any, cache: Path, shared: Callable[[Path], bool]) -> None:
        """`cache` is the folder of uploads; `shared` tells of a file there whether others need it: an example, or a
        picture that is shown, may be what somebody uploads, and then lies where Gradio has put the upload.
        """
        self._app, self._cache, self._shared = app, cache, shared

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        path = scope.get("path", "").lower()
        if any(each in path for each in _SHUT):
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        elif scope["type"] == "http" and path.rstrip("/").endswith(_PATH) and scope["method"] == "POST":
            answer = _Answer()
            await self._app(scope, receive, answer)
            await self._pass_on(answer, send)
        else:
            await self._app(scope, receive, send)

    async def _pass_on(self, answer: _Answer, send: Any) -> None:
        start, body = answer.start, bytes(answer.body)
        if start["status"] == 200:
            named = json.loads(body)
            moved = {path: str(self._moved(Path(path))) for path in dict.fromkeys(named)}  # equal ones were stored once
            body = json.dumps([moved[path] for path in named]).encode()
            headers = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
            start = {**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
        await send(start)
        await send({"type": "http.response.body", "body": body})

    def _moved(self, upload: Path) -> Path:
        """The `upload`, at the place where it now is."""
        home = self._cache / secrets.token_hex(16)
        home.mkdir(parents=True)
        moved = home / upload.name
        if self._shared(upload):
            shutil.copyfile(upload, moved)
            return moved
        os.replace(upload, moved)
        with contextlib.suppress(OSError):  # somebody else is just uploading the same
            upload.parent.rmdir()
        return moved


class _Answer:
    """Keeps a short answer instead of sending it."""

    def __init__(self) -> None:
        self.start: dict[str, Any] = {}
        self.body = bytearray()

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
