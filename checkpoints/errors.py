"""The one family of errors that a user of Bunraku can meet.

Every error that is the input's fault, and not a defect of ours, is a `BunrakuError`: its message is one
sentence that names the file or the value, says what is wrong with it and what to do. The command line prints
it and exits with status 2; the page shows it as it is; a script catches the base class.
"""


class BunrakuError(Exception):
    """Base class; the message is complete and meant for a person."""


class InputError(BunrakuError):
    """A picture, a video or a data set that cannot be read or used."""


class OutputError(BunrakuError):
    """A result that cannot be written where it was asked for."""


class ModelError(BunrakuError):
    """A model that cannot be found, opened or run: unknown name, damaged bundle, wrong family."""


class OptionError(BunrakuError, ValueError):
    """An option whose value is not allowed, or options that do not go together."""


class BunrakuWarning(UserWarning):
    """Something a person should know though the work goes on: what was found, and what is done about it."""


def first_line(error: BaseException) -> str:
    """What an exception of others says first, in one line and at some length at most; its type where it says nothing.
    Of many libraries that is the sentence that tells.
    """
    return _line(error, 0)


def last_line(error: BaseException) -> str:
    """The same with what it says last: where it carries a traceback of elsewhere, that is the sentence that tells."""
    return _line(error, -1)


_LONGEST = 300
"""Letters."""


def _line(error: BaseException, which: int) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[which][:_LONGEST].rstrip(".") if lines else type(error).__name__
