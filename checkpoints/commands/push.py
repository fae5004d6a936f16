"""`bunraku push MODEL owner/name`: publish a model with its card on the Hub."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "publish a model and its model card on the Hub"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("model", help="folder of a bundle (or any other model that this program finds)")
    parser.add_argument("repository", metavar="OWNER/NAME", help="where it goes; made where there is none")
    parser.add_argument("--revision", metavar="BRANCH", help="branch to put it on (default: the main one)")
    parser.add_argument("--private", action="store_true", help="if the repository is made, let only its owner see it")
    parser.add_argument("--message", help="of the commit")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="also the .safetensors that it came from")
    parser.add_argument("--progress", action=argparse.BooleanOptionalAction, default=True, help="show bars (on)")


def run(args: argparse.Namespace) -> int:
    """Publish; the last line on stdout is the commit's address."""
    from huggingface_hub.utils import disable_progress_bars

    from checkpoints.errors import ModelError
    from checkpoints.hub import push
    from checkpoints.registry import load_model

    if args.checkpoint is not None and not args.checkpoint.is_file():
        raise ModelError(f"{args.checkpoint}: no such file; give the checkpoint that the model was exported from.")
    if not args.progress:
        disable_progress_bars()
    options = {"revision": args.revision, "private": args.private, "message": args.message}
    print(push(load_model(args.model), args.repository, checkpoint=args.checkpoint, **options))
    return 0
