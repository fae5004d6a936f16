"""The models that are measured: PyTorch networks and the bundles that the engine runs, exported once and kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import torch

from checkpoints.bundle import Bundle, write_bundle
from checkpoints.errors import ModelError
from export.convert import Options, describe, finish
from export.flops import count_gflops
from export.graphs import export_graphs
from export.parity import measure
from export.rewrites.catalogue import rewrite
from export.wrappers import example
from training.config import load_config
from training.models.base import MotionModel
from training.models.registry import build

ROOT = Path(__file__).resolve().parents[1]

TRAINED = "checkpoints/trained/faces-lite.safetensors"
"""The checkpoint that lies in the repository: what looks at a trained model looks at this one if nothing is said."""

CONFIGURATIONS = {
    "faces-lite": "faces-lite",
    "tpsmm-full": "tpsmm-vox",
    "fomm-full": "fomm-vox",
    "mraa-full": "mraa-vox",
    "dam-full": "dam-vox",
    "liveportrait-full": "liveportrait",
}
"""Names of the subjects and of their training configurations; "full" are the sizes published for VoxCeleb, and
LivePortrait's for everybody."""


@dataclass(frozen=True)
class Subject:
    """One model in both worlds."""

    name: str
    model: MotionModel
    """In eval mode, random weights: speed does not depend on them."""
    bundle: Bundle
    traced: Path
    """Folder of the graphs as the exporter writes them, without any rewrite."""


def random_model(name: str) -> MotionModel:
    """The network of a subject with random weights, and norm statistics as a trained one would have them."""
    run = load_config(CONFIGURATIONS[name])
    torch.manual_seed(0)
    model = build(run.family, run.model)
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


def _fingerprint(name: str, *folders: str) -> str:
    """Changes when the configuration, or any module in `folders`, changes."""
    digest = hashlib.sha256(f"{name} {torch.__version__} {onnx.__version__}".encode())
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py") if path.name != "registry.py"]
    for path in sorted([*found, ROOT / "training" / "configs" / f"{CONFIGURATIONS[name]}.toml"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def default_cache() -> Path:
    """Where exported subjects are kept between runs."""
    return Path(tempfile.gettempdir()) / "bunraku-benchmarks"


def _store(graphs: Mapping[str, ir.Model], folder: Path) -> None:
    """Under its name all at once, so that what was interrupted is not taken for complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        for name, graph in graphs.items():
            (partial / f"{name}.onnx").write_bytes(ir.to_proto(graph).SerializeToString())
        os.replace(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def traced(name: str, cache: Path) -> Path:
    """The folder of a subject's graphs as the exporter writes them, from the cache, traced when absent (minutes)."""
    # Tracing depends on the models, the exporter's wrappers and torch; it takes far longer than rewriting.
    folder = cache / "-".join(("traced", name, _fingerprint(name, "training/models")))
    if not folder.is_dir():
        model = random_model(name)
        _store(export_graphs(model, example(model, model.config.resolution)), folder)
    return folder


def load_traced(folder: Path, graph: str) -> ir.Model:
    """One graph of such a folder, to be edited."""
    return ir.from_proto(onnx.load(folder / f"{graph}.onnx"))


def subject(name: str, cache: Path, bundle: Path | None = None) -> Subject:
    """The subject `name`, with the given bundle or one of random weights from the cache, exported when absent."""
    model, plain = random_model(name), traced(name, cache)
    if bundle is not None:
        return Subject(name, model, Bundle.load(bundle.resolve()), plain)  # the child works in another folder
    folder = cache.resolve() / "-".join((name, _fingerprint(name, "export/rewrites", "training/models")))
    try:
        return Subject(name, model, Bundle.load(folder), plain)
    except ModelError:
        return Subject(name, model, _rewritten(name, model, plain, folder), plain)


def _rewritten(name: str, model: MotionModel, plain: Path, folder: Path) -> Bundle:
    """What `export.convert.convert` makes with weights in 32 bits, from graphs that were traced before."""
    size = model.config.resolution
    options = Options(resolution=size, weights="fp32")
    protos = {}
    for path in sorted(plain.glob("*.onnx")):
        graph = load_traced(plain, path.stem)
        rewrite(graph, options.rewrites())
        protos[path.stem] = finish(path.stem, graph)
    data = {graph: proto.SerializeToString() for graph, proto in protos.items()}
    parity = measure(model, data, [picture(size), picture(size, 0.5)])
    gflops = {graph: round(count_gflops(proto), 4) for graph, proto in protos.items()}
    bundle = describe(name, model, example(model, size), protos, data, gflops, {}, parity, options)
    return write_bundle(folder, bundle, data)
