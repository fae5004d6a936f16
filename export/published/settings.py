"""The settings of a published model: from the yaml file that came with it, or known by the name of its data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from checkpoints.errors import OptionError

KNOWN: dict[str, dict[str, str]] = {
    "tpsmm": {"vox": "tpsmm-vox", "taichi": "tpsmm-taichi", "ted": "tpsmm-ted", "mgif": "tpsmm-mgif"},
    "fomm": {
        # The published files differ in data, losses and discriminators only; that of mgif in the jacobians, too.
        **dict.fromkeys(("vox", "taichi", "fashion", "bair", "nemo"), "fomm-vox"),
        "mgif": "fomm-mgif",
    },
    "mraa": {"vox": "mraa-vox", "taichi": "mraa-taichi", "ted": "mraa-ted", "mgif": "mraa-mgif"},
    "dam": {"vox": "hdam-vox", "taichi": "hdam-taichi", "mgif": "hdam-mgif"},
}
"""For each family the data sets with published weights, and our configuration (`training/configs`) of that model."""

_DEAD_ANCHORS = {("dam", "vox"): (2, 3)}
"""Anchors that the authors found dead; they enter drawings and losses, not pictures."""

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

_SIZE = "size"
"""Marks a scale factor: the setting is a side in pixels."""

_DENSE = {
    "block_expansion": "dense_block_expansion",
    "max_features": "dense_max_features",
    "num_blocks": "dense_num_blocks",
    "scale_factor": ("motion_size", _SIZE),
}
_GENERATOR = {name: name for name in ("block_expansion", "max_features", "num_down_blocks", "num_bottleneck_blocks")}
_DETECTOR = {
    "temperature": "temperature",
    "block_expansion": "detector_block_expansion",
    "max_features": "detector_max_features",
    "num_blocks": "detector_num_blocks",
    "scale_factor": ("detector_size", _SIZE),
    "pad": "heat_padding",
}
_BOTTLENECKS = {"id_bottle_size": "id_bottleneck", "pose_bottle_size": "pose_bottleneck"}


def _under(prefix: str, table: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{key}": value for key, value in table.items()}


_FIRST_ORDER = {
    "common_params.num_kp": "num_points",
    **_under("kp_detector_params", {**_DETECTOR, "single_jacobian_map": "single_jacobian_map"}),
    **_under("generator_params", {**_GENERATOR, "skips": "skips"}),
    **_under("generator_params.dense_motion_params", _DENSE),
}
_SETTINGS: dict[str, dict[str, Any]] = {
    "tpsmm": {
        **_under("common_params", {"num_tps": "num_tps", "bg": "background", "multi_mask": "multi_mask"}),
        **_under("generator_params", {key: key for key in ("block_expansion", "max_features", "num_down_blocks")}),
        **_under("dense_motion_params", _DENSE),
        **_under("avd_network_params", _BOTTLENECKS),
    },
    "fomm": {**_FIRST_ORDER, "common_params.estimate_jacobian": "jacobians"},
    "dam": {
        **_FIRST_ORDER,
        "use_bg_predictor": "background",
        "generator_params.num_root_kp": "roots",
        "kp_detector_params.attention_channel": "attention_channels",
        "kp_detector_params.ignore_kp_list": "dead_anchors",
    },
    "mraa": {
        "num_regions": "num_points",
        **_under("region_predictor_params", _DETECTOR),
        **_under("generator_params", {**_GENERATOR, "skips": "skips"}),
        **_under(
            "generator_params.pixelwise_flow_predictor_params", {**_DENSE, "use_covar_heatmap": "covariance_heatmaps"}
        ),
        **_under("avd_network_params", _BOTTLENECKS),
        "bg_predictor_params.scale_factor": ("background_size", _SIZE),
        "bg_predictor_params.bg_type": "bg_type",
    },
}
"""For each family, where in the yaml's `model_params` a setting of ours stands."""

