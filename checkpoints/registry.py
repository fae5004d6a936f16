"""Where a model comes from: embedded in the package, a folder, or a repository on the Hugging Face Hub."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from checkpoints.bundle import Bundle, read_description
from checkpoints.card import facts, gflops
from checkpoints.description import DESCRIPTION
from checkpoints.errors import ModelError
from checkpoints.hub import HubName, cached, fetch, fetch_file, published

EMBEDDED = Path(__file__).resolve().parent / "embedded"
"""Folder of the models that come with the package, one sub-folder a model."""

CHECKPOINT = "model.safetensors"
"""Name of a checkpoint in a run's folder and on the Hub."""


def available_models() -> list[str]:
    """Names of the embedded models, sorted."""
    if not EMBEDDED.is_dir():
        return []
    return sorted(folder.name for folder in EMBEDDED.iterdir() if (folder / DESCRIPTION).is_file())


def load_model(model: str | os.PathLike[str]) -> Bundle:
    """Find and verify a model.

    `model` is an embedded name ("faces-lite"), a folder that holds a bundle, or `owner/name[@revision]` on
    the Hub (downloaded once, then read from the cache). A folder that exists wins over the Hub. Raises
    `ModelError` when there is no such model, naming those that are close, or when it is damaged.
    """
    if isinstance(model, str) and model in available_models():
        return Bundle.load(EMBEDDED / model)
    folder = Path(model).expanduser()
    if folder.is_dir() or not isinstance(model, str):
        return Bundle.load(folder)
    name = HubName.parse(model)
    if name is not None:
        return fetch(name)
    if os.sep in model or model.startswith("."):
        return Bundle.load(folder)  # names the missing folder
    raise ModelError(_unknown(model))


def find_checkpoint(checkpoint: str | os.PathLike[str]) -> Path:
    """The file of a trained checkpoint: a file, a run's folder that holds `CHECKPOINT`, or `owner/name[@revision]` of
    a Hub repository that does.

    What exists wins over the Hub. A path that does not exist is returned as it is, for its reader to complain of.
    Raises `ModelError` where the Hub has no such file.
    """
    path = Path(checkpoint).expanduser()
    if path.is_dir():
        return path / CHECKPOINT
    name = HubName.parse(checkpoint) if isinstance(checkpoint, str) else None
    if path.exists() or name is None or path.suffix:
        return path
    return fetch_file(name, CHECKPOINT)


def list_models(*, hub: bool = False) -> Iterator[dict[str, Any]]:
    """Facts (`checkpoints.card.facts`), and operations of a frame in 1e9 (`gflops`), on every model that is embedded or
    in the Hub's cache, and with `hub` facts on those published there; `where` is "embedded", "cached" or "hub", `model`
    what `load_model` takes.

    Nothing is verified: this reads descriptions alone, and leaves out what is none. Raises `ModelError` where the Hub
    is asked and cannot be reached.
    """
    here = set()
    for where, name, folder in _folders():
        here.add(name)
        if bundle := _described(folder):
            yield {"model": name, "where": where, **facts(bundle), "gflops": gflops(bundle)}
    if hub:
        for repository, values in published():
            if str(repository) not in here:
                yield {**values, "model": str(repository), "where": "hub"}


def models_here(folders: Iterable[str] = ()) -> Iterator[tuple[str, Bundle]]:
    """What `load_model` takes, and the description, of every model that is embedded, that lies in one of the `folders`,
    or in the Hub's cache. Nothing is verified.
    """
    embedded = set(available_models())
    own = [("folder", f".{os.sep}{name}", Path(name)) for name in folders if name not in embedded]
    for _, name, folder in (*_folders(hub=False), *own, *_folders(embedded=False)):
        if bundle := _described(folder):
            yield name, bundle


def _folders(*, embedded: bool = True, hub: bool = True) -> list[tuple[str, str, Path]]:
    """Where models are, the name of each and its folder."""
    found = [("embedded", name, EMBEDDED / name) for name in available_models()] if embedded else []
    return [*found, *(("cached", str(name), folder) for name, folder in cached())] if hub else found


def _described(folder: Path) -> Bundle | None:
    try:
        return read_description(folder)
    except ModelError:
        return None


def _unknown(model: str) -> str:
    names = available_models()
    near = difflib.get_close_matches(model, names, n=3, cutoff=0.5)
    hint = f" did you mean {' or '.join(near)}?" if near else ""
    embedded = ", ".join(names) if names else "none"
    return (
        f'There is no model "{model}";{hint} give an embedded one ({embedded}), a folder, or '
        "owner/name of a model on the Hub."
    )
