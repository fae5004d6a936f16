"""Where the time of a graph goes: ONNX Runtime's profile, summed by operator, and the gain of every rewrite."""

from __future__ import annotations

import json
import os
import tempfile
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime

from benchmarks.measure import in_turn
from benchmarks.subjects import load_traced
from checkpoints.contract import RENDER
from export.convert import finish
from export.rewrites.catalogue import REWRITES


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """As the engine sets them, so far as they change the time of one call."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return options


def open_graph(model: bytes, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """On the CPU."""
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def random_feeds(session: onnxruntime.InferenceSession) -> dict[str, np.ndarray]:
    """Random inputs of one frame; identity matrices for linear parts."""
    random = np.random.default_rng(0)
    feeds = {}
    for value in session.get_inputs():
        shape = [size if isinstance(size, int) else 1 for size in value.shape]
        if value.type == "tensor(uint8)":
            feeds[value.name] = random.integers(0, 256, shape, np.uint8)
        elif len(shape) == 4 and shape[-2:] == [2, 2]:
            feeds[value.name] = np.broadcast_to(np.eye(2, dtype=np.float32), shape).copy()
        else:
            feeds[value.name] = random.uniform(-0.8, 0.8, shape).astype(np.float32)
    return feeds


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
