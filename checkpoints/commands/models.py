"""`bunraku models`: which models there are to choose from."""

from __future__ import annotations

import argparse
import json
from typing import Any

from checkpoints.card import as_work

HELP = "list the models at hand: embedded, fetched before and, with --hub, published"

_COLUMNS = ("model", "where", "family", "resolution", "size", "speed", "work", "licence", "modes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.epilog = (
        "resolution: pixels along a side of what goes in and, where it is another, of what comes out. speed: fast = "
        "video rate on a few CPU cores, moderate = some frames a second there, heavy = for GPUs. work: operations of "
        "one frame. "
        "Any folder of `bunraku export` is a model, too."
    )
    parser.add_argument("--json", action="store_true", help="as JSON, with every fact")
    parser.add_argument("--hub", action="store_true", help="also ask the Hub for models made for this program")


def run(args: argparse.Namespace) -> int:
    """Print the list."""
    from checkpoints.registry import list_models

    models = list(list_models(hub=args.hub))
    if args.json:
        print(json.dumps(models, indent=2, ensure_ascii=False))
        return 0
    rows = [_COLUMNS, *(_row(model) for model in models)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    out, work = model.get("output_resolution"), model.get("gflops")
    told = {
        **model,
        "resolution": model.get("resolution", "") if out is None else f"{model.get('resolution')} to {out}",
        "work": as_work(work) if isinstance(work, int | float) else "",
        "size": f"{model['bytes'] / 1e6:.1f} MB" if isinstance(model.get("bytes"), int | float) else "",
        "modes": ", ".join(map(str, model.get("modes") or [])),
    }
    # Whoever published a card chose its words; none of them may steer the terminal.
    return tuple("".join(c for c in str(told.get(column, "")) if c.isprintable()) for column in _COLUMNS)
