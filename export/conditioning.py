"""How far rounding alone takes a model: PyTorch and the graphs against the same weights in float64.

Some weights make much of a little: where a spline's points lie nearly on a line, or two axes are nearly equal, the last
bits of float32 decide where a picture is looked up, in PyTorch as in the graphs. The distance of the two says nothing
then; the distance of each from float64 does.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from checkpoints.contract import NEEDS, REQUIRED_GRAPHS, SOURCE
from export.parts import Arrays, Bytes, GraphParts, Parts, TorchParts, pictures, torch_pictures
from training.models.base import MotionModel

FACTOR = 3.0
"""How many times as far from float64 as PyTorch graphs may be: two roundings of one size differ by that much; a wrong
graph is many times further away in the mean."""

SLACK = 0.01
"""Mean distance, in 1/255, that graphs may have in any case."""


@dataclass(frozen=True)
class Conditioning:
    """Distances from the model's pictures in float64, in 1/255."""

    torch_max: float
    torch_mean: float
    graphs_max: float
    graphs_mean: float

    def excuses(self, limit: float) -> bool:
        """Whether the graphs, though further than `limit` from PyTorch, are as near to the truth as PyTorch is: within
        `limit` and `FACTOR` times its distance, and the same in the mean."""
        return (
            self.graphs_max <= limit + FACTOR * self.torch_max and self.graphs_mean <= SLACK + FACTOR * self.torch_mean
        )

    def worse(self, other: Conditioning | None) -> Conditioning:
        """Of the two, that whose graphs are further away."""
        return self if other is None or self.graphs_mean >= other.graphs_mean else other

    def to_json(self) -> dict[str, float]:
        """For the key `parity.float64` of `bundle.json`."""
        return {name: round(value, 6) for name, value in vars(self).items()}


class _InFloat64(TorchFunctionMode):
    """Where a model asks for float32, which it does to have more than mixed precision, it is given float64."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is Tensor.float:
            return args[0].double()
        swap = {torch.float32: torch.float64}
        args = tuple(swap.get(each, each) if isinstance(each, torch.dtype) else each for each in args)
        kwargs = {
            name: swap.get(each, each) if isinstance(each, torch.dtype) else each
            for name, each in (kwargs or {}).items()
        }
        return func(*args, **kwargs)


@contextmanager
def in_float64(model: MotionModel) -> Iterator[MotionModel]:
    """A copy of `model` whose weights, inputs and all between are float64 while the context lasts."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _InFloat64():
            yield copy.deepcopy(model).double()
    finally:
        torch.set_default_dtype(before)


def against_float64(
    model: MotionModel, source: Bytes, driving: Bytes, found: Mapping[str, tuple[Bytes, Bytes]]
) -> dict[str, Conditioning]:
    """By mode, how far the pictures of PyTorch and of the graphs, `found` in this order, are from those in float64."""
    if not found:
        return {}
    with in_float64(model) as exact:
        wanted = torch_pictures(exact, source, driving, list(found))
    return {mode: Conditioning(*_apart(ours, wanted[mode]), *_apart(theirs, wanted[mode]))
            for mode, (ours, theirs) in found.items()}  # fmt: skip


def _apart(found: Bytes, wanted: Bytes) -> tuple[float, float]:
    difference = np.abs(found.astype(np.int16) - wanted.astype(np.int16))
    return float(difference.max()), float(difference.mean())


class _Mixed:
    """PyTorch, but for one graph."""

    def __init__(self, model: TorchParts, graphs: GraphParts, chosen: str) -> None:
        self._model, self._graphs, self._chosen = model, graphs, chosen

    def run(self, graph: str, values: Mapping[str, NDArray[Any]]) -> Arrays:
        if graph != self._chosen:
            return self._model.run(graph, values)
        found = self._graphs.run(graph, values)
        # A graph lacks what none of the others reads, and PyTorch takes everything.
        return self._model.run(graph, values) | found if graph == SOURCE else found


def blamed(model: MotionModel, graphs: Mapping[str, bytes], source: Bytes, driving: Bytes, mode: str) -> str:
    """The graph that, alone among PyTorch's parts, moves the pictures of `mode` furthest in the mean."""
    ours, theirs = TorchParts(model), GraphParts(graphs)
    wanted = pictures(model, ours, [mode], source, driving)[mode]
    asked = [*REQUIRED_GRAPHS, *([NEEDS[mode]] if mode in NEEDS else [])]

    def moved(graph: str) -> float:
        mixed: Parts = _Mixed(ours, theirs, graph)
        return _apart(pictures(model, mixed, [mode], source, driving)[mode], wanted)[1]

    return max(asked, key=moved)
