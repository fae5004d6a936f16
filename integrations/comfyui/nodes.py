"""Nodes for ComfyUI, by the interface of its `custom_nodes/example_node.py.example`: `INPUT_TYPES`, `RETURN_TYPES`,
`FUNCTION`, `CATEGORY`; pictures are float tensors (frames, height, width, channels) in 0 ... 1.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from PIL import Image

import runtime
from runtime.graphs.sessions import DEVICES
from runtime.options import Options, choices, defaults, described, docstrings, plain_type

NAMES = (
    *("mode", "strength", "smoothing", "reference", "timing", "face", "driving_face", "crop", "driving_crop", "fit"),
    *("paste_back", "size", "detail", "layers", "background", "loop", "label"),
)
"""Options that a node has, of those of `runtime.animate`; one more is one name more."""
_RANGES: dict[str, dict[str, Any]] = {
    "strength": {"min": 0.0, "max": 10.0, "step": 0.05},
    "smoothing": {"min": 0.0, "max": 1.0, "step": 0.05},
    "driving_face": {"min": 0, "max": 99},
    "size": {"min": 0, "max": 2048, "step": 2},
    "loop": {"min": 1, "max": 10_000},
}
_TEXTS = ("face", "reference", "crop", "driving_crop", "background")
"""Options that are written as on the command line."""
_RATE = ("FLOAT", {"default": 25.0, "min": 1.0, "max": 240.0, "step": 0.01, "tooltip": "Frames a second."})


def _widgets() -> dict[str, Any]:
    """What ComfyUI is told of every option: its kind, and a mapping with default, range and help."""
    usual, told, known = defaults(Options), docstrings(Options), described(Options)
    found: dict[str, Any] = {}
    for name in NAMES:
        about = {"default": usual[name], "tooltip": told[name], **_RANGES.get(name, {})}
        few, kind = choices(known[name][0]), plain_type(known[name][0])
        if few:
            found[name] = (list(few), about)
        elif name in _TEXTS:
            found[name] = ("STRING", {**about, "default": "" if usual[name] is None else str(usual[name])})
        elif kind is int:
            found[name] = ("INT", {**about, "default": usual[name] or 0})
        else:
            found[name] = ({bool: "BOOLEAN", float: "FLOAT"}[kind], about)
    return found


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """The options of `runtime.animate` that were set in a node: 0 and empty text stand for "by default"."""
    from runtime.options import read_word

    usual, chosen = defaults(Options), {}
    for name, value in given.items():
        if usual[name] is None and value in (0, ""):
            continue
        chosen[name] = read_word(Options, name, value) if name in _TEXTS else value
    return chosen


class BunrakuModel:
    """Opens a model, for any number of nodes that animate."""

    RETURN_TYPES: ClassVar = ("BUNRAKU_MODEL",)
    RETURN_NAMES: ClassVar = ("model",)
    FUNCTION = "load"
    CATEGORY = "Bunraku"
    DESCRIPTION = "Opens a model: an embedded one, a folder, or owner/name on the Hub."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """A name, and where to compute."""
        name = {"default": "faces-lite", "tooltip": "An embedded model, a folder, or owner/name on the Hub."}
        return {"required": {"name": ("STRING", name), "device": (list(DEVICES), {"default": "auto"})}}

    def load(self, name: str, device: str) -> tuple[runtime.Engine]:
        """The engine. Raises `ModelError`."""
        return (runtime.Engine(name, device=device),)  # type: ignore[arg-type]


class _Animating:
    """What both nodes that animate have in common."""

    RETURN_TYPES: ClassVar = ("IMAGE", "MASK", "FLOAT")
    RETURN_NAMES: ClassVar = ("images", "mask", "fps")
    FUNCTION = "animate"
    CATEGORY = "Bunraku"

    def _moved(
        self, source: torch.Tensor, driving: Any, model: runtime.Engine, fps: float | None, options: dict[str, Any]
    ) -> tuple[torch.Tensor, torch.Tensor, float]:
        with tempfile.TemporaryDirectory(prefix="bunraku-") as folder:
            given = _pictures(source)[0] if len(source) == 1 else _frames(source, Path(folder))
            rate = {} if fps is None else {"fps": fps}
            animation = runtime.animate(given, driving, model=model, progress=_progress(), **rate, **_options(options))
            frames = torch.from_numpy(animation.frames.astype("float32") / 255)
        if frames.shape[-1] == 4:
            return frames[..., :3], 1 - frames[..., 3], animation.fps
        return frames, torch.zeros(frames.shape[:3]), animation.fps


class BunrakuAnimate(_Animating):
    """Moves a picture, or the frames of a video, as driving frames move."""

    DESCRIPTION = "Moves a picture, or the frames of a video, as the driving frames move."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Pictures and a model; then the options."""
        required = {"source": ("IMAGE",), "driving": ("IMAGE",), "model": ("BUNRAKU_MODEL",), "fps": _RATE}
        return {"required": required, "optional": _widgets()}

    def animate(
        self, source: torch.Tensor, driving: torch.Tensor, model: runtime.Engine, fps: float, **options: Any
    ) -> tuple[torch.Tensor, torch.Tensor, float]:
        """The frames, where in them nothing is, and frames a second. Raises a `BunrakuError`."""
        return self._moved(source, _pictures(driving), model, fps, options)


