"""How far a stage has come, by steps or by the clock, and how a run's time is shared among its stages.

A run that has minutes, not steps, gives every stage a share of them, so that the learning rate of each falls to its end
and the last, short stages are always reached, however fast the machine is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from checkpoints.errors import OptionError
from training.config import Stage


@dataclass(frozen=True)
class Timetable:
    """The time of one call, and what part of it each stage gets."""

    stop: float
    """`time.monotonic()` at which training has to end."""
    shares: tuple[float, ...]
    """Of every stage, in their order; relative to one another."""
    total: float = 0.0
    """Seconds that the whole run is to train, earlier and later calls included; 0: what is left is this call's."""

    def seconds(self, stage: int, fraction: float, trained: float) -> float:
        """Seconds for the rest of stage number `stage`, of which `fraction` is done, after `trained` seconds in all."""
        left = max(self.stop - time.monotonic(), self.total - trained, 0.0)
        rest = self.shares[stage] * (1 - fraction)
        all_rest = rest + sum(self.shares[stage + 1 :])
        return left * rest / all_rest if all_rest > 0 else 0.0


def share_time(stages: Sequence[Stage], cost: Callable[[int], float]) -> tuple[float, ...]:
    """Each stage's part of a run's time, 1 in all: `share` where a stage names one.

    The others divide the rest as their work does: `cost` gives the seconds that a stage would take as it is
    configured, and is asked for those alone. Raises `OptionError` where the named shares leave nothing for them.
    """
    named = sum(stage.share for stage in stages)
    free = [index for index, stage in enumerate(stages) if stage.share == 0]
    if not free:
        return tuple(stage.share / named for stage in stages)
    if named >= 1:
        names = ", ".join(stages[index].name for index in free)
        raise OptionError(f"the shares of the stages are {named:g} in all, which leaves nothing for {names}")
    costs = {index: cost(index) for index in free}
    whole = sum(costs.values())
    return tuple(
        stage.share or (1 - named) * costs[index] / whole if whole > 0 else stage.share or (1 - named) / len(free)
        for index, stage in enumerate(stages)
    )


class Progress:
    """How much of a stage is done, from 0 to 1."""

    def __init__(self, length: int, seconds: float = math.inf, fraction: float = 0.0) -> None:
        """`length`: steps of the stage. With `seconds`, what is left beyond `fraction` takes these instead."""
        self.length = length
        self.seconds = seconds
        self.timed = not math.isinf(seconds)
        self.first = fraction
        self.begin = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the stage began, or went on, in this call."""
        return time.monotonic() - self.begin

    def fraction(self, step: int) -> float:
        """What is done after `step` steps."""
        if not self.timed:
            return step / max(1, self.length)
        return 1.0 if self.seconds <= 0 else min(1.0, self.first + (1 - self.first) * self.elapsed / self.seconds)


class Pace:
    """Pairs a second since it was last asked for."""

    def __init__(self, pairs: int) -> None:
        """`pairs` of a step."""
        self.pairs = pairs
        self.steps = 0
        self._begin = time.perf_counter()

    def pairs_per_second(self) -> float:
        """Of the `steps` counted since the last call, which starts anew."""
        now = time.perf_counter()
        found = self.steps * self.pairs / max(now - self._begin, 1e-9)
        self.steps, self._begin = 0, now
        return found
