"""Training of the painter: what it paints between the lips of a smile should be what the photograph shows there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from training.checkpoint import save_tensors
from training.config import Discriminator
from training.ema import Average
from training.losses.adversarial import PatchDiscriminator, discriminator_loss, feature_matching, generator_loss
from training.losses.pixels import gradient_loss, pixel_loss
from training.mouths.cuts import Cuts
from training.mouths.network import MouthPainter
from training.mouths.states import States, draw_states
from training.state import Position, restore_modules, restore_optimizers
from training.state_file import StateFile

FAMILY = "mouth"
MODEL, LOG = "mouth.safetensors", "log.jsonl"
_TOOTH = 3
"""Pixels on each side over which a tooth and the gap beside it even out."""


@dataclass(frozen=True)
class Settings:
    """Of a run."""

    steps: int = 5000
    sharpened: float = 0.36
    """Share of the steps after which a discriminator joins."""
    batch: int = 16
    rate: float = 8e-4
    seed: int = 0
    matching: float = 4.0
    adversarial: float = 1.0
    every: int = 200
    """Steps between two lines of the log, and two states."""


def compose(states: States, painted: Tensor) -> Tensor:
    """(B, 3, S, S): the opened mouth with what was `painted` (B, 4, S, S) in its hole, before the dark."""
    colour, share = painted[:, :3], painted[:, 3:]
    filled = states.dark + share * (colour - states.dark)
    return states.opened + states.hole * (filled - states.opened)


def loosened(states: States, made: Tensor) -> Tensor:
    """`made`, but of sources that show no teeth with its differences from the photograph blurred along the mouth: where
    one tooth ends and the next begins, nobody can know.
    """
    difference = made - states.opened
    blurred = F.avg_pool2d(difference, (1, 2 * _TOOTH + 1), 1, (0, _TOOTH))
    hidden = states.own.amax((1, 2, 3), keepdim=True) == 0
    return states.opened + torch.where(hidden, blurred, difference)


_JUDGE = Discriminator(block_expansion=12, max_features=96, num_blocks=3)


class Painting:
    """A run in a folder; goes on where it stopped."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(settings.seed)
        self._settings, self._folder = settings, folder
        self.painter, self._judge = MouthPainter(), PatchDiscriminator(4, _JUDGE)
        self.average = Average(self.painter, 0.998)
        self._modules = {"painter": self.painter, "judge": self._judge, "average": self.average.model}
        self._optimizers: dict[str, torch.optim.Optimizer] = {
            "step": torch.optim.Adam(self.painter.parameters(), settings.rate, (0.5, 0.99)),
            "judging": torch.optim.Adam(self._judge.parameters(), settings.rate / 2, (0.5, 0.99)),
        }
        self._file, self._position = StateFile(folder, FAMILY), Position()
        if (kept := self._file.load()) is not None:
            path, self._position, tensors = kept
            restore_modules(path, tensors, self._modules)
            restore_optimizers(tensors, self._optimizers)

    def run(self, cuts: Cuts, held: Cuts) -> Iterator[dict[str, float]]:
        """Train on `cuts`; yields what is logged: losses, and the error on those `held` out."""
        settings, position = self._settings, self._position
        while position.total < settings.steps:
            torch.manual_seed(settings.seed * 1_000_003 + position.total)
            left = 1 - position.total / settings.steps
            for optimizer, rate in zip(self._optimizers.values(), (settings.rate, settings.rate / 2), strict=True):
                optimizer.param_groups[0]["lr"] = rate * min(1.0, 3 * left)
            losses = self._step(draw_states(cuts[torch.randint(len(cuts), (settings.batch,))]))
            self.average.update(self.painter, position.total)
            position.total += 1
            if position.total % settings.every == 0 or position.total == settings.steps:
                self._file.save(position, self._modules, self._optimizers)
                line = {"step": float(position.total)} | losses | {"held": self.error(held)}
                with (self._folder / LOG).open("a") as log:
                    log.write(json.dumps(line) + "\n")
                yield line
        weights = {name: value.half() for name, value in self.average.model.state_dict().items()}
        save_tensors(self._folder / MODEL, weights, {"kind": FAMILY, "steps": position.total})

    def _step(self, states: States) -> dict[str, float]:
        settings = self._settings
        made = compose(states, self.painter(states.source, states.own))
        sharpened = self._position.total >= settings.sharpened * settings.steps
        seen = loosened(states, made) if sharpened else made
        loss = 10 * pixel_loss(seen, states.opened, states.hole) + 5 * gradient_loss(seen, states.opened, states.hole)
        losses = {"pixels": float(loss.detach())}
        if not sharpened:
            self._update("step", loss)
            return losses
        self._judge.requires_grad_(False)
        maps, verdict = self._judged(states, made)
        loss = loss + settings.matching * feature_matching(self._judged(states, states.opened)[0], maps)
        self._update("step", loss + settings.adversarial * generator_loss(verdict))
        self._judge.requires_grad_(True)
        (_, right), (_, wrong) = self._judged(states, states.opened), self._judged(states, made.detach())
        self._update("judging", discriminator_loss(right, wrong))
        return losses | {"verdict": float(verdict.detach().mean())}

    def _judged(self, states: States, picture: Tensor) -> tuple[list[Tensor], Tensor]:
        """Feature maps, and the verdicts (n,) on the parts of `picture` that show something of the hole."""
        maps, verdict = self._judge(torch.cat([picture, states.hole], 1))
        shown = F.adaptive_max_pool2d(states.hole, verdict.shape[-2:]) > 0.5
        return maps, verdict[shown]

    def _update(self, name: str, loss: Tensor) -> None:
        self._optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        self._optimizers[name].step()

    @torch.no_grad()
    def error(self, held: Cuts) -> float:
        """L1 in the holes of those `held` out, their mouths shut for the source, in [0, 1]."""
        states = draw_states(held, augment=False)
        made = compose(states, self.average.model(states.source, states.own))
        return float(pixel_loss(made, states.opened, states.hole))
