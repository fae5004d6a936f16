"""Timing: the published-style PyTorch pass, the engine's graphs, and the whole of `animate` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import onnxruntime
import torch
from PIL import Image

from benchmarks.subjects import ROOT, Subject, picture
from checkpoints.contract import FRAMEWISE, REQUIRED_GRAPHS, SWITCHES, is_feature, is_per_frame, of
from checkpoints.errors import first_line
from runtime.animator import Animator
from runtime.engine import Engine


@dataclass(frozen=True)
class Timing:
    """Seconds of one call, over all calls that fitted into the budget."""

    best: float
    """The least disturbed call: what ratios are made of, as other work on the machine only ever adds."""
    median: float
    calls: int
    cpu: float
    """The least processor time of a call, of all threads together: what other work disturbs far less."""


def in_turn(calls: Mapping[str, Callable[[], object]], budget: float, least: int = 3) -> dict[str, Timing]:
    """Time `calls` in turn, so that other work hits none of them alone: after an unmeasured round at least `least`
    rounds, and until `budget` seconds a call are spent.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    cpu: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    rounds = 0
    while rounds < least or sum(map(sum, seconds.values())) < budget * len(calls):
        for name, call in calls.items():
            start, used = time.perf_counter(), time.process_time()
            call()
            seconds[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - used)
        rounds += 1
    return {name: Timing(min(each), float(np.median(each)), rounds, min(cpu[name])) for name, each in seconds.items()}


def repeat(call: Callable[[], object], budget: float, least: int = 3) -> Timing:
    """`in_turn` of one call."""
    return in_turn({"": call}, budget, least)[""]


def torch_call(subject: Subject, threads: int) -> Callable[[], object]:
    """One frame as the published demos compute it: source, driving frame, everything, in eager mode."""
    torch.set_num_threads(threads)
    source, driving = _pair(subject.bundle.resolution)

    def one() -> None:
        with torch.inference_mode():
            subject.model(source, driving)

    return one


def _pair(size: int) -> list[torch.Tensor]:
    """A source and a driving picture (1, 3, size, size) in [0, 1]."""
    pictures = [torch.from_numpy(picture(size, turn)) for turn in (0.0, 0.5)]
    return [each.permute(2, 0, 1)[None].float() / 255 for each in pictures]


def compiled_pass(subject: Subject, threads: int, budget: float) -> Timing | None:
    """The same by `torch.compile`; None where it does not work here (it needs a C++ compiler)."""
    torch.set_num_threads(threads)
    source, driving = _pair(subject.bundle.resolution)
    compiled = torch.compile(subject.model)
    with torch.inference_mode():
        try:
            compiled(source, driving)
        except Exception as error:  # whatever the compiler raises
            print(f"  torch.compile fails: {first_line(error)}", file=sys.stderr)
            return None
        return repeat(lambda: compiled(source, driving), budget)


def plain_call(subject: Subject, threads: int) -> Callable[[], object]:
    """The same by the graphs as the exporter writes them, in ONNX Runtime with its default options."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    options.add_session_config_entry("session.force_spinning_stop", "1")  # or whoever is next would lack a core
    source, motion, render = (
        onnxruntime.InferenceSession(subject.traced / f"{name}.onnx", options, providers=["CPUExecutionProvider"])
        for name in REQUIRED_GRAPHS
    )
    size = subject.bundle.resolution
    image, frame = picture(size)[None], picture(size, 0.5)[None]

    def one() -> None:
        encoded, moved = outputs(source, {"image": image}), outputs(motion, {"frame": frame})
        render.run(["image"], render_inputs(render, encoded, moved))

    return one


def outputs(session: onnxruntime.InferenceSession, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All that `session` makes of `feeds`, by name."""
    return {value.name: array for value, array in zip(session.get_outputs(), session.run(None, feeds), strict=True)}


