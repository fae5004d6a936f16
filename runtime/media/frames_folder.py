"""Results as a folder of pictures: lossless, for whoever edits them further."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
from PIL import Image

from checkpoints.errors import OutputError
from runtime.media.names import aside, destination
from runtime.media.provenance import mark
from runtime.media.writer import check_folder
from runtime.values import Bytes

_NAME = "frame-{:06d}.png"


def is_folder(output: str | os.PathLike[str]) -> bool:
    """Whether `output` means a folder of frames: it ends in a slash, or is a folder already."""
    text = os.fspath(output)
    return text.endswith(tuple(filter(None, (os.sep, os.altsep)))) or os.path.isdir(text)


class FolderWriter:
    """Writes frames as frame-000001.png ... into the folder `path`; use as a context manager.

    Until the `with` block is left without an exception the folder carries a hidden temporary name; however else it
    is left, nothing remains.
    """

    def __init__(self, path: Path) -> None:
        """Raises `OutputError` unless `path` can be made, or is an empty folder."""
        check_frames_folder(path)
        self.path = path
        self._target = destination(path)
        self.frames = 0
        try:
            self._aside = Path(tempfile.mkdtemp(prefix=aside(path), dir=self._target.absolute().parent))
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> FolderWriter:
        return self

    def write(self, frame: Bytes) -> None:
        """Append one frame, uint8 (height, width, 3) in RGB, or 4 with alpha. Raises `OutputError` when that
        fails.
        """
        try:
            target = self._aside / _NAME.format(self.frames + 1)
            Image.fromarray(frame).save(target, compress_level=4)
            mark(target)
        except OSError as error:
            raise self._failed(error) from error
        self.frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._publish()
        finally:
            shutil.rmtree(self._aside, ignore_errors=True)

    def _publish(self) -> None:
        mask = os.umask(0)
        os.umask(mask)
        try:
            self._aside.chmod(0o777 & ~mask)  # mkdtemp's are for their owner only
            with contextlib.suppress(FileNotFoundError):
                self._target.rmdir()  # it fails when somebody has put something in there meanwhile
            self._aside.rename(self._target)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> OutputError:
        return OutputError(f"The folder {self.path} cannot be written ({error.strerror}); check the disk.")


def check_frames_folder(path: Path) -> None:
    """Raises `OutputError` unless `path` can be made a folder of frames: nothing that exists is overwritten."""
    if path.is_dir() and any(path.iterdir()):
        raise OutputError(f"The folder {path} is not empty; give another name.")
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path} is a file; give another name for the folder.")
    check_folder(destination(path).absolute().parent)


def read_folder(path: Path, part: range) -> Iterator[Bytes]:
    """A `part` of the frames of a folder that `FolderWriter` wrote, uint8 (height, width, 3) each, or 4 with alpha."""
    for file in sorted(path.glob("frame-*.png"))[part.start : part.stop : part.step]:
        with Image.open(file) as image:
            yield np.array(image)
