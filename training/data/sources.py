"""Opens the data set that a configuration names."""

from __future__ import annotations

from pathlib import Path

from checkpoints.errors import InputError
from training.config import Data
from training.data.pairs import PairSource


def open_source(data: Data, test: bool = False) -> PairSource:
    """The training (or held-out) data of a run. Raises `InputError` when there is nothing usable."""
    source = _open(data, test)
    source.views = data.views
    return source


def _open(data: Data, test: bool) -> PairSource:
    folder = Path(data.test_path if test else data.path)
    if data.kind != "synth" and not folder.is_dir():
        raise InputError(f"{folder}: no such folder of training data; make some with `bunraku synth {folder}`")
    if data.kind == "shards":
        from training.data.shard_pairs import ShardPairs

        return ShardPairs(folder)
    if data.kind == "clips":
        from training.data.clips import ClipPairs

        return ClipPairs(folder, by_identity=data.by_identity)
    from training.data.synth_pairs import SynthPairs

    return SynthPairs(split="test" if test else "train", kind=data.path or "head")
