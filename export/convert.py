"""A PyTorch model becomes a bundle: graphs written, rewritten, checked, compared, and only then stored."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx_ir.passes import common

from checkpoints.bundle import Bundle, describe_graph, write_bundle
from checkpoints.contract import FRAMEWISE, RENDER, offered
from checkpoints.errors import ModelError, OptionError
from export.flops import count_gflops
from export.graphs import DEFAULT_OPSET, export_graphs
from export.parity import LIMIT, Parity, Spread, measure, require
from export.rewrites.catalogue import Rewrite, rewrite, select
from export.targets import check_graphs, find_target
from export.tuning import note_of, tune
from export.weights import fp16
from export.weights.fp16 import is_lowered
from export.weights.int16 import CHOICES, choose, halve, is_halved
from export.weights.int16 import LIMIT as HALF_LIMIT
from export.wrappers import Example, example
from training.models.base import MotionModel

PRECISIONS = ("fp32", "fp16")
"""What graphs can be written in; `fp16` is for graphics cards, and falls back to `fp32` graph by graph where it would
show (`export.weights.fp16`)."""

UNKNOWN_LICENCE = "NOASSERTION"
"""SPDX's word for weights whose licence nobody recorded."""


@dataclass(frozen=True)
class Options:
    """How a model is exported."""

    resolution: int = 256
    """Height and width in pixels; a multiple of 32."""
    precision: str = "fp32"
    """What the graphs compute in, one of `PRECISIONS`; in `fp16` the rewrites in `fp16.UNFIT` are left out."""
    weights: str = "auto"
    """What weights are stored in: `int16`, `fp32`, or `auto`, which is `int16` in every graph where that changes no
    picture by 1/255.
    """
    grid_sample: str = "native"
    """`native`: the ONNX operator; `gather`: for runtimes that lack it."""
    opset: int = DEFAULT_OPSET
    """One that runs on the target."""
    without: Collection[str] = ()
    """Rewrites to leave out, by name, besides those that do not pay on the target."""
    target: str = "engine"
    """Where the graphs are to run, one of `export.targets.TARGETS`."""
    tune: bool = False
    """Whether rewrites that do not pay on this machine are left out of the graphs of every frame (`export.tuning`)."""

    def rewrites(self) -> tuple[Rewrite, ...]:
        """The rewrites to apply. Raises `OptionError` where any option is not allowed."""
        if self.precision not in PRECISIONS:
            raise OptionError(f"Precision {self.precision!r} is unknown; choose {', '.join(PRECISIONS)}.")
        if self.weights not in CHOICES:
            raise OptionError(f"Weights cannot be stored as {self.weights!r}; choose {', '.join(CHOICES)}.")
        target = find_target(self.target)
        if self.tune and (self.precision != "fp32" or self.target != "engine"):
            raise OptionError("Tuning measures on this machine's CPU; it goes with neither fp16 nor another target.")
        if self.opset not in target.opsets:
            allowed = f"{target.opsets[0]} to {target.opsets[-1]}"
            raise OptionError(f"Opset {self.opset} does not run on the target {self.target}; choose {allowed}.")
        if self.resolution < 64 or self.resolution % 32:
            raise OptionError(f"Resolution {self.resolution} does not work; choose a multiple of 32 from 64 on.")
        unfit = fp16.UNFIT if self.precision == "fp16" else ()
        return select(self.grid_sample, {*self.without, *target.without, *unfit})


def finish(name: str, graph: ir.Model) -> onnx.ModelProto:
    """A checked protocol buffer that holds nothing but the function: no stack traces, no paths of this
    machine.

    Raises `onnx.checker.ValidationError` where the graph breaks ONNX's rules.
    """
    common.ClearMetadataAndDocStringPass()(graph)
    common.RemoveUnusedOpsetsPass()(graph)
    for step in (common.NameFixPass(), common.ShapeInferencePass()):
        step(graph)
    graph.graph.name, graph.producer_name, graph.producer_version = name, "bunraku", None
    proto = ir.to_proto(graph)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def build_graphs(
    model: MotionModel, given: Example, options: Options, export: Callable[..., dict[str, ir.Model]] = export_graphs
) -> dict[str, onnx.ModelProto]:
    """Serialisable graphs of `model` by name, those that `export` writes, rewritten as `options` say. Raises
    `OptionError` for wrong ones, `ModelError` for graphs that do not run on the target."""
    rewrites = options.rewrites()
    graphs = export(model, given, options.opset)
    finished = {}
    for name, graph in graphs.items():

        def build(chosen: Sequence[Rewrite], name: str = name, graph: ir.Model = graph) -> onnx.ModelProto:
            edited = graph.clone() if options.tune else graph
            rewrite(edited, chosen)
            return finish(name, edited)

        finished[name] = tune(rewrites, build) if options.tune and name in FRAMEWISE else build(rewrites)
    check_graphs(find_target(options.target), finished)
    return finished


