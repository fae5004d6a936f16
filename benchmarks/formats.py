"""What each number format costs: megabytes of the graphs, time to open them and of a frame, memory, change of pictures.

`python -m benchmarks --part formats --only NAME`. Each format runs in a process of its own, on one thread of the CPU,
as the engine runs it; half precision is made for graphics cards, and ONNX Runtime casts around every operator here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from benchmarks.subjects import ROOT, Subject, load_traced
from checkpoints.bundle import Bundle, describe_graph, write_bundle
from checkpoints.contract import FRAMEWISE
from export.convert import Options, finish
from export.rewrites.catalogue import rewrite
from export.weights import fp16, int16

Change = Callable[[onnx.ModelProto], onnx.ModelProto]

FORMATS: dict[str, Change | None] = {
    "fp32": None,
    "int16": int16.halve,
    "fp16": fp16.lower,
}
"""By what the weights are called in bundles, how graphs in single precision become such."""


@dataclass(frozen=True)
class Cost:
    """Of one format."""

    name: str
    megabytes: float
    """All graphs in the bundle, 1e6 bytes."""
    gflops: float
    """1e9 operations of motion and render a frame."""
    open: float
    """Seconds of processor time to open all of them, with nothing kept in the cache."""
    source: float
    """The same to encode the source."""
    frame: float
    """The same for motion and render of a frame."""
    opened_mb: float
    """Resident memory once they are open, in 1e6 bytes."""
    peak_mb: float
    """Largest resident memory of all that."""
    largest_change: float
    """Of a byte of the pictures, from those in single precision, in 1/255."""
    mean_change: float


def format_costs(subject: Subject) -> list[Cost]:
    """A row for each of `FORMATS`; the bundle's own graphs must be in single precision."""
    exact = {name: onnx.load_from_string(subject.bundle.read(name)) for name in subject.bundle.graphs}
    rows: list[Cost] = []
    first: NDArray[np.int16] | None = None
    for name, change_of in FORMATS.items():
        with tempfile.TemporaryDirectory() as folder:
            graphs = _half_ready(subject) if name == "fp16" else exact
            megabytes = _store(subject.bundle, name, graphs, change_of, Path(folder) / "bundle")
            found, pictures = _run(Path(folder))
        first = pictures if first is None else first
        gflops = sum(subject.bundle.graphs[graph].gflops or 0.0 for graph in FRAMEWISE)
        rows.append(Cost(name, megabytes, gflops, **found, **_change(pictures - first)))
    return rows


def _change(difference: NDArray[np.int16]) -> dict[str, float]:
    apart = np.abs(difference)
    return {"largest_change": float(apart.max()), "mean_change": float(apart.mean())}


def _half_ready(subject: Subject) -> dict[str, onnx.ModelProto]:
    """The graphs with the rewrites that go with half precision."""
    found = {}
    for name in subject.bundle.graphs:
        graph = load_traced(subject.traced, name)
        rewrite(graph, Options(precision="fp16").rewrites())
        found[name] = finish(name, graph)
    return found


def _store(
    bundle: Bundle, name: str, exact: dict[str, onnx.ModelProto], change_of: Change | None, folder: Path
) -> float:
    """Write the graphs in the format `name`; returns their 1e6 bytes."""
    data = {
        graph: (proto if change_of is None else change_of(proto)).SerializeToString() for graph, proto in exact.items()
    }
    graphs = {
        graph: describe_graph(
            known.file,
            data[graph],
            inputs=known.inputs,
            outputs=known.outputs,
            precision="fp16" if name == "fp16" else "fp32",
            gflops=known.gflops,
            weights=name,
        )
        for graph, known in bundle.graphs.items()
    }
    write_bundle(folder, replace(bundle, graphs=graphs), data)
    return sum(map(len, data.values())) / 1e6


def _run(folder: Path) -> tuple[dict[str, float], NDArray[np.int16]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BUNRAKU_KEEP_GRAPHS": "0"}
    pictures = folder / "pictures.npy"
    command = [sys.executable, "-m", "benchmarks.formats_child", str(folder / "bundle"), str(pictures)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found, np.load(pictures).astype(np.int16)
