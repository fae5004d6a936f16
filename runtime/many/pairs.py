"""Lists of pairs, as spreadsheets and people write them: which picture is moved by which video, and where to."""

from __future__ import annotations

import csv
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import chain, count
from pathlib import Path, PurePath

from checkpoints.errors import InputError, OptionError, first_line
from runtime.control.templates import template_file
from runtime.media.fetch import is_address
from runtime.media.names import joined
from runtime.media.picture import check_file
from runtime.options import Options, defaults, described, plain_type, read_word

_COLUMNS = ("source", "driving", "output")
_NEEDED = {"source", "driving"}
_SEPARATORS = (",", ";", "\t")
"""What spreadsheets put between columns: where numbers have a comma, semicolons."""
_COMMA = re.compile(r"-?\d+,\d+")
_WHOLE = re.compile(r"(-?\d+)[.,]0+")
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""How text files of two bytes a letter begin, which some spreadsheets write; all others are UTF-8."""


@dataclass(frozen=True)
class Job:
    """One pair."""

    source: str
    driving: str
    output: str
    """File, relative to the output folder."""
    key: str = ""
    """Stands for inputs and options as they are; another key is another job."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What this pair has of its own instead of the batch's options, as it is written in the list."""
    line: int = 0
    """Where it stands in the list."""


@dataclass
class Taken:
    """Outputs that there are already."""

    exactly: set[str] = field(default_factory=set)
    folded: set[str] = field(default_factory=set)
    """As `_folded` makes them."""

    def add(self, output: str) -> None:
        self.exactly.add(output.rstrip("/"))
        self.folded.add(_folded(output))


def read_pairs(path: Path, suffix: str = ".mp4") -> list[Job]:
    """The pairs in a CSV file whose first line names its columns: "source", "driving" and, if wanted, "output", and any
    fields of `runtime.options.Options`, for pairs that are to have something of their own ("mode", "crop" ...).

    Columns are separated by commas, semicolons or tabs; empty rows, and columns without a name, count for nothing.
    Files are meant relative to the list's own folder; an output is a name in the output folder, by default made of
    both names, with that `suffix` ("/" for a folder of frames). Raises `InputError` when the list cannot be used.
    """
    rows = _rows(path)
    number, names = next(rows, (1, []))
    own = defaults(Options)
    if unknown := sorted({name for name in names if name} - {*_COLUMNS, *own}):
        there_are = ", ".join((*_COLUMNS, *own))
        raise InputError(f"{path}, line {number}: there is no column {unknown[0]!r}; there are {there_are}.")
    if twice := next((name for name in names if name and names.count(name) > 1), None):
        raise InputError(f"{path}, line {number}: the column {twice!r} is there twice; leave one out.")
    jobs: list[Job] = []
    taken = Taken()
    for line, cells in rows:
        if any(cells[len(names) :]) or any(cell for name, cell in zip(names, cells, strict=False) if not name):
            raise InputError(f"{path}, line {line}: there is more than the first line names columns for; name it.")
        row = {name: cell for name, cell in zip(names, cells, strict=False) if name}
        job = _job(path, line, row, taken, suffix)
        taken.add(job.output)
        jobs.append(job)
    if not jobs:
        raise InputError(f"{path} holds no pairs; its first line names the columns: source,driving.")
    return jobs


def check_apart(jobs: Sequence[Job], folder: Path) -> None:
    """Raises `InputError` where outputs of two `jobs` would be one file in `folder`: some file systems take names that
    differ in case, or in how an accent is written, for the same.
    """
    if len({_folded(job.output) for job in jobs}) == len(jobs):
        return
    marks = [fold for fold, one, other in _LIKE if _are_one(folder, one, other)]
    found: dict[str, Job] = {}
    for job in jobs:
        name = job.output
        for each in marks:
            name = each(name)
        if other := found.get(name):
            raise InputError(
                f"{job.output} (line {job.line} of the list) and {other.output} (line {other.line}) are the same file "
                f"in {folder}; give another name."
            )
        found[name] = job


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines, from 1 on, and cells of the rows that hold anything; the first one's are names of columns."""
    check_file(path)
    data = path.read_bytes()
    try:
        text = StringIO(data.decode(_MARKS.get(data[:2], "utf-8-sig")), newline="")
        above, separator = _separator(text)
        reader = csv.reader(text, delimiter=separator, skipinitialspace=True)
        last, head = 0, True
        for row in reader:
            number, last = above + last + 1, reader.line_num
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield number, [cell.lower() for cell in cells] if head else cells
                head = False
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file in UTF-8 ({first_line(error)}); save it again.") from error


