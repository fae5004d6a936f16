"""Where the time of a graph goes: ONNX Runtime's profile, summed by operator, and the gain of every rewrite."""

from __future__ import annotations

import json
import os
import tempfile
from collections import defaultdict

import numpy as np
import onnxruntime

from benchmarks.measure import Timing, repeat
from benchmarks.subjects import render_variant
from export.rewrites.pipeline import REWRITES
from training.models.base import MotionModel


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return options


def _open(model: bytes, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _feeds(session: onnxruntime.InferenceSession) -> dict[str, np.ndarray]:
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


def time_graph(model: bytes, threads: int, budget: float) -> Timing:
    """Seconds a frame of one serialised graph."""
    session = _open(model, _options(threads))
    feeds = _feeds(session)
    return repeat(lambda: session.run(None, feeds), budget)


def profile(model: bytes, threads: int, runs: int = 5) -> list[tuple[str, int, float]]:
    """Operator, number of nodes and milliseconds a frame, the most expensive first."""
    options = _options(threads)
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = os.path.join(folder, "profile")
        session = _open(model, options)
        feeds = _feeds(session)
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


def rewrite_gains(model: MotionModel, threads: int, budget: float) -> list[tuple[str, float]]:
    """Milliseconds of the render graph as exported and after each rewrite in turn, all before it included."""
    names = [step.name for step in REWRITES]
    rows = []
    for count in range(len(names) + 1):
        graph = render_variant(model, names[count:])
        label = "as exported" if count == 0 else f"+ {names[count - 1]}"
        rows.append((label, 1e3 * time_graph(graph, threads, budget).best))
    return rows
