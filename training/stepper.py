"""One optimiser step of a stage: gradients, clipping, the discriminator's turn, the moving average.

Nothing here waits for the device. A step whose loss or gradient is not finite changes no weight: the optimiser is told
so by a number on the device. Where memory runs out, the batch is divided and its gradients are added up, from then on.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from checkpoints.errors import BunrakuWarning, OptionError
from training.config import Stage
from training.data.augment import PairAugment
from training.data.pairs import Sample
from training.ema import Average
from training.objectives import ADVERSARIAL, Objective, Schedule
from training.tally import Tally

LEAST = 2
"""Pairs of a part of a batch at least: statistics of a normalisation need more than one."""


class Stepper:
    """Takes the steps of one stage."""

    def __init__(
        self,
        accelerator: Accelerator,
        objective: Objective,
        wrapped: Any,
        optimizers: dict[str, Any],
        average: Average | None,
        stage: Stage,
        augment: PairAugment,
        parts: int = 1,
    ) -> None:
        """`wrapped`: the objective as it is called (synchronised, where there are several processes).

        `optimizers`: "optimizer", and "judge" in an adversarial stage. `parts`: in how many a batch is divided.
        """
        self.accelerator = accelerator
        self.objective = objective
        self.wrapped = wrapped
        self.optimizers = optimizers
        self.average = average
        self.stage = stage
        self.augment = augment
        self.parts = parts
        self.tally = Tally()

    def step(self, stream: Iterator[Sample], schedule: Schedule, rate: float, seed: int, total: int) -> None:
        """Read what the step needs from `stream` and update the weights; `total` counts steps of the run."""
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate
        torch.manual_seed(seed)
        read = [self._moved(next(stream)) for _ in range(self.stage.accumulate)]
        batches = [self.augment(batch) for batch in read]
        drawn = torch.get_rng_state()
        while True:
            try:
                values = self._gradients(batches, schedule)
                break
            except torch.OutOfMemoryError:
                if not self._divide(len(batches[0]["source"])):
                    raise
            # Outside of the handler: the failed attempt's tensors hang on the exception.
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            torch.set_rng_state(drawn)
        self._update(values)
        if self.average is not None:
            self.average.update(self.objective.model, total)

    def _moved(self, batch: Sample) -> Sample:
        return {name: value.to(self.accelerator.device) for name, value in batch.items()}

    def _divide(self, size: int) -> bool:
        """Twice as many parts of a batch of `size` as before; False where they would be too small."""
        if self.accelerator.num_processes > 1 or size // (2 * self.parts) < LEAST:
            return False
        self.parts *= 2
        warnings.warn(
            f"stage {self.stage.name!r}: memory ran out; batches of {size} pairs go on in {self.parts} parts",
            BunrakuWarning,
            stacklevel=3,
        )
        return True

    def _gradients(self, batches: list[Sample], schedule: Schedule) -> dict[str, Tensor]:
        """Adds up the gradients of all batches, part by part; returns the mean of every weighted loss."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for batch in batches:
            for part, share in _divided(batch, self.parts):
                share = share / len(batches)
                losses = self._backward(part, schedule, share, judge=False)
                if "judge" in self.optimizers:
                    losses |= self._backward(part, schedule, share, judge=True)
                for name, value in losses.items():
                    sums[name] = sums[name] + value * share if name in sums else value * share
        return sums

    def _backward(self, batch: Sample, schedule: Schedule, share: float, judge: bool) -> dict[str, Tensor]:
        """Adds the gradient of `share` of a batch's losses; `judge`: the discriminator's, on the pictures just made."""
        if self.objective.discriminator is not None:
            # It learns from its own loss alone, and what the generator asks of it costs half as much without.
            self.objective.discriminator.requires_grad_(judge)
        with self.accelerator.autocast():
            losses: dict[str, Tensor] = self.wrapped(batch, schedule, judge)
        self.accelerator.backward(torch.stack(list(losses.values())).sum() * share)
        return {name: value.detach() for name, value in losses.items()}

    def _update(self, values: dict[str, Tensor]) -> None:
        """Clip, and step every optimiser unless something is not finite."""
        self.accelerator.unscale_gradients(self.optimizers["optimizer"])
        for name, clip in self.stage.clip.items():
            parameters = self.objective.model.get_submodule(name).parameters()
            values[f"norm {name}"] = nn.utils.clip_grad_norm_(parameters, clip.max, float(clip.norm)).detach()
        finite = torch.stack([value.float() for value in values.values()]).isfinite().all()
        broken = (~finite).float()
        if self.accelerator.num_processes > 1:  # all skip a step together
            broken = self.accelerator.reduce(broken, "sum").clamp(max=1)
        self.tally.add(values, broken)
        for optimizer in self.optimizers.values():
            if self.accelerator.scaler is None:  # else the scaler of float16 finds out itself
                getattr(optimizer, "optimizer", optimizer).found_inf = broken
            optimizer.step()


def _divided(batch: Sample, parts: int) -> Iterator[tuple[Sample, float]]:
    """`batch` in so many parts of almost one size, with each part's share of it."""
    size = len(batch["source"])
    chunks = {name: value.tensor_split(parts) for name, value in batch.items()}
    for index in range(parts):
        part = {name: values[index] for name, values in chunks.items()}
        yield part, len(part["source"]) / size


def fused_adam(parameters: list[nn.Parameter], stage: Stage) -> torch.optim.Adam:
    """The stage's Adam: one call for all weights, which leaves them where `found_inf` says that the step is broken."""
    return torch.optim.Adam(parameters, lr=stage.lr, betas=stage.betas, weight_decay=stage.weight_decay, fused=True)


def make_optimizers(objective: Objective, stage: Stage, chosen: list[nn.Parameter]) -> dict[str, torch.optim.Adam]:
    """The stage's optimiser, and the discriminator's where the stage is adversarial."""
    found = {"optimizer": fused_adam(chosen, stage)}
    if objective.discriminator is not None and ADVERSARIAL & set(stage.losses):
        found["judge"] = fused_adam(list(objective.discriminator.parameters()), stage)
    return found


def choose_parameters(model: nn.Module, stage: Stage) -> list[nn.Parameter]:
    """Parameters of the stage's components; the rest is frozen, normalisation statistics included.

    Raises `OptionError` for components that the model does not have.
    """
    components = dict(model.named_children())
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
