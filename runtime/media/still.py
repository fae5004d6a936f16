"""Single pictures out, marked as generated like every result."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from checkpoints.errors import OutputError
from runtime.media.names import aside, destination
from runtime.media.provenance import mark
from runtime.media.writer import check_folder
from runtime.values import Bytes

STILLS = (".png", ".webp")
"""What is lossless, keeps alpha, and can carry the mark."""


def check_still(path: Path) -> None:
    """Raises `OutputError` unless a picture can be written to `path`."""
    if path.suffix.lower() not in STILLS:
        raise OutputError(f"{path} must end in {' or '.join(STILLS)}; give another name.")
    try:
        if path.is_dir():
            raise OutputError(f"{path} is a folder; give another name.")
        check_folder(destination(path).absolute().parent)
    except OSError as error:  # a name that is too long, a link that leads to itself
        raise OutputError(f"{path} cannot be written ({error.strerror}); give another name.") from error


def write_still(path: Path, picture: Bytes) -> None:
    """Write `picture`, uint8 (height, width, 3 or 4), without loss. Raises `OutputError` when `path` cannot be written;
    then nothing is left there.
    """
    check_still(path)
    target = destination(path)
    part = target.with_name(f"{aside(path)}{os.getpid()}{path.suffix.lower()}")
    try:
        Image.fromarray(picture).save(part, lossless=True)
        mark(part)
        part.replace(target)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); give another name.") from error
    finally:
        part.unlink(missing_ok=True)
