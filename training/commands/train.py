"""`bunraku train CONFIG [key=value ...]`: trains a model; run again, it goes on where it stopped."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "train a model from a configuration file; running it again resumes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("config", help="a TOML file, or the name of a ready configuration (faces-lite, tpsmm-vox, ...)")
    parser.add_argument("override", nargs="*", help="settings to change, as key=value with dotted keys")
    parser.add_argument("-o", "--output", type=Path, help="folder of the run (default: runs/NAME)")
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto", help="where to train (default: auto)")
    parser.add_argument("--stop-after", type=int, metavar="STEPS", help="stop after so many steps; resume later")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Train; prints the path of the checkpoint as the last line."""
    from training.allocation import keep_freed_memory
    from training.config import load_config
    from training.trainer import Trainer

    config = load_config(args.config, args.override)
    keep_freed_memory()  # here, not in the trainer: in a script of the user's, it is the user's to say
    folder = args.output or Path("runs") / config.name
    trainer = Trainer(config, folder, device=None if args.device == "auto" else args.device, progress=not args.quiet)
    result = trainer.run(args.stop_after)
    if trainer.main:
        print(result.checkpoint)
    return 0
