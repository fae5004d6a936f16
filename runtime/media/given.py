"""What is given not by its name: bytes, whatever is open and can be read, and arrays of other libraries."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path, PurePath
from typing import IO, Any, Protocol, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from checkpoints.errors import BunrakuError, InputError, first_line
from runtime.media.limits import Limits

Stream = bytes | bytearray | memoryview | IO[bytes]
"""A file's content, or a file that is open in binary mode; this is read from its beginning where it can go back."""

T = TypeVar("T")

_PIECE = 1 << 18

_GIVEN: dict[Path, str] = {}
"""Of temporary files, what they were given as."""


class _Readable(Protocol):
    def read(self, count: int, /) -> bytes:
        """At most `count` bytes, none at the end."""


def is_stream(given: object) -> TypeGuard[Stream]:
    """Whether `given` is a file's content, or an open file."""
    return isinstance(given, bytes | bytearray | memoryview) or callable(getattr(given, "read", None))


def numpys(given: T) -> T | NDArray[Any]:
    """`given`, or numpy's view of it where it is an array of another library (PyTorch, JAX, CuPy ...) that offers one
    by its array interface. Raises `InputError` where it does not after all, as on a graphics card.
    """
    own = isinstance(given, np.ndarray | Image.Image | type)
    if own or not (hasattr(given, "__array__") or hasattr(given, "__array_interface__")):
        return given
    try:
        return np.asarray(given)
    except Exception as error:  # each library has its own
        kind = f"{type(given).__module__.partition('.')[0]}.{type(given).__name__}"
        raise InputError(f"The {kind} cannot be read as an array ({first_line(error)}); give it as numpy's.") from error


def name_of(stream: Stream, usual: str) -> str:
    """What errors call it: the name under which it was opened, else the `usual` one."""
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) and name else usual


class _Opened:
    """Reads a `Stream` from its beginning; what goes wrong is said in words of ours."""

    def __init__(self, stream: Stream, name: str) -> None:
        content = isinstance(stream, bytes | bytearray | memoryview)
        self._stream: IO[bytes] = BytesIO(stream) if content else stream  # type: ignore[arg-type, assignment]
        self._name = name
        with suppress(OSError, AttributeError, ValueError):  # pipes cannot go back
            self._stream.seek(0)

    def read(self, count: int, /) -> bytes:
        """At most `count` bytes, none at the end. Raises `InputError`."""
        try:
            piece = self._stream.read(count)
        except (OSError, ValueError, TypeError) as error:  # of one that is closed, or is no file after all
            raise InputError(f"{self._name} cannot be read ({first_line(error)}); open it again.") from error
        if not isinstance(piece, bytes | bytearray | memoryview | None):
            raise InputError(f"{self._name} gives {type(piece).__name__} and no bytes; open it in binary mode.")
        return bytes(piece or b"")


def whole(stream: Stream, limits: Limits) -> bytes:
    """All of it. Raises `InputError` when it is empty, larger than the `limits`, or cannot be read."""
    name = name_of(stream, "The picture")
    return b"".join(_pieces(_Opened(stream, name), name, limits))


@contextmanager
def spooled(stream: _Readable, name: str, limits: Limits, suffix: str = "") -> Iterator[Path]:
    """A temporary file with all of `stream`: videos are read out of order. Raises `InputError` as `whole` does; errors
    of whoever uses the file speak of `name` instead of the place where it lies, and so does `called`.
    """
    with tempfile.TemporaryDirectory(prefix="bunraku-") as folder:
        path = Path(folder, f"input{suffix}")
        with path.open("wb") as file:
            for piece in _pieces(stream, name, limits):
                file.write(piece)
        _GIVEN[path] = name
        try:
            yield path
        except BunrakuError as error:
            if str(path) not in str(error):
                raise
            raise type(error)(str(error).replace(str(path), name)) from error
        finally:
            del _GIVEN[path]


def called(path: Path) -> str:
    """What warnings call the file `path`: where it is a temporary one, what it was given as."""
    return _GIVEN.get(path, str(path))


@contextmanager
def as_file(given: Any, limits: Limits) -> Iterator[Any]:
    """`given` itself, or a temporary file with what it holds where it is a `Stream`."""
    if not is_stream(given):
        yield given
        return
    name = name_of(given, "The given file")
    with spooled(_Opened(given, name), name, limits, PurePath(name).suffix[:10]) as path:
        yield path


def _pieces(stream: _Readable, name: str, limits: Limits) -> Iterator[bytes]:
    size = 0
    while piece := stream.read(_PIECE):
        size += len(piece)
        if size > limits.bytes:
            raise InputError(f"{name} has more than {limits.bytes:g} bytes; use less, or raise the limit.")
        yield piece
    if not size:
        raise InputError(f"{name} is empty; give a picture or a video.")
