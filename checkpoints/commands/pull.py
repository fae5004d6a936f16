"""`bunraku pull MODEL`: fetch a model from the Hub before it is needed, to use it without network."""

from __future__ import annotations

import argparse

HELP = "fetch a model from the Hub into the cache and verify it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("model", help="owner/name[@revision] on the Hub")
    parser.add_argument("--progress", action=argparse.BooleanOptionalAction, default=True, help="show bars (on)")


def run(args: argparse.Namespace) -> int:
    """Fetch; the last line on stdout is the model's folder."""
    from huggingface_hub.utils import disable_progress_bars

    from checkpoints.errors import OptionError
    from checkpoints.hub import HubName, fetch

    name = HubName.parse(args.model)
    if name is None:
        raise OptionError(f'"{args.model}" is not owner/name[@revision]; say which model of the Hub to fetch.')
    if not args.progress:
        disable_progress_bars()
    print(fetch(name).folder)
    return 0