class BunrakuAnimateFromFile(_Animating):
    """Moves a picture, or the frames of a video, as a file says: a video, or recorded motion."""

    DESCRIPTION = "Moves a picture, or the frames of a video, as a video file or a .motion file moves."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Pictures, the name of a file, and a model; then the options."""
        name = {"default": "driving.mp4", "tooltip": "A video, a motion file, or a folder of frames."}
        rate = ("FLOAT", {**_RATE[1], "default": 0.0, "min": 0.0, "tooltip": "Frames a second; 0 for the file's own."})
        required = {"source": ("IMAGE",), "driving": ("STRING", name), "model": ("BUNRAKU_MODEL",), "fps": rate}
        return {"required": required, "optional": _widgets()}

    def animate(
        self, source: torch.Tensor, driving: str, model: runtime.Engine, fps: float, **options: Any
    ) -> tuple[torch.Tensor, torch.Tensor, float]:
        """As `BunrakuAnimate.animate`."""
        return self._moved(source, driving, model, fps or None, options)


def _pictures(images: torch.Tensor) -> Any:
    """uint8 (frames, height, width, channels)."""
    return (images.detach().cpu().float().clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def _frames(images: torch.Tensor, folder: Path) -> Path:
    """A folder of PNG files: what moves already is moved from there, one frame at a time."""
    for number, picture in enumerate(_pictures(images)):
        Image.fromarray(picture).save(folder / f"{number:06d}.png", compress_level=1)
    return folder


def _progress() -> bool | Callable[[int, int | None], None]:
    """Tells ComfyUI how far we are, and stops when its user wants to; nothing outside of ComfyUI."""
    try:
        from comfy.model_management import throw_exception_if_processing_interrupted
        from comfy.utils import ProgressBar
    except ImportError:
        return False
    bars: list[Any] = []

    def report(done: int, total: int | None) -> None:
        throw_exception_if_processing_interrupted()
        if total is not None:
            if not bars:
                bars.append(ProgressBar(total))
            bars[0].update_absolute(done, total)

    return report


NODE_CLASS_MAPPINGS = {
    "BunrakuModel": BunrakuModel,
    "BunrakuAnimate": BunrakuAnimate,
    "BunrakuAnimateFromFile": BunrakuAnimateFromFile,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "BunrakuModel": "Bunraku Model",
    "BunrakuAnimate": "Bunraku Animate",
    "BunrakuAnimateFromFile": "Bunraku Animate From File",
}
