"""How cost grows: with the video's length and size, with the number of pairs, with threads."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.measure import end_to_end, engine_pass, make_inputs
from benchmarks.subjects import Subject
from runtime.animate import animate
from runtime.engine import Engine

LENGTHS = (25, 100, 300)
"""Frames of a driving video of 512x512 pixels."""
SIZES = (256, 512, 1024)
"""Pixels along a side of a driving video of `LENGTH` frames."""
LENGTH = 100
PAIRS = (1, 2, 4)
"""Pairs of a picture and a video of `SHORT` frames, one after another with one engine."""
SHORT = 25
THREADS = (1, 2, 4)


def growth(subject: Subject, threads: int, budget: float) -> dict[str, list[dict[str, Any]]]:
    """Rows of each table, by what grows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {
            "length": [_row("frames", count, subject, folder, count, 512) for count in LENGTHS],
            "size": [_row("pixels", size, subject, folder, LENGTH, size) for size in SIZES],
            "pairs": _pairs(subject, threads, folder),
            "threads": [_threads(subject, count, budget) for count in THREADS],
        }


def _row(key: str, value: int, subject: Subject, folder: Path, frames: int, size: int) -> dict[str, Any]:
    start = time.perf_counter()
    found = end_to_end(subject, folder, frames, size)
    return {key: value, "seconds": time.perf_counter() - start, **asdict(found)}


def _pairs(subject: Subject, threads: int, folder: Path) -> list[dict[str, Any]]:
    source, driving = make_inputs(folder, SHORT)
    engine = Engine(subject.bundle, device="cpu", threads=threads)
    rows = []
    for count in PAIRS:
        start = time.perf_counter()
        for index in range(count):
            animate(source, driving, model=engine, output=folder / f"{index}.mp4", progress=False)
        rows.append({"pairs": count, "seconds": time.perf_counter() - start})
    return rows


def _threads(subject: Subject, count: int, budget: float) -> dict[str, Any]:
    times = engine_pass(subject, count, budget)
    return {"threads": count, "frame": times.frame.best, "batch": times.batch}
