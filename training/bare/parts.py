"""Tensors as several safetensors files below a size limit, and back: large ones are cut where a file is full.

`python -m training.bare.parts model-1-of-3.safetensors ... -o model.safetensors` joins a checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from checkpoints.errors import BunrakuError, ModelError, OutputError
from training.checkpoint import load_tensors, save_tensors

Metadata = dict[str, Any]


def halved(tensors: dict[str, Tensor], wide: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """`tensors` with large float32 ones in 16 bits: float16, or bfloat16 where a name ends in one of `wide`.

    Small ones (biases, statistics of normalisations) stay as they are: they weigh nothing and matter most.
    """

    def one(name: str, value: Tensor) -> Tensor:
        if value.dtype != torch.float32 or value.numel() <= 1024:
            return value
        return value.to(torch.bfloat16 if name.endswith(wide) else torch.float16)

    return {name: one(name, value) for name, value in tensors.items()}


def size_of(tensors: dict[str, Tensor]) -> int:
    """Bytes of all values."""
    return sum(value.numel() * value.element_size() for value in tensors.values())


def split(folder: Path, stem: str, tensors: dict[str, Tensor], metadata: Metadata, limit: int) -> list[Path]:
    """Write `stem-1-of-N.safetensors` and so on into `folder`, each of at most `limit` bytes; returns their paths.

    Raises `OutputError` where `limit` leaves no room beside the names of the tensors.
    """
    whole = {"shapes": {name: list(value.shape) for name, value in tensors.items()}, "metadata": metadata}
    room = limit - len(json.dumps(json.dumps(whole))) - sum(len(name) + 100 for name in tensors) - 1024
    if room < 1024:
        raise OutputError(f"{folder / stem}: files of {limit} bytes are too small for it; allow larger ones")
    files: list[dict[str, Tensor]] = [{}]
    free = room
    for name, value in tensors.items():
        rest = value.detach().cpu().reshape(-1)
        while True:
            count = min(len(rest), free // value.element_size())
            if count or not len(rest):
                files[-1][name] = rest[:count].clone()
                free -= count * value.element_size()
                rest = rest[count:]
            if not len(rest):
                break
            files.append({})
            free = room
    paths = []
    for index, pieces in enumerate(files, start=1):
        path = folder / f"{stem}-{index}-of-{len(files)}.safetensors"
        save_tensors(path, pieces, {"part": index, "parts": len(files), **(whole if index == 1 else {})})
        paths.append(path)
    return paths


def join(paths: list[Path]) -> tuple[dict[str, Tensor], Metadata]:
    """The tensors and metadata that `split` was given. Raises `ModelError` unless exactly its files are there."""
    found: dict[int, tuple[dict[str, Tensor], Metadata]] = {}
    for path in paths:
        tensors, document = load_tensors(path)
        if "part" not in document:
            raise ModelError(f"{path}: is no part of a divided file; give those that the training slice left")
        found[document["part"]] = tensors, document
    count = max((document["parts"] for _, document in found.values()), default=1)
    missing = [str(index) for index in range(1, count + 1) if index not in found]
    if missing or len(found) != len(paths) or any(document["parts"] != count for _, document in found.values()):
        names = ", ".join(path.name for path in paths) or "no file"
        raise ModelError(f"{names}: not the {count} parts of one file (missing: {', '.join(missing) or 'none'})")
    first = found[1][1]
    pieces: dict[str, list[Tensor]] = {name: [] for name in first["shapes"]}
    for index in range(1, count + 1):
        for name, value in found[index][0].items():
            if name not in pieces:
                raise ModelError(f"{paths[0].parent}: the parts are of several files; keep those of one")
            pieces[name].append(value)
    whole: dict[str, Tensor] = {}
    for name, shape in first["shapes"].items():
        flat = torch.cat(pieces[name]) if pieces[name] else torch.empty(0)
        if flat.numel() != math.prod(shape):
            raise ModelError(f"{paths[0].parent}: the parts do not fit together at {name}; copy them again")
        whole[name] = flat.reshape(shape)
    return whole, first["metadata"]


def main() -> int:
    """Join parts into one checkpoint."""
    parser = argparse.ArgumentParser(prog="python -m training.bare.parts", description=main.__doc__)
    parser.add_argument("parts", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    args = parser.parse_args()
    try:
        tensors, metadata = join(args.parts)
        save_tensors(args.output, tensors, metadata)
    except BunrakuError as error:
        print(f"bunraku: error: {error}", file=sys.stderr)
        return 2
    print(args.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
