"""What a model's graphs compute, part by part: by ONNX Runtime, or by PyTorch behind the graphs' names.

Either way pictures come about as in the engine: the source once, driving frames in batches, the engine's own driving
modes between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from checkpoints.contract import (
    DISENTANGLE,
    FRAME,
    IMAGE,
    MOTION,
    RENDER,
    REQUIRED_GRAPHS,
    SOURCE,
    feature,
    is_feature,
    is_per_frame,
    of,
    offered,
)
from export.wrappers import as_views, pack, switches, to_bytes, to_float, told, unpack
from runtime.motion import modes
from training.models.base import MotionModel

Bytes = NDArray[np.uint8]
Arrays = dict[str, NDArray[Any]]

_BATCHES = (3, 1, 2)
"""Sizes in which driving frames are fed to the graphs, in turn."""


def as_motion(model: MotionModel, values: Mapping[str, NDArray[Any]]) -> modes.Motion:
    """The parameters of a motion of `model` among `values`, as the engine has them; what is for drawings alone stays
    behind.
    """
    known = {name: values[name] for name in model.kinds if name in values}
    return modes.Motion.of(known, {name: model.parameter(name, value.shape[1:]) for name, value in known.items()})


def _drive(disentangle: Callable[[modes.Motion, modes.Motion], modes.Motion]) -> modes.Drive:
    """The engine's own modes, without the movement scale."""
    return modes.Drive(disentangle=disentangle, adapt_scale=False)


class Parts(Protocol):
    """Whatever computes the parts of a model by the names of its graphs."""

    def run(self, graph: str, values: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs of `graph` by name, of the inputs that it takes among `values`."""
        ...


class GraphParts:
    """The graphs in ONNX Runtime."""

    def __init__(self, graphs: Mapping[str, bytes]) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Threads that spin while they wait would take the cores from PyTorch, which runs in turn with the graphs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._sessions = {
            name: onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            for name, data in graphs.items()
        }

    def run(self, graph: str, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name; of `values`, what the graph does not take is left out."""
        session = self._sessions[graph]
        names = [value.name for value in session.get_outputs()]
        feeds = {value.name: values[value.name] for value in session.get_inputs()}
        return dict(zip(names, session.run(None, feeds), strict=True))


class TorchParts:
    """The model in PyTorch behind the graphs' names, without any rewrite; what it finds has the type of its weights."""

    def __init__(self, model: MotionModel) -> None:
        self._model = model

    @torch.no_grad()
    def run(self, graph: str, values: Mapping[str, NDArray[Any]]) -> Arrays:
        """Everything that `graph` could give, by name."""
        tensors = {name: torch.from_numpy(value) for name, value in values.items()}
        found = getattr(self, f"_{graph}")(tensors)
        return {name: tensor.numpy() for name, tensor in found.items()}

    def _source(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        image = to_float(tensors[IMAGE])
        motion, features = self._model.prepare(image)
        return pack(motion) | {feature(index): each for index, each in enumerate(features)}

    def _motion(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return pack(self._model.detect(to_float(tensors[FRAME])))

    def _disentangle(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return pack(self._model.disentangle(unpack(tensors, "source_"), unpack(tensors, "driving_")))

    def _render(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        features = tuple(tensors[name] for name in sorted(filter(is_feature, tensors), key=_number))
        source = unpack(tensors, "source_")
        if self._model.views == "many":
            features, source = tuple(each[None] for each in features), as_views(source)
        return {IMAGE: to_bytes(self._model.render(features, source, told(tensors, unpack(tensors, "driving_"))).image)}


def _number(name: str) -> int:
    return int(name.rpartition("_")[2])


def _batched(
    parts: Parts,
    graph: str,
    fixed: Mapping[str, NDArray[Any]],
    frames: Mapping[str, NDArray[Any]],
    sizes: Sequence[int],
) -> Arrays:
    """Run over all frames in batches of `sizes`, in turn; `fixed` goes with every batch."""
    count, start = len(next(iter(frames.values()))), 0
    found: list[Arrays] = []
    while start < count:
        size = sizes[len(found) % len(sizes)]
        batch = {name: value[start : start + size] for name, value in frames.items()}
        found.append(parts.run(graph, {**fixed, **batch}))
        start += size
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


def pictures(
    model: MotionModel,
    parts: Parts,
    modes_wanted: Sequence[str],
    source: Bytes,
    driving: Bytes,
    sizes: Sequence[int] = (1,),
    output: str = IMAGE,
    asked: Mapping[str, NDArray[Any]] | None = None,
) -> dict[str, NDArray[Any]]:
    """Rendered pictures (T, H, W, 3) of the modes that are wanted, or another `output` of `render`.

    `source` (V, H, W, 3), `driving` (T, H, W, 3); `sizes` of the batches of driving frames, in turn; `asked`: what
    `render` is told beside motions (`contract.SWITCHES`), of all frames where it is of each. `model` says what its
    motions are.
    """
    encoded = parts.run(SOURCE, {IMAGE: source})
    features = {name: value for name, value in encoded.items() if is_feature(name)}
    origin = {name: value for name, value in encoded.items() if name not in features}
    found = _batched(parts, MOTION, {}, {FRAME: driving}, sizes)
    still, motion = as_motion(model, origin)[:1], as_motion(model, found)

    def disentangle(shape: modes.Motion, pose: modes.Motion) -> modes.Motion:
        given = of("source", shape.arrays), of("driving", pose.arrays)
        return pose.with_arrays(_batched(parts, DISENTANGLE, *given, sizes))

    usual = {name: value.numpy() for name, value in switches(model, len(driving)).items()} | dict(asked or {})
    each = {name: value for name, value in usual.items() if is_per_frame(name)}
    drive, fixed = _drive(disentangle), {**features, **of("source", origin), **usual}
    driven = {mode: drive(mode, still, motion, motion[:1]) for mode in modes_wanted}
    return {
        mode: _batched(parts, RENDER, fixed, of("driving", one.arrays) | each, sizes)[output]
        for mode, one in driven.items()
    }


def graph_pictures(
    model: MotionModel,
    graphs: Mapping[str, bytes],
    source: Bytes,
    driving: Bytes,
    output: str = IMAGE,
    asked: Mapping[str, NDArray[Any]] | None = None,
) -> dict[str, NDArray[Any]]:
    """`pictures` of every mode from the serialised graphs of `model`."""
    return pictures(model, GraphParts(graphs), offered(graphs), source, driving, _BATCHES, output, asked)


def torch_pictures(
    model: MotionModel,
    source: Bytes,
    driving: Bytes,
    wanted: Sequence[str] | None = None,
    asked: Mapping[str, NDArray[Any]] | None = None,
) -> dict[str, Bytes]:
    """The same from the PyTorch model, one driving frame at a time; of all its modes, or those `wanted`."""
    graphs = (*REQUIRED_GRAPHS, *([DISENTANGLE] if model.has_disentangle else []))
    given = offered(graphs) if wanted is None else wanted
    return pictures(model, TorchParts(model), given, source, driving, asked=asked)
