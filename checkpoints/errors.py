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
