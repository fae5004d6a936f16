"""The report's drawings, as SVG: identity against motion, and every case's value."""

from __future__ import annotations

from io import StringIO
from typing import Any

import numpy as np

from training.evaluation.movers import Echo, Still
from training.evaluation.summary import Metric, Row

_BOUNDS = (Still().name, Echo().name)
_MARKS = {Still().name: "s", Echo().name: "*"}
_LINES = {Still().name: "--", Echo().name: ":"}
_INCHES = (4.1, 3.3)
"""Three beside one another fill the page."""
_LEAST_CASES = 3
_INK, _GRID = "#333333", "#dddddd"
COLOURS = ("#0b6fb8", "#c4501b", "#2c8a4b", "#7b4fa3", "#a8860b", "#b03060")
"""Of the models, in order; told apart by people who see no red or green, and dark enough on white."""


def colours(rows: list[Row]) -> dict[str, str]:
    """One for each model; the bounds are grey."""
    models = [row.model for row in rows if row.model not in _BOUNDS]
    return dict.fromkeys(_BOUNDS, "#8a8a8a") | {
        model: COLOURS[index % len(COLOURS)] for index, model in enumerate(models)
    }


def trade_off(rows: list[Row]) -> str | None:
    """Motion transferred (across) against identity kept (up), or against L1 where identity was not measured.

    Good models lie in the upper right corner, frozen ones upper left, those that show the wrong person lower right.
    None when no keypoints were measured, or nothing to set them against.
    """
    motion = "transfer" if any("transfer" in row.values for row in rows) else "followed"
    shown = [row for row in rows if motion in row.values]
    identity = all("csim" in row.values for row in shown)
    if not shown or not (identity or all("l1" in row.values for row in shown)):
        return None
    figure, axes = _axes()
    palette = colours(rows)
    for row in shown:
        y = row.values["csim"] if identity else row.values["l1"]
        marker = _MARKS.get(row.model, "o")
        axes.scatter(row.values[motion], y, s=60, marker=marker, color=palette[row.model], zorder=3, label=row.model)
    axes.set_xlabel("motion transfer score (1 = all of it)")
    axes.set_ylabel("CSIM (identity kept)" if identity else "L1 (axis reversed: up is better)")
    if not identity:
        axes.invert_yaxis()
    axes.margins(0.15)
    # A legend, not labels at the points: models that do the same lie on one another.
    figure.legend(loc="outside upper left", frameon=False, fontsize=8, ncols=2)
    return _svg(figure)


def spread(metric: Metric, rows: list[Row]) -> str | None:
    """Every case's value, sorted, one line a model: whether a mean hides failures. None when nobody has it, or
    so few cases that the table of all of them says more.
    """
    shown = [
        (row, sorted(values[metric.name] for values in row.by_case.values() if metric.name in values)) for row in rows
    ]
    shown = [(row, values) for row, values in shown if len(values) >= _LEAST_CASES]
    if not shown:
        return None
    figure, axes = _axes()
    palette = colours(rows)
    for row, values in shown:
        share = np.linspace(0, 100, len(values))
        style = _LINES.get(row.model, "-")
        axes.plot(
            share, values, style, marker="." if len(values) < 40 else "", color=palette[row.model], label=row.model
        )
    axes.set_xlabel("cases, from the lowest value to the highest (%)")
    axes.set_ylabel(metric.label)
    axes.legend(frameon=False, fontsize=8)
    return _svg(figure)


def _axes() -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    # Not through pyplot: no window system, no global state.
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.grid(color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=_INK, labelsize=8)
    return figure, axes


def _svg(figure: Any) -> str:
    import matplotlib

    out = StringIO()
    # A fixed salt and no date: the same numbers give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "bunraku", "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
