"""Many pictures as many videos move, in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from checkpoints.errors import InputError, OptionError
from runtime.engine import DEFAULT_MODEL
from runtime.many.batch import Outcome, known_outputs, made, run_batch, run_here, telling
from runtime.many.crossing import cross
from runtime.many.pairs import Job, read_pairs
from runtime.many.watch import EVERY, keep_watch
from runtime.media.names import check_path
from runtime.media.writer import FORMATS
from runtime.options import Options, described
from runtime.values import is_number

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A file, a folder, or several of them."""

_BESIDE = ("model", "device", "threads")
"""What may be chosen beside `Options`."""


def batch(
    source: Paths,
    driving: Paths | None = None,
    *,
    output: str | os.PathLike[str],
    format: str = "mp4",
    watch: bool | float = False,
    until: Callable[[], bool] = lambda: False,
    report: Callable[[Outcome], object] | None = None,
    **options: Any,
) -> list[Outcome]:
    """Move every `source` as every `driving` moves, into the folder `output`; returns what became of each pair.

    Each is a file, a folder that stands for the files in it, or a list of such (see `runtime.many.crossing.cross`);
    without `driving`, `source` is a list of pairs (see `runtime.many.pairs.read_pairs`). Results are called
    SOURCE-DRIVING and the `format` ("mp4", "webm" ..., "png" for folders of frames). What was done before is left
    alone, unless its files or the options have changed; what fails is recorded in the folder's results.jsonl, and the
    rest goes on. `report` is told what becomes of each, as it does.

    `watch`: look again and again, every two seconds or as many as it says, for what has come since, until `until`
    says so. `options` are those of `runtime.animate`, and `model`,
    `device` and `threads`.

    Raises a `BunrakuError` where nothing can be found, an option or the model is at fault, or the folder cannot be
    used.
    """
    chosen = _options(options)
    every = EVERY if isinstance(watch, bool) else watch
    if not (is_number(every) and every > 0):
        raise OptionError(f"watch is {watch!r}; it must be True, False or a number of seconds.")
    if output is None:
        raise OptionError("output is None; name the folder for the results.")
    check_path(output, "output")
    if format not in FORMATS:
        raise OptionError(f"format is {format!r}; choose one of {', '.join(FORMATS)}.")
    report = report or (lambda outcome: None)
    folder = Path(output)
    look = looking(source, driving, folder, format)
    if not watch:
        return run_batch(look(), folder, chosen, lambda *asked: telling(run_here(*asked), report))
    outcomes: dict[str, Outcome] = {}

    def told(outcome: Outcome) -> None:
        outcomes[outcome.output] = outcome
        report(outcome)

    keep_watch(look, made(folder), chosen, told, until, every)
    return list(outcomes.values())


def looking(source: Paths, driving: Paths | None, folder: Path, format: str) -> Callable[[], list[Job]]:
    """Finds the pairs that there are now. Raises `InputError` where the results would be among what is moved."""
    suffix = "/" if format == "png" else f".{format}"
    if driving is None:
        listed = _only(source)
        return lambda: read_pairs(listed, suffix)
    sources, drivings = _several(source), _several(driving)
    for each in (*sources, *drivings):
        if os.path.realpath(each) == os.path.realpath(folder):
            raise InputError(f"Results into {folder} would be taken for what is to be moved; give another folder.")
    return lambda: cross(sources, drivings, suffix, known_outputs(folder))


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """The options of `runtime.animate` as they were `given`, checked, and the model."""
    if unknown := sorted(given.keys() - described(Options).keys() - set(_BESIDE)):
        raise TypeError(f"batch() got an unexpected keyword argument {unknown[0]!r}")
    own = {name: value for name, value in given.items() if name not in _BESIDE}
    Options(**own)
    return {"model": DEFAULT_MODEL, **given}


def _several(paths: Paths) -> list[str | os.PathLike[str]]:
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    if not (isinstance(several, list | tuple) and all(isinstance(path, str | os.PathLike) for path in several)):
        raise InputError(f"A batch is made of files and folders, by their names, not of {type(paths).__name__}.")
    if not several:
        raise InputError("A list of files for the batch is empty; give at least one.")
    return list(several)


def _only(paths: Paths) -> Path:
    several = _several(paths)
    path = Path(several[0]) if several else Path()
    if len(several) != 1 or path.is_dir():
        raise OptionError(f"{path} is to be moved, but nothing drives it; give videos as well, or a list of pairs.")
    return path
