"""Side by side: source, driving frame and result, for whoever wants to see what became of what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from types import TracebackType

import numpy as np
from PIL import Image

from checkpoints.errors import OptionError
from runtime.framing.framer import Framer
from runtime.many.pipeline import prefetch
from runtime.media.picture import Bytes
from runtime.motion.driving import Clip, read_squares


class Comparison:
    """Sets results beside what they were made of; use as a context manager. Recorded motion has no driving frames to
    show.
    """

    def __init__(
        self,
        still: Bytes,
        clip: Clip,
        resolution: int,
        framer: Framer,
        loop: int = 1,
        mark: Callable[[Bytes], Bytes] | None = None,
    ) -> None:
        """`still` uint8 (height, width, 3) is the source as large as the results; the driving frames are those of
        `clip`, `loop` times, as the model of that `resolution` is shown them. `mark` draws on each of the pictures.
        """
        self._mark = mark or (lambda picture: picture)
        self._still = self._mark(still)
        self._clip = clip
        self._turns = (lambda: read_squares(clip, resolution, framer) for _ in range(loop))
        self._stack = ExitStack()
        self._squares: Iterator[Bytes] | None = None

    def __enter__(self) -> Comparison:
        if self._clip.motion is None:
            squares = chain.from_iterable(turn() for turn in self._turns)
            self._squares = self._stack.enter_context(prefetch(squares, depth=4))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of what is made."""
        height, width, _ = self._still.shape
        return 2 * width + (height if self._clip.motion is None else 0), height

    def __call__(self, result: Bytes) -> Bytes:
        """The next result beside source and driving frame: uint8 (height, wider, 3)."""
        parts = [self._still, self._mark(result)]
        if self._squares is not None:
            side = len(result)
            image = Image.fromarray(next(self._squares)).resize((side, side), Image.Resampling.BICUBIC)
            parts.insert(1, self._mark(np.array(image)))
        return np.hstack(parts)


def check_compare(clip: Clip) -> None:
    """Raises `OptionError` when the driving frames cannot be read a second time."""
    if clip.pictures is not None and iter(clip.pictures) is clip.pictures:
        raise OptionError("compare and show look at the driving frames twice; give a video or a list of pictures.")
