"""The published files of FOMM, DAM (HDAM) and MRAA, whose generators and detectors share their settings' names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from training.models.parts.published import (
    BOTTLENECKS,
    DENSE,
    ONLY,
    SIZE,
    Configuration,
    Published,
    Settings,
    under,
)

_GENERATOR = {name: name for name in ("block_expansion", "max_features", "num_down_blocks", "num_bottleneck_blocks")}
_DETECTOR = {
    "temperature": "temperature",
    "block_expansion": "detector_block_expansion",
    "max_features": "detector_max_features",
    "num_blocks": "detector_num_blocks",
    "scale_factor": ("detector_size", SIZE),
    "pad": "heat_padding",
}
_POINTS = {
    "common_params.num_kp": "num_points",
    **under("kp_detector_params", {**_DETECTOR, "single_jacobian_map": "single_jacobian_map"}),
    **under("generator_params", {**_GENERATOR, "skips": "skips"}),
    **under("generator_params.dense_motion_params", DENSE),
}


def _maps(settings: Mapping[str, Any], state: Mapping[str, Tensor]) -> Settings:
    """Whether there is one map of jacobians for all points."""
    maps = state.get("kp_detector.jacobian.weight")
    return {} if maps is None else {"single_jacobian_map": maps.shape[0] == 4}


FOMM_FILES = Published(
    configurations={
        "vox": Configuration(("fomm-vox", "fomm-vox-adv"), ("vox-cpk.pth.tar", "vox-adv-cpk.pth.tar")),
        "taichi": Configuration(("fomm-taichi", "fomm-taichi-adv"), ("taichi-cpk.pth.tar", "taichi-adv-cpk.pth.tar")),
        "fashion": Configuration(("fomm-fashion",), ("fashion.pth.tar",)),
        "bair": Configuration(("fomm-bair",), ("bair-cpk.pth.tar",)),
        "nemo": Configuration(("fomm-nemo",), ("nemo-cpk.pth.tar",)),
        "mgif": Configuration(("fomm-mgif",), ("mgif-cpk.pth.tar",)),
    },
    places=(
        "https://drive.google.com/open?id=1PyQJmkdCsAkOYwUyaj_l-l0as-iLDgeH",
        "https://yadi.sk/d/lEw8uRm140L_eQ",
    ),
    networks=("generator", "kp_detector"),
    settings={**_POINTS, "common_params.estimate_jacobian": "jacobians"},
    fixed=ONLY,
    observe=_maps,
)


def _anchors(settings: Mapping[str, Any], state: Mapping[str, Tensor]) -> Settings:
    """The same, and how many intermediate anchors there are between the motion anchors and the root."""
    found = _maps(settings, state)
    anchors = state.get("kp_detector.kp.weight")
    if anchors is not None:
        found["num_intermediate"] = max(anchors.shape[0] - settings.get("num_points", 10) - 1, 0)
    return found


def _resolve_anchors(settings: Settings) -> Settings:
    """The yaml counts all anchors, and as roots the intermediate ones with the root."""
    roots, every = settings.pop("roots", 1), settings.get("num_points")
    if not isinstance(roots, int) or not isinstance(every, int) or not 1 <= roots < every:
        raise ValueError(f"num_kp is {every!r} and num_root_kp {roots!r}; the second must be smaller.")
    return settings | {"num_points": every - roots, "num_intermediate": roots - 1}


DAM_FILES = Published(
    configurations={
        "vox": Configuration(("hdam-vox", "dam-vox"), ("voxceleb-hdam.pth.tar", "voxceleb-dam.pth.tar"), (2, 3)),
        "taichi": Configuration(("hdam-taichi", "dam-taichi"), ("taichi-hdam.pth.tar", "taichi-dam.pth.tar"), (1, 4)),
        "fashion": Configuration(("hdam-fashion", "dam-fashion"), ("fashion-hdam.pth.tar", "fashion-dam.pth.tar")),
        "mgif": Configuration(("hdam-mgif", "dam-mgif"), ("mgif-hdam.pth.tar", "mgif-dam.pth.tar")),
    },
    places=("https://github.com/JialeTao/DAM (checkpoints/, by Git LFS)",),
    networks=("generator", "kp_detector"),
    optional=("bg_predictor",),
    settings={
        **_POINTS,
        "use_bg_predictor": "background",
        "common_params.use_bg_predictor": "background",
        "generator_params.num_root_kp": "roots",
        "kp_detector_params.attention_channel": "attention_channels",
        "kp_detector_params.ignore_kp_list": "dead_anchors",
    },
    fixed={
        **ONLY,
        "common_params.estimate_jacobian": True,
        "generator_params.dense_motion_params.set_static_bg": False,
    },
    resolve=_resolve_anchors,
    observe=_anchors,
)


def _resolve_background(settings: Settings) -> Settings:
    """The yaml has one word for whether there is a background predictor, and of what kind."""
    kind = settings.pop("bg_type", "affine")
    if kind not in ("zero", "affine", "perspective"):
        raise ValueError(f"bg_type is {kind!r}; known are zero, affine and perspective.")
    return settings | {"background": kind != "zero", "perspective": kind == "perspective"}


_FLOW = "generator_params.pixelwise_flow_predictor_params"

MRAA_FILES = Published(
    configurations={
        "vox": Configuration(("mraa-vox",), ("vox256.pth",)),
        "taichi": Configuration(("mraa-taichi",), ("taichi256.pth",)),
        "ted": Configuration(("mraa-ted",), ("ted384.pth",)),
        "ted-youtube": Configuration(("mraa-ted-youtube",), ("ted-youtube384.pth",)),
        "mgif": Configuration(("mraa-mgif",), ("mgif256.pth",)),
    },
    places=(
        "https://github.com/snap-research/articulated-animation (checkpoints/, by Git LFS)",
        "https://drive.google.com/drive/folders/1jCeFPqfU_wKNYwof0ONICwsj3xHlr_tb",
    ),
    networks=("generator", "region_predictor"),
    optional=("avd_network", "bg_predictor"),
    settings={
        "num_regions": "num_points",
        **under("region_predictor_params", _DETECTOR),
        **under("generator_params", {**_GENERATOR, "skips": "skips"}),
        **under(_FLOW, {**DENSE, "use_covar_heatmap": "covariance_heatmaps"}),
        **under("avd_network_params", BOTTLENECKS),
        "bg_predictor_params.scale_factor": ("background_size", SIZE),
        "bg_predictor_params.bg_type": "bg_type",
    },
    fixed={
        **ONLY,
        "estimate_affine": True,
        "revert_axis_swap": True,
        "region_predictor_params.pca_based": True,
        **under(_FLOW, {"use_deformed_source": True, "estimate_occlusion_map": True}),
    },
    resolve=_resolve_background,
)