def render_inputs(
    render: onnxruntime.InferenceSession, encoded: dict[str, np.ndarray], moved: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What `render` is fed in absolute mode: of what the graphs `source` and `motion` have made, what it takes, and
    what it is told where nobody asks."""
    known = {name: value for name, value in encoded.items() if is_feature(name)}
    count = len(next(iter(moved.values())))
    for name, usual in SWITCHES.items():
        value = np.array(usual, np.float32)
        known[name] = np.tile(value, (count, 1)) if is_per_frame(name) else value
    known |= of("source", encoded) | of("driving", moved)
    return {value.name: known[value.name] for value in render.get_inputs()}


@dataclass(frozen=True)
class EngineTimes:
    """Of the engine with one bundle."""

    source: Timing
    """Encoding the source, once a source."""
    frame: Timing
    """Motion and render, seconds a frame."""
    batch: int
    """Frames a call."""
    gflops: float
    """1e9 operations a frame, motion and render."""


class EngineCalls:
    """The engine's own path: source once, then `Animator.frames` in the engine's batch size, relative mode."""

    def __init__(self, subject: Subject, threads: int) -> None:
        self._engine = Engine(subject.bundle, device="cpu", threads=threads)
        self._source = picture(self._engine.resolution)[None]
        self._animator = Animator(self._engine, mode="relative")
        self._animator.set_source(self._source[0])
        turns = np.linspace(-1, 1, self._engine.batch)
        self._squares = np.stack([picture(self._engine.resolution, turn) for turn in turns])
        graphs = subject.bundle.graphs
        self._gflops = sum(graphs[name].gflops or 0.0 for name in FRAMEWISE)

    def frames(self) -> None:
        """Motion and render of a batch."""
        self._animator.frames(self._squares)

    def source(self) -> None:
        """Encode the source."""
        self._engine.encode(self._source)

    def times(self, frames: Timing, source: Timing) -> EngineTimes:
        """Of timings of both."""
        batch = self._engine.batch
        each = Timing(frames.best / batch, frames.median / batch, frames.calls, frames.cpu / batch)
        return EngineTimes(source, each, batch, self._gflops)


def engine_pass(subject: Subject, threads: int, budget: float) -> EngineTimes:
    """The engine alone."""
    engine = EngineCalls(subject, threads)
    return engine.times(repeat(engine.frames, budget), repeat(engine.source, budget / 4))


@dataclass(frozen=True)
class EndToEnd:
    """`runtime.animate` from file to file in a fresh process."""

    first_frame: float
    """Seconds from the start of the process to the first rendered frames."""
    fps: float
    """Frames a second of decoding, animating and encoding together, from the second batch on."""
    rss_mb: float
    """Largest resident memory of the process, in 1e6 bytes; ffmpeg's processes are not in it."""
    frames: int
    cpu: float
    """Seconds of processor time a frame, ffmpeg's processes included, of the whole run but its first batch."""


_TURN = 25
"""Frames after which the head of the driving video is back."""


def make_inputs(folder: Path, frames: int, size: int = 512) -> tuple[Path, Path]:
    """A picture and a driving video of `frames` frames at 25 a second, both `size` pixels square."""
    source, driving = folder / "source.png", folder / "driving.mp4"
    Image.fromarray(picture(size)).save(source)
    writer = imageio_ffmpeg.write_frames(str(driving), (size, size), fps=25, macro_block_size=1)
    writer.send(None)
    once = [picture(size, float(np.sin(2 * np.pi * index / _TURN))) for index in range(min(_TURN, frames))]
    for index in range(frames):
        writer.send(once[index % _TURN])
    writer.close()
    return source, driving


def end_to_end(subject: Subject, folder: Path, frames: int, size: int = 512) -> EndToEnd:
    """Run `benchmarks.child` on files in `folder`, a driving video of so many `frames` of `size` x `size` pixels."""
    return file_to_file(str(subject.bundle.folder), *make_inputs(folder, frames, size), folder)


def file_to_file(model: str, source: Path, driving: Path, folder: Path) -> EndToEnd:
    """Run `benchmarks.child` on these files; its result goes to `folder`."""
    command = [sys.executable, "-m", "benchmarks.child", model, str(source), str(driving)]
    # What is installed has its bytecode beside it; where writing it is switched off, every start would compile anew.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
    start = time.perf_counter()
    with subprocess.Popen(
        [*command, str(folder / "out.mp4")], stdout=subprocess.PIPE, text=True, env=environment, cwd=folder
    ) as child:
        if child.stdout is None:
            raise RuntimeError("the child process has no output")
        child.stdout.readline()
        first_frame = time.perf_counter() - start
        result = json.loads(child.stdout.readline() or "null")
    if child.returncode or result is None:
        raise RuntimeError(f"animate failed in the child process, with status {child.returncode}")
    return EndToEnd(first_frame, result["fps"], result["rss_mb"], result["frames"], result["cpu"])
