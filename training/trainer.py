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
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn

from checkpoints.errors import BunrakuError, BunrakuWarning, OptionError
from training.checkpoint import save_model, sweep, write_atomically
from training.config import RunConfig, Stage
from training.data.augment import PairAugment
from training.data.pairs import PairDataset, Sample, batches
from training.data.sources import open_source
from training.data.synth.person.points import POINT_NAMES
from training.ema import Average
from training.initial import initial_model
from training.losses.backbones import open_backbone
from training.models.base import MotionModel
from training.objectives import ADVERSARIAL, Objective, Schedule
from training.state import Position, restore_modules, restore_optimizers
from training.state_file import NAME, PREVIOUS, StateFile
from training.sync_norm import synchronise
from training.watch import Watcher

NON_FINITE_LIMIT = 3
"""Batches in a row whose loss may be not a number before the run stops."""
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

    def __init__(self, config: RunConfig, folder: Path, device: str | None = None, progress: bool = True) -> None:
        """Builds the model and reads the data set's index; resumes when `folder` holds a state.

        `device`: None lets Accelerate choose, "cpu" forces the CPU.
        """
        self.config = config
        self.folder = folder
        # A stage may leave parts of what it trains unused (an occlusion head that no loss asks for).
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)
        precision = usable_precision(config.precision, device)
        self.accelerator = Accelerator(mixed_precision=precision, cpu=device == "cpu", kwargs_handlers=[unused])
        self.main = self.accelerator.is_main_process
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        model = initial_model(config)
        backbone = partial(open_backbone, config.perceptual, config.perceptual_weights)
        self.objective = Objective(model, backbone).to(self.accelerator.device)
        if self.accelerator.num_processes > 1:
            synchronise(model)
        self.average = Average(model, config.ema).to(self.accelerator.device) if config.ema > 0 else None
        if any(ADVERSARIAL & set(stage.losses) for stage in config.stages):
            self.objective.add_discriminator()
        self.position = Position()
        self._resumed: dict[str, Tensor] | None = None
        self._state = StateFile(folder, config.family)
        if self.main:
            sweep(folder, *OWN_FILES)
        found = self._state.load()
        if found is not None:
            path, self.position, self._resumed = found
            restore_modules(path, self._resumed, self._modules)
        self.dataset = PairDataset(open_source(config.data), config.seed, config.data.repeats)
        self.test = PairDataset(open_source(config.data, test=True), config.seed) if config.data.test_path else None
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

    def run(self, stop_after: int | None = None, time_is_up: Callable[[], bool] | None = None) -> Result:
        """Train to the end, for `stop_after` steps of this call, or until `time_is_up`, asked after every step.

        Raises `TrainingError` when a loss is not a number several times in a row: the state on disk stays the last
        good one.
        """
        budget = stop_after if stop_after is not None else math.inf
        self._time_is_up = time_is_up
        while self.position.stage < len(self.config.stages) and budget > 0 and not self._late():
            stage = self.config.stages[self.position.stage]
            budget -= self._run_stage(stage, budget)
            if self.position.step >= self._length(stage):
                self.position.stage += 1
                self.position.step = 0
                self.position.best = math.inf
                self._resumed = None
                if self.main:
                    self._state.save(self.position, self._modules, {})
        checkpoint = self._save_model("model.safetensors")
        self.watcher.close()
        return Result(checkpoint, self.position.total)

    def _length(self, stage: Stage) -> int:
        """Optimiser steps of a stage."""
        return stage.steps or math.ceil(stage.epochs * self._steps_per_epoch(stage))

    def _steps_per_epoch(self, stage: Stage) -> float:
        return max(1.0, len(self.dataset) / (stage.batch * stage.accumulate * self.accelerator.num_processes))

    def _run_stage(self, stage: Stage, budget: float) -> int:
        """Steps done of `stage`."""
        self.dataset.source.size, self.dataset.source.cross = stage.size, stage.cross
        augment = PairAugment(self.config.data.augment, stage.placing)
        self.objective.start_stage(stage, augment)
        optimizers = self._optimizers(stage)
        if self._resumed is not None:
            restore_optimizers(self._resumed, optimizers)
        self._resumed = None
        wrapped: Any = self.objective
        if self.accelerator.num_processes > 1:
            wrapped = self.accelerator.prepare_model(self.objective)
        optimizers = {name: self.accelerator.prepare_optimizer(each) for name, each in optimizers.items()}
        stop = self._length(stage)
        if self.position.step + budget < stop:
            stop = self.position.step + int(budget)
        first = self.position.step
        stream = batches(
            self.dataset,
            stage.batch,
            first * stage.accumulate,
            stop * stage.accumulate,
            self.config.data.workers,
            self.accelerator.process_index,
            self.accelerator.num_processes,
        )
        self.watcher.start_stage(stage.name, first, self._length(stage))
        bad = 0
        for step in range(first, stop):
            started = time.perf_counter()
            losses = self._step(stage, step, wrapped, optimizers, augment, stream)
            broken = [name for name, value in losses.items() if not math.isfinite(value)]
            bad = bad + 1 if broken else 0
            if bad >= NON_FINITE_LIMIT:
                raise TrainingError(
                    f"step {step} of stage {stage.name!r}: the loss {broken[0]!r} is not finite {bad} times in "
                    f"a row; the last good state is kept in {self.state_path.name}: lower the learning rate or clip"
                )
            self.position.step += 1
            self.position.total += 1
            seconds = time.perf_counter() - started
            frames = stage.batch * stage.accumulate * self.accelerator.num_processes
            self.watcher.step(self.position.total, losses, self._learning_rate(stage, step), frames / seconds)
            late = self._late()
            if not broken:
                self._periodic(stage, optimizers, last=late or step == stop - 1)
            if late:
                break
        return self.position.step - first

    def _late(self) -> bool:
        """Whether this call's time is over, in the eyes of any process."""
        return self._time_is_up is not None and self._any_process(self._time_is_up())

    def _optimizers(self, stage: Stage) -> dict[str, Any]:
        """The stage's optimiser, and the discriminator's where the stage is adversarial."""
        settings: dict[str, Any] = {"lr": stage.lr, "betas": stage.betas, "weight_decay": stage.weight_decay}
        optimizers = {"optimizer": torch.optim.Adam(self._choose_parameters(stage), **settings)}
        judge = self.objective.discriminator
        if judge is not None and ADVERSARIAL & set(stage.losses):
            optimizers["judge"] = torch.optim.Adam(judge.parameters(), **settings)
        return optimizers

    def _choose_parameters(self, stage: Stage) -> list[nn.Parameter]:
        """Parameters of the stage's components; the rest is frozen, normalisation statistics included."""
        components = dict(self.model.named_children())
        unknown = sorted((set(stage.train) | set(stage.clip) | set(stage.eval_mode)) - set(components))
        if unknown:
            raise OptionError(
                f"stage {stage.name!r}: the model has no component {unknown[0]!r}; there are {', '.join(components)}"
            )
        chosen: list[nn.Parameter] = []
        for name, component in components.items():
            trained = not stage.train or name in stage.train
            component.requires_grad_(trained)
            component.train(trained and name not in stage.eval_mode)
            if trained:
                chosen += list(component.parameters())
        if not chosen:
            raise OptionError(f"stage {stage.name!r}: nothing to train in {', '.join(stage.train)}")
        return chosen

    def _step(
        self,
        stage: Stage,
        step: int,
        wrapped: Any,
        optimizers: dict[str, Any],
        augment: PairAugment,
        stream: Any,
    ) -> dict[str, float]:
        """One optimiser step; returns the mean of every weighted loss. A non-finite loss changes nothing."""
        for optimizer in optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = self._learning_rate(stage, step)
        optimizer = optimizers["optimizer"]
        torch.manual_seed(hash((self.config.seed, self.position.total, self.accelerator.process_index)) % 2**31)
        schedule = Schedule(step / self._steps_per_epoch(stage), step)
        sums: dict[str, float] = {}
        optimizer.zero_grad(set_to_none=True)
        for _ in range(stage.accumulate):
            batch: Sample = {name: value.to(self.accelerator.device) for name, value in next(stream).items()}
            batch = augment(batch)
            with self.accelerator.autocast():
                losses = wrapped(batch, schedule)
            total = torch.stack(list(losses.values())).sum() / stage.accumulate
            self.accelerator.backward(total)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach()) / stage.accumulate
        if self._any_process(not all(math.isfinite(value) for value in sums.values())):
            return sums if not all(math.isfinite(v) for v in sums.values()) else {**sums, "other process": math.nan}
        self.accelerator.unscale_gradients(optimizer)
        for name, clip in stage.clip.items():
            nn.utils.clip_grad_norm_(self.model.get_submodule(name).parameters(), clip.max, float(clip.norm))
        optimizer.step()
        if "judge" in optimizers:
            sums |= self._judge_step(wrapped, optimizers["judge"], batch, schedule)
        if self.average is not None:
            self.average.update(self.model, self.position.total)
        return sums

    def _judge_step(self, wrapped: Any, optimizer: Any, batch: Sample, schedule: Schedule) -> dict[str, float]:
        """The discriminator's turn, on the pictures that were just made."""
        optimizer.zero_grad(set_to_none=True)
        with self.accelerator.autocast():
            losses = wrapped(batch, schedule, judge=True)
        self.accelerator.backward(torch.stack(list(losses.values())).sum())
        optimizer.step()
        return {name: float(value.detach()) for name, value in losses.items()}

    def _any_process(self, flag: bool) -> bool:
        """Whether any process says so, so that all skip a step together."""
        if self.accelerator.num_processes == 1:
            return flag
        flags = self.accelerator.gather(torch.tensor([float(flag)], device=self.accelerator.device))
        return bool(flags.sum() > 0)

    def _learning_rate(self, stage: Stage, step: int) -> float:
        length = self._length(stage)
        unit = 1.0 if stage.steps else self._steps_per_epoch(stage)
        rate = stage.lr * min(1.0, (step + 1) / stage.warmup) if stage.warmup else stage.lr
        if stage.decay == "cosine":
            return rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / max(1, length))))
        return rate * 0.1 ** sum(step >= milestone * unit for milestone in stage.milestones)

    def _periodic(self, stage: Stage, optimizers: dict[str, Any], last: bool) -> None:
        """Checkpoints, pictures and evaluation, when they are due."""
        step = self.position.total
        if self.main and (last or step % self.config.save_every == 0):
            bare = {name: getattr(each, "optimizer", each) for name, each in optimizers.items()}
            self._state.save(self.position, self._modules, bare)
            self._save_model("model.safetensors")
        if self.main and self.test is not None and (last or step % self.config.evaluate_every == 0):
            self._evaluate(stage)
        if self.main and (last or step % self.config.draw_every == 0):
            self._draw(stage)

    @property
    def _exported(self) -> MotionModel:
        """The weights worth keeping: the average where there is one."""
        return cast(MotionModel, self.average.model) if self.average is not None else self.model

    @contextmanager
    def _at_rest(self) -> Iterator[MotionModel]:
        """The weights worth keeping, ready to be looked at; afterwards they train on as before."""
        model = self._exported
        modes = {name: child.training for name, child in model.named_children()}
        try:
            with torch.no_grad():
                yield model.eval()
        finally:
            for name, child in model.named_children():
                child.train(modes[name])

    def _unchanged(self, data: PairDataset, stage: Stage, batch: int, count: int) -> list[Sample]:
        """The first `count` batches of `data` as the stage sees them, not augmented."""
        data.source.size, data.source.cross = stage.size, stage.cross
        quiet = PairAugment.none()
        device = self.accelerator.device
        return [quiet({k: v.to(device) for k, v in each.items()}) for each in batches(data, batch, 0, count)]

    def _evaluate(self, stage: Stage) -> None:
        """Weighted losses on held-out data; the best model so far is kept as `best.safetensors`."""
        assert self.test is not None
        sums: dict[str, float] = {}
        held_out = self._unchanged(self.test, stage, min(stage.batch, 8), 8)
        trained, augment = self.objective.model, self.objective.augment
        with self._at_rest() as model:
            self.objective.model, self.objective.augment = model, None
            for batch in held_out:
                for name, value in self.objective(batch, Schedule(1e9, 0)).items():
                    sums[name] = sums.get(name, 0.0) + float(value) / len(held_out)
            self.objective.model, self.objective.augment = trained, augment
        total = sum(sums.values())
        self.watcher.evaluation(self.position.total, sums, total)
        if total < self.position.best:
            self.position.best = total
            self._save_model("best.safetensors")

    def _draw(self, stage: Stage) -> None:
        from training.draw import grid

        (batch,) = self._unchanged(self.test or self.dataset, stage, 4, 1)
        with self._at_rest() as model:
            picture = grid(model, batch)
        self.watcher.picture(self.position.total, picture)

    def _save_model(self, name: str) -> Path:
        path = self.folder / name
        if self.main:
            save_model(path, self._exported, self._provenance())
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
            **({"point_names": list(POINT_NAMES)} if self.config.point_names else {}),
        }
