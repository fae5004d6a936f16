"""The `bunraku` command: finds the subcommands, and turns what goes wrong into one line and a status.

Status 0: done; 2: the input, an option, the model or the output is at fault (one line on stderr says what);
130: stopped by ctrl-C; 143: asked to terminate; 129: its terminal was closed.
"""

from __future__ import annotations

import argparse
import codecs
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import entry_points
from io import TextIOWrapper
from types import FrameType
from typing import Any, Protocol

from checkpoints.errors import BunrakuError, BunrakuWarning, OptionError
from checkpoints.installation import installing, reinstalling, version
from checkpoints.start import STOPPED
from runtime.commands.wording import Parser, check_flags, unknown_command, unknown_words, with_flags
from runtime.own import not_own

_BUILT_IN = {
    name: f"runtime.commands.{name}" for name in ("animate", "batch", "completion", "doctor", "live", "motion", "pose")
}
_ORDER = (
    *("animate", "pose", "live", "page", "batch", "motion", "models", "pull", "doctor", "completion"),
    *("import", "synth", "train", "export", "evaluate", "push", "ablate", "reproduce", "anchors"),
)
"""Commands as people need them; others come last."""
_PATIENCE = 10.0
"""Seconds that tidying up may take before another signal stops that, too."""
_EXTRAS = {"demo": "demo", "export": "export", "training": "train"}
"""Which extra of the package installs what the commands of a folder need."""


class Command(Protocol):
    """What the module of a subcommand offers (docs/contract.md)."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; returns the exit status."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `bunraku` with `argv` (by default the process's own) and return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    with _printing_every_name():
        return _told(words)


def _told(words: list[str]) -> int:
    """Run it; what goes wrong becomes one line on stderr, and the exit status."""
    try:
        with _short_warnings():
            return _run(words)
    except BunrakuError as error:
        print(f"bunraku: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output has gone
        sys.stdout = None  # nothing left to flush into
        return 141


@contextmanager
def _printing_every_name() -> Iterator[None]:
    """Names of files may hold what the console cannot print, or no letters at all: of these it gets the very bytes, and
    of other letters the code.
    """

    def code(error: UnicodeError) -> tuple[str | bytes, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        part = error.object[error.start : error.end]
        if all("\udc80" <= letter <= "\udcff" for letter in part):  # how Python keeps bytes that are no letters
            return bytes(ord(letter) - 0xDC00 for letter in part), error.end
        return "".join(f"\\u{ord(letter):04x}" for letter in part), error.end

    codecs.register_error("bunraku", code)
    streams = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, TextIOWrapper)]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="bunraku")
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            with suppress(OSError, ValueError):  # whoever read it has gone
                stream.reconfigure(errors=errors)


def _run(words: list[str]) -> int:
    commands = _commands()
    parser, choices = _overview()
    chosen = next((index for index, word in enumerate(words) if not word.startswith("-")), None)
    if chosen is None:
        for name, path in commands.items():
            choices.add_parser(name, help=_help(name, path), add_help=False)
        try:
            parser.parse_args(words)
        except SystemExit as end:  # --help and --version
            return int(end.code or 0)
        parser.print_help()
        return 0
    name = words[chosen]
    if name not in commands:
        raise unknown_command(words[chosen:], commands)
    module = _load(name, commands[name])  # only this one is imported: the others may need extras
    own = _add_command(choices, name, module)
    check_flags(words[chosen + 1 :], own)
    try:
        args, rest = parser.parse_known_args(words)
    except SystemExit as end:  # --help, and options that only tell
        return int(end.code or 0)
    if rest:
        raise unknown_words(rest, own)
    try:
        with _unwinding_on_signals():
            return module.run(args)
    except BunrakuError as error:
        raise with_flags(error, own) from error
    except ModuleNotFoundError as error:  # what is heavy is imported only when it is needed
        raise _missing(name, commands[name], error) from error


def _overview() -> tuple[Parser, argparse._SubParsersAction[Parser]]:
    """The parser of the first word, and where commands are added to it."""
    parser = Parser(prog="bunraku", description="Any picture, moved by any video.")
    parser.add_argument("-V", "--version", action="version", version=f"bunraku {version()}")
    parser.add_argument("--limits", action=_Limits, help="show what is refused as too large, and exit")
    return parser, parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)


class _Limits(argparse.Action):
    """Prints the limits, as the option of that name does where it stands alone, and ends."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *rest: Any) -> None:
        from runtime.options import told_limits

        print(told_limits())
        parser.exit()


