"""What a model is, in words: its own card where it brings one, and what its description says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from checkpoints.bundle import Bundle
from checkpoints.contract import FRAMEWISE
from checkpoints.own_card import shown_card

_MAX_CHARACTERS = 20_000


def card(bundle: Bundle) -> str:
    """Markdown on a model: facts first, then its own card."""
    megabytes = sum(graph.bytes for graph in bundle.graphs.values()) / 1e6
    gflops = [graph.gflops for name, graph in bundle.graphs.items() if name in FRAMEWISE]
    facts = {
        "Family": bundle.title or bundle.family,
        "Licence": bundle.licence,
        "Picture": f"{bundle.resolution} x {bundle.resolution} pixels",
        "Size": f"{megabytes:.0f} MB",
        "Work a picture": f"{sum(filter(None, gflops)):.2g} GFLOP" if all(gflops) else None,
        "Several pictures": "yes, of the same person" if bundle.views == "many" else None,
        "Trained on": bundle.training.get("data"),
        "Trained with": _steps(bundle.training),
        "Trained by": bundle.training.get("hardware"),
    }
    lines = [f"* **{name}**: {_line(value)}" for name, value in facts.items() if value]
    return "\n".join([*lines, "", _own_card(bundle)]).strip()


def _steps(training: Mapping[str, Any]) -> str | None:
    steps = training.get("steps")
    if isinstance(steps, Mapping):
        return ", ".join(f"{name}: {count} steps" for name, count in steps.items())
    return f"{steps} steps" if steps else None


def _own_card(bundle: Bundle) -> str:
    """The text of the card without the Hub's front matter, its headings below the page's; where the folder has none,
    the one that is made from the description.
    """
    text = shown_card(bundle)[:_MAX_CHARACTERS]
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    return re.sub(r"^(#+)", r"##\1", text, flags=re.MULTILINE)


def _line(value: object) -> str:
    return " ".join(str(value).split())
