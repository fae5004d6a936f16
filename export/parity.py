"""Whether exported graphs compute what the PyTorch model computes, measured on pictures.

The graphs run in ONNX Runtime on the CPU, as the engine runs them; the model runs in PyTorch, frame by frame, without
any rewrite (`export.parts`). Both sides make their own keypoints, so that the difference of the pictures is the
difference that a user would see. Where it is larger than allowed, both are compared with the model in float64
(`export.conditioning`): some weights make more of a rounding error than a picture shows, whoever rounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from checkpoints.contract import RENDER
from checkpoints.errors import ModelError
from export.conditioning import FACTOR, Conditioning, against_float64, blamed
from export.parts import Bytes, graph_pictures, torch_pictures
from training.models.base import MotionModel

LIMIT = 2.0
"""Largest difference of a byte that an fp32 bundle may have."""

VIEWS = (1, 2, 4)
"""Numbers of source pictures that families which fuse views are compared with."""


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
    float64: Mapping[str, Conditioning] = field(default_factory=dict)
    """By mode, how far PyTorch and graphs are from the model in float64, where they differ by more than was allowed."""
    blamed: Mapping[str, str] = field(default_factory=dict)
    """By mode, the graph that differs most, where that is more than float64 excuses."""
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
            **({"float64": {mode: each.to_json() for mode, each in self.float64.items()}} if self.float64 else {}),
            "unit": "1/255",
            "frames": self.frames,
            "reference": f"torch {torch.__version__.partition('+')[0]}",
        }


def _view_counts(model: MotionModel) -> tuple[int, ...]:
    return VIEWS if model.views == "many" else (1,)


def _source(frames: Sequence[Bytes], count: int) -> Bytes:
    """`count` views (a copy: PyTorch wants arrays it could write to)."""
    return np.stack([frames[index % len(frames)] for index in range(count)])


def measure(
    model: MotionModel, graphs: Mapping[str, bytes], frames: Sequence[Bytes], limit: float = math.inf
) -> Parity:
    """Compare on `frames` (H, W, 3): the first is the source, all others drive it.

    Families that fuse views are compared with one, two and four views, of which the first are the first frames. Modes
    whose pictures differ by more than `limit` of 1/255 are compared with float64, too.
    """
    driving = np.stack(frames[1:])
    differences: dict[tuple[int, str], NDArray[np.int16]] = {}
    float64: dict[str, Conditioning] = {}
    to_blame: dict[str, str] = {}
    for count in _view_counts(model):
        source = _source(frames, count)
        expected, found = torch_pictures(model, source, driving), graph_pictures(model, graphs, source, driving)
        for mode, wanted in expected.items():
            differences[count, mode] = np.abs(wanted.astype(np.int16) - found[mode].astype(np.int16))
        over = [mode for mode in expected if not differences[count, mode].max() <= limit]
        for mode, each in against_float64(model, source, driving, {m: (expected[m], found[m]) for m in over}).items():
            float64[mode] = each.worse(float64.get(mode))
            if not each.excuses(limit):
                to_blame[mode] = blamed(model, graphs, source, driving, mode)
    every, views = (sorted({key[part] for key in differences}, key=str) for part in (1, 0))
    largest = {key: float(difference.max()) for key, difference in differences.items()}
    return Parity(
        max_abs_difference=max(largest.values()),
        mean_abs_difference=round(float(np.mean([difference.mean() for difference in differences.values()])), 6),
        modes={str(mode): max(value for key, value in largest.items() if key[1] == mode) for mode in every},
        views={int(count): max(value for key, value in largest.items() if key[0] == count) for count in views},
        frames=len(driving),
        float64=float64,
        blamed=to_blame,
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
        """`frames` as for `measure`; `model` only tells what its graphs take."""
        self._model = model
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
        return [graph_pictures(self._model, data, source, self._driving, _UNROUNDED) for source in self._sources]


def require(parity: Parity, name: str, limit: float = LIMIT) -> None:
    """Raises `ModelError` where the graphs are further from the model than `limit`, in 1/255, and further from it in
    float64 than rounding excuses (`Conditioning.excuses`)."""
    excused = {mode for mode, each in parity.float64.items() if each.excuses(limit)}
    over = {mode: value for mode, value in parity.modes.items() if not value <= limit and mode not in excused}
    if not over:
        return
    worst = max(over, key=lambda mode: over[mode])
    message = f"The exported graphs of {name} differ from PyTorch by {over[worst]:g}/255 in {worst} mode, more than "
    message += f"{limit:g}/255"
    if worst in parity.float64:
        each = parity.float64[worst]
        message += (
            f", and are more than {FACTOR:g} times as far from the model in float64 (at most {each.graphs_max:g}, mean "
            f"{each.graphs_mean:.3g}) as PyTorch is ({each.torch_max:g}, {each.torch_mean:.3g})"
        )
    if worst in parity.blamed:
        message += f'; most of it comes from the graph "{parity.blamed[worst]}"'
    raise ModelError(
        f"{message}; nothing was written; find the step with --without REWRITE, or allow more with --parity-limit."
    )
