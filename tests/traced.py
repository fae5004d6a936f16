"""Graphs that tests look at from many sides, traced once: for all processes that test at the same time, and until
anything changes that they are made of.

Tracing is nearly all of what an export of a small model costs (some ten seconds of processor time each).
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import onnx
import onnxruntime
import pytest
from filelock import FileLock

from export.convert import Options, build_graphs
from export.wrappers import Example, example
from training.models.base import MotionModel

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("export", "training/models", "checkpoints")
"""What shapes a graph, beside the model's own module."""
LIBRARIES = ("torch", "onnx", "onnxscript", "onnx_ir", "numpy")

AFTERWARDS = ("weights",)
"""Options that graphs are stored by once they are built."""

Graphs = dict[str, onnx.ModelProto]
Build = Callable[[MotionModel, Example, Options], Graphs]


def _hash_of(files: list[Path]) -> str:
    found = hashlib.sha256()
    for file in sorted(files):
        found.update(f"{file}\n".encode() + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


@functools.cache
def sources() -> str:
    """A hash of all sources and versions that have a say in every graph."""
    files = [file for name in SOURCES for file in (ROOT / name).rglob("*.py")]
    versions = [f"{name} {version(name)}" for name in LIBRARIES]
    return hashlib.sha256(" ".join([_hash_of(files), sys.version, *versions]).encode()).hexdigest()


def key_of(model: MotionModel, given: Example, options: Options) -> str:
    """A hash of all that one export's graphs follow from: family, configuration, weights, resolution, options."""
    module = Path(type(model).detect.__code__.co_filename)  # several conftest.py have one name among the modules
    chosen = {name: value for name, value in vars(options).items() if name not in AFTERWARDS}
    chosen["without"] = sorted(options.without)
    said = [type(model).__qualname__, model.family, repr(model.config), repr(chosen), repr(given.resolution)]
    found = hashlib.sha256("\n".join([*said, _hash_of([module])]).encode())
    for name, tensor in sorted(model.state_dict().items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


class Traced:
    """`build_graphs`, whose results are kept in a folder that several processes share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / sources()[:32]
        folder.mkdir(parents=True, exist_ok=True)
        for other in folder.iterdir():  # of other sources: nobody will ask for them again
            if other != self._folder and other.is_dir():
                shutil.rmtree(other, ignore_errors=True)
        self._folder.mkdir(exist_ok=True)

    def __call__(self, model: MotionModel, given: Example, options: Options) -> Graphs:
        kept = self._folder / key_of(model, given, options)[:32]
        with FileLock(f"{kept}.lock"):  # who comes second waits, which is cheaper than tracing it as well
            if not kept.is_dir():
                with tempfile.TemporaryDirectory(dir=self._folder) as place:
                    making = Path(place) / "graphs"
                    making.mkdir()
                    for name, proto in build_graphs(model, given, options).items():
                        (making / f"{name}.onnx").write_bytes(proto.SerializeToString(deterministic=True))
                    making.rename(kept)
        return {path.stem: onnx.load(path) for path in sorted(kept.glob("*.onnx"))}

    def of(self, model: MotionModel, resolution: int) -> Graphs:
        """With the default options at that resolution."""
        return self(model, example(model, resolution), Options(resolution=resolution))


def opened(config: pytest.Config) -> Traced:
    """In pytest's own cache folder. Raises `LookupError` where that is switched off (`-p no:cacheprovider`)."""
    if getattr(config, "cache", None) is None:
        raise LookupError("pytest keeps nothing")
    return Traced(config.cache.mkdir("traced"))


def session(proto: onnx.ModelProto | bytes) -> onnxruntime.InferenceSession:
    """On one thread: idle ones would spin, and take the core from whoever tests beside."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    data = proto if isinstance(proto, bytes) else proto.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def build_one_registry(patch: pytest.MonkeyPatch) -> None:
    """The exporter lists all of its operators anew for every graph, which takes longer than tracing a small one."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib)))
