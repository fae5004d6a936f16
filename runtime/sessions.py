"""ONNX Runtime sessions: which device they run on, with which options, and what they are fed."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import onnxruntime as ort

from checkpoints.bundle import Bundle
from checkpoints.errors import ModelError, OptionError
from runtime.cores import available_cores

Device = Literal["auto", "cpu", "cuda"]
DEVICES: tuple[str, ...] = get_args(Device)

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_QUIET = 3  # errors only


class Graph:
    """One graph of a bundle, ready to run: checks what it is fed against what it declares.

    Safe to call from several threads at once; the calls run one after another on the bundle's `worker`.
    """

    def __init__(self, name: str, session: ort.InferenceSession, device: str, worker: Executor) -> None:
        self.name = name
        self._worker = worker
        self.device = device
        self.inputs = {value.name: value for value in session.get_inputs()}
        self.outputs = tuple(value.name for value in session.get_outputs())
        self._session = session

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
        values = {name: self._value(name, feed) for name, feed in feeds.items()}
        try:
            results = self._worker.submit(self._session.run_with_ort_values, names, values).result()
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f'The graph "{self.name}" failed on {self.device} ({reason}).') from error
        return {name: value.numpy() for name, value in zip(names, results, strict=True)}

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


def _fits(shape: Sequence[int], declared: Sequence[int | str | None]) -> bool:
    """Whether `shape` has the declared rank and sizes; names and None are free sizes."""
    return len(shape) == len(declared) and all(
        size == wanted or not isinstance(wanted, int) for size, wanted in zip(shape, declared, strict=True)
    )


def open_graphs(bundle: Bundle, device: Device = "auto", threads: int | None = None) -> dict[str, Graph]:
    """A session for every graph of `bundle`, all on the same device.

    "auto" takes CUDA where it works and the CPU else; a device that is named must be granted. `threads`
    defaults to the cores that this process may use. Raises `OptionError` for an unknown device,
    `ModelError` when the device is not to be had or a graph cannot be opened.
    """
    if device not in DEVICES:
        raise OptionError(f'There is no device "{device}"; choose one of {", ".join(DEVICES)}.')
    reason = _cuda_refused() if device != "cpu" else None
    if device == "cuda" and reason is not None:
        raise ModelError(f"CUDA was asked for but {reason}; choose --device cpu or auto.")
    # Flushing denormals is a state of the thread that opens a session, and stays. A thread of our own keeps
    # it out of the caller's arithmetic, and leaves the caller free to notice ctrl-C during a long run.
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="onnxruntime")
    if device == "auto" and reason is None:
        try:
            return worker.submit(_open_on, bundle, "cuda", threads, worker).result()
        except _NotGranted:
            device = "cpu"
    chosen = "cpu" if device == "auto" else device
    return worker.submit(_open_on, bundle, chosen, threads, worker).result()


def open_graph(path: Path, name: str, device: str = "cpu", threads: int = 1) -> Graph:
    """The graph in the file `path`, one of our own, on "cpu" or on "cuda" where a model runs there already. Raises
    `ModelError`.
    """
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="onnxruntime")
    session = worker.submit(_session, path, name, _options(threads), [device, "cpu"]).result()
    return Graph(name, session, device, worker)


class _NotGranted(ModelError):
    """ONNX Runtime took another device than the one asked for."""


def _open_on(bundle: Bundle, device: str, threads: int | None, worker: Executor) -> dict[str, Graph]:
    if device == "cuda":
        with redirect_stdout(StringIO()):  # it prints what it misses; the providers tell us better
            ort.preload_dlls()  # finds the CUDA libraries that the extra "gpu" installs
    options = _options(threads or available_cores())
    graphs = {}
    for name in bundle.graphs:
        what = f'{name}" of the model "{bundle.name}'
        session = _session(bundle.path(name), what, options, [device, "cpu"])
        # Asked for CUDA without a working driver, ONNX Runtime goes on with the CPU and says nothing.
        if session.get_providers()[0] != _PROVIDERS[device]:
            raise _NotGranted(
                f"{device} was asked for but ONNX Runtime could not start it; install the libraries with "
                'pip install "bunraku[gpu]", or choose --device cpu.'
            )
        graphs[name] = Graph(name, session, device, worker)
    return graphs


def _session(path: Path, what: str, options: ort.SessionOptions, devices: Sequence[str]) -> ort.InferenceSession:
    providers: list[Any] = list(dict.fromkeys(_PROVIDERS[device] for device in devices))
    try:
        return ort.InferenceSession(os.fspath(path), options, providers=providers)
    except Exception as error:  # as above: no common base class
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f'The graph "{what}" cannot be opened ({reason}).') from error


def _options(threads: int) -> ort.SessionOptions:
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
    return options


def _cuda_refused() -> str | None:
    """Why CUDA cannot be had on this machine, or None when it looks possible.

    The GPU wheel lists CUDA as available on machines without a GPU, so the driver is looked for first; this
    also keeps `preload_dlls`, which prints, from running there.
    """
    if _PROVIDERS["cuda"] not in ort.get_available_providers():
        return "this build of ONNX Runtime has no CUDA"
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return "no NVIDIA driver was found"
    return None
