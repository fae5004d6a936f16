"""A run's log as one SVG picture: a small panel for every loss, without any drawing library."""

from __future__ import annotations

import json
import math
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, COLUMNS, POINTS = 320, 170, 3, 300
"""Pixels of a panel, panels in a row, and points of a curve at most."""
_OTHER = ("kind", "stage", "step", "time")
_COLOURS = {"train": "#2563a8", "test": "#c2410c"}

Curve = list[tuple[float, float]]


def draw_curves(log: Path, picture: Path) -> None:
    """Draw `log` (JSON lines of `training.watch.Watcher`) to `picture`: training blue, held-out orange, stages parted.

    Losses have logarithmic axes; every panel names the last value.
    """
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if line["kind"] in _COLOURS]
    panels: dict[str, dict[str, Curve]] = {}
    for line in lines:
        for name in line.keys() - set(_OTHER):
            if math.isfinite(line[name]):
                panels.setdefault(name, {}).setdefault(line["kind"], []).append((line["step"], line[name]))
    starts = [after["step"] for before, after in pairwise(lines) if before["stage"] != after["stage"]]
    last = max((line["step"] for line in lines), default=1)
    rows = math.ceil(len(panels) / COLUMNS)
    drawn = [
        f'<g transform="translate({index % COLUMNS * WIDTH} {index // COLUMNS * HEIGHT})">'
        f"{_panel(name, panels[name], starts, last)}</g>"
        for index, name in enumerate(sorted(panels))
    ]
    size = f'width="{COLUMNS * WIDTH}" height="{max(rows, 1) * HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
    picture.write_text(f'{head}<rect width="100%" height="100%" fill="white"/>{"".join(drawn)}</svg>', encoding="utf-8")


def _panel(name: str, curves: dict[str, Curve], starts: list[int], last: int) -> str:
    values = [value for curve in curves.values() for _, value in curve]
    logarithmic = min(values) > 0
    low, high = (math.log(v) if logarithmic else v for v in (min(values), max(values)))
    left, top, wide, tall = 46, 24, WIDTH - 60, HEIGHT - 48

    def x(step: float) -> float:
        return round(left + step / last * wide, 1)

    def y(value: float) -> float:
        share = ((math.log(value) if logarithmic else value) - low) / ((high - low) or 1.0)
        return round(top + (1 - share) * tall, 1)

    now = ", ".join(f"{kind} {curve[-1][1]:.4g}" for kind, curve in sorted(curves.items()))
    parts: list[Any] = [f'<text x="{left}" y="15" font-weight="bold">{escape(name)}: {now}</text>']
    parts.append(f'<rect x="{left}" y="{top}" width="{wide}" height="{tall}" fill="none" stroke="#bbb"/>')
    parts += [f'<path d="M{x(step)} {top}v{tall}" stroke="#ddd"/>' for step in starts]
    for value in (min(values), max(values)):
        parts.append(f'<text x="{left - 4}" y="{y(value) + 4}" text-anchor="end">{value:.3g}</text>')
    parts.append(f'<text x="{left + wide}" y="{HEIGHT - 8}" text-anchor="end">step {last}</text>')
    for kind, curve in sorted(curves.items(), reverse=True):
        points = " ".join(f"{x(step)},{y(value)}" for step, value in _thinned(curve))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{_COLOURS[kind]}" stroke-width="1.3"/>')
    return "".join(parts)


def _thinned(curve: Curve) -> Curve:
    """At most `POINTS` points: means of neighbours."""
    step = math.ceil(len(curve) / POINTS)
    groups = [curve[first : first + step] for first in range(0, len(curve), step)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]
