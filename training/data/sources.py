"""Opens the data set that a configuration names."""

from __future__ import annotations

from pathlib import Path

import torch

from checkpoints.errors import InputError
from training.config import Data
from training.data.pairs import PairSource, StepSource


def open_source(data: Data, test: bool = False, device: torch.device | str = "cpu") -> PairSource | StepSource:
    """The training (or held-out) data of a run; `device`: where the run trains.

    Raises `InputError` when there is nothing usable.
    """
    source = _open(data, test, device)
    source.views = data.views
    return source


def _open(data: Data, test: bool, device: torch.device | str) -> PairSource | StepSource:
    folder = Path(data.test_path if test else data.path)
    if data.kind != "synth" and not folder.is_dir():
        raise InputError(f"{folder}: no such folder of training data; make some with `bunraku synth {folder}`")
    if data.kind == "shards" and data.resident:
        from training.data.resident import ResidentShards

        return ResidentShards(folder, device)
    if data.kind == "shards":
        from training.data.shard_pairs import ShardPairs

        return ShardPairs(folder)
    if data.kind == "clips":
        from training.data.clips import ClipPairs

        return ClipPairs(folder, by_identity=data.by_identity)
    from training.data.synth_pairs import SynthPairs

    # Worker processes share no GPU with the trainer; without any, pairs are rendered where they are trained on.
    device = f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() and data.workers == 0 else "cpu"
    backdrops = Path(data.backdrops) if data.backdrops else None
    return SynthPairs("test" if test else "train", device=device, kind=data.path or "head", backdrops=backdrops)
