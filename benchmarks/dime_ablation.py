"""DiME's ablations (Tables 3 and 4 of the paper) at a size that the caller chooses, printed as two tables.

python -m benchmarks.dime_ablation --steps 2000 --data SHARDS --test TEST_SHARDS

Every variant of Table 3 is trained with the same budget, data and seed. Table 4 measures the full model with other
numbers of references than it was trained with. Finished variants are not trained again, unfinished ones go on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from checkpoints.errors import BunrakuError, OptionError
from training.ablation import Row, as_table, measure, run_ablation
from training.checkpoint import load_model
from training.config import RunConfig, load_config

FULL = "full model"
COARSE = ["model.refine=none", "stages.0.losses.smoothness=0"]
"""Without a refinement there is nothing whose smoothness could be weighed."""
TABLE_3 = {
    FULL: [],
    "without refinement": COARSE,
    "without self-flow": ["model.self_flow=false"],
    "one-shot": ["data.views=1"],
    "one-shot, without refinement": ["data.views=1", *COARSE],
}
"""Settings that each variant changes; the last is the coarse stage alone."""
MOST_REFERENCES = 6


def by_references(checkpoint: Path, settings: RunConfig, steps: int, pairs: int) -> list[Row]:
    """Table 4: one model, measured with no to six references a source, on the same pairs."""
    model, _ = load_model(checkpoint)
    rows = []
    for count in range(MOST_REFERENCES + 1):
        viewed = replace(settings, data=replace(settings.data, views=1 + count))
        rows.append(measure(f"N_ref = {count}", model, viewed, steps, pairs))
    return rows


def overrides(args: argparse.Namespace) -> list[str]:
    """The settings that all variants share."""
    if args.steps < 1 or args.pairs < 1:
        raise OptionError("--steps and --pairs must be 1 or more")
    return [
        f"data.path={args.data}",
        f"data.test_path={args.test}",
        f"stages.0.steps={args.steps}",
        f"stages.0.warmup={min(200, args.steps // 10)}",
        f"stages.0.size={args.size}",
        f"stages.0.batch={args.batch}",
        *args.set,
    ]


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = argparse.ArgumentParser(prog="python -m benchmarks.dime_ablation", description=__doc__.split("\n")[0])
    add = result.add_argument
    add("--data", required=True, help="folder of training shards (bunraku synth FOLDER --format shard)")
    add("--test", default="", help="folder of held-out shards (default: measure on the training data)")
    add("--steps", type=int, default=2000, help="optimiser steps of every variant (%(default)s)")
    add("--size", type=int, default=128, help="side of the pictures in pixels (%(default)s)")
    add("--batch", type=int, default=8, help="pairs a step (%(default)s)")
    add("--pairs", type=int, default=64, help="held-out pairs to measure on (%(default)s)")
    add("--config", default="dime-lite", help="the run that is varied (%(default)s)")
    add("--set", nargs="*", default=[], metavar="key=value", help="further settings of all variants")
    add("--output", type=Path, default=Path("runs/dime-ablation"), help="folder of the runs (%(default)s)")
    add("--device", choices=("auto", "cpu"), default="auto", help="where to train (%(default)s)")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Train, measure, print. Returns 0, or 2 after a problem with options or data, which stderr tells."""
    args = parser().parse_args(argv)
    try:
        shared = overrides(args)
        device = None if args.device == "auto" else args.device
        rows = run_ablation(args.config, shared, TABLE_3, args.output, device, args.pairs)
        settings = load_config(args.config, shared)
        counts = by_references(args.output / FULL / "model.safetensors", settings, rows[0].steps, args.pairs)
    except BunrakuError as error:
        print(f"dime_ablation: error: {error}", file=sys.stderr)
        return 2
    print(f"Table 3, each trained for {args.steps} steps of {args.batch} pairs at {args.size} pixels:\n")
    print(as_table(rows))
    print(f"\nTable 4, the full model trained with {settings.data.views - 1} references:\n")
    print(as_table(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
