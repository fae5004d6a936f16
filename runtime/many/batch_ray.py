"""The jobs of a batch on the machines of a Ray cluster: Ray Data feeds workers that open the model once each.

The extra "cluster" brings Ray. Every machine needs bunraku, and must see pictures, videos and the output folder under
the same paths. What makes a worker fail for good ends the batch; started again, it goes on with the rest.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from checkpoints.errors import BunrakuError, InputError, OptionError, last_line
from checkpoints.installation import installing
from checkpoints.registry import load_model
from runtime.auto import AUTO
from runtime.many.batch import Outcome, Run, worker
from runtime.many.pairs import Job


class _Worker:
    """What Ray keeps alive in each of its processes."""

    def __init__(self, folder: str, options: Mapping[str, Any]) -> None:
        self._do: Callable[[Job], Outcome] = worker(Path(folder), options)

    def __call__(self, rows: dict[str, np.ndarray]) -> dict[str, list[str]]:
        outcomes = [self._do(Job(**json.loads(text))) for text in rows["job"]]
        return {"outcome": [json.dumps(asdict(outcome)) for outcome in outcomes]}


def on_ray(address: str, workers: int, cores: int = 1) -> Run:
    """Does jobs with `workers` processes of `cores` cores (and a GPU each, with the device "cuda") on the cluster at
    `address`: "local" starts one on this machine, "auto" takes the one that runs here, or "ray://HOST:PORT".

    Raises `OptionError` when Ray is not installed or a number is impossible.
    """
    if min(workers, cores) < 1:
        raise OptionError(f"{workers} workers of {cores} cores are impossible; at least one of each is needed.")
    try:
        import ray
        import ray.data  # noqa: F401
    except ImportError as error:
        raise OptionError(f"Ray cannot be used ({error}); install it with: {installing('cluster')}") from error

    def run(jobs: Sequence[Job], folder: Path, options: Mapping[str, Any]) -> Iterator[Outcome]:
        if options["model"] != AUTO:
            load_model(options["model"])  # a wrong name is better said here than by every worker
        with_threads = {**options, "threads": cores}
        gpus = 1 if options.get("device") == "cuda" else 0
        yield from _run(jobs, folder.absolute(), with_threads, address, workers, {"num_cpus": cores, "num_gpus": gpus})

    return run


def _run(
    jobs: Sequence[Job], folder: Path, options: Mapping[str, Any], address: str, workers: int, each: dict[str, Any]
) -> Iterator[Outcome]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.data import ActorPoolStrategy, DataContext
    from ray.exceptions import RayError

    size: dict[str, Any] = {"num_cpus": workers * each["num_cpus"]} if address == "local" else {}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False, **size)
    except Exception as error:  # Ray raises the base class itself, among others
        raise InputError(f"No Ray cluster answers at {address} ({last_line(error)}); check the address.") from error
    try:
        DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        rows = ray.data.from_items([{"job": json.dumps(asdict(job))} for job in jobs], override_num_blocks=len(jobs))
        outcomes = rows.map_batches(
            _Worker,
            batch_size=1,
            compute=ActorPoolStrategy(size=min(workers, len(jobs))),
            fn_constructor_args=(str(folder), options),
            **each,
        )
        for row in outcomes.iter_rows():
            yield Outcome(**json.loads(row["outcome"]))
    except RayError as error:
        raise BunrakuError(f"A worker on {address} failed ({last_line(error)}); start again to go on.") from error
    finally:
        ray.shutdown()
