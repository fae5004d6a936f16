"""The `bunraku` command before anything is loaded: ctrl-C ends it with one line and status 130 from here on.

A `KeyboardInterrupt` while modules are imported would come out as a trace, or as another error: some libraries catch it
and raise their own. There is nothing to tidy up yet, so the process ends at once. It is the only place here that knows
of the engine, and by name alone.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

STOPPED = "bunraku: stopped"


def end_on_interrupt() -> None:
    """From now on ctrl-C ends the process; until `runtime.cli` takes over, whose work has to be tidied up."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored (nohup), or somebody's
        signal.signal(signal.SIGINT, _end)


def is_command(package: str) -> bool:
    """Whether this process is `python -m PACKAGE`, and about to import what is needed for that."""
    return sys.argv[:1] == ["-m"] and package in sys.orig_argv


def main() -> int:
    """The `bunraku` command; returns its exit status."""
    end_on_interrupt()
    if sys.argv[1:] in (["--version"], ["-V"]):  # the engine is not needed for that
        from checkpoints.installation import version

        print(f"bunraku {version()}")
        return 0
    try:
        from runtime.cli import main as run
    except ImportError as error:
        print(f"bunraku: error: {_unloaded(error)}", file=sys.stderr)
        return 2
    return run()


def _unloaded(error: ImportError) -> str:
    """Why the engine cannot be loaded, in one line: something is installed by halves, or for another system."""
    from checkpoints.errors import first_line
    from checkpoints.installation import reinstalling

    if error.name is None and error.path is None:  # our own sentence
        return str(error)
    name = (error.name or "").partition(".")[0] or "a package"
    return f"{name} cannot be loaded ({first_line(error)}); install it again with: {reinstalling()}"


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, f"{STOPPED}\n".encode())
    os._exit(128 + number)
