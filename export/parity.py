"""Whether exported graphs compute what the PyTorch model computes, measured on pictures.

The graphs run in ONNX Runtime on the CPU, as the engine runs them: the source once, driving frames in batches
of several sizes, the engine's own driving modes between them. The model runs in PyTorch, frame by frame, without any
rewrite. Both sides make their own keypoints, so that the difference of the pictures is the difference that
a user would see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from checkpoints.contract import (
    DISENTANGLE,
    FRAME,
    IMAGE,
    MOTION,
    PARAMETERS,
    RENDER,
    REQUIRED_GRAPHS,
    SOURCE,
    is_feature,
    of,
    offered,
)
from checkpoints.errors import ModelError
from checkpoints.parameters import Parameter
from export.wrappers import as_views, pack, to_bytes, to_float, unpack
from runtime.motion import modes
from training.models.base import Motion, MotionModel

LIMIT = 2.0
"""Largest difference of a byte that an fp32 bundle may have."""

Bytes = NDArray[np.uint8]
Arrays = dict[str, NDArray[Any]]

VIEWS = (1, 2, 4)
"""Numbers of source pictures that families which fuse views are compared with."""

_BATCHES = (3, 1, 2)
"""Sizes in which driving frames are fed to the graphs, in turn."""


@dataclass(frozen=True)
class Parity:
    """Differences between the graphs' pictures and PyTorch's, over all modes."""

    max_abs_difference: float
    """Largest difference of a byte, in 1/255."""
    mean_abs_difference: float
    """Mean over all bytes, in 1/255."""
    modes: Mapping[str, float]
    """Largest difference a driving mode."""
    views: Mapping[int, float]
    """Largest difference by the number of the source's views; one entry for families that take one."""
    frames: int
    """Driving frames compared in each mode."""
    stored_weights: float = 0.0
    """The part of it that storing weights in 16 bits makes, before rounding to bytes; 0 where none is."""

    def to_json(self) -> dict[str, object]:
        """For the key `parity` of `bundle.json`."""
        return {
            "max_abs_difference": self.max_abs_difference,
            "mean_abs_difference": self.mean_abs_difference,
            "modes": dict(self.modes),
            "views": {str(count): difference for count, difference in self.views.items()},
            "stored_weights": self.stored_weights,
            "unit": "1/255",
            "frames": self.frames,
            "reference": f"torch {torch.__version__.partition('+')[0]}",
        }


def _motion(values: Mapping[str, NDArray[Any]]) -> modes.Motion:
    """The parameters of a motion among `values`; what is for drawings alone stays behind."""
    known = {name: value for name, value in values.items() if name in PARAMETERS}
    return modes.Motion.of(known, {name: Parameter(PARAMETERS[name], value.shape[1:]) for name, value in known.items()})


def _drive(disentangle: Callable[[modes.Motion, modes.Motion], modes.Motion]) -> modes.Drive:
    """The engine's own modes, without the movement scale."""
    return modes.Drive(disentangle=disentangle, adapt_scale=False)


def _packed(motion: Motion) -> modes.Motion:
    return _motion({name: value.numpy() for name, value in pack(motion).items()})


def _unpacked(motion: modes.Motion) -> Motion:
    return unpack({name: torch.from_numpy(value) for name, value in motion.arrays.items()})


class _Graphs:
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

    def batched(self, graph: str, fixed: Mapping[str, np.ndarray], frames: Mapping[str, np.ndarray]) -> Arrays:
        """Run over all frames in batches of varying size; `fixed` goes with every batch."""
        count, start = len(next(iter(frames.values()))), 0
        parts: list[Arrays] = []
        while start < count:
            size = _BATCHES[len(parts) % len(_BATCHES)]
            batch = {name: value[start : start + size] for name, value in frames.items()}
            parts.append(self.run(graph, {**fixed, **batch}))
            start += size
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def graph_pictures(
    graphs: Mapping[str, bytes], source: Bytes, driving: Bytes, output: str = IMAGE
) -> dict[str, NDArray[Any]]:
    """Rendered pictures (T, H, W, 3) of every mode from the serialised graphs, or another `output` of `render`.

    `source` (V, H, W, 3), `driving` (T, H, W, 3).
    """
    engine = _Graphs(graphs)
    encoded = engine.run(SOURCE, {IMAGE: source})
    features = {name: value for name, value in encoded.items() if is_feature(name)}
    origin = {name: value for name, value in encoded.items() if name not in features}
    still, motion = _motion(origin)[:1], _motion(engine.batched(MOTION, {}, {FRAME: driving}))

    def disentangle(shape: modes.Motion, pose: modes.Motion) -> modes.Motion:
        return pose.with_arrays(engine.batched(DISENTANGLE, of("source", shape.arrays), of("driving", pose.arrays)))

    drive, fixed = _drive(disentangle), {**features, **of("source", origin)}
    driven = {mode: drive(mode, still, motion, motion[:1]) for mode in offered(graphs)}
    return {mode: engine.batched(RENDER, fixed, of("driving", one.arrays))[output] for mode, one in driven.items()}


