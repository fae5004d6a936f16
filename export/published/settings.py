"""The settings of a published model: from the yaml file that came with it, or known by the name of its data set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checkpoints.errors import OptionError

if TYPE_CHECKING:
    from training.models.parts.published import Published

DATA = {
    "vox": "VoxCeleb: talking heads, collected from videos of celebrities on the web",
    "taichi": "TaiChiHD: whole bodies, collected from videos on the web",
    "ted-youtube": "TED-talks: upper bodies, collected from videos on the web, an earlier choice of them",
    "ted": "TED-talks: upper bodies, collected from videos on the web",
    "mgif": "MGif: cartoon animals, collected from the web",
    "fashion": "Fashion: dressed bodies, from a shop's videos",
    "bair": "BAIR robot pushing",
    "nemo": "UvA-NEMO: faces that smile",
}
"""What the data sets show, and where they come from."""

SPELLINGS = {"vox": r"vox(?:celeb)?", "mgif": r"mgif|moving-gif", **{name: name for name in DATA if "-" in name}}
"""How names of files and folders spell a data set, where they do not write its name."""

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


def data_set(text: str) -> str | None:
    """The data set that a name of a file or folder tells of ("ted-youtube384.pth", "data/vox-png"), or None."""
    for name in DATA:
        if re.search(rf"(?<![a-z])(?:{SPELLINGS.get(name, name)})(?![a-z])", text.lower()):
            return name
    return None


def known_data_set(family: str, name: str) -> str:
    """The data set `name`, perhaps spelled as files are ("vox256"), of which `family` has published weights.

    Raises `OptionError` naming what is known.
    """
    known = published_of(family).configurations
    found = name if name in known else data_set(name)
    if found is None or found not in known:
        raise OptionError(f'{family} has no published configuration "{name}"; give a yaml file or {", ".join(known)}.')
    return found


def known_settings(family: str, name: str, ready: int = 0) -> dict[str, Any]:
    """Settings of the published model of `family` for the data set `name`; of several models, number `ready`.

    Raises `OptionError` naming what is known.
    """
    from training.config import load_config

    known = published_of(family).configurations[known_data_set(family, name)]
    dead = {"dead_anchors": known.dead_anchors} if known.dead_anchors else {}
    return {**load_config(known.ready[ready]).model, **dead}


@dataclass(frozen=True)
class Described:
    """What a published yaml file says of a model."""

    settings: dict[str, Any]
    """Of our family."""
    data: str | None
    """The data set, by the file's name or the folder that it names."""


def read_settings(path: Path, family: str, resolution: int | None = None) -> Described:
    """Settings of `family` from the published yaml file `path`; `resolution` where the file does not tell it.

    Raises `OptionError` for a file that cannot be read, a key that is unknown, a value that our models lack, or a
    resolution that neither the file nor its name tells, or both tell differently.
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
    settings: dict[str, Any] = {"resolution": resolution or _resolution(document, path)}
    for setting, value in found.items():
        if isinstance(setting, str):
            settings[setting] = tuple(value) if isinstance(value, list) else value
        else:
            settings[setting[0]] = round(settings["resolution"] * _number(value, path))
    try:
        return Described(published.resolve(settings), data_set(path.stem) or data_set(_root(document)))
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


def _resolution(document: Mapping[str, Any], path: Path) -> int:
    """The side of pictures: most published files leave it to their name (`ted-384.yaml`)."""
    data = document.get("dataset_params")
    shape = (data.get("frame_shape") or data.get("image_shape")) if isinstance(data, dict) else None
    written = {shape[0]} if isinstance(shape, list) and shape and isinstance(shape[0], int) else set()
    sides = {int(each) for each in re.findall(r"(?<!\d)\d{2,4}(?!\d)", path.stem)}
    told = written | {side for side in sides if side >= 64 and side % 32 == 0}
    if len(told) != 1:
        what = (
            f"tells of {' and '.join(map(str, sorted(told)))} pixels"
            if told
            else "does not tell how large pictures are"
        )
        raise OptionError(f"{path} {what}; say it with --resolution.")
    return told.pop()


def _root(document: Mapping[str, Any]) -> str:
    data = document.get("dataset_params")
    return str(data.get("root_dir") or "") if isinstance(data, dict) else ""


def _number(value: Any, path: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OptionError(f"{path}: a scale_factor is {value!r}, not a number.")
    return value
