"""A model in PyTorch, as a plain export and in the engine, in turn: ratios that other work leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.measure import EngineCalls, EngineTimes, Timing, in_turn, plain_call, repeat, torch_call
from benchmarks.peak import product
from benchmarks.subjects import Subject

_SIDE = 1536
"""Of the matrix product that goes along, as a measure of what the processor has to give at that moment."""


@dataclass(frozen=True)
class Comparison:
    """Seconds a frame of one model, all taken in turn."""

    torch: Timing
    """Everything again for each frame, as published."""
    plain: Timing | None
    """ONNX Runtime's default options on the graphs as the exporter writes them, likewise."""
    engine: EngineTimes
    product: float
    """1e9 operations a second of processor time of a matrix product."""

    @property
    def speedup(self) -> float:
        """PyTorch's time over the engine's, by the clock."""
        return self.torch.best / self.engine.frame.best

    @property
    def speedup_cpu(self) -> float:
        """The same in processor time."""
        return self.torch.cpu / self.engine.frame.cpu

    @property
    def share_of_peak(self) -> float:
        """The engine's operations a second of processor time, over the matrix product's."""
        return self.engine.gflops / self.engine.frame.cpu / self.product


def compare(subject: Subject, threads: int, budget: float, plain: bool) -> Comparison:
    """All on so many `threads`, with `budget` seconds for each; without the plain export unless it is asked for."""
    engine = EngineCalls(subject, threads)
    multiply, gflops = product(_SIDE)
    calls: dict[str, Callable[[], object]] = {
        "torch": torch_call(subject, threads),
        "engine": engine.frames,
        "product": multiply,
    }
    if plain:
        calls["plain"] = plain_call(subject, threads)
    found = in_turn(calls, budget)
    times = engine.times(found["engine"], repeat(engine.source, budget / 4))
    return Comparison(found["torch"], found.get("plain"), times, gflops / found["product"].cpu)
