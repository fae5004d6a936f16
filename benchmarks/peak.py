"""What this machine can do at most: single-precision multiplications and additions, and bytes moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from benchmarks.measure import repeat

_SIDES = (512, 1024, 1536)
_MEGABYTES = 64


@dataclass(frozen=True)
class Peak:
    """The best of many tries."""

    gflops: float
    """1e9 operations a second of a matrix product, the fastest of several sizes."""
    gbytes: float
    """1e9 bytes a second read and written by a copy that is larger than the caches."""


def product(side: int) -> tuple[Callable[[], object], float]:
    """A matrix product, and its 1e9 operations."""
    a, b, out = (torch.rand(side, side) for _ in range(3))
    return partial(torch.mm, a, b, out=out), 2 * side**3 / 1e9


def measure_peak(threads: int, budget: float) -> Peak:
    """Of `threads` threads, in about `budget` seconds."""
    torch.set_num_threads(threads)
    best = 0.0
    for side in _SIDES:
        call, gflops = product(side)
        best = max(best, gflops / repeat(call, budget / 4).best)
    source = torch.zeros(_MEGABYTES * 1024 * 256)
    target = torch.empty_like(source)
    seconds = repeat(partial(target.copy_, source), budget / 4).best
    return Peak(best, 2 * source.numel() * 4 / seconds / 1e9)
