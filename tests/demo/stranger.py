"""A client that keeps to no rule: calls any event of a page by its number, with anything in its fields."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

API = "/gradio_api"
FILES = ("image", "video", "file")
"""Kinds of fields that take files."""


class Stranger:
    """One session on the page at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = secrets.token_hex(6)

    @cached_property
    def config(self) -> dict[str, Any]:
        return json.loads(self.get("/config")[1])

    @cached_property
    def fields(self) -> dict[int, dict[str, Any]]:
        """The page's components by their numbers."""
        return {each["id"]: each for each in self.config["components"]}

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event there is, without a name or private, too; those that only the browser runs left out."""
        return [each for each in self.config["dependencies"] if each["backend_fn"]]

    def named(self, *names: str) -> list[dict[str, Any]]:
        """Events by the names of their functions (Gradio adds a number to the second of a name)."""
        return [each for each in self.events if function(each) in names]

    def kinds(self, event: dict[str, Any]) -> list[str]:
        return [self.fields[number]["type"] for number in event["inputs"]]

    def usual(self, event: dict[str, Any]) -> list[Any]:
        """What the browser would send first."""
        return [self.fields[number]["props"].get("value") for number in event["inputs"]]

    def call(self, event: dict[str, Any], data: list[Any]) -> dict[str, Any]:
        """The answer to an event: its output, or {"error": ...}."""
        if not event["queue"]:
            return dict(json.loads(self.post("/run/predict", self._body(event, data))[1]))
        self.join(event, data)
        return self.answer()

    def join(self, event: dict[str, Any], data: list[Any]) -> str:
        """Take a place in the queue."""
        status, text = self.post("/queue/join", self._body(event, data))
        assert status == 200, text
        return str(json.loads(text)["event_id"])

    def listen(self) -> Any:
        """The open connection on which answers come."""
        return urllib.request.urlopen(f"{self.url}{API}/queue/data?session_hash={self.session}", timeout=60)

    def answer(self) -> dict[str, Any]:
        with self.listen() as stream:
            for message in messages(stream):
                if message["msg"] == "process_streaming":  # a webcam's: it would go on
                    self.post(f"/stream/{message['event_id']}/close", {})
                if message["msg"] in ("process_completed", "process_streaming"):
                    return dict(message["output"])
        raise AssertionError("no answer")

    def leave(self) -> None:
        """Go, as a browser that is closed."""
        with urllib.request.urlopen(f"{self.url}{API}/heartbeat/{self.session}", timeout=60) as heart:
            heart.readline()
        heart.close()

    def _body(self, event: dict[str, Any], data: list[Any]) -> dict[str, Any]:
        clicked = {"index": [1, 1], "value": None, "selected": True}
        return {
            "fn_index": event["id"],
            "data": data,
            "session_hash": self.session,
            "event_data": clicked,
            "trigger_id": event["targets"][0][0] if event["targets"] else None,
        }

    def upload(self, file: Path) -> str:
        """The path under which the page says that it keeps the file."""
        edge = secrets.token_hex(8)
        head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{file.name}"\r\n\r\n'
        body = head.encode() + file.read_bytes() + f"\r\n--{edge}--\r\n".encode()
        status, text = self._ask("/upload", body, f"multipart/form-data; boundary={edge}")
        assert status == 200, text
        return str(json.loads(text)[0])

    def get(self, path: str) -> tuple[int, str]:
        return self._ask(path, None, "")

    def post(self, path: str, body: Any) -> tuple[int, str]:
        return self._ask(path, json.dumps(body).encode(), "application/json")

    def _ask(self, path: str, body: bytes | None, kind: str) -> tuple[int, str]:
        prefix = "" if path == "/config" else API
        request = urllib.request.Request(self.url + prefix + path, body, {"Content-Type": kind} if kind else {})
        try:
            with urllib.request.urlopen(request, timeout=60) as found:
                return int(found.status), found.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            return int(error.code), error.read().decode("utf-8", "replace")


def function(event: dict[str, Any]) -> str:
    """The name of what an event calls."""
    return str(event["api_name"]).rstrip("_0123456789")


def messages(stream: Any) -> Iterator[dict[str, Any]]:
    """What comes on a connection that listens."""
    for line in stream:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def file(path: object, **more: Any) -> dict[str, Any]:
    """A file as Gradio's clients name one."""
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}} | more
