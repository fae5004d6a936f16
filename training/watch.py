"""What a person sees of a run: a progress bar, a log in JSON lines, TensorBoard where installed, PNG grids.

Only the log and the grids are there on every machine: bar and TensorBoard need packages that a bare one lacks.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.png import write_png

LOG_EVERY = 20
"""Steps between log lines; values are means over these steps."""


def write_line(log: Path, kind: str, **values: Any) -> None:
    """One more line of JSON at the end of `log`: what kind of line it is, `values`, and the time."""
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"kind": kind, **values, "time": round(time.time(), 1)}) + "\n")


class Watcher:
    """Collects losses and pictures of a run in its folder: `log.jsonl`, `pictures/`, `tensorboard/`."""

    def __init__(self, folder: Path, progress: bool, enabled: bool = True) -> None:
        self.folder = folder
        self.progress = progress
        self.enabled = enabled
        self._bar: Any = None
        self._board = _open_board(folder / "tensorboard") if enabled else None
        self._stage = ""

    def start_stage(self, name: str, first: int, length: int | None) -> None:
        """A stage begins (or goes on) at step `first` of `length`; None: it has minutes, not steps."""
        self.close_bar()
        self._stage = name
        if self.progress:
            from tqdm import tqdm

            self._bar = tqdm(total=length, initial=first, desc=name, unit="step", dynamic_ncols=True)

    def step(self) -> None:
        """One optimiser step was done."""
        if self._bar is not None:
            self._bar.update()

    def losses(self, total: int, means: dict[str, float], rate: float, pairs_per_second: float) -> None:
        """Means since the last call, at step `total`."""
        if not self.enabled:
            return
        values = {**means, "pairs_per_second": pairs_per_second, "lr": rate}
        if torch.cuda.is_available():
            values["gpu_gib"] = torch.cuda.max_memory_allocated() / 2**30
        self._log("train", total, values)
        if self._bar is not None:
            self._bar.set_postfix({name: f"{value:.4g}" for name, value in means.items()})

    def evaluation(self, total: int, losses: dict[str, float], value: float) -> None:
        """Held-out losses at step `total`."""
        self._log("test", total, {**losses, "total": value})

    def picture(self, total: int, image: np.ndarray) -> None:
        """A grid, uint8 (H, W, 3), kept as PNG and shown in TensorBoard."""
        if not self.enabled:
            return
        folder = self.folder / "pictures"
        folder.mkdir(exist_ok=True)
        write_png(folder / f"{total:08d}.png", image)
        if self._board is not None:
            self._board.add_image("grid", image, total, dataformats="HWC")

    def _log(self, kind: str, total: int, values: dict[str, float]) -> None:
        if not self.enabled:
            return
        values = {name: float(f"{value:.6g}") for name, value in values.items()}
        write_line(self.folder / "log.jsonl", kind, stage=self._stage, step=total, **values)
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{kind}/{name}", value, total)

    def close_bar(self) -> None:
        """End the progress bar of a stage."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def close(self) -> None:
        """The run is over."""
        self.close_bar()
        if self._board is not None:
            self._board.close()


def _open_board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))
