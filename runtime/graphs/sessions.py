"""ONNX Runtime sessions: which device they run on, with which options, and what they are fed."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import onnxruntime as ort

from checkpoints.bundle import Bundle
from checkpoints.contract import FRAMEWISE, is_per_frame
from checkpoints.errors import ModelError, OptionError, first_line
from checkpoints.installation import installing
from runtime.graphs.cores import available_cores
from runtime.graphs.gpu import PROVIDERS, Bound, Provider, providers
from runtime.graphs.kept import open_kept
from runtime.graphs.memory import give_back, share_arena
from runtime.graphs.opener import in_opener, workers
from runtime.graphs.packed import content
from runtime.graphs.turns import aside

Device = Literal["auto", "cpu", "cuda", "cuda-graphs", "tensorrt"]
DEVICES: tuple[str, ...] = get_args(Device)

_QUIET = 3  # errors only
_LARGE = 50_000_000
"""Bytes of a bundle's graphs from which opening them leaves much behind."""


AT_ONCE = ((20.0, 4), (150.0, 2))
"""How many frames are computed at the same time, at most one a core: of the first row whose 1e9 operations a graph
stays below. A core to itself gets more done than its share of a frame (a fifth more in the published sizes, see
benchmarks/RESULTS.md); but every frame at work takes memory, and what larger models would take is not had everywhere.
"""


