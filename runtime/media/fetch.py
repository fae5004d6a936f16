"""Inputs from elsewhere: an address on the web, where the caller asks for it, and standard input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from checkpoints.errors import InputError, OptionError
from runtime.media.given import as_file, spooled
from runtime.media.limits import Limits

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

T = TypeVar("T")

_TIMEOUT = 30.0
"""Seconds that a server may be silent."""


def is_address(given: object) -> bool:
    """Whether `given` is an http(s) address."""
    return isinstance(given, str) and given.strip().lower().startswith(("http://", "https://"))


@contextmanager
def local(given: T, urls: bool, limits: Limits) -> Iterator[T | Path]:
    """`given` itself, or, when it is an address, or no name of a file but what one holds, a temporary file with that.

    Raises `OptionError` for an address that was not asked for with `urls`, `InputError` when it cannot be had or is
    beyond the `limits`.
    """
    if not is_address(given):
        with as_file(given, limits) as here:
            yield here
        return
    if not urls:
        raise OptionError(f"{given} is an address; allow it to be fetched (urls=True, or --urls), or save the file.")
    address = str(given).strip()
    with ExitStack() as stack:
        yield _fetched(address, limits, stack)


def _fetched(address: str, limits: Limits, stack: ExitStack) -> Path:
    """A file with what is at that address; it is there as long as the `stack` is. Raises `InputError`."""
    # Those who fetch nothing, that is nearly all, do not wait for what it takes.
    from http.client import HTTPException, IncompleteRead
    from urllib.request import Request

    asked = {"User-Agent": "bunraku"}
    try:
        name = PurePosixPath(unquote(urlsplit(address).path)).name
        with _opener().open(Request(_plain(address), headers=asked), timeout=_TIMEOUT) as answer:
            path = stack.enter_context(spooled(answer, address, limits, PurePosixPath(name).suffix[:10]))
            _check_whole(path, address, answer.headers.get("Content-Length"))
    except IncompleteRead as error:
        raise _broken_off(address) from error
    except (OSError, HTTPException, ValueError) as error:  # the last for addresses that are none
        reason = getattr(error, "reason", None) or error
        raise InputError(f"{address} cannot be fetched ({reason}); check the address, or save the file.") from error
    return path


def _check_whole(path: Path, address: str, stated: str | None) -> None:
    """Raises `InputError` when fewer bytes have come than were `stated`: whoever reads until the end is not told."""
    if stated is not None and stated.isdecimal() and path.stat().st_size < int(stated):
        raise _broken_off(address, f" after {path.stat().st_size} of {stated} bytes")


def _broken_off(address: str, where: str = "") -> InputError:
    return InputError(f"The transfer of {address} broke off{where}; try again, or save the file.")


def _plain(address: str) -> str:
    """`address`, which people write with spaces and letters of any language, as it is sent: hosts by IDNA (RFC 3490),
    the rest in percent signs (RFC 3987); what has them already stays. Raises `ValueError` where it is no address.
    """
    parts = urlsplit(address)
    login, at, place = parts.netloc.rpartition("@")
    host, colon, port = place.rpartition(":") if place.rpartition(":")[2].isdecimal() else (place, "", "")
    if not host.isascii():  # UnicodeError is a ValueError
        host = host.encode("idna").decode("ascii")
    path, query = (quote(part, safe="%/:=&?~#+!$,;'@()*[]") for part in (parts.path, parts.query))
    return urlunsplit((parts.scheme, f"{quote(login, safe='%:')}{at}{host}{colon}{port}", path, query, ""))


def _opener() -> OpenerDirector:
    """Opens http and https and nothing else, wherever a server may send us on to."""
    from urllib import request

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
