"""Side by side: source, driving frame and result, for whoever wants to see what became of what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from types import TracebackType

import numpy as np
from PIL import Image

from checkpoints.errors import OptionError
from runtime.many.pipeline import prefetch
from runtime.motion.driving import Clip, Framed, read_squares
from runtime.motion.seamless import SEAMLESS, Loop
from runtime.values import Bytes


class Comparison:
    """Sets results beside what they were made of; use as a context manager. Recorded motion has no driving frames to
    show.
    """

    def __init__(
        self,
        still: Bytes,
        framed: Framed,
        resolution: int,
        loop: int = 1,
        mark: Callable[[Bytes], Bytes] | None = None,
    ) -> None:
        """`still` uint8 (height, width, 3) is the source as large as the results; the driving frames are those of
        `framed`, `loop` times, as the model of that `resolution` is shown them. `mark` draws on each of the pictures.
        """
        self._mark = mark or (lambda picture: picture)
        self._still = self._mark(still)
        self._recorded = framed.clip.motion is not None
        self._turns = (read_squares(framed, resolution) for _ in range(loop))
        self._stack = ExitStack()
        self._squares: Iterator[Bytes] | None = None

    def __enter__(self) -> Comparison:
        if not self._recorded:
            self._squares = self._stack.enter_context(prefetch(chain.from_iterable(self._turns), depth=4))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of what is made."""
        height, width, _ = self._still.shape
        return 2 * width + (0 if self._recorded else height), height

    def __call__(self, result: Bytes) -> Bytes:
        """The next result beside source and driving frame: uint8 (height, wider, 3)."""
        parts = [self._still, self._mark(result)]
        if self._squares is not None:
            side = len(result)
            image = Image.fromarray(next(self._squares)).resize((side, side), Image.Resampling.BICUBIC)
            parts.insert(1, self._mark(np.array(image)))
        return np.hstack(parts)


def check_compare(clip: Clip, loop: Loop = 1) -> None:
    """Raises `OptionError` when the driving frames cannot be read a second time, or not in their order."""
    if clip.pictures is not None and iter(clip.pictures) is clip.pictures:
        raise OptionError("compare and show look at the driving frames twice; give a video or a list of pictures.")
    if loop == SEAMLESS and clip.motion is None:
        raise OptionError(
            "A seamless loop has the driving frames in another order; leave compare, show or seamless out."
        )
