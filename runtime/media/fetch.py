"""Inputs from elsewhere: an address on the web, where the caller asks for it, and standard input."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException, IncompleteRead
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar
from urllib import request
from urllib.parse import unquote, urlsplit

from checkpoints.errors import BunrakuError, InputError, OptionError
from runtime.media.limits import Limits

T = TypeVar("T")

_PIECE = 1 << 18
_TIMEOUT = 30.0
"""Seconds that a server may be silent."""


class _Stream(Protocol):
    def read(self, count: int, /) -> bytes:
        """At most `count` bytes, none at the end."""


def is_address(given: object) -> bool:
    """Whether `given` is an http(s) address."""
    return isinstance(given, str) and given.lower().startswith(("http://", "https://"))


@contextmanager
def local(given: T, urls: bool, limits: Limits) -> Iterator[T | Path]:
    """`given` itself, or, when it is an address, a temporary file with what is there.

    Raises `OptionError` for an address that was not asked for with `urls`, `InputError` when it cannot be had or is
    beyond the `limits`.
    """
    if not is_address(given):
        yield given
        return
    if not urls:
        raise OptionError(f"{given} is an address; allow it to be fetched (urls=True, or --urls), or save the file.")
    address = str(given)
    name = PurePosixPath(unquote(urlsplit(address).path)).name
    asked = {"User-Agent": "bunraku"}
    with ExitStack() as stack:
        try:
            with _opener().open(request.Request(address, headers=asked), timeout=_TIMEOUT) as answer:
                path = stack.enter_context(spooled(answer, address, limits, PurePosixPath(name).suffix[:10]))
                _check_whole(path, address, answer.headers.get("Content-Length"))
        except IncompleteRead as error:
            raise _broken_off(address) from error
        except (OSError, HTTPException, ValueError) as error:  # the last for addresses that are none
            reason = getattr(error, "reason", None) or error
            raise InputError(f"{address} cannot be fetched ({reason}); check the address, or save the file.") from error
        try:
            yield path
        except BunrakuError as error:  # nobody knows the temporary file
            if str(path) not in str(error):
                raise
            raise type(error)(str(error).replace(str(path), address)) from error


def _check_whole(path: Path, address: str, stated: str | None) -> None:
    """Raises `InputError` when fewer bytes have come than were `stated`: whoever reads until the end is not told."""
    if stated is not None and stated.isdecimal() and path.stat().st_size < int(stated):
        raise _broken_off(address, f" after {path.stat().st_size} of {stated} bytes")


def _broken_off(address: str, where: str = "") -> InputError:
    return InputError(f"The transfer of {address} broke off{where}; try again, or save the file.")


@contextmanager
def spooled(stream: _Stream, name: str, limits: Limits, suffix: str = "") -> Iterator[Path]:
    """A temporary file with all of `stream`: videos are read out of order. Raises `InputError` when it is empty or
    larger than the `limits`.
    """
    with tempfile.TemporaryDirectory(prefix="bunraku-") as folder:
        path = Path(folder, f"input{suffix}")
        size = 0
        with path.open("wb") as file:
            while piece := stream.read(_PIECE):
                size += len(piece)
                if size > limits.bytes:
                    raise InputError(f"{name} has more than {limits.bytes:g} bytes; use less, or raise the limit.")
                file.write(piece)
        if not size:
            raise InputError(f"{name} is empty; give a picture or a video.")
        yield path


def _opener() -> request.OpenerDirector:
    """Opens http and https and nothing else, wherever a server may send us on to."""
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler,
        request.HTTPHandler,
        request.HTTPSHandler,
        request.HTTPRedirectHandler,
        request.HTTPErrorProcessor,
        request.HTTPDefaultErrorHandler,
        request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener
