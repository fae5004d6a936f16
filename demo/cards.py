"""What a model is, in words: what it is for, whether one may use it and what it cannot do; below, what its description
says, and its own card where it brings one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from checkpoints.bundle import Bundle
from checkpoints.card import as_work, gflops, speed
from checkpoints.own_card import shown_card
from demo import words
from demo.pace import SLOW, is_finest
from runtime.framing.framer import Framing

_MAX_CHARACTERS = 20_000
_MOST_LIMITS = 8


def summary(bundle: Bundle, pace: float | None = None) -> str:
    """Markdown on a model for somebody who wants to use it; `pace`: seconds a frame on this machine, where known."""
    framing = Framing.of(bundle.framing)
    subject = words.SUBJECTS.get(framing.moves or framing.subject, words.SUBJECTS["points"])
    licence = words.LICENCES.get(bundle.licence, words.LICENCE_OTHER).format(licence=_line(bundle.licence))
    finest = [_finest(bundle, pace)] if is_finest(bundle) else []
    several = [words.SEVERAL_VIEWS] if bundle.views == "many" else []
    limits = [f"* {_line(limit)}" for limit in _limits(bundle)]
    return "\n\n".join(
        [
            f"### {_line(bundle.name)}",
            f"{subject} {words.SPEEDS[speed(bundle)]}",
            *finest,
            *several,
            f"**{words.MODELS_MAY}** {licence}",
            f"**{words.MODELS_LIMITS}**",
            "\n".join(limits),
        ]
    )


def _finest(bundle: Bundle, pace: float | None) -> str:
    quality = words.FINEST.format(side=bundle.side_out)
    if pace is None:
        return f"{quality} {words.FINEST_UNKNOWN}"
    return f"{quality} {words.FINEST_PACE.format(pace=pace)}" if pace >= SLOW else quality


def _limits(bundle: Bundle) -> list[str]:
    """What is recorded of what it does badly, and what holds for every model."""
    given = bundle.training.get("limits")
    own = list(given) if isinstance(given, list | tuple) else [given] if given else []
    return [*map(str, own[:_MOST_LIMITS]), *words.LIMITS]


def card(bundle: Bundle) -> str:
    """Markdown on a model for somebody who wants to know: facts first, then its own card."""
    megabytes = sum(graph.bytes for graph in bundle.graphs.values()) / 1e6
    work, side, out = gflops(bundle), bundle.resolution, bundle.side_out
    facts = {
        "Family": bundle.title or bundle.family,
        "Licence": bundle.licence,
        "Picture": f"{side} x {side} pixels" + ("" if out == side else f" in, {out} x {out} out"),
        "Size": f"{megabytes:.0f} MB",
        "Work a frame": None if work is None else as_work(work),
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
    return html.escape(" ".join(str(value).split()), quote=False)
