"""Motion that is played again and again without a seam.

What ends as it began stays as it is. Else the best cut is looked for: the two frames, far enough apart, at which pose
and speed are most alike (as video textures are found; Schödl et al., SIGGRAPH 2000). Where no two are, the last frames
are cross-faded into the first ones; and where these are too different for that, it goes back the way it came.
"""

from __future__ import annotations

import math
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from checkpoints.errors import OptionError
from checkpoints.parameters import EYES, LIPS
from runtime.motion.kinds import KINDS
from runtime.motion.modes import Motion
from runtime.values import is_whole

SEAMLESS = "seamless"

Loop = int | Literal["seamless"]
"""How often motion is played: a number of times, or once, so that it can be played again and again."""

_MAX_LOOP = 10_000

_Rows = NDArray[np.float64]

_LEAST = 0.5
"""Part of the frames that a cut keeps at least."""
_ALIKE, _BRIDGED = 0.35, 1.2
"""Distances of poses, of what is usual between any two of the clip: up to the first a cut is not seen, up to the second
a cross-fade is no leap.
"""
_STEP, _OFTEN = 1.5, 0.75
"""How many times as long as steps from frame to frame the one over the seam may be; and of these the quantile that is
not often passed.
"""
_FADE, _SHORT = 0.5, 0.16
"""Seconds of a cross-fade, and of one over a good cut."""
_EASE = 0.3
"""Seconds over which motion that turns back slows down."""
_MOST = 1500
"""Frames that are compared with each other, at most."""
_LENGTHS = {EYES: 0.2, LIPS: 0.5}
"""Width of an eye, and the distance of the eyes, in a picture, in which what eyes and lips do is measured."""
_APART = ("take", "opening")
"""Kinds of numbers between which there is nothing: of takes, and where no face may be seen."""
_SPEED = 5.0
"""Weight of differences in speed, in frames."""


def check_loop(loop: Loop) -> None:
    """Raises `OptionError` unless `loop` is a number of times, or "seamless"."""
    if loop != SEAMLESS and not (isinstance(loop, int) and is_whole(loop) and 1 <= loop <= _MAX_LOOP):
        raise OptionError(f"loop is {loop!r}; it must be a whole number from 1 to {_MAX_LOOP}, or {SEAMLESS}.")


def read_loop(word: str) -> Loop:
    """What a word on the command line means; whether it means anything, `check_loop` knows."""
    return int(word) if word.isdecimal() else cast(Loop, word)


def seamless(motion: Motion, rate: float) -> Motion:
    """The frames of `motion`, `rate` a second, as they are to be played in a circle: at most a little more than twice
    as many.
    """
    if len(motion) < 4:
        return there_and_back(motion, rate)
    if has_cuts(motion):
        return there_and_back(motion, rate)
    rows = _rows(motion)
    steps = np.sqrt(((rows[1:] - rows[:-1]) ** 2).sum(1))
    over = float(np.sqrt(((rows[0] - rows[-1]) ** 2).sum()))
    if over <= _STEP * max(float(np.quantile(steps, _OFTEN)), 1e-9):
        return motion
    typical = float(np.sqrt(2 * rows.var(axis=0).sum()))
    first, last, apart = _best_cut(rows)
    if apart <= _ALIKE * typical:
        return cross_faded(motion[first:last], motion[:first], _frames(_SHORT, rate))
    fade = min(_frames(_FADE, rate), len(motion) // 3)
    between = np.sqrt(((rows[:fade] - rows[-fade:]) ** 2).sum(1)).mean()
    if between <= _BRIDGED * typical:
        return cross_faded(motion[fade:], motion[:fade], fade)
    return there_and_back(motion, rate)


def cross_faded(motion: Motion, before: Motion, frames: int) -> Motion:
    """`motion`, whose last `frames` run over into the last ones of what came `before` it: its first one follows."""
    frames = min(frames, len(before), len(motion) - 1)
    if frames < 1:
        return motion
    weights = _eased((np.arange(frames) + 1) / (frames + 1))
    kept, end, start = motion[: len(motion) - frames], motion[len(motion) - frames :], before[len(before) - frames :]
    return Motion.concatenate([kept, _between(end, start, weights)])


def there_and_back(motion: Motion, rate: float) -> Motion:
    """`motion` forwards and backwards, slowing down where it turns."""
    last = len(motion) - 1
    if last < 1:
        return motion
    ease = max(1.0, min(_EASE * rate, last / 2))
    # Along this way speed is 1, and comes to 0 over the ease at either end: a trapezium under the time.
    total = round(last + ease)
    time = np.arange(total) * (last + ease) / total
    rising, falling = time**2 / (2 * ease), last - np.maximum(last + ease - time, 0) ** 2 / (2 * ease)
    way = np.where(time < ease, rising, np.where(time > last, falling, time - ease / 2))
    places = np.clip(np.concatenate([way, last - way]), 0, last)
    low = np.minimum(places.astype(int), last - 1)
    return _between(_taken(motion, low), _taken(motion, low + 1), places - low)


def _taken(motion: Motion, frames: NDArray[np.intp]) -> Motion:
    return motion.with_arrays({name: array[frames] for name, array in motion.arrays.items()})


def _between(first: Motion, second: Motion, weights: _Rows) -> Motion:
    """As many frames as both have, on the way from `first` to `second`."""
    mixed = {}
    for name, array in first.arrays.items():
        share = weights.reshape(-1, *(1,) * (array.ndim - 1))
        kind = first.parameters[name].kind
        mixed[name] = KINDS[kind].mended((array + share * (second.arrays[name] - array)).astype(array.dtype))
        if kind in _APART:
            mixed[name] = np.where(share < 0.5, array, second.arrays[name])
    return first.with_arrays(mixed)


def _eased(way: _Rows) -> _Rows:
    return way * way * (3 - 2 * way)


def _frames(seconds: float, rate: float) -> int:
    return max(1, round(seconds * rate))


def has_cuts(motion: Motion) -> bool:
    """Whether frames are of several takes, or some of none."""
    return motion.takes is not None and len(np.unique(motion.takes)) > 1


def _rows(motion: Motion) -> _Rows:
    """(T, N): poses as rows in units that are alike: of points a picture's, of others those of their kind."""
    parts = []
    for name, what in motion.parameters.items():
        if what.kind not in _APART:
            units = _LENGTHS.get(name) or KINDS[what.kind].units(what)
            values = motion.arrays[name].astype(np.float64) * units
            flat = values.reshape(len(motion), -1)
            parts.append(flat / math.sqrt(flat.shape[1]))
    return np.concatenate(parts, 1)


def _best_cut(rows: _Rows) -> tuple[int, int, float]:
    """First frame, the one after the last, and how far apart the poses are over the cut."""
    every = -(-len(rows) // _MOST)
    speed = _SPEED * np.gradient(rows, axis=0)
    seen = np.concatenate([rows, speed], 1)[::every]
    squares = (seen**2).sum(1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * seen @ seen.T, 0))
    count = len(seen)
    far = np.arange(count)[None] - np.arange(count)[:, None]
    least = max(2, math.ceil(_LEAST * count))
    # Of cuts that are about as good the one that leaves more: a hundredth of the clip is worth a hundredth.
    cost = np.where(far >= least, apart * (1 + (count - far) / count), np.inf)
    first, last = np.unravel_index(int(cost.argmin()), cost.shape)
    return int(first) * every, min(int(last) * every, len(rows)), float(apart[first, last])
