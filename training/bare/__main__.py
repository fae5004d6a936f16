"""`python -m training.bare [CONFIG] [key=value ...] --output OUT`: a run, or a slice of one, on a bare GPU machine."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

BEGIN = time.monotonic()
"""Before torch is imported, which takes some of the minutes."""
CONFIG = "faces-lite-256"
"""Trained where none is named."""


def arguments() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(prog="python -m training.bare", description=__doc__)
    add = parser.add_argument
    add("config", nargs="?", default=CONFIG, help=f"a TOML file, or the name of a ready configuration ({CONFIG})")
    add("override", nargs="*", help="settings to change, as key=value with dotted keys")
    add("-o", "--output", type=Path, default=Path("out"), help="folder for what is to be brought home (default: out)")
    add("--work", type=Path, help="folder of the run, kept between slices (default: runs/bare-NAME)")
    add("--minutes", type=float, default=9.0, help="length of the slice; 0: only hand out files (default: 9)")
    add("--total", type=float, default=0.0, metavar="MINUTES", help="of training in all slices (default: in this one)")
    add("--reserve", type=float, default=40.0, help="seconds of it kept for saving and packing (default: 40)")
    add("--every", type=float, default=120.0, metavar="SECONDS", help="between two packings meanwhile (default: 120)")
    add("--stop-after", type=int, metavar="STEPS", help="stop after so many steps even if there is time left")
    add("--resume", type=Path, metavar="FOLDER", help="what an earlier slice left; used where --work has no state")
    add("--data", type=Path, metavar="FOLDER", help="train on these shards, or archives of them, and render nothing")
    add("--test-data", type=Path, metavar="FOLDER", help="held-out shards to go with --data")
    add("--clips", type=int, default=6000, help="clips to render at most (default: 6000)")
    add("--frames", type=int, default=8, help="frames of a clip (default: 8)")
    add("--render-minutes", type=float, default=4.0, help="then no more are begun, beside the training (default: 4)")
    add("--render-workers", type=int, help="processes that render (default: all cores but two)")
    add("--timed-steps", type=int, default=3, help="of each stage without a share, to find it one (default: 3)")
    add("--state-mib", type=int, default=26, help="most MiB of the state to bring home (default: 26)")
    add("--chunk", type=int, default=1, help="which lot of files to hand out when they are too many (default: 1)")
    add("--device", choices=("auto", "cpu"), default="auto", help="where to train (default: auto)")
    add("--smoke", type=float, metavar="SECONDS", help="try everything once, within about so long, and train nothing")
    return parser


def main() -> int:
    """Exit status: 0, 1 where a smoke run found something, or 2 with one line on stderr when the input is at fault."""
    args = arguments().parse_intermixed_args()
    if "=" in args.config:
        args.config, args.override = CONFIG, [args.config, *args.override]
    from checkpoints.errors import BunrakuError
    from training.allocation import keep_freed_memory
    from training.bare.slice import run_slice
    from training.bare.smoke import smoke

    keep_freed_memory()
    try:
        if args.smoke is not None:
            return smoke(args, BEGIN + args.smoke)
        run_slice(args, BEGIN)
    except BunrakuError as error:
        print(f"bunraku: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
