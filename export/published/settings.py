"""The settings of a published model: from the yaml file that came with it, or known by the name of its data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checkpoints.errors import OptionError

if TYPE_CHECKING:
    from training.models.parts.published import Published

DATA = {
    "vox": "VoxCeleb: talking heads, collected from videos of celebrities on the web",
    "taichi": "TaiChiHD: whole bodies, collected from videos on the web",
    "ted": "TED-talks: upper bodies, collected from videos on the web",
    "mgif": "MGif: cartoon animals, collected from the web",
    "fashion": "Fashion: dressed bodies, from a shop's videos",
    "bair": "BAIR robot pushing",
    "nemo": "UvA-NEMO: faces that smile",
}
"""What the data sets show, and where they come from."""

FACES = ("vox", "nemo")
"""Data sets of faces; for others the engine's framing by face is off."""

_OF_TRAINING = (
    "discriminator_params",
    "bg_predictor_params",
    "region_predictor_params.fast_svd",
    "kp_detector_params.subroot_leaf_attention",
    "kp_detector_params.attention_scale",
    "kp_detector_params.detach_feature",
    "generator_params.num_root_kp_orders",
    "generator_params.sub_kp_num",
    "generator_params.root_motion_kp_distance",
    "generator_params.root_motion",
)
"""What changes training, or is read off the tensors, but not the pictures."""


def published_of(family: str) -> Published:
    """What is known of the files that the authors of `family` published. Raises `OptionError` naming the families of
    which there are any.
    """
    from training.models.registry import FAMILIES

    known = {name: model.published for name, (_, model) in FAMILIES.items() if model.published is not None}
    if family not in known:
        raise OptionError(f'There are no published weights of "{family}"; choose {", ".join(known)}.')
    return known[family]


def known_settings(family: str, name: str) -> dict[str, Any]:
    """Settings of the published model of `family` for the data set `name`.

    Raises `OptionError` naming what is known.
    """
    from training.config import load_config

    published = published_of(family)
    known = published.configurations
    if name not in known:
        raise OptionError(f'{family} has no published configuration "{name}"; give a yaml file or {", ".join(known)}.')
    dead = published.dead_anchors.get(name)
    return {**load_config(known[name]).model, **({"dead_anchors": dead} if dead else {})}


def read_settings(path: Path, family: str, resolution: int | None = None) -> dict[str, Any]:
    """Settings of `family` from the published yaml file `path`; `resolution` where the file does not tell it.

    Raises `OptionError` for a file that cannot be read, a key that is unknown, or a value that our models lack.
    """
    import yaml

    published = published_of(family)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise OptionError(f"{path} is not a yaml file that can be read ({reason}).") from error
    if not isinstance(document, dict) or not isinstance(document.get("model_params"), dict):
        raise OptionError(f"{path} has no model_params; give the yaml file that was published with the weights.")
    found = dict(_settings(document["model_params"], published, family, path))
    settings: dict[str, Any] = {"resolution": resolution or _resolution(document) or 256}
    for setting, value in found.items():
        if isinstance(setting, str):
            settings[setting] = tuple(value) if isinstance(value, list) else value
        else:
            settings[setting[0]] = round(settings["resolution"] * _number(value, path))
    try:
        return published.resolve(settings)
    except ValueError as error:
        raise OptionError(f"{path}: {error}") from error


def _settings(model: Mapping[str, Any], published: Published, family: str, path: Path) -> Iterator[tuple[Any, Any]]:
    for key, value in _flat(model):
        if key in published.settings:
            yield published.settings[key], value
        elif key in published.fixed:
            if value != published.fixed[key]:
                raise OptionError(
                    f"{path}: model_params.{key} is {value!r}, but {family} here has only {published.fixed[key]!r}."
                )
        elif not key.startswith(_OF_TRAINING):
            raise OptionError(f"{path}: model_params.{key} is no setting of {family}; is this another family's file?")


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of everything that is no table."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _resolution(document: Mapping[str, Any]) -> int | None:
    data = document.get("dataset_params")
    shape = (data.get("frame_shape") or data.get("image_shape")) if isinstance(data, dict) else None
    return shape[0] if isinstance(shape, list) and shape and isinstance(shape[0], int) else None


def _number(value: Any, path: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OptionError(f"{path}: a scale_factor is {value!r}, not a number.")
    return value
