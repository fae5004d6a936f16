"""The table in the layout of DiME's Table 1: data, method, reconstruction's columns, animation's columns."""

from __future__ import annotations

from training.evaluation.cases import RECONSTRUCTION
from training.evaluation.movers import Echo, Still
from training.evaluation.summary import METRICS, Metric, Row, Summary

TITLES = {"reconstruction": "Video reconstruction", "animation": "Image animation"}


def columns(rows: list[Row]) -> list[Metric]:
    """The metrics that any row has, in their order."""
    return [metric for metric in METRICS if any(metric.name in row.values for row in rows)]


def cell(metric: Metric, row: Row) -> str:
    """A value as it is shown; "N/A" where it is not known, as in the papers."""
    return f"{row.values[metric.name]:.{metric.digits}f}" if metric.name in row.values else "N/A"


def best(metric: Metric, rows: list[Row]) -> set[str]:
    """The models (not the bounds) whose shown value is the best of the column; empty when there is only one, or when
    the metric has no better side."""
    bounds = {Still().name, Echo().name}
    known = {row.model: float(cell(metric, row)) for row in rows if metric.name in row.values}
    known = {model: value for model, value in known.items() if model not in bounds}
    if len(known) < 2 or metric.up is None:
        return set()
    top = max(known.values()) if metric.up else min(known.values())
    return {model for model, value in known.items() if value == top}


def title(summary: Summary, task: str) -> str:
    """Heading of a task: what it is, how many cases, in which mode."""
    rows = summary.tasks[task]
    mode = "absolute" if task == RECONSTRUCTION else summary.mode
    return f"{TITLES[task]} ({rows[0].cases} cases, {mode})"


def markdown(summary: Summary) -> str:
    """All tables as Markdown."""
    lines = [f"{summary.data}: {summary.setting}", ""]
    for task, rows in summary.tasks.items():
        shown = columns(rows)
        heads = [f"{metric.label} ({metric.arrow})" for metric in shown]
        lines += [f"**{title(summary, task)}**", "", _line(["Method", *heads]), "|" + "---|" * (len(shown) + 1)]
        winners = {metric.name: best(metric, rows) for metric in shown}
        for row in rows:
            cells = [
                f"**{cell(metric, row)}**" if row.model in winners[metric.name] else cell(metric, row)
                for metric in shown
            ]
            lines.append(_line([row.model, *cells]))
        lines.append("")
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
