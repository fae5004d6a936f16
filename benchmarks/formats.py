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

import onnx

from benchmarks.measure import sample_frames
from benchmarks.subjects import ROOT, Subject
from checkpoints.bundle import describe_graph, write_bundle
from checkpoints.contract import FRAMEWISE
from export.parity import Spread
from export.weights import fp16, int16

FORMATS: dict[str, Callable[[onnx.ModelProto], onnx.ModelProto] | None] = {
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
    change: float
    """Largest difference of a picture from that in single precision, in 1/255 before rounding to bytes."""


def format_costs(subject: Subject) -> list[Cost]:
    """A row for each of `FORMATS`; the bundle's own graphs must be in single precision."""
    exact = {name: onnx.load_from_string(subject.bundle.read(name)) for name in subject.bundle.graphs}
    spread = Spread(subject.model, exact, sample_frames(subject.bundle.resolution, 2))
    return [_cost(subject, name, exact, spread) for name in FORMATS]


def _cost(subject: Subject, name: str, exact: dict[str, onnx.ModelProto], spread: Spread) -> Cost:
    change_of = FORMATS[name]
    protos = exact if change_of is None else {graph: change_of(proto) for graph, proto in exact.items()}
    data = {graph: proto.SerializeToString() for graph, proto in protos.items()}
    with tempfile.TemporaryDirectory() as folder:
        graphs = {
            graph: replace(
                describe_graph(known.file, data[graph], inputs=known.inputs, outputs=known.outputs),
                precision="fp16" if name == "fp16" else "fp32",
                weights=name,
                gflops=known.gflops,
            )
            for graph, known in subject.bundle.graphs.items()
        }
        write_bundle(Path(folder) / "bundle", replace(subject.bundle, graphs=graphs), data)
        found = _run(Path(folder) / "bundle")
    gflops = sum(graph.gflops or 0.0 for key, graph in subject.bundle.graphs.items() if key in FRAMEWISE)
    megabytes = sum(map(len, data.values())) / 1e6
    return Cost(name, megabytes, gflops, change=0.0 if change_of is None else spread(protos), **found)


def _run(bundle: Path) -> dict[str, float]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BUNRAKU_KEEP_GRAPHS": "0"}
    command = [sys.executable, "-m", "benchmarks.formats_child", str(bundle)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
