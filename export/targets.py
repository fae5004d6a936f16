"""Where a bundle is to run: what every export for that place has in common, and what does not run there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnx

from checkpoints.errors import ModelError, OptionError


@dataclass(frozen=True)
class Target:
    """A place to run, with the defaults of an export for it; an option that the user gives comes first."""

    opset: int
    weights: str
    """One of `export.weights.int16.CHOICES`."""
    opsets: range
    """Operator sets that run there."""
    volumes: bool
    """Whether grids are sampled in volumes (5-D), too."""
    enlarges: bool
    """Whether pictures may come out larger than they go in."""
    without: tuple[str, ...] = ()
    """Rewrites that do not pay there, by name."""


TARGETS: Mapping[str, Target] = {
    "engine": Target(opset=20, weights="auto", opsets=range(18, 21), volumes=True, enlarges=True),
    # Nobody waits for twice the download for the sake of a difference that the bundle's parity shows to be small. On
    # WebAssembly a convolution is a matrix product, which wastes nothing on few channels: `narrow` costs 5 ms in 75.
    "web": Target(
        opset=19, weights="int16", opsets=range(18, 20), volumes=False, enlarges=False, without=("rows", "narrow")
    ),
}
"""`engine`: ONNX Runtime on the CPU and CUDA; `web`: ONNX Runtime Web in a browser, whose WebGPU kernels sample grids
up to opset 19 and in pictures alone."""


def find_target(name: str) -> Target:
    """The target `name`. Raises `OptionError` for an unknown one."""
    if name not in TARGETS:
        raise OptionError(f"There is no target {name!r}; choose one of {', '.join(TARGETS)}.")
    return TARGETS[name]


def check_sizes(target: Target, size: int, out: int) -> None:
    """Raises `ModelError` where pictures of `size` pixels do not become ones of `out` on `target`."""
    if out != size and not target.enlarges:
        raise ModelError(
            f"The model makes pictures of {out} pixels from ones of {size}, which the page in the browser does not; "
            "export it for the engine."
        )


def check_graphs(target: Target, graphs: Mapping[str, onnx.ModelProto]) -> None:
    """Raises `ModelError` where a graph, its shapes inferred, samples grids in a way that does not run on `target`."""
    for name, model in graphs.items():
        graph = model.graph
        values = [*graph.input, *graph.value_info, *graph.output]
        ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in values}
        sampled = [node.input[0] for node in graph.node if node.op_type == "GridSample"]
        if not target.volumes and any(ranks.get(value, 4) != 4 for value in sampled):
            raise ModelError(f'The graph "{name}" samples volumes, which does not run there; use --grid-sample gather.')
