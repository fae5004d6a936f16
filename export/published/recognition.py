"""Which family a published file is of, and which data set, told from its tensors and its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from checkpoints.errors import ModelError, OptionError
from export.published.archive import Archive
from export.published.loading import bottlenecks, state_of, switches
from export.published.settings import data_set, known_settings, published_of
from training.models.registry import FAMILIES, build


def recognise_family(path: Path, archive: Archive) -> str:
    """The family of the networks in `archive`. Raises `ModelError` where it is none of those with published files."""
    families = [name for name, (_, model) in FAMILIES.items() if model.published is not None]
    held = {name for name in families if set(published_of(name).networks) <= set(archive.networks)}
    if held == {"fomm", "dam"}:  # the same networks; DAM's detector finds more points than move pixels
        points = archive.networks["kp_detector"].get("kp.weight")
        masks = archive.networks["generator"].get("dense_motion_network.mask.weight")
        if points is not None and masks is not None:
            held = {"fomm"} if points.shape[0] == masks.shape[0] - 1 else {"dam"}
    if len(held) != 1:
        found = ", ".join([*archive.networks, *archive.others]) or "nothing"
        raise ModelError(f"{path} is of no family with published weights ({', '.join(families)}); it holds {found}.")
    return held.pop()


def recognise_data(path: Path, archive: Archive, family: str) -> str:
    """The data set of a published file of `family`: by its tensors, and where several have such, by the file's name.

    Raises `OptionError` where neither tells, or where they contradict one another.
    """
    fitting = candidates(archive, family)
    named = data_set(path.name)
    known = ", ".join(fitting or published_of(family).configurations)
    if not fitting:
        raise OptionError(f"{path}: no published {family} has such tensors; give its yaml file with --config.")
    if named in fitting:
        return named
    if named is not None:
        raise OptionError(
            f"{path} is called {named}, but its tensors are those of {known}; say with --config what it is."
        )
    if len(fitting) > 1:
        raise OptionError(f"{path} may be any of {known}, whose tensors are alike; say with --config which one.")
    return fitting[0]


def candidates(archive: Archive, family: str) -> list[str]:
    """Data sets whose published models have the tensors of `archive`."""
    published = published_of(family)
    state = state_of(archive, published)
    found = []
    for name, configuration in published.configurations.items():
        every = (known_settings(family, name, index) for index in range(len(configuration.ready)))
        if any(_fits(family, settings, state) for settings in every):
            found.append(name)
    return found


def _fits(family: str, settings: Mapping[str, Any], state: Mapping[str, Tensor]) -> bool:
    """Whether such a model has the tensors `state`; networks that a file may lack, it may lack."""
    present = switches(state, published_of(family))
    with torch.device("meta"):
        usual = build(family, settings).config
        if any(there and not getattr(usual, name) for name, there in present.items()):
            return False
        model = build(family, {**settings, **present, **bottlenecks(state)})
    expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
    return all(expected.get(name) == tensor.shape for name, tensor in state.items()) and all(
        name in state or name.endswith((".num_batches_tracked", "down.weight")) for name in expected
    )
