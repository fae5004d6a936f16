"""A run's model, with fresh weights or with another checkpoint's (`init` in the configuration)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from checkpoints.errors import ModelError, OptionError
from checkpoints.registry import find_checkpoint
from training.checkpoint import load_model
from training.config import RunConfig
from training.models.base import MotionModel
from training.models.registry import FAMILIES, build

STARTED_BY = {"dime": ("fomm",)}
"""Other families whose checkpoints can start one: those whose networks it takes over under the same names."""

ANCHOR_MAPS = ("kp_detector.kp", "kp_detector.jacobian")
"""Convolutions of DAM's detector with one map (or four) for every anchor."""


def initial_model(config: RunConfig) -> MotionModel:
    """The model that `config` starts from.

    With `init`, tensors are taken from that checkpoint, one of the same family or of its `STARTED_BY`, where names and
    shapes agree; at least one must. DAM starts HDAM: the new intermediate anchors stay fresh, and dead anchors found in
    DAM are left out unless the configuration names others. Raises `ModelError` for a checkpoint that cannot be used,
    `OptionError` where the data have more views of a source than the family takes.
    """
    if config.data.views > 1 and FAMILIES[config.family][1].views == "one":
        able = [name for name, (_, model) in FAMILIES.items() if model.views == "many"]
        raise OptionError(
            f"data.views is {config.data.views}, but {config.family} takes one picture of its source; "
            f"set data.views = 1 or use family {', '.join(able)}"
        )
    if not config.init:
        return build(config.family, config.model)
    path = find_checkpoint(config.init)
    other, metadata = load_model(path)
    if metadata["family"] not in (config.family, *STARTED_BY.get(config.family, ())):
        raise ModelError(f"{path}: is a {metadata['family']} model and cannot start a {config.family} run")
    settings: dict[str, Any] = dict(config.model)
    if metadata["config"].get("dead_anchors"):
        settings.setdefault("dead_anchors", metadata["config"]["dead_anchors"])
    model = build(config.family, settings)
    mine, theirs = model.state_dict(), other.state_dict()
    if config.family == "dam":
        _regrow_anchors(mine, theirs, model.config, other.config)
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


def _regrow_anchors(mine: dict[str, Tensor], theirs: dict[str, Tensor], new: Any, old: Any) -> None:
    """Give `theirs` the detector maps that `mine` needs: motion anchors stay first and the root last."""
    if new.num_points != old.num_points or new.num_intermediate == old.num_intermediate:
        return
    for convolution in ANCHOR_MAPS:
        for name in (f"{convolution}.weight", f"{convolution}.bias"):
            if name not in mine or name not in theirs or mine[name].shape == theirs[name].shape:
                continue
            per_anchor = theirs[name].shape[0] // (old.num_points + old.num_intermediate + 1)
            leaves = new.num_points * per_anchor
            grown = mine[name].clone()
            grown[:leaves] = theirs[name][:leaves]
            grown[-per_anchor:] = theirs[name][-per_anchor:]
            common = min(new.num_intermediate, old.num_intermediate) * per_anchor
            grown[leaves : leaves + common] = theirs[name][leaves : leaves + common]
            theirs[name] = grown
