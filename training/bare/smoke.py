"""Everything a slice does, once and small, on the machine as it is: what would fail after minutes fails after seconds.

Each check is guarded by itself, so that one call finds all that is wrong. Batches have the sizes they will have: the
milliseconds of a step and the memory it takes are those of the run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from checkpoints.errors import OptionError
from training.bare.carried import Limits, unpack_state
from training.bare.courier import Courier
from training.bare.rendering import Wanted, render_all
from training.bare.slice import with_shards
from training.config import RunConfig, Stage, load_config
from training.inspection import drawn, held_out_losses
from training.objectives import ADVERSARIAL
from training.state import load_state
from training.trainer import Trainer

JUDGED = {"adversarial_generator": 0.3, "feature_matching_generator": 1.0}
"""Losses of the stage that a configuration without a discriminator is tried with."""


class Checks:
    """Runs named checks until the time is over, and prints a line for each."""

    def __init__(self, stop: float) -> None:
        """`stop`: by `time.monotonic()`, after which no check begins."""
        self.stop = stop
        self.failed: list[str] = []
        self.missed: list[str] = []

    def run(self, name: str, check: Callable[[], str]) -> bool:
        """Whether `check` came through; what it returns is printed, or else what it raised."""
        if time.monotonic() > self.stop:
            self.missed.append(name)
            return False
        begin = time.perf_counter()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        try:
            said = check()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
                said += f", {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB at most"
        except Exception:
            self.failed.append(name)
            print(f"FAILED  {name}\n{traceback.format_exc(limit=-6)}", flush=True)
            return False
        print(f"ok      {name}: {said} ({time.perf_counter() - begin:.1f} s)", flush=True)
        return True


def smoke(args: argparse.Namespace, stop: float) -> int:
    """Exit status 0 where every check came through. Raises `BunrakuError` for a configuration that cannot be read."""
    config = _with_adversary(load_config(args.config, args.override))
    work: Path = (args.work or Path("runs") / f"bare-{config.name}") / "smoke"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    checks = Checks(stop)
    checks.run("machine", machine)
    wanted = Wanted(4, 4, max(stage.size for stage in config.stages), config.seed)
    if checks.run("rendering", lambda: _render(work, wanted)):
        ready = with_shards(config, work / "data" / "train", work / "data" / "test")
        _training(checks, ready, args, work)
    for name in checks.missed:
        print(f"missed  {name}: no time left; give --smoke more seconds", flush=True)
    print(f"{len(checks.failed)} checks failed, {len(checks.missed)} were not reached", flush=True)
    return 1 if checks.failed or checks.missed else 0


def _training(checks: Checks, config: RunConfig, args: argparse.Namespace, work: Path) -> None:
    found: list[Trainer] = []

    def start() -> str:
        found.append(Trainer(config, work, None if args.device == "auto" else args.device, progress=False))
        weights = sum(value.numel() for value in found[0].model.parameters())
        return f"{weights / 1e6:.1f} M weights, {len(found[0].dataset)} clips in memory"

    if not checks.run("model and data", start):
        return
    trainer = found[0]
    for stage in config.stages:
        checks.run(f"stage {stage.name}", lambda stage=stage: _steps(trainer, stage))  # type: ignore[misc]
    last = config.stages[-1]

    def evaluate() -> str:
        assert trainer.test is not None
        losses = held_out_losses(trainer.objective, trainer.exported, trainer.test, last)
        return ", ".join(f"{name} {value:.3g}" for name, value in losses.items())

    checks.run("evaluation", evaluate)
    checks.run("pictures", lambda: str(drawn(trainer.exported, trainer.dataset, last).shape))
    home = work / "home"
    courier = Courier(work, home, Limits(state=args.state_mib * 2**20), {})

    def save() -> str:
        trainer.run(stop_after=1)
        return f"{(work / 'state.safetensors').stat().st_size / 1e6:.1f} MB of state"

    if checks.run("training and saving", save):
        checks.run("packing", lambda: f"{courier.send()}; " + ", ".join(sorted(each.name for each in home.iterdir())))
        checks.run("resuming", lambda: _resume(config, args, work, home))


def _with_adversary(config: RunConfig) -> RunConfig:
    """`config` with one more stage, of adversarial losses, where it has none: they need the most memory."""
    if any(ADVERSARIAL & set(stage.losses) for stage in config.stages):
        return config
    pictures = [stage for stage in config.stages if "pixel" in stage.losses]
    if not pictures:
        return config
    stage = replace(pictures[-1], name="adversarial", losses={**pictures[-1].losses, **JUDGED}, share=0.0)
    return replace(config, stages=(*config.stages, stage))


def machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    said = f"torch {torch.__version__}, {cores} cores"
    if not torch.cuda.is_available():
        return said + ", no GPU"
    card = torch.cuda.get_device_properties(0)
    return f"{said}, {card.name}, {card.total_memory / 2**30:.0f} GiB, cuDNN {torch.backends.cudnn.version()}"


def _render(work: Path, wanted: Wanted) -> str:
    begin = time.perf_counter()
    frames, whole = render_all(work / "data", wanted, 1, lambda: False)
    if not whole:
        raise OptionError("not everything was rendered")
    return f"{frames} frames, {frames / (time.perf_counter() - begin):.1f} a second in one process, its start included"


def _steps(trainer: Trainer, stage: Stage) -> str:
    seconds = trainer.time_steps(stage, 1)
    return f"{1000 * seconds:.0f} ms a step of {stage.batch * stage.accumulate} pairs"


def _resume(config: RunConfig, args: argparse.Namespace, work: Path, home: Path) -> str:
    """A new run from what was packed stands where the old one did."""
    other = work / "resumed"
    other.mkdir()
    unpack_state(home, other)
    trainer = Trainer(config, other, None if args.device == "auto" else args.device, progress=False)
    position, _ = load_state(work / "state.safetensors", config.family)
    if trainer.position.total != position.total:
        raise OptionError(f"the state is of step {trainer.position.total}, not {position.total}")
    trainer.run(stop_after=1)
    return f"goes on from step {position.total}"
