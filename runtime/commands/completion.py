"""`bunraku completion`: what makes a shell complete the words of this command."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "print a shell's completions of commands, options and files"

_PLACES = {
    "bash": "~/.local/share/bash-completion/completions/bunraku",
    "zsh": "a folder of $fpath, as _bunraku",
    "fish": "~/.config/fish/completions/bunraku.fish",
    "tcsh": "a file that ~/.tcshrc sources",
    "powershell": "a file that $PROFILE runs",
}
"""Shells that shtab knows, and where each looks."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    places = "; ".join(f"{shell}: {place}" for shell, place in _PLACES.items())
    parser.epilog = f"Where it goes: {places}."
    parser.add_argument("shell", choices=tuple(_PLACES), help="which shell")


def run(args: argparse.Namespace) -> int:
    """Print the script; returns 0."""
    import shtab

    from runtime.cli import whole_parser

    parser = whole_parser()
    _complete_files(parser)
    print(shtab.complete(parser, args.shell))
    return 0


def _complete_files(parser: argparse.ArgumentParser) -> None:
    """Let all values that may be files be completed as files: those that are read as text, and are none of a few."""
    import shtab

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _complete_files(below)
        elif action.nargs != 0 and action.choices is None and action.type in (None, str, Path):
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # what shtab looks for
