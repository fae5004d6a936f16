"""Figures as the tables of Markdown that RESULTS.md has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for every row, under the names of the first one's columns; numbers have three digits."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([_spoken(row[name]) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _spoken(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def models_table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Of the models that were compared with PyTorch, ms of processor time a frame; empty where none was."""
    rows = []
    for name, found in results.items():
        if "speedup_cpu" not in found:
            continue
        plain = found.get("plain")
        rows.append(
            {
                "model": name,
                "PyTorch": 1e3 * found["torch_pass"]["cpu"],
                "plain export": "" if plain is None else 1e3 * plain["cpu"],
                "engine": 1e3 * found["engine"]["frame"]["cpu"],
                "ratio to PyTorch": f"**{found['speedup_cpu']:.2f}**",
                "by the clock": f"{found['speedup']:.2f}",
                "GFLOP a frame": found["engine"]["gflops"],
                "share of the peak": f"{found['share_of_peak']:.0%}",
                "parity": f"{found['parity']['max_abs_difference']:g}/255",
            }
        )
    return table(rows) if rows else ""


def kinds_table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Of the models that were profiled, ms of motion and render, and the share of each kind of operators; empty where
    none was.
    """
    rows = []
    for name, found in results.items():
        if "profile" in found:
            kinds = found["profile"]["kinds"]
            whole = sum(kinds.values())
            rows.append({"model": name, "ms": whole} | {kind: f"{each / whole:.0%}" for kind, each in kinds.items()})
    return table(rows) if rows else ""
