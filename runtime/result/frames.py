"""Frames of a result that are not kept: read from its file as they are asked for, or handed over as they are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from runtime.media.frames_folder import read_folder
from runtime.media.video import probe, read_frames, read_transparent
from runtime.values import Bytes


class VideoFrames:
    """The frames of a finished video, read from its file as they are asked for; may be iterated again and
    again.
    """

    def __init__(
        self, path: Path, count: int, rate: Fraction, size: tuple[int, int], transparent: bool = False
    ) -> None:
        """`count` frames of that `size` (width, height)."""
        self._path = path
        self._rate = rate
        self._transparent = transparent
        self.shape = (count, size[1], size[0], 4 if transparent else 3)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Bytes]:
        """uint8 (height, width, 3) each, or 4 with alpha, as encoded (videos and GIFs do not keep every bit)."""
        return self.read(range(len(self)))

    def read(self, part: range) -> Iterator[Bytes]:
        """The same for the frames of a `part`, which goes forward; what precedes it is leapt over where the file has an
        index.
        """
        if self._path.is_dir():
            yield from read_folder(self._path, part)
            return
        video = probe(self._path)
        first = part.start if video.indexed else 0
        if first:
            video = replace(video, start=float(first / self._rate))
        read = read_transparent if self._transparent else read_frames
        frames = read(video, rate=self._rate)
        shown = next(frames)
        for number in range(first, part.stop):
            if number in part:
                yield shown
            shown = next(frames, shown)  # what stays the same, some kinds of files hold once


class FrameStream(Iterator[Bytes]):
    """The frames of a result one by one as they are made: uint8 (height, width, 3), or 4 with alpha. It ends with the
    driving frames, with an error, or when it is closed, as a context manager or by `close`.
    """

    def __init__(
        self, frames: Iterator[Bytes], size: tuple[int, int], rate: Fraction, total: int | None, stack: ExitStack
    ) -> None:
        """`stack` lets go of what makes the `frames`."""
        self._frames = frames
        self._stack = stack
        self.size = size
        """(width, height)."""
        self.rate = rate
        """Frames a second, exact."""
        self.total = total
        """How many frames there will be, where that is known."""

    @property
    def fps(self) -> float:
        """Frames a second."""
        return float(self.rate)

    def __next__(self) -> Bytes:
        try:
            return next(self._frames)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Make no more frames, and let go of everything."""
        self._frames = iter(())
        self._stack.close()

    def __enter__(self) -> FrameStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self._stack.close()

    def __repr__(self) -> str:
        many = "frames" if self.total is None else f"{self.total} frames"
        return f"<FrameStream of {many} of {self.size[0]}x{self.size[1]} at {self.fps:g} a second>"
