"""`POST /animate`: two files in, a video out, for those who have no more than curl.

It is a client of the page's own: what comes in goes through the same gate, limits and queue as everybody's, and nothing
of it stays.
"""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from gradio.route_utils import GradioMultiPartParser, GradioUploadFile, MultiPartException
from gradio_client.utils import strip_invalid_filename_characters
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from checkpoints.errors import BunrakuError, OptionError
from demo import words
from demo.fields import NAMES
from runtime.control.templates import templates
from runtime.options import Options, described, read_word

PATH = "/animate"

_FILES = ("source", "driving", "views", "drivings")
"""Fields that hold files; only the last may come several times. A motion of the engine's is named instead of a file."""
_WORDS = (*NAMES, "template", "model", "kind")
_MOST_FILES, _MOST_FIELDS = 10, 100
_API = "/gradio_api"
_EVENT = re.compile(r"^event: (complete|error)\ndata: (.*)$", re.MULTILINE)


class PlainEndpoint:
    """An ASGI application around the page's."""

    def __init__(self, app: Any, cache: Path, most_bytes: float, leave: Callable[[str], None]) -> None:
        """`cache` is the folder of uploads, none of which may have more than `most_bytes`; `leave` is told which
        session is over.
        """
        self._app, self._cache, self._most_bytes, self._leave = app, cache, most_bytes, leave

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"].rstrip("/") != PATH:
            await self._app(scope, receive, send)
            return
        home = self._cache / secrets.token_hex(16)
        inner = _Inner(self._app, Request(scope), self._leave)
        try:
            answer = await self._answer(Request(scope, receive), receive, home, inner)
            if answer is not None:
                await answer(scope, receive, send)
        finally:
            shutil.rmtree(home, ignore_errors=True)
            inner.close()

    async def _answer(self, request: Request, receive: Any, home: Path, inner: _Inner) -> Response | None:
        """The response; None to who has hung up."""
        if request.method != "POST":
            return _refusal(405, words.POST_ONLY, Allow="POST")
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            return _refusal(415, words.POST_FORM)
        try:
            values = await self._values(request, home)
        except MultiPartException as error:
            large = "maximum allowed size" in error.message
            return _refusal(413, words.POST_LARGE) if large else _refusal(400, words.POST_FORM)
        except BunrakuError as error:
            return _refusal(400, str(error))
        work = asyncio.ensure_future(inner.animate(values))
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            return work.result() if work.done() else None
        finally:
            for task in (work, gone):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _values(self, request: Request, home: Path) -> dict[str, Any]:
        """The form's, for the page's own endpoint; its files lie in `home` then. Raises `OptionError`."""
        parser = GradioMultiPartParser(
            request.headers,
            request.stream(),
            max_files=_MOST_FILES,
            max_fields=_MOST_FIELDS,
            max_file_size=self._most_bytes,
            upload_dir=self._cache,
        )
        form = await parser.parse()
        try:
            values = {name: self._value(name, form.getlist(name), home) for name in form}
            return values | ({"template": form["driving"]} if values.get("driving", 0) is None else {})
        finally:
            for part in form.values():
                if isinstance(part, GradioUploadFile):
                    part.file.close()
                    with suppress(OSError):  # those that are wanted have moved
                        os.unlink(part.file.name)

    def _value(self, name: str, parts: list[Any], home: Path) -> Any:
        if name == "driving" and parts[-1] in templates():
            return None
        if name in _FILES:
            if not all(isinstance(part, GradioUploadFile) for part in parts):
                raise OptionError(words.POST_FILE.format(name=name))
            files = [_kept(part, home) for part in parts]
            return files if name in ("views", "drivings") else files[-1]
        if name not in _WORDS:
            raise OptionError(words.POST_NAME.format(name=name, known=", ".join((*_FILES, *_WORDS))))
        if not isinstance(parts[-1], str):
            raise OptionError(words.POST_WORD.format(name=name))
        word = parts[-1]
        read = name in NAMES and described(Options)[name][1].read is None
        value = read_word(Options, name, word) if read else word
        offered = words.offered(name)
        if offered and value not in offered:
            raise OptionError(words.POST_CHOICE.format(name=name, word=word, known=", ".join(map(str, offered))))
        return value


class _Inner:
    """One call of the page's `/animate`, and what it leaves."""

    def __init__(self, app: Any, request: Request, leave: Callable[[str], None]) -> None:
        base = f"{request.url.scheme}://{request.url.netloc}"
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url=base, timeout=None)
        self._leave = leave
        self._session: str | None = None

    async def animate(self, values: dict[str, Any]) -> Response:
        """The result as a file, or what was wrong."""
        for name, sentence in (("source", words.NO_PHOTO), ("driving", words.NO_VIDEO)):
            if name not in values and not (name == "driving" and values.get("template")):
                return _refusal(400, sentence)
        async with self._client as client:
            joined = await client.post(f"{_API}/call/v2/animate", json=values)
            if joined.status_code == 503:
                return _refusal(503, words.POST_FULL, **{"Retry-After": "30"})
            if joined.is_error:
                return _refusal(400, words.UNKNOWN)
            self._session = event = str(joined.json()["event_id"])
            listened = await client.get(f"{_API}/call/animate/{event}")
        found = _EVENT.search(listened.text)
        if found is None:
            return _refusal(500, words.UNKNOWN)
        data = json.loads(found[2])
        if found[1] == "error":
            said: Any = data.get("error") if isinstance(data, dict) else data
            return _refusal(400, html.unescape(str(said or words.UNKNOWN)))
        video, _, picture = data
        result = Path((picture or video.get("video", video))["path"])
        return FileResponse(result, filename=result.name)

    def close(self) -> None:
        """Nothing of it is needed any more."""
        if self._session is not None:
            self._leave(self._session)


async def _disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _kept(part: GradioUploadFile, home: Path) -> dict[str, Any]:
    """The uploaded file in a folder of its own, as Gradio's clients name it."""
    folder = home / secrets.token_hex(8)
    folder.mkdir(parents=True)
    name = strip_invalid_filename_characters(Path(part.filename or "").name)
    path = folder / (name if name.strip(".") else "file")
    part.file.close()
    shutil.move(part.file.name, path)
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def _refusal(status: int, sentence: str, **headers: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status, headers)
