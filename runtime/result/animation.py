"""What comes out: a moving picture, kept in memory or in a file."""

from __future__ import annotations

import base64
import html
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from operator import index
from pathlib import Path
from typing import overload

import numpy as np

from checkpoints.errors import OptionError, OutputError
from runtime.many.pipeline import Sink
from runtime.media.frames_folder import FolderWriter, check_frames_folder, is_folder
from runtime.media.names import check_path
from runtime.media.signing import Signature, signature_for
from runtime.media.video import VideoInfo, probe
from runtime.media.writer import VideoWriter, check_output
from runtime.result.frames import VideoFrames
from runtime.values import Bytes

_PLAYED = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".gif": "image/gif", ".webp": "image/webp"}
"""What every browser plays, and what it is called there."""
_MOST_SHOWN = 64e6
"""Bytes of one animation that a notebook is given to keep."""
_WAITING = 8
"""Frames that may wait for the encoder."""


@dataclass(frozen=True)
class Sound:
    """What is heard with a result."""

    video: VideoInfo
    """Whose sound it is."""
    loop: int = 1
    """How often it is played."""


@dataclass(frozen=True, repr=False, eq=False)
class Animation:
    """A moving picture: a sequence of frames, uint8 (height, width, 3) in RGB, or 4 with alpha."""

    frames: Bytes | VideoFrames
    """uint8 (T, R, R, 3) in RGB, or 4 with alpha; with an output file, a lazy sequence of (R, R, 3) that reads from it.
    """
    rate: Fraction
    """Frames a second, exact."""
    path: Path | None = None
    """The file that was written, if one was asked for."""
    sound: Sound | None = field(default=None, kw_only=True)
    """What `save` adds to frames that are not in a file yet."""

    @property
    def fps(self) -> float:
        """Frames a second."""
        return float(self.rate)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.frames.shape[2], self.frames.shape[1]

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.frames)

    def __iter__(self) -> Iterator[Bytes]:
        """The frames in order; of a file, as they are read."""
        return iter(self.frames)

    @overload
    def __getitem__(self, which: int) -> Bytes: ...

    @overload
    def __getitem__(self, which: slice) -> Animation: ...

    def __getitem__(self, which: int | slice) -> Bytes | Animation:
        """A frame by its number, negative ones from the end; or the frames of a slice in memory, at the same rate and
        without sound. Raises `IndexError`, and `ValueError` of a slice without a frame.
        """
        if isinstance(which, slice):
            part = range(len(self))[which]
            if not part:
                raise ValueError(f"there is no frame in {which}; there are {len(self)}")
            return Animation(self._read(part), self.rate)
        number = range(len(self))[index(which)]
        return self._read(range(number, number + 1))[0]

    def _read(self, part: range) -> Bytes:
        if part.step < 0:
            return self._read(part[::-1])[::-1]
        if isinstance(self.frames, np.ndarray):
            return self.frames[part.start : part.stop : part.step]
        return np.stack(list(self.frames.read(part)))

    def save(self, path: str | os.PathLike[str], *, sign: str | os.PathLike[str] | None = None) -> Animation:
        """Write it to `path`, of any kind that `runtime.animate` writes as its `output`: with the driving video's sound
        where that was given by its name, marked as generated, and signed with the key `sign` if one is given.

        Returns the animation as it lies there. What is in a file of that kind already is copied; in one of another
        kind it is encoded anew. Raises `OutputError`, `OptionError`.
        """
        if path is None:
            raise OptionError("path is None; name the file to write.")
        check_path(path, "path")
        target = Path(path)
        check_target(path, self._transparent)
        if isinstance(self.frames, VideoFrames) and self.path is not None and sign is None:
            if target.exists() and target.samefile(self.path):
                return self
            if target.suffix == self.path.suffix and not (self.path.is_dir() or is_folder(path)):
                return self._copied(self.path, target)
        sound = self.sound
        if self.path is not None and not self.path.is_dir():
            sound = Sound(probe(self.path))
        signature = None if sign is None else signature_for(target, sign)
        return written(self, path, self.size, self.rate, sound, signature, transparent=self._transparent)

    @property
    def _transparent(self) -> bool:
        return self.frames.shape[3] == 4

    def _copied(self, source: Path, target: Path) -> Animation:
        try:
            shutil.copyfile(source, target)
        except OSError as error:
            raise OutputError(f"{target} cannot be written ({error.strerror}); give another name.") from error
        frames = VideoFrames(target, len(self), self.rate, self.size, self._transparent)
        return Animation(frames, self.rate, target)

    def __repr__(self) -> str:
        many = "1 frame" if len(self) == 1 else f"{len(self)} frames"
        where = "" if self.path is None else f" in {self.path}"
        return f"<Animation: {many} of {self.size[0]}x{self.size[1]} at {self.fps:g} a second{where}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: it plays there."""
        if self.path is not None and self.path.suffix.lower() in _PLAYED:
            return self._shown(self.path)
        with tempfile.TemporaryDirectory(prefix="bunraku-") as folder:
            saved = self.save(Path(folder, "shown.webp" if self._transparent else "shown.mp4"))
            return self._shown(Path(folder, saved.path.name if saved.path else ""))

    def _shown(self, file: Path) -> str:
        text = html.escape(repr(self))
        if not file.is_file() or file.stat().st_size > _MOST_SHOWN:
            return f"<code>{text}</code>"
        kind = _PLAYED[file.suffix.lower()]
        data = f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"
        if kind.startswith("image/"):
            return f'<img src="{data}" alt="{text}" title="{text}">'
        return f'<video src="{data}" title="{text}" autoplay controls loop muted playsinline></video>'


def written(
    frames: Iterable[Bytes],
    output: str | os.PathLike[str],
    size: tuple[int, int],
    rate: Fraction,
    sound: Sound | None = None,
    signature: Signature | None = None,
    *,
    transparent: bool = False,
    waiting: int = _WAITING,
) -> Animation:
    """Write `frames` of that `size` (width, height) to `output` as they come, at most so many `waiting`; what
    `check_target` is about has been checked. Raises `OutputError`.
    """
    target = Path(output)
    writer: FolderWriter | VideoWriter
    if is_folder(output):
        writer = FolderWriter(target)
    else:
        heard, loop = (None, 1) if sound is None else (sound.video, sound.loop)
        writer = VideoWriter(target, size, rate, heard, loop, signature, transparent=transparent)
    with writer, Sink(writer.write, depth=waiting) as sink:
        for frame in frames:
            sink.put(frame)
    if isinstance(writer, VideoWriter):
        rate, size = writer.rate, writer.size
    return Animation(VideoFrames(target, writer.frames, rate, size, transparent), rate, target)


def check_target(output: str | os.PathLike[str], transparent: bool, inputs: Iterable[object] = ()) -> None:
    """Raises `OutputError` for an output that cannot be written, or that would overwrite one of the `inputs`."""
    target = Path(output)
    try:
        if is_folder(output):
            check_frames_folder(target)
        else:
            check_output(target, transparent)
    except OSError as error:  # a name that is too long, a link that leads to itself
        raise OutputError(f"{target} cannot be written ({error.strerror}); give another name.") from error
    for path in (Path(each) for each in inputs if isinstance(each, str | os.PathLike)):
        if path.exists() and target.exists() and path.samefile(target):
            raise OutputError(f"{target} is the input itself; give another name.")
