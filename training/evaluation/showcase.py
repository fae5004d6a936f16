"""The report's videos: the worst and the best cases of the first model, all models side by side, moving."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.evaluation.cases import RECONSTRUCTION, Case
from training.evaluation.movers import Echo, Still
from training.evaluation.run import Plan, move
from training.evaluation.summary import METRICS, Row, Summary

PANEL = 208
"""Side of one panel in pixels."""
FRAMES = 40
"""At most so many frames of a case, evenly chosen."""
MILLISECONDS = 100
QUALITY = 90


@dataclass(frozen=True)
class Shown:
    """One case as a moving picture."""

    task: str
    case: str
    rank: str
    """"worst" or "best"."""
    value: str
    file: str
    panels: list[str]
    """What the panels show, from left to right."""


def show(folder: Path, plan: Plan, summary: Summary, prefix: str = "", count: int = 2) -> list[Shown]:
    """Write the `count` worst and best cases of every task as animated WebP below `folder`/cases, their names starting
    with `prefix`.

    They are computed again (results are numbers only); nothing random is in it, so they are the same.
    """
    (folder / "cases").mkdir(exist_ok=True)
    shown = []
    for task, rows in summary.tasks.items():
        row = next(row for row in rows if row.model not in (Still().name, Echo().name))
        for rank, names in _extremes(row, count).items():
            for number, (name, value) in enumerate(names, 1):
                file = f"cases/{prefix}{task}-{rank}-{number}.webp"
                panels = _write(folder / file, plan, task, plan.data.load(task, name))
                shown.append(Shown(task, name, rank, value, file, panels))
    return shown


def _extremes(row: Row, count: int) -> dict[str, list[tuple[str, str]]]:
    """Names and values of the worst and the best cases; by L1 against the true frames, else by motion error or
    jitter."""
    metric = next(
        (m for m in ("l1", "motion_error", "jitter") if any(m in values for values in row.by_case.values())), None
    )
    known = [(name, values.get(metric, np.inf)) for name, values in row.by_case.items()] if metric else []
    if not known:
        return {"first": [(name, "not ranked") for name in list(row.by_case)[:count]]}
    ordered = sorted(known, key=lambda item: item[1])
    count = min(count, max(1, len(ordered) // 2))
    label = next(known.label for known in METRICS if known.name == metric)
    labelled = [(name, f"{label} {value:.4f}") for name, value in ordered]
    worst = labelled[-count:][::-1]
    return {"worst": worst, "best": [item for item in labelled[:count] if item not in worst]}


def _write(path: Path, plan: Plan, task: str, case: Case) -> list[str]:
    chosen = np.linspace(0, len(case.driving) - 1, min(FRAMES, len(case.driving))).round().astype(int)
    panels: list[tuple[str, NDArray[np.uint8]]] = [("source", np.repeat(case.source[None], len(case.driving), 0))]
    panels.append(("driving", case.driving))
    if task != RECONSTRUCTION and case.target is not None:
        panels.append(("true target", case.target))
    for mover in plan.movers:
        if mover.name not in (Still().name, Echo().name):
            # All frames are moved, not only those chosen: relative motion and references depend on the first.
            panels.append((mover.name, move(mover, task, plan.mode, case.source, case.driving).frames))
    frames = [Image.fromarray(np.concatenate([_panel(clip[index]) for _, clip in panels], 1)) for index in chosen]
    # WebP, which moves in a page as in Markdown, and unlike GIF has all colours: banding would hide what one looks for.
    # Every frame a whole picture: nothing is smeared over from the one before.
    first, *others = frames
    first.save(path, save_all=True, append_images=others, quality=QUALITY, duration=MILLISECONDS, loop=0, kmax=1)
    return [name for name, _ in panels]


def _panel(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(frame).resize((PANEL, PANEL), Image.Resampling.LANCZOS))
