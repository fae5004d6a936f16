"""What of a run goes home, how small it must become for that, and how a run goes on from it on another machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from checkpoints.errors import OutputError
from training.bare.curves import draw_curves
from training.bare.parts import halved, join, size_of, split
from training.checkpoint import load_tensors, save_tensors

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What may be brought home at once."""

    files: int = 8
    file: int = 16 * MIB - 4096
    """Bytes of one file."""
    total: int = 64 * MIB - 65536
    state: int = 26 * MIB
    """Bytes of the state: it must go back in, together with the repository."""


def pack(work: Path, clips: dict[str, Any], limits: Limits) -> tuple[list[Path], str]:
    """Files of the run in `work`, the most wanted first, each below the limit; and what was done to the state.

    What is divided has the steps done in its name, so that parts of two times are never taken for one. The checkpoint
    is in float32 where one file holds it. The state is whole if it fits, else in 16 bits (a run goes on
    from it closely, not exactly), else without the optimiser's moments, else left out. `clips`: what the data were.
    """
    folder = work / "packed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    found: list[Path] = []
    log = work / "log.jsonl"
    if log.is_file():
        shutil.copy(log, folder)
        draw_curves(log, folder / "curves.svg")
        found += [folder / "log.jsonl", folder / "curves.svg"]
    grids = sorted((work / "pictures").glob("*.png"), reverse=True)
    if (work / "model.safetensors").is_file():
        found += _pack_model(work / "model.safetensors", folder, limits)
    state, how = _pack_state(work / "state.safetensors", folder, clips, limits)
    found = [*found, *grids[:1], *state, *grids[1:]]
    return [path for path in found if path.stat().st_size <= limits.file], how


def _pack_model(path: Path, folder: Path, limits: Limits) -> list[Path]:
    tensors, metadata = load_tensors(path)
    if path.stat().st_size <= limits.file:
        return [Path(shutil.copy(path, folder))]
    tensors = halved(tensors)
    if size_of(tensors) + MIB // 2 <= limits.file:
        save_tensors(folder / path.name, tensors, metadata)
        return [folder / path.name]
    steps = metadata["training"].get("steps", 0)
    return split(folder, f"{path.stem}-{steps:07d}", tensors, metadata, limits.file)


def _pack_state(path: Path, folder: Path, clips: dict[str, Any], limits: Limits) -> tuple[list[Path], str]:
    if not path.is_file():
        return [], "there is none yet"
    tensors, metadata = load_tensors(path)
    metadata = {"state": metadata, "clips": clips}
    for how, candidate in _smaller(tensors):
        if size_of(candidate) + MIB // 2 <= limits.state:
            steps = metadata["state"]["position"]["total"]
            return split(folder, f"{path.stem}-{steps:07d}", candidate, metadata, limits.file), how
    return [], f"left here: even its weights in 16 bits are more than {limits.state // MIB} MiB"


def _smaller(tensors: dict[str, Tensor]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    yield "whole", tensors
    yield "in 16 bits", halved(tensors, wide=("/exp_avg", "/exp_avg_sq"))
    weights = {name: value for name, value in tensors.items() if name.partition("/")[0] not in ("optimizer", "judge")}
    yield "weights in 16 bits, without the optimiser's moments", halved(weights)


def unpack_state(folder: Path, work: Path) -> dict[str, Any]:
    """Put the newest state that `pack` left in `folder` into the run's folder `work`; returns the `clips` of `pack`.

    Raises `ModelError` where parts of it are missing or damaged.
    """
    sets: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("state-*-of-*.safetensors")):
        sets.setdefault(path.name.rsplit("-", 3)[0], []).append(path)
    # A kill may have left a newer set unfinished beside a whole one.
    whole = [name for name, paths in sets.items() if len(paths) == int(paths[0].stem.rsplit("-", 1)[1])]
    tensors, metadata = join(sets[max(whole or sets)] if sets else [])
    wide = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
    save_tensors(work / "state.safetensors", wide, metadata["state"])
    return metadata["clips"]


def hand_out(files: list[Path], output: Path, chunk: int, limits: Limits) -> int:
    """Copy the `chunk`-th lot of `files` (from 1), as many as may go at once, to `output`; returns how many lots.

    A file there is replaced at once, when the new one is whole.
    """
    lots: list[list[Path]] = [[]]
    for path in files:
        if len(lots[-1]) == limits.files or sum(each.stat().st_size for each in (*lots[-1], path)) > limits.total:
            lots.append([])
        lots[-1].append(path)
    if chunk > len(lots):
        raise OutputError(f"there are {len(lots)} lots of files; --chunk {chunk} is none of them")
    output.mkdir(parents=True, exist_ok=True)
    for path in lots[chunk - 1]:
        aside = output / f".{path.name}.part"
        try:
            shutil.copyfile(path, aside)
            aside.replace(output / path.name)
        finally:
            aside.unlink(missing_ok=True)
    return len(lots)
