"""Side by side: source, driving frame and result, for whoever wants to see what became of what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from types import TracebackType

import numpy as np
from PIL import Image

from checkpoints.errors import OptionError
from runtime.many.pipeline import prefetch
from runtime.motion.driving import Clip, Framed, read_squares
from runtime.motion.seamless import SEAMLESS, Loop
from runtime.sources.drivers import held, resampled
from runtime.values import Bytes


class Comparison:
    """Sets results beside what they were made of; use as a context manager. Recorded motion has no driving frames to
    show.
    """

    def __init__(
        self,
        still: Callable[[], Bytes],
        framed: Framed,
        resolution: int,
        rate: Fraction,
        mark: Callable[[Bytes], Bytes] | None = None,
    ) -> None:
        """`still` gives the present source, uint8 (height, width, 3), as large as the results; the driving frames are
        those of `framed`, as the model of that `resolution` is shown them, for results of that `rate`. `mark` draws on
        each of the pictures.
        """
        self._mark = mark or (lambda picture: picture)
        self._still = still
        self._marked: tuple[Bytes, Bytes] | None = None
        self._recorded = framed.clip.motion is not None
        self._framed, self._resolution, self._rate = framed, resolution, rate
        self._stack = ExitStack()
        self._squares: Iterator[Bytes] | None = None

    def __enter__(self) -> Comparison:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def begin(self) -> None:
        """The next result is the first one of all: the driving frames begin anew."""
        self._stack.close()
        if not self._recorded:
            squares = read_squares(self._framed, self._resolution)
            shown = resampled(squares, self._framed.clip.rate, self._rate)
            self._squares = held(self._stack.enter_context(prefetch(shown, depth=4)))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of what is made."""
        height, width, _ = self._still().shape
        return 2 * width + (0 if self._recorded else height), height

    def __call__(self, result: Bytes) -> Bytes:
        """The next result beside source and driving frame: uint8 (height, wider, 3)."""
        still = self._still()
        if self._marked is None or self._marked[0] is not still:
            self._marked = (still, self._mark(still))
        parts = [self._marked[1], self._mark(result)]
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
