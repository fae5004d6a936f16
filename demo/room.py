"""Where the server works: in an empty folder of its own, and with the rest of the machine out of reach."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from checkpoints.errors import OptionError

_SHARED = "The folder of uploads (GRADIO_TEMP_DIR) is {cache}; name one that holds nothing else, since it is emptied."


@contextmanager
def own_room() -> Iterator[Path]:
    """Work in a new, empty folder, and have it for temporary files: Gradio is ready to give out what lies in either."""
    before, temporary = Path.cwd(), tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="bunraku-room-", ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        tempfile.tempdir = folder
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = temporary
            with contextlib.suppress(OSError):  # it may be gone
                os.chdir(before)


@contextmanager
def until_told() -> Iterator[None]:
    """SIGTERM, with which containers end, leaves the block as ctrl-C does, so that what follows it is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def check_cache(cache: Path) -> None:
    """Raises `OptionError` unless the folder of uploads is one of its own: it is emptied again and again."""
    used = (Path(tempfile.gettempdir()), Path.home(), Path.cwd(), Path(__file__).parent)
    found = cache.resolve()
    if any(each.resolve().is_relative_to(found) for each in used):
        raise OptionError(_SHARED.format(cache=cache))


def blocked(cache: Path) -> list[str]:
    """What Gradio must give to nobody, whatever else it would allow: all that lies beside the folder of uploads, or
    beside one that it lies in. Not in the folder for temporary files, where it would be out of date at once.
    """
    found: list[str] = []
    way = Path(os.path.abspath(cache))
    for folder in set(way.parents) - {Path(tempfile.gettempdir())}:
        with contextlib.suppress(OSError):  # may not be listed, and then not be read either
            found += [str(path) for path in folder.iterdir() if not _leads_to(path, way)]
    return found


def _leads_to(path: Path, cache: Path) -> bool:
    """Whether the cache lies there, by any name (Gradio does not tell capitals apart, and follows links)."""
    lies = str(cache).lower().startswith(str(path).lower())
    return lies or cache.resolve().is_relative_to(path.resolve())


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
