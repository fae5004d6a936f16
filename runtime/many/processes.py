"""The jobs of a batch in several processes of this machine, each of which opens the model once.

One process computes on all cores while it renders, but looks at inputs, and finishes files, on one; and it never works
on more than a few frames at once. Of many short clips each process takes one, on cores of its own.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import FrameType
from typing import Any

from checkpoints.errors import BunrakuError, OptionError
from checkpoints.registry import load_model
from runtime.auto import AUTO
from runtime.engine import DEFAULT_MODEL, Engine
from runtime.graphs.cores import available_cores, available_memory
from runtime.graphs.memory import stay_small
from runtime.graphs.sessions import frames_at_once
from runtime.many.batch import Outcome, Run, run_here, worker
from runtime.many.pairs import Job

LEAST_JOBS = 2
"""For each process: to start one and open the model takes a second."""
LEAST_FRAMES = 4
"""That one process computes at once of a model so light that several pay; heavier ones keep all cores busy anyway."""
ROOM = 600_000_000
"""Bytes of memory for each process."""
_END = 5.0
"""Seconds that a process may take to tidy up."""


def processes_for(jobs: int, options: Mapping[str, Any]) -> int:
    """How many processes pay for so many jobs with these options, on the cores and in the memory that are free."""
    cores = available_cores()
    most = min(cores, jobs // LEAST_JOBS, available_memory() // ROOM)
    if most < 2 or options.get("device") not in ("cpu", "auto"):
        return 1
    model = DEFAULT_MODEL if options["model"] == AUTO else options["model"]  # those chosen from are as light
    if frames_at_once(load_model(model)) < LEAST_FRAMES:
        return 1
    return most if Engine(model, device=options["device"]).device == "cpu" else 1


def on_processes(workers: int | None, cores: int | None) -> Run:
    """Does jobs with so many `workers` of so many `cores`; None: as many as pay, and all cores shared among them.

    Raises `OptionError` when a number is impossible.
    """
    if min(1 if workers is None else workers, 1 if cores is None else cores) < 1:
        raise OptionError(
            f"{1 if workers is None else workers} workers of {1 if cores is None else cores} cores are impossible; at "
            "least one of each is needed."
        )

    def run(jobs: Sequence[Job], folder: Path, options: Mapping[str, Any]) -> Iterator[Outcome]:
        count = processes_for(len(jobs), options) if workers is None else min(workers, len(jobs))
        threads = cores or max(1, available_cores() // count)
        if count == 1:
            yield from run_here(jobs, folder, options if cores is None else {**options, "threads": cores})
            return
        if options["model"] != AUTO:
            load_model(options["model"])  # a wrong name is better said here than by every worker
        yield from _run(jobs, folder, {**options, "threads": threads}, count)

    return run


def _run(jobs: Sequence[Job], folder: Path, options: Mapping[str, Any], count: int) -> Iterator[Outcome]:
    # Not forked: ONNX Runtime's threads do not survive that.
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _open, (folder, dict(options)))
    try:
        for done in as_completed([pool.submit(_job, job) for job in jobs]):
            yield done.result()
        pool.shutdown()
    except BrokenProcessPool as error:
        raise BunrakuError(
            "A process ended before its work was done, perhaps for want of memory; start again to go on, with fewer "
            "--workers."
        ) from error
    finally:
        _end(pool)


def _end(pool: ProcessPoolExecutor) -> None:
    """Whoever is still at work tidies up and ends."""
    mine = multiprocessing.active_children()
    pool.shutdown(wait=False, cancel_futures=True)
    for process in mine:
        process.terminate()
    for process in mine:
        process.join(_END)
        process.kill()
    pool.shutdown()  # now that nobody is left, its own threads end and give back what they share


_do: Callable[[Job], Outcome] | None = None
_working = _ending = False


def _open(folder: Path, options: Mapping[str, Any]) -> None:
    """In a process of the pool: be ready for jobs."""
    global _do
    stay_small()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches all; the first process tells the others
    signal.signal(signal.SIGTERM, _stop)
    _do = worker(folder, options)


def _job(job: Job) -> Outcome:
    global _working
    assert _do is not None
    if _ending:  # the pool has handed a job more to each than it works on
        raise KeyboardInterrupt
    _working = True
    try:
        return _do(job)
    finally:
        _working = False


def _stop(number: int, frame: FrameType | None) -> None:
    """Unwinds the job that is under way, if any, and begins no other; the pool ends the process then."""
    global _ending
    _ending = True
    if _working:
        raise KeyboardInterrupt
