"""`bunraku pull MODEL`: fetch a model from the Hub before it is needed, to use it without network."""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatch
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checkpoints.hub import HubName

HELP = "fetch a model from the Hub into the cache and verify it; published weights become a model here"

PUBLISHED = {
    "human": ("liveportrait/base_models/*.pth",),
    "animals": ("liveportrait_animals/base_models_v1.1/*.pth", "liveportrait_animals/base_models/*.pth"),
}
"""Files of published weights (`bunraku import`) in a repository that has no model of ours, the preferred ones first,
which old commits lack.
"""
SHARED = "liveportrait/retargeting_models/*.pth"
"""Files that go with any of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("model", help="owner/name[@revision] on the Hub")
    parser.add_argument("--progress", action=argparse.BooleanOptionalAction, default=True, help="show bars (on)")
    weights = "which of a repository's published weights (LivePortrait's: human, animals) (default: human)"
    parser.add_argument("--config", choices=tuple(PUBLISHED), metavar="NAME", help=weights)
    output = (
        "folder of the model made of published weights, or a checkpoint for `bunraku export` (.safetensors) (default: "
        "a folder of the model's name here)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER|FILE", help=output)


def run(args: argparse.Namespace) -> int:
    """Fetch; the last line on stdout is the model's folder, or, of published weights, what `bunraku import` says."""
    from huggingface_hub.utils import disable_progress_bars

    from checkpoints.errors import OptionError
    from checkpoints.hub import HubName, NoBundleError, fetch
    from checkpoints.paths import check_output

    name = HubName.parse(args.model)
    if name is None:
        raise OptionError(f'"{args.model}" is not owner/name[@revision]; say which model of the Hub to fetch.')
    if args.output is not None:
        check_output(args.output)  # before anything is fetched
    if not args.progress:
        disable_progress_bars()
    try:
        folder = fetch(name).folder
    except NoBundleError:
        return _imported(name, args)
    if args.config or args.output:
        raise OptionError(f'"{name}" is a model already; --config and --output go with published weights.')
    print(folder)
    return 0


def _imported(name: HubName, args: argparse.Namespace) -> int:
    """Fetch published weights, all of one commit, and make a model of them. Raises `ModelError` where none are."""
    from checkpoints.description import DESCRIPTION
    from checkpoints.errors import ModelError
    from checkpoints.hub import fetch_matching
    from checkpoints.installation import installing

    wanted = PUBLISHED[args.config or "human"]
    for pattern in wanted:
        folder, files = fetch_matching(name, (pattern, SHARED))
        if any(fnmatch(file, pattern) for file in files):
            break
    else:
        raise ModelError(
            f'The repository "{name}" holds no {DESCRIPTION}, and no published weights that are known: '
            f"{' or '.join(wanted)}."
        )
    try:  # by its name, since what runs models needs nothing of what makes them
        (found,) = entry_points(group="bunraku.commands", name="import")
        command = found.load()
        import torch  # noqa: F401
    except (ImportError, ValueError) as missing:
        raise ModelError(f"{name} holds published weights; to convert them: {installing('export')}") from missing
    print(f"fetched: {len(files)} files of {name.repository} at commit {folder.name}", file=sys.stderr)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    line = [str(folder), "--config", args.config or "human", "--origin", f"{name.repository}@{folder.name}"]
    return int(command.run(parser.parse_args([*line, *(["-o", str(args.output)] if args.output else [])])))
