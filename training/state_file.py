"""A run's state on disk: the newest, and the one before, to fall back to where the newest is damaged."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from checkpoints.errors import BunrakuWarning
from training.checkpoint import DamagedError
from training.state import Position, load_state, save_state

NAME, PREVIOUS = "state.safetensors", "state.previous.safetensors"


class StateFile:
    """The two files in a run's folder."""

    def __init__(self, folder: Path, family: str) -> None:
        self.path, self.previous = folder / NAME, folder / PREVIOUS
        self._family = family
        self._damaged = False

    def load(self) -> tuple[Path, Position, dict[str, Tensor]] | None:
        """The newest whole state and its file, None where there is none; warns where that is not the last written.

        Raises `ModelError` as `load_state` does, where the state before cannot help.
        """
        if not self.path.is_file():  # a run that was begun anew by taking it away
            return None
        try:
            return self.path, *load_state(self.path, self._family)
        except DamagedError as error:
            if not self.previous.is_file():
                raise
            position, tensors = load_state(self.previous, self._family)
            self._damaged = True
            warnings.warn(
                f"{error}. The run goes on from the state before, {PREVIOUS}, after step {position.total}.",
                BunrakuWarning,
                stacklevel=2,
            )
            return self.previous, position, tensors

    def save(
        self, position: Position, modules: dict[str, nn.Module], optimizers: dict[str, torch.optim.Optimizer]
    ) -> None:
        """Write a new state; the newest so far is kept as the one before, unless it was found to be damaged."""
        if not self.path.is_file():
            self.previous.unlink(missing_ok=True)  # of a run whose state was taken away
        elif not self._damaged:
            self._keep()
        save_state(self.path, self._family, position, modules, optimizers)
        self._damaged = False

    def _keep(self) -> None:
        """Under its new name, too: at no moment there is no state under the old one."""
        aside = self.previous.with_name(f".{PREVIOUS}.kept.tmp")
        aside.unlink(missing_ok=True)
        try:
            os.link(self.path, aside)
        except OSError:  # not every file system can
            shutil.copyfile(self.path, aside)
        aside.replace(self.previous)
