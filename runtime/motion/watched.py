"""One stream of driving frames, watched: its motion, and what that does not tell of how its driver moves."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from checkpoints.parameters import RESIDUAL
from runtime.control.control import seen_faces
from runtime.control.parts import Strengths
from runtime.graphs.cores import available_cores
from runtime.graphs.turns import in_turn
from runtime.layers.anatomy import named
from runtime.layers.mended import mended
from runtime.layers.residual import CELLS, Driver
from runtime.motion.modes import STORED, Motion
from runtime.values import Bytes, Floats

if TYPE_CHECKING:
    from runtime.engine import Engine


class Watch:
    """Of one stream. Not for several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._team = ThreadPoolExecutor(available_cores(), "bunraku-watch")
        self.reset()

    def reset(self) -> None:
        """The next frame begins a new stream."""
        self._take = 0
        self._first: Motion | None = None
        self._driver: Future[Driver | None] | None = None

    def __call__(self, squares: Bytes, takes: Sequence[int], *, expression: bool = False) -> Motion:
        """The motion of the next frames, uint8 (B, R, R, 3), each of its take (`runtime.motion.takes`); with
        `expression` also what `Engine.detect` sees then, and what neither tells, where the points have names.
        """
        return self.completed(self.seen(squares, expression=expression), squares, takes, expression=expression)

    def seen(self, squares: Bytes, *, expression: bool = False) -> Motion:
        """What `Engine.detect` sees in any frames, which needs none of those before."""
        return self._engine.detect(squares, expression=expression)

    def completed(self, motion: Motion, squares: Bytes, takes: Sequence[int], *, expression: bool = False) -> Motion:
        """The `motion` that was `seen` in the next frames, with what it does not tell; arguments as above."""
        if not (expression and self._engine.names):
            return motion
        exact = mended(motion, self._engine.names)
        frames = [self._begun(squares[at], exact[at : at + 1], take) for at, take in enumerate(takes)]
        return motion.with_arrays({RESIDUAL: np.stack([each.result() for each in frames])})

    def _begun(self, square: Bytes, motion: Motion, take: int) -> Future[Floats]:
        """The residual of one frame, being found: nothing where nobody is seen yet, and in the first one of a take."""
        if take and take != self._take:
            self._take, self._first = take, motion
            # Not waited for here: the first frame needs nothing of it.
            self._driver = self._team.submit(self._engine.driver, square, motion)
            return _nothing_found()
        if not take or self._driver is None or self._first is None:
            return _nothing_found()
        return self._team.submit(self._missed, self._driver, self._first, square, motion)

    def _missed(self, driving: Future[Driver | None], first: Motion, square: Bytes, motion: Motion) -> Floats:
        driver = driving.result()  # begun before, so that this does not wait for itself
        return _nothing() if driver is None else self._found(driver, first, square, motion)

    @in_turn
    def _found(self, driver: Driver, first: Motion, square: Bytes, motion: Motion) -> Floats:
        names = self._engine.names
        (face,) = seen_faces(names, first, (motion, motion), None, Strengths(), "absolute")
        places = motion.places[0]
        found = driver(square, places, named(places, names), face)
        return found.astype(STORED).astype(np.float32)  # as motion files hold it, so that these play the same


def _nothing() -> Floats:
    return np.zeros((CELLS, CELLS, 3), np.float32)


def _nothing_found() -> Future[Floats]:
    """At once, whatever else is being found."""
    found: Future[Floats] = Future()
    found.set_result(_nothing())
    return found
