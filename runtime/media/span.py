"""Which frames lie between two seconds: n is what is shown at second n / rate."""

from __future__ import annotations

import math
from fractions import Fraction

_ROUNDED = 1e-6
"""Part of a frame that clocks are off by rounding."""


def early(own: Fraction, rate: Fraction) -> Fraction:
    """Seconds by which a frame may come too late and still be taken for its place, of a video whose `own` frames a
    second are read at `rate`: half the time of a frame, of the faster of the two.
    """
    return 1 / (2 * max(own, rate))


def frames_in(seconds: float, own: Fraction, rate: Fraction) -> int:
    """How many frames `seconds` of a video give that has its `own` rate and is read at `rate`; at least one."""
    return max(1, math.ceil((seconds - float(early(own, rate))) * rate - _ROUNDED))


def frames_between(
    start: float, end: float | None, rate: Fraction, length: float = math.inf, own: Fraction | None = None
) -> slice:
    """The frames from second `start` to `end`, at least one, of what lasts `length` seconds and has its `own` frames a
    second (by default `rate`). In the second half of the last frame's time that is the last frame.
    """
    first = round(start * rate)
    if start < length < math.inf:
        first = min(first, frames_in(length, own or rate, rate) - 1)
    return slice(first, None if end is None else max(first + 1, round(end * rate)))
