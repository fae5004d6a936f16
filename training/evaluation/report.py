"""The report: one HTML page that needs nothing but the folder it lies in, and the same tables as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from checkpoints.errors import OutputError
from training.evaluation import plots
from training.evaluation.cases import RECONSTRUCTION
from training.evaluation.closeups import write_closeups
from training.evaluation.run import Plan
from training.evaluation.showcase import Shown, show
from training.evaluation.summary import METRICS, Metric, Row, Summary
from training.evaluation.table import best, cell, columns, markdown, title

_STYLE = """
:root { color-scheme: light; font: 15px/1.5 system-ui, sans-serif; color: #222; }
body { max-width: 1240px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.25rem; margin-top: 2.6rem }
h3 { font-size: 1.05rem; margin-top: 1.8rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .45rem; text-align: right; font-size: .87rem; vertical-align: bottom }
td { white-space: nowrap } thead th { line-height: 1.15 }
th:first-child, td:first-child { text-align: left }
thead th { border-bottom: 2px solid #222; border-top: 2px solid #222 }
tbody tr:last-child td { border-bottom: 2px solid #222 }
tr.bound td { color: #666; font-style: italic } td.best { font-weight: 700 }
.plots { display: flex; flex-wrap: wrap; gap: 1rem } .plots svg { max-width: 100%; height: auto }
figure { margin: 0 0 1.4rem } figure img { max-width: 100%; display: block } figcaption { color: #444 }
dt { font-weight: 600; float: left; clear: left; width: 9rem } dd { margin-left: 9.5rem }
details { margin: 1rem 0 } summary { cursor: pointer } .note { color: #555 }
"""


@dataclass(frozen=True)
class Chapter:
    """One set of data."""

    summary: Summary
    """What it gave."""
    shown: list[Shown]
    """Its videos."""
    closeups: str
    """File of its sheet of mouths and eyes; empty where there are no faces."""
    columns: list[str]
    """What the columns of that show."""


def write_report(folder: Path, evaluated: Sequence[tuple[Plan, Summary]]) -> Path:
    """Write `report.html`, `report.md` and `cases/*` into `folder`; returns the page's path.

    `evaluated`: for each set of data what was to be measured, and what it gave; the same models in all. Raises
    `OutputError` when the folder cannot be written.
    """
    page = folder / "report.html"
    try:
        several = len(evaluated) > 1
        chapters = [
            _chapter(folder, plan, summary, f"{number}-" if several else "")
            for number, (plan, summary) in enumerate(evaluated, 1)
        ]
        page.write_text(_page(chapters), encoding="utf-8")
        (folder / "report.md").write_text(_markdown(chapters), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: the report cannot be written ({error.strerror or error}); make room") from error
    return page


def _chapter(folder: Path, plan: Plan, summary: Summary, prefix: str) -> Chapter:
    shown = show(folder, plan, summary, prefix)
    file = f"cases/{prefix}closeups.jpg"
    columns = write_closeups(folder / file, plan)
    return Chapter(summary, shown, file if columns else "", columns)


def _page(chapters: Sequence[Chapter]) -> str:
    first = chapters[0].summary
    names = ", ".join(chapter.summary.data for chapter in chapters)
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Evaluation on {escape(names)}</title>",
        f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style></head><body>",
        "<h1>Evaluation</h1>",
        f"<p class='note'>{escape(first.setting)}"
        + (f"; measured by {escape(', '.join(first.rulers))}" if first.rulers else "")
        + ". Bounds in italics: the unmoved source, and the driving frames themselves. Means over cases; the best"
        " model's value in bold. Point at a column's head for what it means.</p>",
        _models(first),
    ]
    for chapter in chapters:
        summary = chapter.summary
        parts.append(f"<h2>{escape(summary.data)}</h2>")
        for task, rows in summary.tasks.items():
            parts += [f"<h3>{escape(title(summary, task))}</h3>", _table(rows), _plots(rows)]
            if task == RECONSTRUCTION and chapter.closeups:
                parts.append(_sheet(chapter))
            parts += [_figure(item) for item in chapter.shown if item.task == task]
            parts.append(_cases(rows))
    parts += [_glossary(chapters), "</body></html>"]
    return "\n".join(parts)


def _models(summary: Summary) -> str:
    lines = []
    for model, facts in summary.facts.items():
        known = [
            f"{key} {value:,}" if isinstance(value, int) else f"{key} {value}" for key, value in facts.items() if value
        ]
        if "bound" not in facts:
            lines.append(f"<li><b>{escape(model)}</b>: {escape(', '.join(known))}</li>")
    return f"<ul>{''.join(lines)}</ul>"


def _table(rows: list[Row]) -> str:
    shown = columns(rows)
    winners = {metric.name: best(metric, rows) for metric in shown}
    heads = "".join(
        f"<th title='{escape(metric.meaning)}'>{escape(metric.label)} {metric.arrow}</th>" for metric in shown
    )
    bounds = {rows[0].model, rows[-1].model}
    body = []
    for row in rows:
        cells = "".join(
            f"<td{' class=best' if row.model in winners[metric.name] else ''}>{cell(metric, row)}</td>"
            for metric in shown
        )
        kind = " class='bound'" if row.model in bounds else ""
        body.append(f"<tr{kind}><td>{escape(row.model)}</td>{cells}</tr>")
    head = f"<thead><tr><th>Method</th>{heads}</tr></thead>"
    return f"<div class='wide'><table>{head}<tbody>{''.join(body)}</tbody></table></div>"


def _plots(rows: list[Row]) -> str:
    by_name = {metric.name: metric for metric in METRICS}
    drawn = [plots.trade_off(rows), *(plots.spread(by_name[name], rows) for name in ("l1", "akd"))]
    if not any(drawn[1:]):
        drawn += [plots.spread(by_name[name], rows) for name in ("motion_error", "jitter")]
    return f"<div class='plots'>{''.join(f'<div>{svg}</div>' for svg in drawn if svg)}</div>"


def _figure(item: Shown) -> str:
    caption = f"<b>{item.rank}</b>: {escape(item.case)} ({escape(item.value)}). {escape(' | '.join(item.panels))}"
    alt = f"{item.rank} case: {', '.join(item.panels)} side by side"
    return (
        f"<figure><figcaption>{caption}</figcaption><img src='{item.file}' alt='{escape(alt)}' loading='lazy'></figure>"
    )


def _sheet(chapter: Chapter) -> str:
    caption = escape(_sheet_caption(chapter))
    return f"<figure><figcaption>{caption}</figcaption><img src='{chapter.closeups}' alt='{caption}'></figure>"


def _sheet_caption(chapter: Chapter) -> str:
    return f"Mouths at their widest, then left eyes at their most shut: {' | '.join(chapter.columns)}"


def _cases(rows: list[Row]) -> str:
    """Every case's values, folded away."""
    blocks = []
    for row in rows:
        shown = [metric for metric in columns(rows) if any(metric.name in values for values in row.by_case.values())]
        heads = "".join(f"<th>{escape(metric.label)}</th>" for metric in shown)
        body = "".join(
            f"<tr><td>{escape(name)}</td>"
            + "".join(f"<td>{values[m.name]:.{m.digits}f}</td>" if m.name in values else "<td>N/A</td>" for m in shown)
            + "</tr>"
            for name, values in row.by_case.items()
        )
        table = f"<table><thead><tr><th>Case</th>{heads}</tr></thead><tbody>{body}</tbody></table>"
        blocks.append(
            f"<details><summary>All cases: {escape(row.model)}</summary><div class='wide'>{table}</div></details>"
        )
    return "".join(blocks)


def _used(chapters: Sequence[Chapter]) -> list[Metric]:
    """The metrics that any table shows, in their order."""
    rows = [row for chapter in chapters for rows in chapter.summary.tasks.values() for row in rows]
    return columns(rows)


def _glossary(chapters: Sequence[Chapter]) -> str:
    entries = "".join(
        f"<dt>{escape(metric.label)} {metric.arrow}</dt><dd>{escape(metric.meaning)}</dd>" for metric in _used(chapters)
    )
    return f"<h2>What the columns mean</h2><dl>{entries}</dl>"


def _markdown(chapters: Sequence[Chapter]) -> str:
    lines = ["# Evaluation", ""]
    for chapter in chapters:
        summary = chapter.summary
        lines += [f"## {summary.data}", "", summary.setting, "", *markdown(summary).splitlines()[2:]]
        for task in summary.tasks:
            what = "against the true frames" if task == RECONSTRUCTION else "moved by others"
            lines += [f"**{task.capitalize()}, {what}**", ""]
            if task == RECONSTRUCTION and chapter.closeups:
                lines += [_sheet_caption(chapter), "", f"![]({chapter.closeups})", ""]
            for item in (item for item in chapter.shown if item.task == task):
                caption = f"{item.rank}: {item.case} ({item.value}): {' | '.join(item.panels)}"
                lines += [caption, "", f"![]({item.file})", ""]
    lines += ["| column | meaning |", "|---|---|"]
    lines += [f"| {metric.label} | {metric.meaning} |" for metric in _used(chapters)]
    return "\n".join(lines) + "\n"
