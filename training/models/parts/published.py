"""What is known of the weights that a family's authors published: their files, and their names for our settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

Settings = dict[str, Any]

SIZE = "size"
"""Marks a scale factor in a table: the setting is a side in pixels."""


def _same(settings: Settings) -> Settings:
    return settings


def _nothing(settings: Mapping[str, Any], state: Mapping[str, Tensor]) -> Settings:
    return {}


@dataclass(frozen=True)
class Configuration:
    """The published files of one family for one data set."""

    ready: tuple[str, ...]
    """Our configurations (`training/configs`) of such models; the first is meant where only the data set is named."""
    files: tuple[str, ...]
    """What the published files are called."""
    dead_anchors: tuple[int, ...] = ()
    """Anchors that the authors found dead; they enter drawings and losses, not pictures."""


@dataclass(frozen=True)
class Published:
    """The published files of one family."""

    configurations: Mapping[str, Configuration]
    """By data set."""
    places: tuple[str, ...]
    """Where the authors' pages said that the files are; nobody promises that they still are there."""
    networks: tuple[str, ...]
    """Networks that its files must hold ..."""
    optional: tuple[str, ...] = ()
    """... and those that they may hold, out of the keys of `export.published.loading.SWITCHES`."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Where in the yaml's `model_params` a setting of ours stands: its name, or its name and `SIZE`."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Values there that our models have built in; another one would be another model."""
    resolve: Callable[[Settings], Settings] = _same
    """What our settings spell in another way than the yaml. Raises `ValueError` naming an impossible value."""
    observe: Callable[[Mapping[str, Any], Mapping[str, Tensor]], Settings] = _nothing
    """Settings that the shapes of a file's tensors tell, given the others."""


DENSE = {
    "block_expansion": "dense_block_expansion",
    "max_features": "dense_max_features",
    "num_blocks": "dense_num_blocks",
    "scale_factor": ("motion_size", SIZE),
}
"""Of a dense motion network."""

BOTTLENECKS = {"id_bottle_size": "id_bottleneck", "pose_bottle_size": "pose_bottleneck"}
"""Of a disentanglement network."""

ONLY = {
    "num_channels": 3,
    "common_params.num_channels": 3,
    "generator_params.estimate_occlusion_map": True,
    "kp_variance": 0.01,
    "dense_motion_params.kp_variance": 0.01,
}
"""What every family has built in."""


def under(prefix: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """`table` in the part `prefix` of a yaml file."""
    return {f"{prefix}.{key}": value for key, value in table.items()}
