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
from importlib.metadata import PackageNotFoundError, entry_points, version
from io import TextIOWrapper
from types import FrameType
from typing import Any, NoReturn, Protocol

from checkpoints.errors import BunrakuError, BunrakuWarning, OptionError
from checkpoints.start import STOPPED

_BUILT_IN = {name: f"runtime.commands.{name}" for name in ("animate", "batch", "live", "motion", "pose")}
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


class _Parser(argparse.ArgumentParser):
    """Its complaints are one line like every other error."""

    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message} (see {self.prog} --help)")


def _run(words: list[str]) -> int:
    commands = _commands()
    parser = _Parser(prog="bunraku", description="Any picture, moved by any video.")
    parser.add_argument("--version", action="version", version=f"bunraku {_version()}")
    choices = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    chosen = next((word for word in words if not word.startswith("-")), None)
    module: Command | None = None
    for name, path in sorted(commands.items()):
        if name == chosen:  # only this one is imported: the others may need extras
            module = _load(name, path)
            text = module.HELP
            module.add_arguments(choices.add_parser(name, help=text, description=text))
        else:
            choices.add_parser(name, help=None if chosen in commands else _help(name, path), add_help=False)
    try:
        args = parser.parse_args(words)
    except SystemExit as end:  # --help and --version
        return int(end.code or 0)
    if module is None:
        parser.print_help()
        return 0
    with _unwinding_on_signals():
        return module.run(args)


def _commands() -> dict[str, str]:
    """Name and module of every subcommand; without an installation, those of the engine."""
    return _BUILT_IN | {point.name: point.value for point in entry_points(group="bunraku.commands")}


def _load(name: str, path: str) -> Command:
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        folder = path.partition(".")[0]
        if (error.name or "").partition(".")[0] == folder:
            raise OptionError(f'"bunraku {name}" is not part of this installation.') from error
        raise OptionError(
            f'"bunraku {name}" needs {error.name}, which is not installed; install it with: '
            f'pip install "bunraku[{_EXTRAS.get(folder, folder)}]"'
        ) from error


def _help(name: str, path: str) -> str:
    """The line of a command in the overview, which must work without the extras."""
    try:
        return _load(name, path).HELP
    except OptionError as error:
        return str(error)


def _version() -> str:
    try:
        return version("bunraku")
    except PackageNotFoundError:
        return "(not installed)"


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
