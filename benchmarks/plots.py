"""Small pictures of what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def plot_growth(tables: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """The tables of `benchmarks.growth.growth`, four panels side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.6), layout="constrained")
    panels = figure.subplots(1, 4)
    _line(panels[0], tables["length"], "frames", "seconds", "frames", "seconds in all")
    _line(panels[1], tables["size"], "pixels", "fps", "side of the driving video, pixels", "frames a second")
    _line(panels[2], tables["pairs"], "pairs", "seconds", "pairs of 25 frames", "seconds in all")
    rows = [{**row, "milliseconds": 1e3 * row["frame"]} for row in tables["threads"]]
    _line(panels[3], rows, "threads", "milliseconds", "threads", "ms a frame, motion + render")
    figure.savefig(path, dpi=90)


def _line(axes: Any, rows: Sequence[Mapping[str, Any]], x: str, y: str, x_label: str, y_label: str) -> None:
    axes.plot([row[x] for row in rows], [row[y] for row in rows], marker="o")
    axes.set(xlabel=x_label, ylabel=y_label, ylim=(0, None))
    axes.set_xticks([row[x] for row in rows])
    axes.grid(alpha=0.3)


def plot_rewrites(tables: Mapping[str, Sequence[tuple[str, float]]], path: Path) -> None:
    """Processor time of the render graph after each rewrite, a panel a model."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5 * len(tables), 2.8), layout="constrained")
    panels = figure.subplots(1, len(tables), squeeze=False)[0]
    for axes, (name, rows) in zip(panels, tables.items(), strict=True):
        labels = [label for label, _ in reversed(rows)]
        axes.barh(labels, [milliseconds for _, milliseconds in reversed(rows)])
        axes.set(title=f"{name}: render", xlabel="ms of processor time a frame")
        axes.grid(alpha=0.3, axis="x")
    figure.savefig(path, dpi=90)
