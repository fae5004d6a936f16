"""`bunraku reproduce DATA TEST`: the families side by side at equal means, as a table with what the papers say."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "train all families at equal means and print a table"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.epilog = "Started again with the same means, it goes on where it stopped."
    add = parser.add_argument
    add("data", type=Path, help="folder of shards to train on (bunraku synth DATA --format shard)")
    add("test", type=Path, help="folder of held-out shards (the same with --split test)")
    add("--talkers", type=Path, metavar="FOLDER", help="real clips, for a chapter more")
    add("--steps", type=int, default=2000, help="optimiser steps of every family (%(default)s)")
    add("--batch", type=int, default=8, help="pairs a step (%(default)s)")
    add("--size", type=int, default=128, help="side of the pictures in pixels (%(default)s)")
    add("--seeds", type=int, nargs="+", default=[1, 2], metavar="N", help="a run of each family for each (1 2)")
    add("--pairs", type=int, default=64, help="held-out pairs of every chapter (%(default)s)")
    truth = "weight of the true flow beside the papers' losses, for budgets in which these teach nothing (%(default)s)"
    add("--truth", type=float, default=0.0, metavar="WEIGHT", help=truth)
    add("--families", nargs="+", metavar="NAME", help="only these (default: all)")
    add("--estimate", action="store_true", help="say how long it takes, and end")
    add("-o", "--output", type=Path, default=Path("runs/reproduce"), metavar="FOLDER", help="of runs and table")
    add("--device", choices=("auto", "cpu"), default="auto", help="where to train (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Say how long it takes, train, measure; the last line on stdout is the path of the table."""
    from training.allocation import keep_freed_memory
    from training.checkpoint import write_atomically
    from training.families import FAMILIES, Means, run_all, seconds_for
    from training.orders import as_tables

    keep_freed_memory()
    means = Means(
        str(args.data), str(args.test), args.steps, args.batch, args.size, tuple(args.seeds), args.pairs, args.truth,
        str(args.talkers or ""), tuple(args.families or FAMILIES),
    )  # fmt: skip
    device = None if args.device == "auto" else args.device
    seconds = seconds_for(means, device)
    for name, needed in seconds.items():
        print(f"{name:20} {needed / 60:6.1f} minutes", file=sys.stderr)
    told = f"{sum(seconds.values()) / 60:6.1f} minutes of training, by three steps of each"
    print(f"{'all':20} {told}", file=sys.stderr)
    if args.estimate:
        return 0
    tables = as_tables(run_all(means, args.output, device))
    what = (
        f"{means.steps} steps of {means.batch} pairs at {means.size} pixels, seeds {', '.join(map(str, means.seeds))}"
        f"{f', true flow weighed {means.truth:g}' if means.truth else ''}; what is left of the unmoved source's L1"
    )
    target = args.output / "table.md"
    write_atomically(target, lambda path: path.write_text(f"{what}\n\n{tables}\n", encoding="utf-8"))
    print(f"{what}\n\n{tables}")
    print(target)
    return 0
