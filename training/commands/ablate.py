"""`bunraku ablate CONFIG --variant NAME key=value ...`: the same run under several settings, and a table."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "train the same run under several settings and print a table"

POINTS_PER_SPLINE = {f"K x {count}": [f"model.points_per_tps={count}"] for count in (3, 5, 8)}
"""TPSMM supplement, Table 1."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("config", help="a TOML file, or the name of a ready configuration")
    parser.add_argument("override", nargs="*", help="settings of all variants, as key=value")
    parser.add_argument(
        "--variant",
        nargs="+",
        action="append",
        metavar=("NAME", "key=value"),
        help="a variant and its settings; may be repeated (default: 3, 5 and 8 points per spline)",
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/ablation"), help="folder of the runs")
    parser.add_argument("--pairs", type=int, default=64, help="held-out pairs to measure on (default: 64)")
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto", help="where to train (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Train, measure, print the table."""
    from checkpoints.errors import OptionError
    from training.ablation import as_table, run_ablation

    if args.pairs < 1:
        raise OptionError(f"--pairs is {args.pairs}; give at least 1")
    variants = {name: changes for name, *changes in args.variant} if args.variant else POINTS_PER_SPLINE
    device = None if args.device == "auto" else args.device
    print(as_table(run_ablation(args.config, args.override, variants, args.output, device, args.pairs)))
    return 0
