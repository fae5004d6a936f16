"""Less jitter in a stream of motions: the One-Euro filter (Casiez, Roussel, Vogel, CHI 2012).

A low-pass filter whose cut-off rises with speed: at rest it is heavy and removes trembling, in fast motion
it is light and adds no visible delay.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from checkpoints.errors import OptionError
from checkpoints.parameters import Parameter
from runtime.motion.kinds import KINDS, Kind
from runtime.motion.modes import Motion
from runtime.values import Floats, is_number

SPEED_CUTOFF = 1.0
"""Cut-off in Hz of the low-pass filter on the speed itself (the paper's value)."""

SPEED_GAIN = 4.0
"""Hz of cut-off gained per unit of speed (half a picture's width a second)."""


class OneEuro:
    """Filters motions frame by frame; keeps the state between calls.

    `smoothing` in [0, 1]: the cut-off at rest is 0.5 / smoothing Hz, 0 switches the filter off. `rate` in
    frames a second. Which parameters are filtered, and what has a speed of its own, their kinds say.
    """

    def __init__(self, smoothing: float, rate: float) -> None:
        check_smoothing(smoothing)
        check_rate(rate)
        self.smoothing = smoothing
        self.rate = rate
        self._channels: dict[str, _Channel] = {}

    def reset(self) -> None:
        """Forget the past: the next frame starts a new stream."""
        self._channels.clear()

    def __call__(self, motion: Motion) -> Motion:
        """The motion of the next frames (T, ...), smoothed; the very first frame is returned as it is."""
        if self.smoothing == 0:
            return motion
        return motion.with_arrays(
            {
                name: self._filter(name, motion.arrays[name], KINDS[what.kind], what)
                for name, what in motion.parameters.items()
                if KINDS[what.kind].axes is not None
            }
        )

    def _filter(self, name: str, values: Floats, kind: Kind, what: Parameter) -> Floats:
        smoothed = []
        for frame in values.astype(np.float64):
            channel = self._channels.setdefault(name, _Channel(frame, kind.axes or (), kind.units(what)))
            smoothed.append(channel.step(frame, 0.5 / self.smoothing, self.rate))
        return kind.mended(np.stack(smoothed)).astype(np.float32)


class _Channel:
    """State of the filter for one array; `axes` are those of one vector, over which its speed is measured (`Kind`)."""

    def __init__(self, first: NDArray[np.float64], axes: tuple[int, ...], units: float | NDArray[np.float64]) -> None:
        self.value = first
        self.speed = np.zeros_like(first)
        self._axes, self._units = axes, units

    def step(self, frame: NDArray[np.float64], cutoff: float, rate: float) -> NDArray[np.float64]:
        speed = (frame - self.value) * rate
        self.speed = self.speed + _weight(SPEED_CUTOFF, rate) * (speed - self.speed)
        magnitude = np.sqrt(((self.speed * self._units) ** 2).sum(axis=self._axes, keepdims=True))
        self.value = self.value + _weight(cutoff + SPEED_GAIN * magnitude, rate) * (frame - self.value)
        return self.value


def _weight(cutoff: float | NDArray[np.float64], rate: float) -> float | NDArray[np.float64]:
    """Weight of the newest value in an exponential filter of that cut-off (Hz) at that rate (1/s)."""
    turn = 2 * np.pi * cutoff / rate
    return turn / (turn + 1)


def check_smoothing(smoothing: float) -> None:
    """Raises `OptionError` unless `smoothing` lies in [0, 1]."""
    if not (is_number(smoothing) and 0 <= smoothing <= 1):
        raise OptionError(f"smoothing is {smoothing!r}; it must lie between 0 (off) and 1 (strongest).")


def check_rate(rate: float) -> None:
    """Raises `OptionError` unless a stream can have that many frames a second."""
    if not (is_number(rate) and rate > 0):
        raise OptionError(f"fps is {rate!r}; it must be a number above 0.")