def store_weights(
    model: MotionModel,
    protos: Mapping[str, onnx.ModelProto],
    frames: Sequence[NDArray[np.uint8]],
    weights: str,
    precision: str = "fp32",
) -> tuple[dict[str, onnx.ModelProto], float]:
    """The graphs with their weights stored as `weights` says (`Options.weights`), or, with the `precision` "fp16",
    computing in 16 bits where pictures do not change by more than `fp16.LIMIT`; and the largest change that it made
    to a picture, in 1/255 before rounding to bytes.
    """
    if precision == "fp16":
        return choose(protos, Spread(model, protos, frames), fp16.LIMIT, fp16.lower)
    if weights == "fp32":
        return dict(protos), 0.0
    spread = Spread(model, protos, frames)
    if weights == "auto":
        return choose(protos, spread, HALF_LIMIT)
    stored = {name: halve(proto) for name, proto in protos.items()}
    return stored, spread(stored)


def describe(
    name: str,
    model: MotionModel,
    given: Example,
    protos: Mapping[str, onnx.ModelProto],
    data: Mapping[str, bytes],
    gflops: Mapping[str, float],
    training: Mapping[str, Any],
    parity: Parity,
    options: Options,
) -> Bundle:
    """The description of a bundle that is not stored yet."""
    graphs = {
        graph: describe_graph(
            f"{graph}.onnx",
            data[graph],
            inputs=[value.name for value in proto.graph.input],
            outputs=[value.name for value in proto.graph.output],
            precision="fp16" if is_lowered(proto) else "fp32",
            weights="int16" if is_halved(proto) else "fp16" if is_lowered(proto) else "fp32",
            gflops=gflops[graph],
        )
        for graph, proto in protos.items()
    }
    tuned = {graph: note for graph, proto in protos.items() if (note := note_of(proto)) is not None}
    return Bundle(
        name=name,
        family=model.family,
        title=model.title,
        resolution=given.resolution,
        output_resolution=None if given.output_resolution == given.resolution else given.output_resolution,
        motion={name: model.parameter(name, tuple(value.shape[1:])) for name, value in given.driving.items()},
        modes=offered(graphs),
        outputs=graphs[RENDER].outputs,
        graphs=graphs,
        licence=str(training.get("licence") or UNKNOWN_LICENCE),
        parity=parity.to_json() | ({"tuned": tuned} if tuned else {}),
        training={key: value for key, value in training.items() if key not in ("framing", "point_names")},
        views=model.views,
        framing=dict(training.get("framing") or {}),
        structure=_structure(model, given, training),
    )


def _structure(model: MotionModel, given: Example, training: Mapping[str, Any]) -> dict[str, Any]:
    """What the bundle says of the points, where motions have some."""
    if "points" not in given.source:
        return {}
    named = {"names": list(training["point_names"])} if training.get("point_names") else {}
    return {"parts": model.groups or given.source["points"].shape[1], "dead": list(model.dead), **named}


def convert(
    model: MotionModel,
    folder: str | Path,
    frames: Sequence[NDArray[np.uint8]],
    *,
    name: str,
    training: Mapping[str, Any] | None = None,
    options: Options | None = None,
    limit: float = LIMIT,
) -> Bundle:
    """Export `model` (in eval mode) to the bundle `folder` and return what was written.

    `frames` (H, W, 3), at least two of the options' resolution, are what parity is measured on; `training`
    is the checkpoint's provenance. Raises `ModelError`, and writes nothing, where the graphs' pictures
    differ from PyTorch's by more than `limit` of 1/255 and rounding does not excuse it (`export.conditioning`);
    `OptionError` for options that are not allowed.
    """
    options = options or Options()
    sizes = {frame.shape for frame in frames}
    if len(frames) < 2 or sizes != {(options.resolution, options.resolution, 3)}:
        wanted = f"{options.resolution}x{options.resolution}"
        raise OptionError(f"Parity needs two or more pictures of {wanted} pixels, not {sorted(sizes)}.")
    options.rewrites()  # before the long work
    given = example(model, options.resolution)
    protos = build_graphs(model, given, options)
    # Of the graphs as they are now: casts to 16 bits hide shapes from the inference, and change no count.
    gflops = {graph: round(count_gflops(proto), 4) for graph, proto in protos.items()}
    data = {graph: proto.SerializeToString(deterministic=True) for graph, proto in protos.items()}
    first = None
    if options.weights == "int16":  # then the limit is one for the graphs, not for what was asked for
        first = measure(model, data, frames, limit)
        require(first, name, limit)
    protos, change = store_weights(model, protos, frames, options.weights, options.precision)
    data = {graph: proto.SerializeToString(deterministic=True) for graph, proto in protos.items()}
    too_large = [graph for graph, content in data.items() if len(content) >= 2**31]
    if too_large:
        raise ModelError(f"The graph {too_large[0]} of {name} exceeds 2 GB, ONNX's limit; export a smaller model.")
    if first is not None:
        parity = replace(measure(model, data, frames), float64=first.float64)
    else:
        allowed = limit if options.precision == "fp32" else limit + fp16.LIMIT
        parity = measure(model, data, frames, allowed)
        require(parity, name, allowed)
    parity = replace(parity, stored_weights=round(change, 4))
    bundle = describe(name, model, given, protos, data, gflops, training or {}, parity, options)
    return write_bundle(folder, bundle, data)
