"""Where models may be written."""

from __future__ import annotations

from pathlib import Path

from checkpoints.description import DESCRIPTION
from checkpoints.errors import ModelError, OptionError


def check_output(path: Path) -> None:
    """Raises `OptionError` unless `path` is that of a folder or a checkpoint, `ModelError` where something else than a
    bundle is in its place.
    """
    if path.suffix not in ("", ".safetensors"):
        raise OptionError(f"{path} must be a folder, or end in .safetensors, the only format of checkpoints.")
    if path.suffix:
        if path.is_dir():
            raise ModelError(f"{path} is a folder; choose another name for the checkpoint.")
    else:
        check_place(path)


def check_place(folder: Path) -> None:
    """Raises `ModelError` where something else than a bundle is at `folder`."""
    if folder.exists() and not (folder / DESCRIPTION).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ModelError(f"{folder} exists and is not a bundle; choose another folder.")
