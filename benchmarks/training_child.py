"""What `benchmarks.training` runs in processes of their own: some steps of one stage, timed, by the trainer itself.

It uses only what the trainer has always had, so that an older revision can be measured by the same code.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from training.config import load_config
from training.trainer import Trainer

SETTLING = 2
"""Steps before the first that counts: memory is allocated, kernels are chosen."""
LOOKED_AT = 2
"""Steps after the last that counts, in which operators are told apart, which takes time itself."""


class Operators(TorchDispatchMode):
    """Sums the processor time of every operator, forward and backward. A profiler's time is that of the clock, which
    on a shared machine holds what others computed meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        start = time.thread_time()
        result = function(*args, **(kwargs or {}))
        name = function.overloadpacket.__name__
        self.seconds[name] += time.thread_time() - start
        self.calls[name] += 1
        return result


def measure(config: str, stage: str, precision: str, steps: int, settings: list[str]) -> dict[str, Any]:
    """Times `steps` steps of one `stage` of a `config` (a name or a file) and looks at two more.

    The result: `batch`; `cpu`, the processor time of the fastest step in seconds; `loss`, the mean sum of the losses;
    `operators`, rows of name, seconds and calls a step.
    """
    run = load_config(config, [*settings, f"precision={precision}", "data.test_path="])
    chosen = [each for each in run.stages if each.name == stage]
    if not chosen:
        raise SystemExit(f"{config} has no stage {stage!r}; there are {', '.join(each.name for each in run.stages)}")
    total = SETTLING + steps + LOOKED_AT
    never = total + 1
    run = replace(run, stages=(replace(chosen[0], steps=total, epochs=0),), init="", save_every=never, draw_every=never)
    marks: list[float] = []
    losses: list[float] = []
    operators = Operators()

    def after_step() -> bool:
        marks.append(time.process_time())
        if len(marks) == 1 + SETTLING + steps:
            operators.__enter__()
        return len(marks) > total

    with suppress(ImportError):  # what `bunraku train` does; older revisions do not
        from training.allocation import keep_freed_memory

        keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(run, Path(folder), device="cpu", progress=False)
        trainer.objective.register_forward_hook(
            lambda module, given, found: losses.append(sum(float(each.detach()) for each in found.values()))
        )
        trainer._periodic = lambda *_, **__: None  # type: ignore[method-assign]  # neither pictures nor states
        trainer.run(time_is_up=after_step)
        operators.__exit__(None, None, None)
    spent = [later - earlier for earlier, later in pairwise(marks)]
    rows = [[name, operators.seconds[name] / LOOKED_AT, operators.calls[name] / LOOKED_AT] for name in operators.calls]
    return {
        "batch": chosen[0].batch * chosen[0].accumulate,
        "cpu": min(spent[SETTLING : SETTLING + steps]),
        "loss": sum(losses) / len(losses),
        "operators": sorted(rows, key=lambda row: -row[1]),
    }


def main(config: str, stage: str, precision: str, steps: str, *settings: str) -> None:
    """Prints the result of `measure` as one line of JSON; of several processes, the first."""
    torch.set_num_threads(1)
    found = measure(config, stage, precision, int(steps), list(settings))
    if os.environ.get("RANK", "0") == "0":
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
