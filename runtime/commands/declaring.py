"""The options of the commands, from the fields that they are (`runtime.options`): nothing is said of them twice."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from checkpoints.errors import OptionError
from runtime.options import GROUPS, choices, defaults, described, docstrings, plain_type


def declare(
    parser: argparse.ArgumentParser,
    options: type,
    *,
    only: Collection[str] | None = None,
    other: Mapping[str, Any] | None = None,
) -> None:
    """Declare the fields of the class `options`, or `only` those, in groups; `other` defaults than the fields' own."""
    known, told = described(options), docstrings(options)
    usual = defaults(options) | dict(other or {})
    for title in GROUPS:
        names = [name for name, (_, option) in known.items() if option.group == title]
        names = [name for name in names if only is None or name in only]
        group = parser.add_argument_group(title) if names else None
        for name in names:
            assert group is not None
            group.add_argument(f"--{name.replace('_', '-')}", **_how(known[name], usual[name], told[name]))


def _how(known: tuple[Any, Any], default: Any, text: str) -> dict[str, Any]:
    """What argparse is told of one option."""
    hint, option = known
    words = text[:1].lower() + text[1:].rstrip(".")
    if isinstance(default, bool):
        return {
            "action": argparse.BooleanOptionalAction,
            "default": default,
            "help": f"{words} ({'on' if default else 'off'})",
        }
    shown = words if default is None else f"{words} (%(default)s)"
    how: dict[str, Any] = {"default": default, "help": shown}
    if few := choices(hint):
        return how | {"choices": few}
    kind = option.read or plain_type(hint)
    if option.alone is not None:
        how |= {"action": _Telling, "alone": option.alone}
    return how | {"metavar": option.metavar, **({} if kind is str else {"type": _reading(kind)})}


class _Telling(argparse.Action):
    """An option with a value; without one, it prints what there is to tell, and the command ends."""

    def __init__(self, option_strings: Sequence[str], dest: str, *, alone: Callable[[], str], **how: Any) -> None:
        super().__init__(option_strings, dest, nargs="?", **how)
        self._alone = alone

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if values is None:
            print(self._alone())
            parser.exit()
        setattr(namespace, self.dest, values)


def _reading(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """`kind`, whose own words argparse shows; those of numbers it has itself."""
    if isinstance(kind, type):
        return kind

    def read(word: str) -> Any:
        try:
            return kind(word)
        except OptionError as error:  # argparse would hide what it says
            raise argparse.ArgumentTypeError(str(error)) from error

    return read