_ONLY = {
    "num_channels": 3,
    "common_params.num_channels": 3,
    "generator_params.estimate_occlusion_map": True,
    "kp_variance": 0.01,
    "dense_motion_params.kp_variance": 0.01,
}
_FIXED: dict[str, dict[str, Any]] = {
    "tpsmm": _ONLY,
    "fomm": _ONLY,
    "dam": {**_ONLY, "common_params.estimate_jacobian": True},
    "mraa": {
        **_ONLY,
        "estimate_affine": True,
        "revert_axis_swap": True,
        "region_predictor_params.pca_based": True,
        "generator_params.pixelwise_flow_predictor_params.use_deformed_source": True,
        "generator_params.pixelwise_flow_predictor_params.estimate_occlusion_map": True,
    },
}
"""Values that our models have built in; another one would be another model."""

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


def known_settings(family: str, name: str) -> dict[str, Any]:
    """Settings of the published model of `family` for the data set `name`.

    Raises `OptionError` naming what is known.
    """
    from training.config import load_config

    known = KNOWN.get(family)
    if known is None:
        raise OptionError(f'There are no published weights of "{family}"; choose {", ".join(KNOWN)}.')
    if name not in known:
        raise OptionError(f'{family} has no published configuration "{name}"; give a yaml file or {", ".join(known)}.')
    dead = _DEAD_ANCHORS.get((family, name))
    return {**load_config(known[name]).model, **({"dead_anchors": dead} if dead else {})}


def read_settings(path: Path, family: str, resolution: int | None = None) -> dict[str, Any]:
    """Settings of `family` from the published yaml file `path`; `resolution` where the file does not tell it.

    Raises `OptionError` for a file that cannot be read, a key that is unknown, or a value that our models lack.
    """
    import yaml

    if family not in _SETTINGS:
        raise OptionError(f'There are no published weights of "{family}"; choose {", ".join(_SETTINGS)}.')
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise OptionError(f"{path} is not a yaml file that can be read ({reason}).") from error
    if not isinstance(document, dict) or not isinstance(document.get("model_params"), dict):
        raise OptionError(f"{path} has no model_params; give the yaml file that was published with the weights.")
    found = dict(_settings(document["model_params"], family, path))
    settings: dict[str, Any] = {"resolution": resolution or _resolution(document) or 256}
    for setting, value in found.items():
        if isinstance(setting, str):
            settings[setting] = tuple(value) if isinstance(value, list) else value
        else:
            settings[setting[0]] = round(settings["resolution"] * _number(value, path))
    return _resolve(settings, family, path)


def _settings(model: Mapping[str, Any], family: str, path: Path) -> Iterator[tuple[Any, Any]]:
    for key, value in _flat(model):
        if key in _SETTINGS[family]:
            yield _SETTINGS[family][key], value
        elif key in _FIXED[family]:
            if value != _FIXED[family][key]:
                raise OptionError(
                    f"{path}: model_params.{key} is {value!r}, but {family} here has only {_FIXED[family][key]!r}."
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


def _resolve(settings: dict[str, Any], family: str, path: Path) -> dict[str, Any]:
    """What our settings spell in another way than the published ones."""
    if family == "tpsmm" and isinstance(settings.get("num_down_blocks"), int):
        settings["res_blocks"] = (2,) * settings["num_down_blocks"]
    if family == "dam":
        roots, every = settings.pop("roots", 1), settings.get("num_points")
        if not isinstance(roots, int) or not isinstance(every, int) or not 1 <= roots < every:
            raise OptionError(f"{path}: num_kp is {every!r} and num_root_kp {roots!r}; the second must be smaller.")
        settings |= {"num_points": every - roots, "num_intermediate": roots - 1}
    if family == "mraa":
        kind = settings.pop("bg_type", "affine")
        if kind not in ("zero", "affine", "perspective"):
            raise OptionError(f"{path}: bg_type is {kind!r}; known are zero, affine and perspective.")
        settings |= {"background": kind != "zero", "perspective": kind == "perspective"}
    return settings
