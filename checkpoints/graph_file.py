"""The graph files of a bundle: their bytes, verified, and whether they are what the description says of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from checkpoints.contract import FRAME, IMAGE, MOTION, RENDER, ROLES
from checkpoints.errors import ModelError
from checkpoints.onnx_file import Shape, has_external_data, signature

if TYPE_CHECKING:
    from checkpoints.bundle import Bundle, Graph


def read_graph(path: Path, graph: Graph) -> bytes:
    """The bytes of the file `path`, which are those that `graph` describes. Raises `ModelError` where they are not."""
    try:
        fits = not path.exists() or (path.is_file() and path.stat().st_size == graph.bytes)
        model = b""
        if fits:  # the size is right before any memory is taken
            with path.open("rb") as file:
                model = file.read(graph.bytes + 1)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); fetch or export the model again.") from error
    if len(model) != graph.bytes or hashlib.sha256(model).hexdigest() != graph.sha256:
        raise ModelError(f"{path} is damaged or incomplete (size or hash differ); fetch or export the model again.")
    return model


def check_graph(bundle: Bundle, name: str, path: Path) -> None:
    """Raises `ModelError` when the file `path` is not the graph `name` of `bundle`: another content, no ONNX graph,
    data outside of the file, or inputs and outputs that the description does not fit.
    """
    graph = bundle.graphs[name]
    model = read_graph(path, graph)
    try:
        external = has_external_data(model)
        takes, gives = signature(model)
    except ValueError as error:
        raise ModelError(f"{path} is not an ONNX graph ({error}); export the model again.") from error
    if external:
        raise ModelError(f"{path} refers to data outside its file; export the model into single files.")
    wrong = [key for key, fits in _fitting(bundle, name, takes, gives).items() if not fits]
    if wrong:
        raise ModelError(f"{path} does not fit its description ({', '.join(wrong)}); fetch or export the model again.")


def _fitting(bundle: Bundle, name: str, takes: dict[str, Shape], gives: dict[str, Shape]) -> dict[str, bool]:
    """What the description says, and whether the graph `name` with these inputs and outputs is so."""
    graph, both = bundle.graphs[name], {**takes, **gives}
    pictures = [both[key] for key in (IMAGE, FRAME) if key in both]
    side = bundle.side_out if name == RENDER else bundle.resolution
    carried = {**takes, **({} if name == RENDER else gives)}
    motions = {key: shape for key, shape in carried.items() if _parameter(key) in bundle.motion}
    foreign = [key for key in takes if key.startswith(ROLES) and key not in motions]
    lacking = set(bundle.motion) - set(gives) if name == MOTION else set()
    return {
        "inputs": set(graph.inputs) <= set(takes),
        "outputs": set(graph.outputs) <= set(gives) and (name != RENDER or set(bundle.outputs) <= set(gives)),
        "resolution": all(_may_be(shape, (None, side, side, 3)) for shape in pictures),
        "motion": not foreign
        and not lacking
        and all(_may_be(shape, (None, *bundle.motion[_parameter(key)].shape)) for key, shape in motions.items()),
    }


def _parameter(key: str) -> str:
    """The name of the parameter that an input or output called `key` would hold, whosever it is."""
    return next((key.removeprefix(role) for role in ROLES if key.startswith(role)), key)


def _may_be(shape: Shape, wanted: Shape) -> bool:
    """Whether nothing in `shape` is another number than in `wanted`; what is not declared may be anything."""
    if not shape:
        return True
    return len(shape) == len(wanted) and all(
        None in pair or pair[0] == pair[1] for pair in zip(shape, wanted, strict=True)
    )
