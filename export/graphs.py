"""A model becomes four ONNX graphs with the names and shapes of the contract (docs/contract.md)."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import onnx_ir as ir
import torch
from torch import Tensor, nn

from checkpoints.contract import DISENTANGLE, FRAME, IMAGE, MOTION, RENDER, SOURCE, feature, is_per_frame, of
from export.wrappers import DisentangleGraph, Example, MotionGraph, RenderGraph, SourceGraph, pack, switches, unpack
from training.models.base import MotionModel

DEFAULT_OPSET = 20
"""The first with the current `GridSample`; every ONNX Runtime that the engine supports runs it."""


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter reports absent optional packages and its own deprecations; neither concerns the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def trace(
    module: nn.Module,
    inputs: dict[str, Tensor],
    outputs: list[str],
    dynamic: Mapping[str, str] | None = None,
    opset: int = DEFAULT_OPSET,
) -> ir.Model:
    """Export `module`, called with the values of `inputs` in order.

    `dynamic` gives the first dimension of the inputs it names a name, and with it any size; every other size
    is fixed. Inputs that the function does not read are dropped from the graph.
    """
    dynamic = dynamic or {}
    sizes = {name: torch.export.Dim(name) for name in set(dynamic.values())}
    shapes = tuple({0: sizes[dynamic[name]]} if name in dynamic else None for name in inputs)
    arguments = tuple(inputs.values())
    variadic = any(parameter.startswith("*") for parameter in _signature(module))
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            module.eval(),
            arguments,
            dynamo=True,
            opset_version=opset,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes=(shapes,) if variadic else shapes,
            external_data=False,
            verbose=False,
            optimize=False,  # it would lose small constants; see export.rewrites.simplify
        )
    if program is None:
        raise RuntimeError(f"the exporter returned nothing for {type(module).__name__}")
    model: ir.Model = program.model
    for value in [value for value in model.graph.inputs if not value.uses()]:
        model.graph.inputs.remove(value)
    return model


def _signature(module: nn.Module) -> list[str]:
    import inspect

    return [str(parameter) for parameter in inspect.signature(module.forward).parameters.values()]


def _both(example: Example, names: tuple[str, ...]) -> dict[str, Tensor]:
    given = [{name: values[name] for name in names} for values in (example.source, example.driving)]
    return of("source", given[0]) | of("driving", given[1])


def export_render(model: MotionModel, example: Example, opset: int = DEFAULT_OPSET) -> ir.Model:
    """The `render` graph alone, as in `export_graphs`."""
    names = tuple(example.driving)
    inputs = {feature(index): map_ for index, map_ in enumerate(example.features)}
    inputs |= _both(example, names) | switches(model, len(next(iter(example.driving.values()))))
    dynamic = {name: "batch" for name in inputs if is_per_frame(name)}
    if model.views == "many":
        dynamic |= {name: "views" for name in inputs if name not in {*dynamic, *model.switches}}
    module = RenderGraph(model, len(example.features), names)
    return trace(module, inputs, list(model.outputs), dynamic, opset)


def _is_own(model: MotionModel, name: str) -> bool:
    """Whether the array `name` of a motion is the driving frame's own in every mode."""
    return model.kinds[name] == "covariance"


def _source(model: MotionModel, example: Example, render: ir.Model, opset: int) -> ir.Model:
    """Gives what `render` reads of the source, and what driving modes need."""
    wanted = {value.name for value in render.graph.inputs}
    names = tuple(name for name in example.source if not _is_own(model, name) or f"source_{name}" in wanted)
    features = [feature(index) for index in range(len(example.features))]
    size = example.resolution
    image = torch.zeros(len(example.features[0]), size, size, 3, dtype=torch.uint8)
    dynamic = {IMAGE: "views"} if model.views == "many" else {}
    graph = trace(SourceGraph(model, names), {IMAGE: image}, [*names, *features], dynamic, opset)
    for value in [v for v in graph.graph.outputs if v.name in features and v.name not in wanted]:
        graph.graph.outputs.remove(value)
    return graph


def _disentangle(model: MotionModel, example: Example, opset: int) -> ir.Model:
    """Takes all that is not a frame's own; what it gives depends on the family."""
    names = tuple(name for name in example.driving if not _is_own(model, name))
    # Of several views it is the first, the source itself, whose shape is kept.
    source = {name: example.source[name][:1] for name in names}
    driving = {name: example.driving[name] for name in names}
    with torch.no_grad():
        outputs = list(pack(model.disentangle(unpack(source), unpack(driving))))
    inputs = of("source", source) | of("driving", driving)
    dynamic = of("driving", dict.fromkeys(names, "batch"))
    return trace(DisentangleGraph(model, names), inputs, outputs, dynamic, opset)


def export_photo_graphs(model: MotionModel, example: Example, opset: int = DEFAULT_OPSET) -> dict[str, ir.Model]:
    """The graphs `source` and `render` alone, as in `export_graphs`."""
    render = export_render(model, example, opset)
    return {SOURCE: _source(model, example, render, opset), RENDER: render}


def export_graphs(model: MotionModel, example: Example, opset: int = DEFAULT_OPSET) -> dict[str, ir.Model]:
    """All graphs of `model` as the exporter writes them, not yet rewritten; `model` must be in eval mode.

    Keys: `source`, `motion`, `render`, and `disentangle` where the model has such a network.
    """
    photo = export_photo_graphs(model, example, opset)
    size = example.resolution
    frames = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    motions = [*example.driving, *example.structure]
    graphs = {
        SOURCE: photo[SOURCE],
        MOTION: trace(MotionGraph(model), {FRAME: frames}, motions, {FRAME: "batch"}, opset),
        RENDER: photo[RENDER],
    }
    if model.has_disentangle:
        graphs[DISENTANGLE] = _disentangle(model, example, opset)
    return graphs
