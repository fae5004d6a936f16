"""Graphs opened and fed so that their time says something: as the engine opens them, on random inputs."""

from __future__ import annotations

import time

import numpy as np
import onnxruntime


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


def compare(first: bytes, second: bytes, rounds: int = 4) -> float:
    """Time of a frame of the first graph over that of the second: processor time on one thread, as the engine gives
    every frame of most models a core; the least of `rounds`, in turn, after one that does not count.
    """
    sessions = [open_graph(model, session_options(1)) for model in (first, second)]
    feeds = random_feeds(sessions[0])
    best = [float("inf")] * len(sessions)
    for turn in range(rounds + 1):
        for index, session in enumerate(sessions):
            start = time.process_time()
            session.run(None, feeds)
            if turn:
                best[index] = min(best[index], time.process_time() - start)
    return best[0] / max(best[1], 1e-9)
