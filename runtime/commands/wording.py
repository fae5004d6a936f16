"""What the command says of words it does not know, and how it names options: as flags, as they are written there."""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from checkpoints.errors import BunrakuError, OptionError

_CHOICE = re.compile(r"invalid choice: '(.*?)' \(choose from (.*)\)$")
_LIMIT = re.compile(r"raise the limit(?: of (\w+))?\b")
_ALSO = re.compile(r"\(\w+=\w+, or (--[\w-]+)\)")
"""How a message names an option for scripts and commands alike."""


class Parser(argparse.ArgumentParser):
    """Its complaints are one line like every other error, and say what may have been meant."""

    def error(self, message: str) -> NoReturn:
        """Raises `OptionError`."""
        if wrong := _CHOICE.search(message):
            message += meant(wrong[1], re.findall(r"[\w.-]+", wrong[2]))
        raise OptionError(f"{message} (see {self.prog} --help)")


def meant(word: str, known: Collection[str]) -> str:
    """A question whether the one of the `known` words was meant that is most like `word`, or nothing."""
    found = get_close_matches(word, known)
    found.sort(key=lambda each: sorted(each) != sorted(word))  # letters in another order are the likeliest slip
    return f'; did you mean "{found[0]}"?' if found else ""


def unknown_command(words: Sequence[str], known: Collection[str]) -> OptionError:
    """The error of a command line whose first of `words` is no command."""
    first = words[0]
    if Path(first).suffix or Path(first).exists():  # a picture, and the command itself was left out
        return OptionError(f'"{first}" is no command; did you mean "bunraku animate {" ".join(words)}"?')
    asked = meant(first, known) or f"; there are {', '.join(known)}"
    return OptionError(f'There is no command "{first}"{asked} (see bunraku --help)')


def check_flags(words: Sequence[str], parser: argparse.ArgumentParser) -> None:
    """Raises `OptionError` for the first of `words` that would be an option, and of which the `parser` of the command
    knows nothing. It is looked for first: what is missing may only have been misspelt.
    """
    known = sorted({flag for action in _actions(parser) for flag in action.option_strings if flag.startswith("--")})
    for word in words:
        if word == "--":
            return
        flag = word.partition("=")[0]
        if flag.startswith("--") and not any(each.startswith(flag) for each in known):
            raise OptionError(f'"{parser.prog}" has no option "{flag}"{meant(flag, known)} (see {parser.prog} --help)')


def unknown_words(words: Sequence[str], parser: argparse.ArgumentParser) -> OptionError:
    """The error of a command line with `words` that the `parser` of the command has no use for."""
    if words[0].startswith("-"):
        return OptionError(f'"{parser.prog}" has no option "{words[0]}" (see {parser.prog} --help)')
    return OptionError(f'"{words[0]}" is a word too many for "{parser.prog}" (see {parser.prog} --help)')


def with_flags(error: BunrakuError, parser: argparse.ArgumentParser) -> BunrakuError:
    """The `error` in words of the command; only what is said of options names any, other errors may name files."""
    message = str(error)
    if isinstance(error, OptionError):
        message = as_flags(message, parser)
    if any("--limits" in action.option_strings for action in _actions(parser)):
        message = _LIMIT.sub(lambda found: f"raise it by --limits {found[1] or 'bytes'}=N", message)
    return type(error)(message)


def as_flags(message: str, parser: argparse.ArgumentParser) -> str:
    """`message` with options named as flags of the command, where it names them as the keywords that scripts give."""
    flags = {action.dest: action.option_strings[0] for action in _actions(parser) if action.option_strings}
    flags = {name: flag for name, flag in flags.items() if flag.startswith("--")}
    names = "|".join(map(re.escape, sorted(flags, key=len, reverse=True)))
    by_itself = rf"(?<![\w/.-])({names})(?![\w/-]|\.\w)"  # and not within another name, or a file's

    def flag(found: re.Match[str]) -> str:
        return re.sub(by_itself, lambda name: flags[name[1]], found[0])

    # Names of two words are nothing else; of one, they may be words like any other.
    message = re.sub(by_itself, lambda name: flags[name[1]] if "_" in name[1] else name[0], message)
    for place in (rf"^({names}) (?:and ({names}) )?(?=is\b|needs\b|look\b)", r"\bleave [\w, -]+ out\b"):
        message = re.sub(place, flag, message)
    message = re.sub(rf"\b({names}) (?=must be\b)|(?<=before )({names})(?=\.)", flag, message)
    return _ALSO.sub(r"(\1)", message)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Those of the `parser` and of the parsers below it."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
