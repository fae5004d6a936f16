"""A run's model, with fresh weights or with another checkpoint's (`init` in the configuration)."""

from __future__ import annotations

from typing import Any

from checkpoints.errors import ModelError, OptionError
from checkpoints.registry import find_checkpoint
from training.checkpoint import load_model
from training.config import RunConfig
from training.models.base import MotionModel
from training.models.registry import FAMILIES, build


def initial_model(config: RunConfig) -> MotionModel:
    """The model that `config` starts from.

    With `init`, tensors are taken from that checkpoint, one of the same family or of its `started_by`, where names and
    shapes agree, or the family finds a way (`MotionModel.adopted`); at least one must. Raises `ModelError` for a
    checkpoint that cannot be used, `OptionError` where the data have more views of a source than the family takes.
    """
    family = FAMILIES[config.family][1]
    if config.data.views > 1 and family.views == "one":
        able = [name for name, (_, model) in FAMILIES.items() if model.views == "many"]
        raise OptionError(
            f"data.views is {config.data.views}, but {config.family} takes one picture of its source; "
            f"set data.views = 1 or use family {', '.join(able)}"
        )
    if not config.init:
        return build(config.family, config.model)
    path = find_checkpoint(config.init)
    other, metadata = load_model(path)
    if metadata["family"] not in (config.family, *family.started_by):
        raise ModelError(f"{path}: is a {metadata['family']} model and cannot start a {config.family} run")
    settings: dict[str, Any] = dict(config.model)
    for name in family.inherited:
        if metadata["config"].get(name):
            settings.setdefault(name, metadata["config"][name])
    model = build(config.family, settings)
    mine, theirs = model.state_dict(), model.adopted(other.state_dict(), other)
    missing = sorted(set(config.init_parts) - {name for name, _ in other.named_children()})
    if missing:
        raise OptionError(f"init_parts: {path} has no network {missing[0]!r}")
    shared = {
        name: value
        for name, value in theirs.items()
        if name in mine and mine[name].shape == value.shape
        if not config.init_parts or name.split(".")[0] in config.init_parts
    }
    if not shared:
        raise ModelError(f"{path}: no tensor fits the configuration of this run")
    model.load_state_dict(shared, strict=False)
    return model