class Graph:
    """One graph of a bundle, ready to run: checks what it is fed against what it declares.

    Safe to call from several threads at once. With a `team`, the frames of a call are shared out among its threads,
    one frame each; else calls run one after another on `worker`.
    """

    def __init__(
        self,
        name: str,
        session: ort.InferenceSession,
        device: str,
        worker: Executor,
        team: Executor | None = None,
        at_once: int = 1,
        wide: Callable[[], ort.InferenceSession] | None = None,
        calls: int = 1,
    ) -> None:
        """`at_once`: threads of the team. `wide` opens a session that puts all cores to work on one frame, for
        `hasten`.
        """
        self.name = name
        self._worker = worker
        self.device = device
        self.calls = calls
        """Calls that `worker` runs side by side."""
        self.at_once = at_once
        """Frames that are computed at the same time."""
        self.inputs = {value.name: value for value in session.get_inputs()}
        self.outputs = tuple(value.name for value in session.get_outputs())
        self._session = session
        self._team = team
        self._wide = wide
        self._hasty: ort.InferenceSession | None = None
        self._hasten_once = threading.Lock()
        self._bound = Bound(session, device) if device != "cpu" else None

    def hasten(self) -> None:
        """From now on a single frame comes as soon as it can, by all cores together. Without this, and in calls with
        several frames, each core works on a frame of its own, which gives more frames a second but each one later.
        """
        with self._hasten_once:
            if self._hasty is None and self._wide is not None:
                self._hasty = self._wide()

    def __call__(
        self, feeds: Mapping[str, np.ndarray | ort.OrtValue], outputs: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Run on `feeds` (exactly the declared inputs; arrays, or values left on the device by `place`).

        Returns the arrays of `outputs`, of all by default. Raises `ModelError` when a feed is missing,
        unknown or of another type or shape than the graph declares, and when the graph fails.
        """
        if set(feeds) != set(self.inputs):
            raise ModelError(
                f'The graph "{self.name}" takes {sorted(self.inputs)} but was given {sorted(feeds)}; '
                "the model does not fit this version of bunraku."
            )
        names = list(outputs or self.outputs)
        started = self._start(names, {name: self._value(name, feed) for name, feed in feeds.items()}, feeds)
        try:
            with aside():
                results = [future.result() for future in started]
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            raise ModelError(f'The graph "{self.name}" failed on {self.device} ({first_line(error)}).') from error
        finally:
            for future in started:
                future.cancel()  # those that have not begun, when another one failed or we were interrupted
        parts = zip(*results, strict=True)
        return {name: _joined(frames) for name, frames in zip(names, parts, strict=True)}

    def _start(
        self, names: list[str], values: dict[str, ort.OrtValue], feeds: Mapping[str, np.ndarray | ort.OrtValue]
    ) -> list[Future[list[np.ndarray]]]:
        """The runs that together give the result, in the order of the frames."""
        if self._bound is not None:
            placed = {name: feed for name, feed in feeds.items() if isinstance(feed, ort.OrtValue)}
            arrays = {name: np.ascontiguousarray(feed) for name, feed in feeds.items() if name not in placed}
            return [self._worker.submit(self._bound, names, arrays, placed)]
        framewise = [name for name in values if is_per_frame(name)]
        frames = {values[name].shape()[0] for name in framewise}
        if self._team is None or len(frames) != 1:
            return [self._worker.submit(_run, self._session, names, values)]
        count = frames.pop()
        if count == 1 and self._hasty is not None:
            return [self._worker.submit(_run, self._hasty, names, values)]
        if count <= 1:
            return [self._team.submit(_run, self._session, names, values)]
        whole = {name: values[name].numpy() for name in framewise}
        started = []
        for index in range(count):
            part = {name: self._on_cpu(array[index : index + 1]) for name, array in whole.items()}
            # The parts look into the memory of `values`, which must therefore live until all have run.
            started.append(self._team.submit(_run, self._session, names, values | part, values))
        return started

    def place(self, array: np.ndarray) -> ort.OrtValue:
        """`array` on this graph's device, to be fed many times without being copied again."""
        return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), self.device)

    def _value(self, name: str, feed: np.ndarray | ort.OrtValue) -> ort.OrtValue:
        declared = self.inputs[name]
        value = feed if isinstance(feed, ort.OrtValue) else self._on_cpu(feed)
        if value.data_type() != declared.type or not _fits(value.shape(), declared.shape):
            raise ModelError(
                f'The graph "{self.name}" declares "{name}" as {declared.type} {declared.shape}, not '
                f"{value.data_type()} {value.shape()}; the model does not fit this version of bunraku."
            )
        return value

    @staticmethod
    def _on_cpu(array: np.ndarray) -> ort.OrtValue:
        return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def _run(
    session: ort.InferenceSession, names: list[str], values: dict[str, ort.OrtValue], kept: object = None
) -> list[np.ndarray]:
    """`kept` is not used, only kept from being freed meanwhile."""
    return [value.numpy() for value in session.run_with_ort_values(names, values)]


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _fits(shape: Sequence[int], declared: Sequence[int | str | None]) -> bool:
    """Whether `shape` has the declared rank and sizes; names and None are free sizes."""
    return len(shape) == len(declared) and all(
        size == wanted or not isinstance(wanted, int) for size, wanted in zip(shape, declared, strict=True)
    )


def open_graphs(bundle: Bundle, device: Device = "auto", threads: int | None = None) -> dict[str, Graph]:
    """A session for every graph of `bundle`, all on the same device.

    "auto" takes CUDA where it works and the CPU else; a device that is named must be granted. "cuda-graphs" records
    every shape's kernels, "tensorrt" builds engines of its own (minutes, kept in `gpu.engine_cache`). `threads`
    defaults to the cores that this process may use. Raises `OptionError` for an unknown device,
    `ModelError` when the device is not to be had or a graph cannot be opened.
    """
    check_device(device)
    reason = _card_refused("cuda" if device == "auto" else device) if device != "cpu" else None
    if device not in ("auto", "cpu") and reason is not None:
        raise ModelError(f"{_SPOKEN[device]} was asked for but {reason}; choose --device cpu or auto.")
    if device == "auto" and reason is None:
        try:
            return _open_on(bundle, "cuda", threads)
        except _NotGranted:
            device = "cpu"
    return _open_on(bundle, "cpu" if device == "auto" else device, threads)


