"""The state of an unfinished run as one safetensors file, so that a killed run goes on as if nothing had happened.

Everything random in a run is a function of (seed, step), so the state is: weights, their average, the optimiser's
moments, and where in which stage the run stood.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from checkpoints.errors import ModelError, first_line
from training.checkpoint import load_tensors, save_tensors

FORMAT = "1"


@dataclass
class Position:
    """Where a run stands."""

    stage: int = 0
    step: int = 0
    """Optimiser steps done in this stage."""
    total: int = 0
    """Optimiser steps done in all stages."""
    best: float = float("inf")
    """Lowest evaluation so far."""
    fraction: float = 0.0
    """Of this stage, done; of runs whose stages have shares of the time."""
    seconds: float = 0.0
    """Trained in all stages; of such runs."""


def save_state(
    path: Path,
    family: str,
    position: Position,
    modules: dict[str, nn.Module],
    optimizers: dict[str, torch.optim.Optimizer],
) -> None:
    """Write the run's state atomically: an older state at `path` stays until the new one is complete.

    Between two stages there is no optimiser to keep: the next one starts with fresh moments.
    """
    tensors: dict[str, Tensor] = {}
    for prefix, module in modules.items():
        tensors |= {f"{prefix}/{name}": tensor for name, tensor in module.state_dict().items()}
    for prefix, optimizer in optimizers.items():
        for index, moments in optimizer.state_dict()["state"].items():
            for name, value in moments.items():
                tensors[f"{prefix}/{index}/{name}"] = value if isinstance(value, Tensor) else torch.tensor(value)
    metadata = {"format": FORMAT, "kind": "state", "family": family, "position": asdict(position)}
    save_tensors(path, tensors, metadata)


def load_state(path: Path, family: str) -> tuple[Position, dict[str, Tensor]]:
    """The position and all tensors of a saved state.

    Raises `ModelError` when the file is damaged, no training state, or another family's.
    """
    tensors, metadata = load_tensors(path)
    if metadata.get("kind") != "state" or metadata.get("format") != FORMAT:
        raise ModelError(f"{path}: is no training state; resume from the state.safetensors of a run")
    if metadata["family"] != family:
        raise ModelError(
            f"{path}: is the state of a {metadata['family']} run and cannot continue a {family} run; "
            "choose another output folder or the matching configuration"
        )
    return Position(**metadata["position"]), tensors


def restore_modules(path: Path, tensors: dict[str, Tensor], modules: dict[str, nn.Module]) -> None:
    """Put the weights of `load_state` back. Raises `ModelError` when they do not fit."""
    for prefix, module in modules.items():
        part = {name.partition("/")[2]: value for name, value in tensors.items() if name.startswith(f"{prefix}/")}
        try:
            module.load_state_dict(part)
        except RuntimeError as error:
            raise ModelError(f"{path}: does not fit this configuration ({first_line(error)})") from error


def restore_optimizers(tensors: dict[str, Tensor], optimizers: dict[str, torch.optim.Optimizer]) -> None:
    """Put the moments of `load_state` back, where the state was saved in the middle of a stage."""
    for prefix, optimizer in optimizers.items():
        state: dict[int, dict[str, Any]] = {}
        for name, value in tensors.items():
            if name.startswith(f"{prefix}/"):
                _, index, key = name.split("/")
                state.setdefault(int(index), {})[key] = value
        if state:
            optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
