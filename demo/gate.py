"""The one gate that every file named by a visitor goes through, before anything looks at it.

Every event of the page is a public endpoint, those without a name too, and Gradio trusts much of what comes in: see
docs/gradio-report.md. So what comes in is checked before Gradio sees it, and of a file nothing is passed on but where
it lies.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gradio as gr

from checkpoints.errors import InputError
from demo import words
from demo.answers import sentences

_META = {"_type": "gradio.FileData"}
_FILES = (gr.Image, gr.Video, gr.File)
"""The fields of this page that take files; the others take words, numbers and lists of them."""
_DEEP = 2
"""Parts of the path of an upload below the folder of uploads: a folder of its own, and its name."""

_SERVED = re.compile(r"https?://[^/]+(?:/[^=]*)?/gradio_api/file=(?P<path>.+)", re.IGNORECASE | re.DOTALL)

Claim = Callable[[str, Path], None]
"""Told who (a session) has shown which of the uploads."""


class Gate:
    """Lets in what was uploaded, and the page's own examples, which lie there too."""

    def __init__(self, cache: Path) -> None:
        """`cache` is the folder of uploads."""
        self._cache = Path(os.path.abspath(cache))

    def admit(self, path: object) -> Path:
        """The uploaded file that `path` names, or the address at which this page serves it: assistants have no other
        word for a file (MCP). Raises `InputError`, always with the same words, for anything else, whether it exists or
        not; what lies outside is not even looked at, and no address is asked for anything.
        """
        if isinstance(path, str) and (served := _SERVED.fullmatch(path)):
            path = unquote(served["path"])
        if not isinstance(path, str) or "\0" in path or not Path(os.path.abspath(path)).is_relative_to(self._cache):
            raise InputError(words.REFUSED)
        try:
            root, found = self._cache.resolve(), Path(path).resolve()
            inside = found.relative_to(root)
            regular = stat.S_ISREG(found.lstat().st_mode)
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(words.REFUSED) from error
        if not regular or len(inside.parts) < _DEEP:
            raise InputError(words.REFUSED)
        return self._cache / inside

    def checked(self, fields: Sequence[object], values: Sequence[Any], claim: Callable[[Path], None]) -> list[Any]:
        """The `values` that a client has sent for these `fields`, with nothing of a file but its admitted path, which
        `claim` is told. Raises `InputError`.
        """
        pairs = zip_longest(fields, values) if len(values) > len(fields) else zip(fields, values, strict=False)
        return [self._value(field, value, claim) for field, value in pairs]

    def _value(self, field: object, value: Any, claim: Callable[[Path], None]) -> Any:
        if not isinstance(field, _FILES):
            _check_plain(value)
            return value
        if isinstance(field, gr.File) and isinstance(value, list):
            return [self._file(each, claim) for each in value]
        if getattr(field, "streaming", False) and isinstance(value, dict) and not value.get("path"):
            return _drawn(value.get("url"))
        return None if value is None else self._file(value, claim)

    def _file(self, value: Any, claim: Callable[[Path], None]) -> dict[str, Any]:
        path = self.admit(value.get("path") if isinstance(value, dict) else None)
        claim(path)
        return {"path": str(path), "orig_name": path.name, "meta": dict(_META)}


def _drawn(url: object) -> dict[str, Any]:
    """A camera's picture that comes without a file; a web address is none."""
    if not isinstance(url, str) or not url.startswith("data:"):
        raise InputError(words.REFUSED)
    return {"url": url, "meta": dict(_META)}


def _check_plain(value: Any) -> None:
    """Raises `InputError` where words and numbers are wanted, and there is something that can name a file."""
    if isinstance(value, dict):
        raise InputError(words.REFUSED)
    if isinstance(value, list):
        for each in value:
            if isinstance(each, dict | list):
                raise InputError(words.REFUSED)


def _unclaimed(path: Path) -> None:
    """Nobody's, of scripts that call without a session."""


class GatedBlocks(gr.Blocks):
    """Blocks whose every event, whichever way it is called, goes through a gate."""

    gate: Gate | None = None
    """None while the page is being built."""
    claim: Claim
    failed: Callable[[str, int, Exception], None]
    """Told who could not be answered, by which event, and why."""

    async def process_api(self, block_fn: Any, inputs: list[Any], *rest: Any, **named: Any) -> dict[str, Any]:
        """As Gradio's, with `inputs` checked before, and failures remembered."""
        fn = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        visitor = named.get("session_hash")
        try:
            if self.gate is not None:
                claim = partial(self.claim, visitor) if visitor else _unclaimed
                with sentences():
                    inputs = self.gate.checked(fn.inputs, inputs, claim)
            return await super().process_api(fn, inputs, *rest, **named)
        except Exception as error:
            if self.gate is not None and visitor:
                self.failed(visitor, fn._id, error)
            raise
