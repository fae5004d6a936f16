"""TPSMM's published files (Zhao and Zhang, CVPR 2022)."""

from __future__ import annotations

from training.models.parts.published import BOTTLENECKS, DENSE, ONLY, Configuration, Published, Settings, under


def _resolve(settings: Settings) -> Settings:
    """Two residual blocks for every time that maps are halved."""
    if isinstance(settings.get("num_down_blocks"), int):
        settings["res_blocks"] = (2,) * settings["num_down_blocks"]
    return settings


TPSMM_FILES = Published(
    configurations={
        name: Configuration((f"tpsmm-{name}",), (f"{name}.pth.tar",)) for name in ("vox", "taichi", "ted", "mgif")
    },
    places=(
        "https://cloud.tsinghua.edu.cn/d/30ab8765da364fefa101/",
        "https://drive.google.com/drive/folders/1pNDo1ODQIb5HVObRtCmubqJikmR7VVLT",
    ),
    networks=("kp_detector", "dense_motion_network", "inpainting_network"),
    optional=("avd_network", "bg_predictor"),
    settings={
        **under("common_params", {"num_tps": "num_tps", "bg": "background", "multi_mask": "multi_mask"}),
        **under("generator_params", {key: key for key in ("block_expansion", "max_features", "num_down_blocks")}),
        **under("dense_motion_params", DENSE),
        **under("avd_network_params", BOTTLENECKS),
    },
    fixed=ONLY,
    resolve=_resolve,
)
