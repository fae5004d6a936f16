"""The models that are measured: PyTorch networks and the bundles that the engine runs, exported once and kept."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

from checkpoints.bundle import Bundle
from checkpoints.errors import ModelError
from export.convert import Options, build_graphs, convert
from export.wrappers import example
from training.config import load_config
from training.models.base import MotionModel
from training.models.registry import build

ROOT = Path(__file__).resolve().parents[1]

CONFIGURATIONS = {"tpsmm-full": "", "faces-lite": "faces-lite"}
"""Name of a subject and of its training configuration; empty: the published VoxCeleb TPSMM, the family's defaults."""


@dataclass(frozen=True)
class Subject:
    """One model in both worlds."""

    name: str
    model: MotionModel
    """In eval mode, random weights: speed does not depend on them."""
    bundle: Bundle


def random_model(name: str) -> MotionModel:
    """The network of a subject with random weights, and norm statistics as a trained one would have them."""
    configuration = CONFIGURATIONS[name]
    run = load_config(configuration) if configuration else None
    torch.manual_seed(0)
    model = build(run.family, run.model) if run else build("tpsmm", {})
    for key, value in model.named_buffers():
        if key.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif key.endswith("running_var"):
            value.uniform_(0.5, 1.5)
    return model.eval()


def picture(size: int, turn: float = 0.0) -> np.ndarray:
    """A smooth face-like picture uint8 (size, size, 3) that moves with `turn` in [-1, 1]."""
    axis = np.linspace(-1, 1, size)
    x, y = axis[None, :] - 0.2 * turn, axis[:, None]
    head = 1 / (1 + np.exp(30 * (np.hypot(x / 0.75, y) - 0.7)))
    eyes = sum(np.exp(-((x - s + 0.1 * turn) ** 2 + (y + 0.2) ** 2) / 0.004) for s in (-0.25, 0.25))
    mouth = np.exp(-((x + 0.05 * turn) ** 2 / 0.03 + (y - 0.4) ** 2 / (0.002 + 0.01 * abs(turn))))
    grey = 0.35 + 0.15 * (x + y) * (1 - head) + head * (0.45 - 0.5 * eyes - 0.4 * mouth)
    tint = np.array([1.0, 0.85, 0.75]) * head[..., None] + (1 - head[..., None])
    return (np.clip(grey[..., None] * tint, 0, 1) * 255).astype(np.uint8)


def _fingerprint(name: str) -> str:
    """Changes when the configuration, the models or the exporter change."""
    digest = hashlib.sha256(f"{name} {torch.__version__} {onnx.__version__}".encode())
    configs = [ROOT / "training" / "configs" / f"{CONFIGURATIONS[name]}.toml"] if CONFIGURATIONS[name] else []
    for path in sorted([*(ROOT / "export").rglob("*.py"), *(ROOT / "training" / "models").rglob("*.py"), *configs]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def default_cache() -> Path:
    """Where exported subjects are kept between runs."""
    return Path(tempfile.gettempdir()) / "bunraku-benchmarks"


def subject(name: str, cache: Path, bundle: Path | None = None) -> Subject:
    """The subject `name`, with the given bundle or one of random weights from the cache, exported when absent."""
    model = random_model(name)
    if bundle is not None:
        return Subject(name, model, Bundle.load(bundle.resolve()))  # the child works in another folder
    folder = cache.resolve() / f"{name}-{_fingerprint(name)}"
    try:
        return Subject(name, model, Bundle.load(folder))
    except ModelError:
        size = model.config.resolution
        frames = [picture(size), picture(size, 0.5), picture(size, -0.5)]
        return Subject(name, model, convert(model, folder, frames, name=name, options=Options(resolution=size)))


def render_variant(model: MotionModel, without: Collection[str]) -> bytes:
    """The render graph of `model` without some of the rewrites, serialised."""
    size = model.config.resolution
    options = Options(resolution=size, without=tuple(without))
    return build_graphs(model, example(model, size), options)["render"].SerializeToString()