def open_aside(bundle: Bundle, device: Device = "auto", threads: int | None = None) -> Future[dict[str, Graph]]:
    """The same beside whatever the caller does meanwhile; `open_graphs` says what the result may raise. Raises
    `OptionError` for an unknown device.
    """
    check_device(device)
    aside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bunraku-aside")
    opening = aside.submit(open_graphs, bundle, device, threads)
    aside.shutdown(wait=False)
    return opening


def check_device(device: str) -> None:
    """Raises `OptionError` unless `device` is a choice; whether it is to be had is another question."""
    if device not in DEVICES:
        raise OptionError(f'There is no device "{device}"; choose one of {", ".join(DEVICES)}.')


def open_graph(path: Path, name: str, device: str = "cpu", threads: int = 1, calls: int = 1) -> Graph:
    """The graph in the file `path`, one of our own, on "cpu" or on "cuda" where a model runs there already; as many
    `calls` at once run side by side. Raises `ModelError`.
    """
    session = in_opener(_session, partial(content, path), name, _options(threads, device), providers(device))
    return Graph(name, session, device, in_opener(workers, calls), calls=calls)


@contextmanager
def borrow_graph(path: Path, name: str) -> Iterator[Graph]:
    """The same for a network that looks at a source once: afterwards it is gone, with the memory that it took, unless
    it is to be kept meanwhile (`keep_borrowed`).
    """
    with _keeping:
        kept = _kept.get(path)
        if kept is None and _keepers:
            kept = _kept[path] = Graph(name, _borrowed(path, name), "cpu", in_opener(workers, 1))
    if kept is not None:
        yield kept
        return
    session = _borrowed(path, name)
    with in_opener(workers, 1) as worker:
        yield Graph(name, session, "cpu", worker)


@contextmanager
def keep_borrowed() -> Iterator[None]:
    """As long as anybody is in here, what is borrowed stays open: for sources that are looked at in every frame."""
    with _keeping:
        _keepers.append(None)
    try:
        yield
    finally:
        with _keeping:
            _keepers.pop()
            if not _keepers:
                _kept.clear()


_keeping = threading.Lock()
_keepers: list[None] = []
_kept: dict[Path, Graph] = {}


def _borrowed(path: Path, name: str) -> ort.InferenceSession:
    options = _options(1)
    options.enable_cpu_mem_arena = False  # what an arena has taken it keeps
    return in_opener(_session, partial(content, path), name, options, providers("cpu"))


class _NotGranted(ModelError):
    """ONNX Runtime took another device than the one asked for."""


