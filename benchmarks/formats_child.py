"""What `benchmarks.formats` runs in a process of its own: a bundle is opened and moves the bundled sample."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.child import peak_memory
from runtime.animator import Animator
from runtime.commands.animate import SAMPLE
from runtime.engine import Engine
from runtime.media.picture import read_square
from runtime.media.video import probe, read_frames

T = TypeVar("T")

FRAMES = 2
"""That are moved one by one, half a second apart; the least time counts."""
STEP = 12


def main(bundle: str, pictures: str) -> None:
    """Prints the result as a line of JSON, and keeps the moved frames in the file `pictures` (.npy)."""
    opening, engine = _timed(lambda: Engine(bundle, device="cpu", threads=1))
    opened = _resident()
    animator = Animator(engine, mode="relative")
    picture, video = SAMPLE
    size = engine.resolution
    source, _ = _timed(lambda: animator.set_source(read_square(picture, size)))
    driving = islice(read_frames(probe(video), size), 0, FRAMES * STEP, STEP)
    moved = [_timed(partial(animator.frames, frame[None])) for frame in driving]
    np.save(pictures, np.concatenate([picture for _, picture in moved]))
    found = {"open": opening, "source": source, "frame": min(seconds for seconds, _ in moved)}
    print(json.dumps(found | {"opened_mb": opened / 1e6, "peak_mb": peak_memory() / 1e6}), flush=True)


def _timed(call: Callable[[], T]) -> tuple[float, T]:
    used = time.process_time()
    result = call()
    return time.process_time() - used, result


def _resident() -> int:
    """Bytes of this process in memory now; at most so far where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return peak_memory()
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