def _add_command(choices: argparse._SubParsersAction[Parser], name: str, module: Command) -> Parser:
    """The parser of the command `name`, added to the others."""
    own = choices.add_parser(name, help=module.HELP, description=module.HELP)
    module.add_arguments(own)
    return own


def whole_parser() -> Parser:
    """All commands with all their options, but for those whose extra is not installed."""
    parser, choices = _overview()
    for name, path in _commands().items():
        with suppress(OptionError):
            _add_command(choices, name, _load(name, path))
    return parser


def _commands() -> dict[str, str]:
    """Name and module of every subcommand, as people need them; without an installation, those of the engine."""
    found = _BUILT_IN | {point.name: point.value for point in entry_points(group="bunraku.commands")}
    known = [name for name in _ORDER if name in found]
    return {name: found[name] for name in (*known, *sorted(found.keys() - set(known)))}


def _load(name: str, path: str) -> Command:
    folder = path.partition(".")[0]
    if folder in _EXTRAS and (told := not_own(folder)):  # which is not run by looking for ours
        raise OptionError(told)
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        raise _missing(name, path, error) from error


def _missing(name: str, path: str, error: ModuleNotFoundError) -> OptionError:
    """What to do where the command `name`, the module `path`, lacks what it needs."""
    folder = path.partition(".")[0]
    if (error.name or "").partition(".")[0] == folder:
        return OptionError(f'"bunraku {name}" is not part of this installation.')
    command = installing(_EXTRAS[folder]) if folder in _EXTRAS else reinstalling()
    return OptionError(f'"bunraku {name}" needs {error.name}, which is not installed; install it with: {command}')


def _help(name: str, path: str) -> str:
    """The line of a command in the overview, which must work without the extras."""
    try:
        return _load(name, path).HELP
    except OptionError as error:
        return str(error)


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Print what a person should know as one line, without the place in the program that says it."""

    def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
        if issubclass(category, BunrakuWarning):
            print(f"bunraku: warning: {message}", file=sys.stderr)
        else:
            usual(message, category, *rest)

    with warnings.catch_warnings():
        usual = warnings.showwarning
        warnings.simplefilter("always", BunrakuWarning)
        warnings.filterwarnings("ignore", module=r"PIL\.")  # our own error says that a picture is damaged
        warnings.showwarning = show  # type: ignore[assignment]  # its last three are handed on as they come
        yield


@contextmanager
def _unwinding_on_signals() -> Iterator[None]:
    """Let the signals that end a program unwind the stack, so that ffmpeg is stopped and unfinished files are removed;
    once: whoever presses ctrl-C again and again must not interrupt the tidying up. What libraries make of being
    interrupted, above all while they are imported, is an end like any other.
    """
    began, ended = -float("inf"), 0

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal began, ended
        if time.monotonic() - began < _PATIENCE:
            return
        began, ended = time.monotonic(), number
        raise _ending(number)

    if threading.current_thread() is not threading.main_thread():  # whoever runs us there handles signals
        yield
        return
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows lacks the last
    before = {number: signal.getsignal(number) for number in (getattr(signal, name) for name in names)}
    heard = [number for number, handler in before.items() if handler != signal.SIG_IGN]  # nohup means what it says
    for number in heard:
        signal.signal(number, stop)
    try:
        yield
    except Exception as error:
        if ended:
            raise _ending(ended) from error
        raise
    finally:
        if began < 0:  # else the process is about to end, and should do so in peace
            for number in heard:
                signal.signal(number, before[number])


def _ending(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