def _separator(text: StringIO) -> tuple[int, str]:
    """How many lines stand above the list in `text`, which is left there, and what separates its columns: what a first
    line for a spreadsheet alone says, else that by which the first row has the columns that are needed.
    """
    first = text.readline()
    if first.lower().startswith("sep=") and len(first.rstrip("\r\n")) == 5:
        return 1, first[4]
    while first and not first.strip(" ,;\t\r\n"):
        first = text.readline()
    text.seek(0)
    named = {each: {name.strip().strip('"').lower() for name in first.split(each)} for each in _SEPARATORS}
    return 0, next((each for each, names in named.items() if names >= _NEEDED), ",")


def _job(path: Path, number: int, row: Mapping[str, str], taken: Taken, suffix: str) -> Job:
    """The pair in the line `number` of the list `path`."""
    source, driving, output = (row.get(name, "") for name in _COLUMNS)
    if not source or not driving:
        raise InputError(f"{path}, line {number}: the {'driving' if source else 'source'} is missing; add it.")
    where = path.absolute().parent
    played = template_file(driving, where)
    source, driving = (name if is_address(name) else str(where / name) for name in (source, driving))
    driving = str(played or driving)
    output = _plain(output) if output else made_of(source, driving, taken, suffix)
    if output.rstrip("/") in taken.exactly:
        raise InputError(f"{path}, line {number}: {output} is the output of another line, too; give another name.")
    if PurePath(output).is_absolute() or ".." in PurePath(output).parts:
        raise InputError(f"{path}, line {number}: {output} is outside of the output folder; give a name in it.")
    options = {name: _written(name, text) for name, text in row.items() if name not in _COLUMNS and text}
    try:
        Options(**{name: read_word(Options, name, word) for name, word in options.items()})
    except OptionError as error:
        raise InputError(f"{path}, line {number}: {error}") from error
    return Job(source, driving, output, options=options, line=number)


def _written(name: str, text: str) -> str:
    """A number or truth value as spreadsheets of many countries write it: 0,5 for 0.5, 128,0 for 128, WAHR for yes."""
    option = described(Options)[name]
    kind = plain_type(option[0])
    if kind is bool:
        return _TRUTHS.get(text.casefold(), text)
    if kind is int and option[1].read is None and (whole := _WHOLE.fullmatch(text)):
        return whole[1]
    return text.replace(",", ".") if kind is float and _COMMA.fullmatch(text) else text


_TRUTHS = dict.fromkeys(("wahr", "vrai", "verdadero", "verdadeiro", "vero", "waar", "prawda", "sant", "sand"), "yes")
_TRUTHS |= dict.fromkeys(("falsch", "faux", "falso", "onwaar", "fałsz", "falskt", "falsk"), "no")
"""What spreadsheets in German, French, Spanish, Portuguese, Italian, Dutch, Polish, Swedish and Danish make of TRUE and
FALSE."""


def made_of(source: str, driving: str, taken: Taken, suffix: str) -> str:
    """An output that nobody has taken, on no file system."""
    ends = chain([suffix], (f"-{number}{suffix}" for number in count(2)))
    names = (joined(Path(source).stem, Path(driving).stem, end) for end in ends)
    return next(name for name in names if _folded(name) not in taken.folded)


def _plain(output: str) -> str:
    """The same name in its shortest form ("a.mp4" for "./x/../a.mp4"); a slash at its end stays."""
    slash = "/" if output.endswith(("/", os.sep)) else ""
    return os.path.normpath(output) + slash


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    """The same for all names that any file system could take for one."""
    return _composed(name.casefold()).rstrip("/")


_LIKE = ((str.casefold, "A", "a"), (_composed, "\u00e4", "a\u0308"))
"""How file systems may take names for one, each with two that are one to those that do."""


def _are_one(folder: Path, one: str, other: str) -> bool:
    """Whether files of both names in `folder` are the same."""
    with tempfile.TemporaryDirectory(prefix=".names-", dir=folder) as place:
        Path(place, one).touch()
        return Path(place, other).exists()
