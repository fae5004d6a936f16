"""The training loop: stages, steps, checkpoints. It knows no family (see `training.objectives`).

One process or many, CPU or GPU: Hugging Face Accelerate places and synchronises. Everything random is a function of
(seed, step, process), so a resumed run repeats what an unbroken one would have done.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn

from checkpoints.errors import BunrakuError, BunrakuWarning
from training.checkpoint import save_model, sweep, write_atomically
from training.config import RunConfig, Stage
from training.data.augment import PairAugment
from training.data.pairs import PairDataset, PairSource, Sample, StepSource, batches, set_stage
from training.data.sources import open_source
from training.data.synth.renderers import points_of
from training.ema import Average
from training.initial import initial_model
from training.inspection import drawn, held_out_losses
from training.kernels.build import load_kernels
from training.losses.backbones import open_backbone
from training.models.base import MotionModel
from training.objectives import ADVERSARIAL, Objective, Schedule
from training.state import Position, restore_modules, restore_optimizers
from training.state_file import NAME, PREVIOUS, StateFile
from training.stepper import Stepper, choose_parameters, make_optimizers
from training.sync_norm import synchronise
from training.timetable import Pace, Progress, Timetable, share_time
from training.watch import LOG_EVERY, Watcher

NON_FINITE_LIMIT = 3
"""Batches in a row whose loss may be not a number before the run stops."""
FOREVER = 2**31
"""Steps that no stage by the clock reaches."""
OWN_FILES = (NAME, PREVIOUS, "model.safetensors", "best.safetensors", "config.json")
"""What a run writes in its folder as a whole; what a kill left unfinished of them is removed."""


class TrainingError(BunrakuError):
    """A run that cannot go on; the last good state is kept."""


@dataclass
class Result:
    """Where a finished run left its model."""

    checkpoint: Path
    steps: int


def usable_precision(wanted: str, device: str | None) -> str:
    """`wanted`, or "no" with a warning where bfloat16 would be emulated: that is many times slower than float32."""
    on_cpu = device == "cpu" or not torch.accelerator.is_available()
    if wanted == "bf16" and on_cpu and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        warnings.warn(
            "this processor has no fast bfloat16; training in float32 instead of precision = 'bf16'",
            BunrakuWarning,
            stacklevel=3,
        )
        return "no"
    return wanted


class Trainer:
    """Runs a configuration in a folder: `state.safetensors` (to resume; `training.state_file`), `model.safetensors`,
    `best.safetensors`.
    """

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        device: str | None = None,
        progress: bool = True,
        save_seconds: float = math.inf,
        on_save: Callable[[], None] = lambda: None,
    ) -> None:
        """Builds the model and reads the data set's index; resumes when `folder` holds a state.

        `device`: None lets Accelerate choose, "cpu" forces the CPU. State and model are also saved every
        `save_seconds`; `on_save` is called after each time.
        """
        self.config = config
        self.folder = folder
        # A stage may leave parts of what it trains unused (an occlusion head that no loss asks for).
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)
        precision = usable_precision(config.precision, device)
        self.accelerator = Accelerator(mixed_precision=precision, cpu=device == "cpu", kwargs_handlers=[unused])
        self.main = self.accelerator.is_main_process
        folder.mkdir(parents=True, exist_ok=True)
        if self.accelerator.device.type == "cpu":
            load_kernels()
        torch.manual_seed(config.seed)
        model = initial_model(config)
        backbone = partial(open_backbone, config.perceptual, config.perceptual_weights)
        self.objective = Objective(model, backbone).to(self.accelerator.device)
        if self.accelerator.num_processes > 1:
            synchronise(model)
        self.average = Average(model, config.ema).to(self.accelerator.device) if config.ema > 0 else None
        if any(ADVERSARIAL & set(stage.losses) for stage in config.stages):
            self.objective.add_discriminator(config.discriminator)
        self.position = Position()
        self._resumed: dict[str, Tensor] | None = None
        self._state = StateFile(folder, config.family)
        if self.main:
            sweep(folder, *OWN_FILES)
        found = self._state.load()
        if found is not None:
            path, self.position, self._resumed = found
            restore_modules(path, self._resumed, self._modules)
        self.dataset = PairDataset(self._open(test=False), config.seed, config.data.repeats)
        self.test = PairDataset(self._open(test=True), config.seed) if config.data.test_path else None
        self.save_seconds, self.on_save = save_seconds, on_save
        self._saved = time.monotonic()
        self._parts: dict[str, int] = {}
        self._optimizers: dict[str, Any] = {}
        self._time_is_up: Callable[[], bool] | None = None
        self.watcher = Watcher(folder, progress and self.main, enabled=self.main)
        if self.main:
            write_atomically(
                folder / "config.json", lambda path: path.write_text(json.dumps(config.as_dict(), indent=1))
            )

    @property
    def model(self) -> MotionModel:
        """The model being trained."""
        return self.objective.model

    def _open(self, test: bool) -> PairSource | StepSource:
        return open_source(self.config.data, test, self.accelerator.device)

    @property
    def state_path(self) -> Path:
        """Where the state to resume from is kept."""
        return self._state.path

    @property
    def _modules(self) -> dict[str, nn.Module]:
        modules: dict[str, nn.Module] = {"model": self.model}
        if self.average is not None:
            modules["average"] = self.average.model
        if self.objective.discriminator is not None:
            modules["discriminator"] = self.objective.discriminator
        return modules

    def run(
        self,
        stop_after: int | None = None,
        time_is_up: Callable[[], bool] | None = None,
        timetable: Timetable | None = None,
    ) -> Result:
        """Train to the end, for `stop_after` steps of this call, or until `time_is_up`, asked after every step.

        With a `timetable` (`plan` makes one) stages end by its clock instead of by their steps. Raises `TrainingError`
        when a loss is not a number several times in a row: the state on disk stays the last good one.
        """
        budget = stop_after if stop_after is not None else math.inf
        self._time_is_up = time_is_up
        while self.position.stage < len(self.config.stages) and budget > 0 and not self._late():
            stage = self.config.stages[self.position.stage]
            steps, finished = self._run_stage(stage, budget, timetable)
            budget -= steps
            if finished:
                at = self.position
                self.position = Position(stage=at.stage + 1, total=at.total, seconds=at.seconds)
                self._resumed, self._optimizers = None, {}
                if self.main:
                    self.save({})
        checkpoint = self._save_model("model.safetensors")
        self.watcher.close()
        return Result(checkpoint, self.position.total)

    def plan(self, stop: float, total: float = 0.0, steps: int = 3) -> Timetable:
        """The timetable of a call that ends when `time.monotonic()` shows `stop`; `total` as `Timetable` has it.

        Stages that name no share are given one by what their steps take here: `steps` of each are tried, the first
        uncounted, and taken back.
        """

        def cost(index: int) -> float:
            stage = self.config.stages[index]
            seconds = self.time_steps(stage, steps) if index >= self.position.stage else 1.0
            return seconds * self._length(stage)

        return Timetable(stop, share_time(self.config.stages, cost), total)

    def time_steps(self, stage: Stage, steps: int = 3) -> float:
        """Seconds that a step of `stage` takes: the mean of `steps` after a first. Nothing that is trained changes."""
        modules = self._modules.items()
        kept = {name: {key: value.clone() for key, value in module.state_dict().items()} for name, module in modules}
        resumed, self._resumed = self._resumed, None
        optimizers = self._optimizers
        augment = PairAugment(self.config.data.augment, stage.placing)
        stepper, stream = self._start(stage, augment, 0, steps + 1)
        try:
            stepper.step(stream, Schedule(0, 0), stage.lr, 0, 0)
            stepper.tally.look()
            begin = time.perf_counter()
            for step in range(1, steps + 1):
                stepper.step(stream, Schedule(0, step), stage.lr, step, step)
            stepper.tally.look()
            return (time.perf_counter() - begin) / steps
        finally:
            self._resumed, self._optimizers = resumed, optimizers
            for name, module in modules:
                module.load_state_dict(kept[name])

    def _length(self, stage: Stage) -> int:
        """Optimiser steps of a stage."""
        return stage.steps or math.ceil(stage.epochs * self._steps_per_epoch(stage))

    def _steps_per_epoch(self, stage: Stage) -> float:
        pairs = len(self.dataset.source) * (stage.repeats or self.config.data.repeats)
        return max(1.0, pairs / (stage.batch * stage.accumulate * self.accelerator.num_processes))

    def _start(self, stage: Stage, augment: PairAugment, first: int, stop: int) -> tuple[Stepper, Iterator[Sample]]:
        """What takes the steps of `stage`, and the batches of steps `first` to `stop`."""
        set_stage(self.dataset.source, stage)
        self.objective.start_stage(stage, augment)
        optimizers: dict[str, Any] = dict(make_optimizers(self.objective, stage, choose_parameters(self.model, stage)))
        if self._resumed is not None:
            restore_optimizers(self._resumed, optimizers)
        wrapped: Any = self.objective
        if self.accelerator.num_processes > 1:
            wrapped = self.accelerator.prepare_model(self.objective)
        optimizers = {name: self.accelerator.prepare_optimizer(each) for name, each in optimizers.items()}
        self._optimizers = optimizers
        stream = batches(
            self.dataset,
            stage.batch,
            first * stage.accumulate,
            stop * stage.accumulate,
            self.config.data.workers,
            self.accelerator.process_index,
            self.accelerator.num_processes,
        )
        parts = self._parts.get(stage.name, 1)
        stepper = Stepper(self.accelerator, self.objective, wrapped, optimizers, self.average, stage, augment, parts)
        return stepper, stream

    def _progress(self, stage: Stage, timetable: Timetable | None) -> Progress:
        length = self._length(stage)
        if timetable is None:
            return Progress(length)
        at = self.position
        return Progress(length, timetable.seconds(at.stage, at.fraction, at.seconds), at.fraction)

    def _run_stage(self, stage: Stage, budget: float, timetable: Timetable | None) -> tuple[int, bool]:
        """Steps done of `stage`, at most `budget`, and whether it is finished."""
        progress = self._progress(stage, timetable)
        first, trained = self.position.step, self.position.seconds
        length = FOREVER if progress.timed else progress.length
        stop = first + int(min(budget, length - first))
        stepper, stream = self._start(stage, PairAugment(self.config.data.augment, stage.placing), first, stop)
        self._resumed = None
        self.watcher.start_stage(stage.name, first, None if progress.timed else length)
        pace = Pace(stage.batch * stage.accumulate * self.accelerator.num_processes)
        done = progress.fraction(first)
        for step in range(first, stop):
            schedule = Schedule(step / self._steps_per_epoch(stage), step)
            seed = hash((self.config.seed, self.position.total, self.accelerator.process_index)) % 2**31
            stepper.step(stream, schedule, self._learning_rate(stage, step, done), seed, self.position.total)
            self._parts[stage.name] = stepper.parts
            self.position.step += 1
            self.position.total += 1
            self.watcher.step()
            pace.steps += 1
            done = self._together(progress.fraction(self.position.step))
            if progress.timed:
                self.position.fraction, self.position.seconds = done, trained + progress.elapsed
            finished = done >= 1 if progress.timed else self.position.step >= length
            last = finished or self._late() or step == stop - 1
            logged = last or self.position.total % LOG_EVERY == 0
            if logged or self._due():
                self._read(stage, stepper, self._learning_rate(stage, step, done), pace if logged else None, last)
            if last:
                return self.position.step - first, finished
        return 0, True

    def _read(self, stage: Stage, stepper: Stepper, rate: float, pace: Pace | None, last: bool) -> None:
        """Wait for what was computed, log it if there is a `pace`, and do what is due unless it is broken.

        Raises `TrainingError`.
        """
        reading = stepper.tally.look()
        if reading.streak >= NON_FINITE_LIMIT:
            raise TrainingError(
                f"step {self.position.step} of stage {stage.name!r}: the loss {reading.broken or 'gradient'!r} is not "
                f"finite {reading.streak} times in a row; the last good state is kept in {self.state_path.name}: lower "
                "the learning rate or clip"
            )
        if pace is not None:
            self.watcher.losses(self.position.total, reading.means, rate, pace.pairs_per_second())
            stepper.tally.clear()
        if not reading.last_broken:
            self._periodic(stage, stepper.optimizers, last)

    def _late(self) -> bool:
        """Whether this call's time is over, in the eyes of any process."""
        return self._time_is_up is not None and self._together(float(self._time_is_up())) > 0

    def _together(self, value: float) -> float:
        """The highest `value` of all processes, so that all go the same way."""
        if self.accelerator.num_processes == 1:
            return value
        values = self.accelerator.gather(torch.tensor([value], device=self.accelerator.device))
        return float(values.max())

    def _learning_rate(self, stage: Stage, step: int, done: float) -> float:
        """Of step `step`, when `done` of the stage, from 0 to 1, lies behind it."""
        rate = stage.lr * min(1.0, (step + 1) / stage.warmup) if stage.warmup else stage.lr
        if stage.decay == "cosine":
            return rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        length = stage.steps or stage.epochs
        return rate * 0.1 ** sum(done * length >= milestone for milestone in stage.milestones)

    def _due(self) -> bool:
        """Whether anything of `_periodic` is."""
        every = (self.config.save_every, self.config.evaluate_every, self.config.draw_every)
        return any(self.position.total % each == 0 for each in every) or self._save_is_due()

    def _save_is_due(self) -> bool:
        return time.monotonic() - self._saved > self.save_seconds

    def _periodic(self, stage: Stage, optimizers: dict[str, Any], last: bool) -> None:
        """Checkpoints, pictures and evaluation, when they are due."""
        step = self.position.total
        if self.main and (last or step % self.config.save_every == 0 or self._save_is_due()):
            self.save(optimizers)
            self.on_save()
        if self.main and self.test is not None and (last or step % self.config.evaluate_every == 0):
            losses = held_out_losses(self.objective, self.exported, self.test, stage)
            total = sum(losses.values())
            self.watcher.evaluation(step, losses, total)
            if total < self.position.best:
                self.position.best = total
                self._save_model("best.safetensors")
        if self.main and (last or step % self.config.draw_every == 0):
            self.watcher.picture(step, drawn(self.exported, self.test or self.dataset, stage))

    def save(self, optimizers: dict[str, Any] | None = None) -> None:
        """Write state and model as they are now; `optimizers`: None for those of the stage that runs, if one does."""
        every = self._optimizers if optimizers is None else optimizers
        bare = {name: getattr(each, "optimizer", each) for name, each in every.items()}
        self._state.save(self.position, self._modules, bare)
        self._save_model("model.safetensors")
        self._saved = time.monotonic()

    @property
    def exported(self) -> MotionModel:
        """The weights worth keeping: the average where there is one."""
        return cast(MotionModel, self.average.model) if self.average is not None else self.model

    def _save_model(self, name: str) -> Path:
        path = self.folder / name
        if self.main:
            save_model(path, self.exported, self._provenance())
        return path

    def _provenance(self) -> dict[str, Any]:
        return {
            "name": self.config.name,
            "data": self.config.data_note or self.config.data.kind,
            "licence": self.config.licence,
            "steps": self.position.total,
            "stages": [stage.name for stage in self.config.stages[: self.position.stage + 1]],
            "perceptual": self.config.perceptual,
            "seed": self.config.seed,
            "torch": torch.__version__,
            **({"point_names": list(points_of(self.config.point_names))} if self.config.point_names else {}),
            **({"framing": framing} if (framing := self.config.framing.as_framing()) else {}),
        }