@torch.no_grad()
def torch_pictures(model: MotionModel, source: Bytes, driving: Bytes) -> dict[str, Bytes]:
    """The same from the PyTorch model, one driving frame at a time."""
    image = to_float(torch.from_numpy(source))
    origin = model.detect(image)
    features = model.encode(image)
    found = [_packed(model.detect(to_float(torch.from_numpy(frame[None])))) for frame in driving]
    drive = _drive(lambda shape, pose: _packed(model.disentangle(_unpacked(shape), _unpacked(pose))))
    still, graphs = _packed(origin)[:1], (*REQUIRED_GRAPHS, *([DISENTANGLE] if model.has_disentangle else []))
    driven = {mode: [_unpacked(drive(mode, still, one, found[0])) for one in found] for mode in offered(graphs)}
    if model.views == "many":
        features, origin = tuple(feature[None] for feature in features), as_views(origin)
    return {
        mode: np.concatenate([to_bytes(model.render(features, origin, one).image).numpy() for one in motions])
        for mode, motions in driven.items()
    }


def _view_counts(model: MotionModel) -> tuple[int, ...]:
    return VIEWS if model.views == "many" else (1,)


def _source(frames: Sequence[Bytes], count: int) -> Bytes:
    """`count` views (a copy: PyTorch wants arrays it could write to)."""
    return np.stack([frames[index % len(frames)] for index in range(count)])


def measure(model: MotionModel, graphs: Mapping[str, bytes], frames: Sequence[Bytes]) -> Parity:
    """Compare on `frames` (H, W, 3): the first is the source, all others drive it.

    Families that fuse views are compared with one, two and four views, of which the first are the first frames.
    """
    driving = np.stack(frames[1:])
    differences: dict[tuple[int, str], NDArray[np.int16]] = {}
    for count in _view_counts(model):
        source = _source(frames, count)
        expected, found = torch_pictures(model, source, driving), graph_pictures(graphs, source, driving)
        for mode, pictures in expected.items():
            differences[count, mode] = np.abs(pictures.astype(np.int16) - found[mode].astype(np.int16))
    every, views = (sorted({key[part] for key in differences}, key=str) for part in (1, 0))
    largest = {key: float(difference.max()) for key, difference in differences.items()}
    return Parity(
        max_abs_difference=max(largest.values()),
        mean_abs_difference=round(float(np.mean([difference.mean() for difference in differences.values()])), 6),
        modes={str(mode): max(value for key, value in largest.items() if key[1] == mode) for mode in every},
        views={int(count): max(value for key, value in largest.items() if key[0] == count) for count in views},
        frames=len(driving),
    )


_UNROUNDED = "unrounded"


def unrounded(render: onnx.ModelProto) -> onnx.ModelProto:
    """`render` with one more output, the picture (B, 3, H, W) in [0, 255] before it is rounded to bytes.

    Raises `ValueError` where the graph does not round.
    """
    opened = onnx.ModelProto()
    opened.CopyFrom(render)
    producers = {name: node for node in opened.graph.node for name in node.output}
    node = producers.get("image")
    while node is not None and node.op_type != "Round":
        node = producers.get(node.input[0])
    if node is None:
        raise ValueError("the graph gives a picture that it does not round")
    exact = opened.graph.node.add(op_type="Identity", input=[node.input[0]], output=[_UNROUNDED])
    opened.graph.output.append(onnx.helper.make_tensor_value_info(exact.output[0], onnx.TensorProto.FLOAT, None))
    return opened


class Spread:
    """How far other graphs move the pictures of the graphs that were given first, before rounding to bytes."""

    def __init__(self, model: MotionModel, graphs: Mapping[str, onnx.ModelProto], frames: Sequence[Bytes]) -> None:
        """`frames` as for `measure`; `model` only tells how many views its graphs take."""
        self._sources = [_source(frames, count) for count in _view_counts(model)]
        self._driving = np.stack(frames[1:])
        self._expected = self._pictures(graphs)

    def __call__(self, graphs: Mapping[str, onnx.ModelProto]) -> float:
        """Largest difference over all modes, views and pixels, in 1/255."""
        pairs = zip(self._expected, self._pictures(graphs), strict=True)
        return max(float(np.abs(one[mode] - other[mode]).max()) for one, other in pairs for mode in one)

    def _pictures(self, graphs: Mapping[str, onnx.ModelProto]) -> list[dict[str, NDArray[Any]]]:
        opened = {**graphs, RENDER: unrounded(graphs[RENDER])}
        data = {name: proto.SerializeToString() for name, proto in opened.items()}
        return [graph_pictures(data, source, self._driving, _UNROUNDED) for source in self._sources]


def require(parity: Parity, name: str, limit: float = LIMIT) -> None:
    """Raises `ModelError` where the graphs are further from the model than `limit`, in 1/255."""
    if not parity.max_abs_difference <= limit:
        worst = max(parity.modes, key=lambda mode: parity.modes[mode])
        raise ModelError(
            f"The exported graphs of {name} differ from PyTorch by {parity.max_abs_difference:g}/255 in {worst} "
            f"mode, more than {limit:g}/255; nothing was written; find the step with --without REWRITE."
        )
