"""Model checkpoints: one safetensors file that holds the weights and the configuration that rebuilds the model.

The layout is described in `docs/contract.md`. Nothing here, or read by this, is ever a pickle.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from checkpoints.errors import ModelError, OutputError
from training.models.base import MotionModel
from training.models.registry import build

FORMAT = "1"
_DOCUMENT, _DIGEST = "bunraku", "sha256"
"""Keys of a file's metadata."""


class DamagedError(ModelError):
    """A file that is not what was once written."""


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary name beside `path`, flush to disk, then rename: a kill leaves old or new.

    Raises `OutputError` when the folder does not exist or cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise OutputError(f"{path}: cannot write there ({error.strerror}); choose an existing folder") from error
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path, *names: str) -> None:
    """Remove what a kill left of `write_atomically` for the files `names` in `folder`."""
    for name in names:
        for path in folder.glob(f".{name}.*.tmp"):
            path.unlink(missing_ok=True)


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Tensors and one JSON document (under the key `bunraku`) as one safetensors file, written atomically, with a
    hash of both (under `sha256`), so that damage shows.
    """
    tensors = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    document = json.dumps(metadata)
    stored = {_DOCUMENT: document, _DIGEST: _digest(document, tensors)}
    write_atomically(path, lambda temporary: save_file(tensors, temporary, metadata=stored))


def _digest(document: str, tensors: dict[str, Tensor]) -> str:
    found = hashlib.sha256(document.encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def load_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Inverse of `save_tensors`; files without a hash, from before there was one, are read as well.

    Raises `ModelError` naming the file and what is wrong with it, `DamagedError` where it cannot be read or another
    value stands in it than was written.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: no such file; give the .safetensors checkpoint of a trained model")
    try:
        with safe_open(path, framework="pt") as file:
            stored = file.metadata() or {}
            document = stored.get(_DOCUMENT, "null")
            metadata = json.loads(document)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise DamagedError(f"{path}: not a readable safetensors file ({error}); train or copy it again") from error
    if _DIGEST in stored and stored[_DIGEST] != _digest(document, tensors):
        raise DamagedError(f"{path}: is damaged (its hash differs); train or copy it again")
    if not isinstance(metadata, dict):
        raise ModelError(f"{path}: holds no Bunraku configuration; import published weights with `bunraku import`")
    return tensors, metadata


def save_model(path: str | Path, model: MotionModel, training: dict[str, Any] | None = None) -> None:
    """Write `model` to `path`; `training` says how it came to be (data, licence, steps, losses).

    Raises `OutputError` when the folder does not exist or cannot be written.
    """
    metadata = {
        "format": FORMAT,
        "family": model.family,
        "config": asdict(model.config),
        "training": training or {},
    }
    save_tensors(Path(path), dict(model.state_dict()), metadata)


def load_model(path: str | Path) -> tuple[MotionModel, dict[str, Any]]:
    """The model in `path`, in eval mode on the CPU, and the file's metadata (family, config, training).

    Raises `ModelError` when the file is missing, damaged, of another format, or does not fit its configuration.
    """
    tensors, metadata = load_tensors(path)
    if metadata.get("format") != FORMAT or "family" not in metadata or "config" not in metadata:
        raise ModelError(f"{path}: is no model checkpoint of format {FORMAT}; give a model.safetensors of a run")
    model = build(metadata["family"], metadata["config"])
    expected = model.state_dict()
    problems = [f"missing {name}" for name in expected if name not in tensors]
    problems += [f"unexpected {name}" for name in tensors if name not in expected]
    problems += [
        f"{name} is {tuple(tensors[name].shape)}, not {tuple(expected[name].shape)}"
        for name in expected
        if name in tensors and tensors[name].shape != expected[name].shape
    ]
    if problems:
        shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
        raise ModelError(f"{path}: the weights do not fit the configuration: {shown}")
    with torch.no_grad():
        model.load_state_dict(tensors)
    return model.eval(), metadata
