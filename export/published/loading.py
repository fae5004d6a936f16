"""A published archive becomes one of our models: the same names behind the published top-level keys."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from checkpoints.errors import ModelError
from export.published.archive import Archive
from export.published.settings import published_of
from export.published.tensors import value_problem
from training.models.base import MotionModel
from training.models.parts.published import Published
from training.models.registry import build

SWITCHES = {"avd_network": "disentangle", "bg_predictor": "background"}
"""Networks that a published file may lack, and our settings that say whether a model has them."""

_SHOWN = 12
"""Tensors of each kind that a message names."""


@dataclass(frozen=True)
class Imported:
    """A model with published weights, in eval mode."""

    model: MotionModel
    left_out: tuple[str, ...]
    """Top-level keys of the file that the model has no use for."""
    source: Mapping[str, Any]
    """The file's name, size, sha256 and, where it says so, epoch."""


def import_weights(
    path: Path, archive: Archive, family: str, settings: Mapping[str, Any], *, observe: bool = False
) -> Imported:
    """The model of `family` (one with published files) with `settings` and the weights in `archive`, the file `path`.

    Networks that a file may lack are left out of the model where it does. With `observe`, settings that the tensors
    tell (sizes of bottlenecks, anchors, jacobian maps) are read off them: files under one name differ there. Raises
    `ModelError` for a file that does not fit, naming the tensors; `OptionError` for settings that are not allowed.
    """
    published = published_of(family)
    missing = [name for name in published.networks if name not in archive.networks]
    if missing:
        found = ", ".join([*archive.networks, *archive.others]) or "nothing"
        raise ModelError(f"{path} lacks {', '.join(missing)}, so it is no {family} model; it holds {found}.")
    state = state_of(archive, published)
    present = {name.partition(".")[0] for name in state}
    settings = {**settings, **switches(state, published)}
    if observe:
        settings |= bottlenecks(state) | published.observe(settings, state)
    model = build(family, settings)
    with torch.no_grad():
        model.load_state_dict(fitted(model.state_dict(), state, path))
    left_out = [name for name in (*archive.networks, *archive.others) if name not in present]
    return Imported(model.eval(), tuple(left_out), _source(path, archive))


def state_of(archive: Archive, published: Published) -> dict[str, Tensor]:
    """Tensors of the networks that a model of the family has, under our names."""
    present = [name for name in (*published.networks, *published.optional) if name in archive.networks]
    return {f"{network}.{name}": t for network in present for name, t in archive.networks[network].items()}


def switches(state: Mapping[str, Tensor], published: Published) -> dict[str, bool]:
    """Our settings that say which of the networks that a file may lack there are."""
    present = {name.partition(".")[0] for name in state}
    return {SWITCHES[name]: name in present for name in published.optional}


def bottlenecks(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The settings of a disentanglement network that the shapes of `state` tell."""
    found: dict[str, Any] = {}
    for part in ("id", "pose"):
        start = f"avd_network.{part}_encoder."
        layers = [name for name in state if name.startswith(start) and name.endswith(".bias")]
        if layers:
            found[f"{part}_bottleneck"] = state[max(layers, key=lambda name: int(name.split(".")[2]))].shape[0]
    return found


def fitted(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path, advice: str = "Try another --config."
) -> dict[str, Tensor]:
    """`found` in the types of `expected`, with counters and fixed kernels that old files lack.

    Raises `ModelError` listing what is missing, too much, of another shape, or has values that no weight has, with an
    `advice`.
    """
    optional = {name for name in expected if name.endswith((".num_batches_tracked", "down.weight"))}
    wrong: dict[str, list[str]] = {}
    for name, value in found.items():
        if kind := value_problem(name, value):
            wrong.setdefault(kind, []).append(name)
    problems = {
        "missing": [name for name in expected if name not in found and name not in optional],
        "unexpected": [name for name in found if name not in expected],
        "of another shape": [
            f"{name} {tuple(found[name].shape)} instead of {tuple(expected[name].shape)}"
            for name in expected
            if name in found and found[name].shape != expected[name].shape
        ],
        **wrong,
    }
    if any(problems.values()):
        listed = "; ".join(f"{len(names)} {kind}: {_some(names)}" for kind, names in problems.items() if names)
        raise ModelError(f"{path} does not fit this family and configuration: {listed}. {advice}")
    return {name: found.get(name, value).to(value.dtype) for name, value in expected.items()}


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _source(path: Path, archive: Archive) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    epochs = [value for key, value in archive.others.items() if key.startswith("epoch") and isinstance(value, int)]
    source: dict[str, Any] = {"file": path.name, "bytes": path.stat().st_size, "sha256": digest}
    return source | ({"epoch": max(epochs)} if epochs else {})
