"""Where the time of a graph goes: ONNX Runtime's profile, summed by operator, and the gain of every rewrite."""

from __future__ import annotations

import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import onnx_ir as ir
import onnxruntime

from benchmarks.measure import in_turn
from benchmarks.subjects import load_traced
from checkpoints.contract import RENDER
from export.convert import finish
from export.rewrites.catalogue import REWRITES
from export.timing import open_graph, random_feeds, session_options


def profile(model: bytes, threads: int, runs: int = 5) -> list[tuple[str, int, float]]:
    """Operator, number of nodes and milliseconds a frame, the most expensive first."""
    options = session_options(threads)
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = os.path.join(folder, "profile")
        session = open_graph(model, options)
        feeds = random_feeds(session)
        for _ in range(runs + 1):
            session.run(None, feeds)
        with open(session.end_profiling(), encoding="utf-8") as file:
            events = json.load(file)
    nodes: dict[str, list[float]] = defaultdict(list)
    kinds: dict[str, str] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            nodes[event["name"]].append(event["dur"] / 1e3)
            kinds[event["name"]] = event["args"]["op_name"]
    sums: dict[str, tuple[int, float]] = {}
    for name, times in nodes.items():
        count, total = sums.get(kinds[name], (0, 0.0))
        sums[kinds[name]] = count + 1, total + min(times)
    return sorted(((kind, *value) for kind, value in sums.items()), key=lambda row: -row[2])


KINDS = {
    "products": ("MatMul", "FusedMatMul", "Gemm"),
    "convolutions": ("Conv", "ConvTranspose"),
    "grid sampling": ("GridSample",),
    "layouts": (
        *("ReorderInput", "ReorderOutput", "Transpose", "Reshape", "Slice", "Concat", "Split", "Pad", "Expand", "Tile"),
        *("Gather", "Squeeze", "Unsqueeze", "Identity"),
    ),
}
"""Operators by what they cost: arithmetic, looking up, or moving numbers; all others go element by element."""
_OTHERS = "element by element"


def by_kind(rows: Sequence[tuple[str, int, float]]) -> dict[str, float]:
    """Milliseconds of each of `KINDS`, and of all others together, in what `profile` gives."""
    kinds = {operator: kind for kind, operators in KINDS.items() for operator in operators}
    sums = dict.fromkeys([*KINDS, _OTHERS], 0.0)
    for operator, _, milliseconds in rows:
        sums[kinds.get(operator, _OTHERS)] += milliseconds
    return sums


def rewrite_gains(plain: Path, budget: float) -> list[tuple[str, float]]:
    """Milliseconds of processor time of the render graph in `plain` on one thread, as traced and after each rewrite in
    turn, all before it included; a rewrite that changes nothing has none. All are measured in turn, so that a
    disturbance does not hit one alone; every one is held in memory meanwhile.
    """
    graph = load_traced(plain, RENDER)
    sessions = {"as exported": _finished(graph)}
    for step in REWRITES:
        if step.apply(graph):
            sessions[f"+ {step.name}"] = _finished(graph)
    feeds = random_feeds(next(iter(sessions.values())))
    times = in_turn({name: partial(each.run, None, feeds) for name, each in sessions.items()}, budget)
    return [(name, 1e3 * each.cpu) for name, each in times.items()]


def _finished(graph: ir.Model) -> onnxruntime.InferenceSession:
    return open_graph(finish(RENDER, graph.clone()).SerializeToString(), session_options(1))
