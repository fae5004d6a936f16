"""Many pictures and videos at once: a list of pairs, a folder of results, and a file that says what became of each.

The work may be stopped and started again: pairs that are done are left alone, unless their files or the options have
changed since. A pair that fails is recorded, and the rest goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from checkpoints.errors import BunrakuError, BunrakuWarning, OutputError, first_line
from runtime.animate import animate
from runtime.auto import AUTO, AutoModel
from runtime.engine import Engine
from runtime.many.pairs import Job, check_apart
from runtime.options import Options, read_word

RESULTS = "results.jsonl"
"""The file in the output folder: one JSON object a line, the last one of a pair counts."""


@dataclass(frozen=True)
class Outcome:
    """What became of a pair; a line of the results file."""

    source: str
    driving: str
    output: str
    key: str
    status: str
    """"done" or "failed"."""
    frames: int = 0
    seconds: float = 0.0
    """That it took."""
    error: str | None = None
    warnings: list[str] = field(default_factory=list)


Run = Callable[[Sequence[Job], Path, Mapping[str, Any]], Iterable[Outcome]]
"""Does jobs into a folder with options of `runtime.animate`, and gives what became of each, in any order."""


def run_batch(
    jobs: Sequence[Job],
    folder: Path,
    options: Mapping[str, Any],
    run: Run | None = None,
    report: Callable[[int, int], object] = lambda done, total: None,
) -> list[Outcome]:
    """Do all `jobs` that are not done yet; returns what became of each, in their order.

    `options` are those of `runtime.animate`, with a model's name or folder under "model". `run` does the jobs, by
    default one after another in this process. `report` is called with the number of jobs done and of all. Raises
    `OutputError` when `folder` cannot be used, and a `BunrakuError` when the model or an option is at fault.
    """
    check_apart(jobs, made(folder))
    results = folder / RESULTS
    keyed = [replace(job, key=key_of(job, options)) for job in jobs]
    before = recorded(results)
    found = {job.output: before[job.output] for job in keyed if _is_done(job, before.get(job.output), folder)}
    waiting = [job for job in keyed if job.output not in found]
    report(len(found), len(keyed))
    if waiting:
        try:
            with results.open("a", encoding="utf-8", errors="surrogateescape") as file:
                for outcome in (run or run_here)(waiting, folder, options):
                    file.write(json.dumps(asdict(outcome), ensure_ascii=False) + "\n")
                    file.flush()
                    found[outcome.output] = outcome
                    report(len(found), len(keyed))
        except OSError as error:
            raise OutputError(f"{results} cannot be written ({error.strerror}); check disk and folder.") from error
    return [found[job.output] for job in keyed]


def made(folder: Path) -> Path:
    """`folder`, which is made where it is missing. Raises `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error.strerror}); give another folder.") from error
    return folder


def run_here(jobs: Sequence[Job], folder: Path, options: Mapping[str, Any]) -> Iterator[Outcome]:
    """Do the jobs one after another, with the model opened once."""
    do = worker(folder, options)
    yield from map(do, jobs)


def telling(outcomes: Iterable[Outcome], report: Callable[[Outcome], object]) -> Iterator[Outcome]:
    """The `outcomes` as they come; `report` is told of each."""
    for outcome in outcomes:
        report(outcome)
        yield outcome


def worker(folder: Path, options: Mapping[str, Any]) -> Callable[[Job], Outcome]:
    """Opens the model of `options`; what is returned does one job after another and never fails.

    Raises `ModelError` when the model is not to be had.
    """
    rest = dict(options)
    model, device, threads = rest.pop("model"), rest.pop("device", "auto"), rest.pop("threads", None)
    engine: Engine | AutoModel
    if model == AUTO:
        engine = AutoModel(partial(Engine, device=device, threads=threads))
    else:
        engine = model if isinstance(model, Engine) else Engine(model, device=device, threads=threads)

    def do(job: Job) -> Outcome:
        begin = time.monotonic()
        frames, error = 0, None
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", BunrakuWarning)
            try:
                frames = _do(job, folder, engine, rest)
            except BunrakuError as failure:
                error = str(failure)
            except Exception as failure:  # a defect of ours must not stop the others
                error = f"{type(failure).__name__}: {first_line(failure)}"
        notes = [str(note.message) for note in said if issubclass(note.category, BunrakuWarning)]
        took = round(time.monotonic() - begin, 3)
        status = "failed" if error else "done"
        known = {name: getattr(job, name) for name in ("source", "driving", "output", "key")}
        return Outcome(**known, status=status, frames=frames, seconds=took, error=error, warnings=notes)

    return do


def _do(job: Job, folder: Path, engine: Engine | AutoModel, options: Mapping[str, Any]) -> int:
    (folder / job.output).parent.mkdir(parents=True, exist_ok=True)
    target = os.path.join(folder, job.output)  # a slash at its end means frames
    own = {name: read_word(Options, name, word) for name, word in job.options.items()}
    chosen = {**options, **own, "progress": False}
    return len(animate(job.source, job.driving, model=engine, output=target, **chosen))


def key_of(job: Job, options: Mapping[str, Any]) -> str:
    """Stands for a pair as it is: changes when one of its files, or an option, does."""
    facts: list[Any] = [job.source, job.driving, job.output]
    facts += sorted((name, _said(value)) for name, value in {**options, **job.options}.items())
    for path in (job.source, job.driving):
        try:
            stat = os.stat(path)
            facts.append((stat.st_size, stat.st_mtime_ns))
        except (OSError, ValueError):
            facts.append(None)  # the job itself will say so
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _said(value: Any) -> str:
    """What stands for an option's value, the same in the next run."""
    return f"{value.bundle.name} {value.bundle.folder}" if isinstance(value, Engine) else str(value)


def known_outputs(folder: Path) -> dict[tuple[str, str], str]:
    """The outputs in `folder` of pairs (source, driving) that were done, or tried, there before. Raises
    `OutputError`.
    """
    return {(each.source, each.driving): each.output for each in recorded(folder / RESULTS).values()}


def recorded(results: Path) -> dict[str, Outcome]:
    """The last outcome of every output; lines that were cut off by a crash, or are not ours, do not count."""
    found: dict[str, Outcome] = {}
    if not results.exists():
        return found
    try:
        text = results.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise OutputError(f"{results} cannot be read ({error.strerror}); give another folder.") from error
    for line in text.splitlines():
        try:
            outcome = Outcome(**json.loads(line))
        except (ValueError, TypeError):
            continue
        found[outcome.output] = outcome
    if text and not text.endswith("\n"):
        with results.open("a", encoding="utf-8") as file:
            file.write("\n")
    return found


def _is_done(job: Job, outcome: Outcome | None, folder: Path) -> bool:
    done = outcome is not None and outcome.status == "done" and outcome.key == job.key
    return done and (folder / job.output).exists()
