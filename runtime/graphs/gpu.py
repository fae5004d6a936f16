"""What graphics cards need: providers with their options, and inputs and outputs that stay where they are.

None of this imports anything that a machine without a card lacks; `Bound` runs on any device, the CPU included.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

Provider = tuple[str, dict[str, str]]

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cuda-graphs": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
"""What ONNX Runtime calls the devices. "cuda-graphs" is CUDA with every shape's kernels recorded once and then started
together, which saves the time to start each; it needs all of a graph's nodes on the card."""

_MOST_SHAPES = 4
"""Sets of shapes whose buffers are kept; a stream has one, and another for its last, smaller batch."""


def user_cache() -> Path:
    """Where what takes time to make is kept: `BUNRAKU_CACHE`, or `bunraku` in the user's cache. Raises `RuntimeError`
    where there is no home.
    """
    given = os.environ.get("BUNRAKU_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(home) / "bunraku"


def engine_cache() -> Path:
    """Where TensorRT keeps the engines that it builds, minutes each."""
    return user_cache() / "tensorrt"


def providers(device: str, *, half: bool = False) -> list[Provider]:
    """Providers with their options, the wanted one first. `half`: the graph computes in 16 bits.

    Makes the folder of TensorRT's engines. Raises `OSError` when that cannot be done.
    """
    cpu: Provider = (PROVIDERS["cpu"], {})
    if device == "cpu":
        return [cpu]
    # Buffers grow by what is asked for and not by powers of two; convolutions are timed once, when first run.
    cuda = {"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "EXHAUSTIVE"}
    if device == "cuda-graphs":
        cuda["enable_cuda_graph"] = "1"
    if device != "tensorrt":
        return [(PROVIDERS["cuda"], cuda), cpu]
    cache = engine_cache()
    cache.mkdir(parents=True, exist_ok=True)
    tensorrt = {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": os.fspath(cache),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": os.fspath(cache),
        "trt_fp16_enable": "1" if half else "0",
    }
    return [(PROVIDERS["tensorrt"], tensorrt), (PROVIDERS["cuda"], cuda), cpu]


class Bound:
    """Runs a session with buffers on its device that are made once for each set of shapes.

    Stable addresses are what recorded CUDA graphs need, and spare every call the allocation. What is given as an
    `OrtValue`, such as a source's features, is used where it lies. Not for several threads.
    """

    def __init__(self, session: ort.InferenceSession, device: str) -> None:
        """`device`: "cpu" or "cuda", where the buffers lie."""
        self._session, self._device = session, device
        self._kept: OrderedDict[tuple[Any, ...], _Buffers] = OrderedDict()
        self._made = 0

    def __call__(
        self, names: list[str], arrays: Mapping[str, np.ndarray], placed: Mapping[str, ort.OrtValue]
    ) -> list[np.ndarray]:
        """The outputs `names`, from inputs that are copied to the device and those that lie there."""
        key = (
            tuple(names),
            tuple((name, array.shape, array.dtype.str) for name, array in sorted(arrays.items())),
            tuple((name, id(value)) for name, value in sorted(placed.items())),
        )
        if key in self._kept:
            self._kept.move_to_end(key)
        else:
            self._made += 1
            self._kept[key] = _Buffers(self._session, self._device, self._made, names, arrays, placed)
            while len(self._kept) > _MOST_SHAPES:
                self._kept.popitem(last=False)
        return self._kept[key](arrays)


class _Buffers:
    def __init__(
        self,
        session: ort.InferenceSession,
        device: str,
        number: int,
        names: list[str],
        arrays: Mapping[str, np.ndarray],
        placed: Mapping[str, ort.OrtValue],
    ) -> None:
        self._session, self._placed = session, dict(placed)  # held: their addresses are bound
        self._inputs = {name: ort.OrtValue.ortvalue_from_numpy(array, device) for name, array in arrays.items()}
        self._options = ort.RunOptions()
        # The shapes of the results are known after a run, which must not be recorded yet.
        self._options.add_run_config_entry("gpu_graph_id", "-1")
        first = session.io_binding()
        self._bind_inputs(first)
        for name in names:
            first.bind_output(name, device)
        session.run_with_iobinding(first, self._options)
        self._outputs = first.get_outputs()
        self._options = ort.RunOptions()
        self._options.add_run_config_entry("gpu_graph_id", str(number))
        self._binding = session.io_binding()
        self._bind_inputs(self._binding)
        for name, value in zip(names, self._outputs, strict=True):
            self._binding.bind_ortvalue_output(name, value)

    def _bind_inputs(self, binding: ort.IOBinding) -> None:
        for name, value in (self._inputs | self._placed).items():
            binding.bind_ortvalue_input(name, value)

    def __call__(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        for name, array in arrays.items():
            self._inputs[name].update_inplace(array)
        self._session.run_with_iobinding(self._binding, self._options)
        # A copy, on the CPU too: the next call writes into the same buffers.
        return [np.array(value.numpy()) for value in self._outputs]