def _open_on(bundle: Bundle, device: str, threads: int | None) -> dict[str, Graph]:
    """All of it in threads of ours, so that the caller notices ctrl-C."""
    if device != "cpu":
        in_opener(_preload)
    cores = threads or available_cores()
    at_once = min(cores, frames_at_once(bundle)) if device == "cpu" else 1
    # Read and verified when they are opened, one after another: what is on the disk may have changed since loading.
    files = {name: (partial(bundle.read, name), f'{name}" of the model "{bundle.name}') for name in bundle.graphs}

    def opened(name: str) -> ort.InferenceSession:
        options = _options(cores // at_once if name in FRAMEWISE else cores, device)
        session = _session(*files[name], options, _providers(device, bundle.graphs[name].precision))
        # Asked for CUDA without a working driver, ONNX Runtime goes on with the CPU and says nothing.
        if session.get_providers()[0] != PROVIDERS[device]:
            raise _NotGranted(f"{_SPOKEN[device]} was asked for but {_missing(device)}, or choose --device cpu.")
        return session

    # The smallest first: the one opener, for which whoever looks for faces waits, is free again soonest.
    first, *others = sorted(files, key=lambda name: bundle.graphs[name].bytes)
    sessions = {first: in_opener(opened, first)}
    # The others in a thread that inherits what the first set, so that the one opener is free for the small networks.
    with in_opener(workers, 1) as aside:
        sessions |= zip(others, aside.map(opened, others), strict=True)
    if sum(graph.bytes for graph in bundle.graphs.values()) > _LARGE:
        give_back()
    place = "cpu" if device == "cpu" else "cuda"
    worker, team = in_opener(_teams, at_once)
    graphs = {}
    for name, session in sessions.items():
        if team is None or name not in FRAMEWISE:
            graphs[name] = Graph(name, session, place, worker)
        else:
            wide = partial(_open_wide, *files[name], cores)
            graphs[name] = Graph(name, session, place, worker, team, at_once, wide)
    return graphs


def _preload() -> None:
    with redirect_stdout(StringIO()):  # it prints what it misses; the providers tell us better
        ort.preload_dlls()  # finds the CUDA libraries that the extra "gpu" installs


def _teams(at_once: int) -> tuple[Executor, Executor | None]:
    """A worker, and a team of as many as compute at once; no team of one."""
    return workers(1), workers(at_once) if at_once > 1 else None


def frames_at_once(bundle: Bundle) -> int:
    """How many frames of that model are computed at once where there are as many cores; one where it does not tell its
    operations."""
    gflops = [bundle.graphs[name].gflops for name in FRAMEWISE]
    return next((count for limit, count in AT_ONCE if all(each is not None and each < limit for each in gflops)), 1)


def _open_wide(read: Callable[[], bytes], what: str, threads: int) -> ort.InferenceSession:
    return in_opener(_session, read, what, _options(threads), providers("cpu"))


def _providers(device: str, precision: str) -> list[Provider]:
    try:
        return providers(device, half=precision == "fp16")
    except OSError as error:
        said = error.strerror or str(error)
        raise ModelError(f"TensorRT's engines cannot be kept ({said}); set BUNRAKU_CACHE to a folder.") from error


def _session(
    read: Callable[[], bytes | str], what: str, options: ort.SessionOptions, wanted: list[Provider]
) -> ort.InferenceSession:
    """Of the bytes that `read` gives, or of the file that it names."""
    model = read()

    def opened(model: bytes | str) -> ort.InferenceSession:
        return ort.InferenceSession(model, options, providers=wanted)

    try:
        if wanted == providers("cpu"):
            session = open_kept(model if isinstance(model, bytes) else Path(model).read_bytes(), options, opened)
        else:
            session = opened(model)
    except Exception as error:  # as above: no common base class
        raise ModelError(f'The graph "{what}" cannot be opened ({first_line(error)}).') from error
    # It keeps the bytes, to start again with other providers when a run fails; we would rather hear of it.
    session.disable_fallback()
    session._model_bytes = None
    return session


def _options(threads: int, device: str = "cpu") -> ort.SessionOptions:
    """Options for a few cores shared by several sessions, a decoder and an encoder."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _QUIET
    # Idle threads that spin would take the cores from the other graphs and from ffmpeg.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Denormals are a hundred times slower than zero and look the same.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    if device == "cpu":
        share_arena()
        options.add_session_config_entry("session.use_env_allocators", "1")
    # Bytes in its other format, which nobody has looked into, are none of ours.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


_SPOKEN = {"cuda": "CUDA", "cuda-graphs": "CUDA", "tensorrt": "TensorRT"}


def _missing(device: str) -> str:
    """What to do where ONNX Runtime goes on without the `device`."""
    what = "TensorRT, or choose --device cuda" if device == "tensorrt" else f"the libraries with: {installing('gpu')}"
    return f"ONNX Runtime could not start it; install {what}"


def _card_refused(device: str) -> str | None:
    """Why `device` cannot be had on this machine, or None when it looks possible.

    The GPU wheel lists its providers as available on machines without a GPU, so the driver is looked for first; this
    also keeps `preload_dlls`, which prints, from running there.
    """
    if PROVIDERS[device] not in ort.get_available_providers():
        return f"this build of ONNX Runtime has no {_SPOKEN[device]}"
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return "no NVIDIA driver was found"
    return None
