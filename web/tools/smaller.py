"""A smaller live size for the page in the browser: the same painter at half the side, in a bundle for the web.

python -m web.tools.smaller checkpoints/trained/faces-lite.safetensors web/public/model

The graphs `source` and `render` of a model for smaller pictures have the weights of those that the bundle has already,
so that their files (`source-128.onnx`) leave these out, and the page puts them together when it opens them. The key
`smaller` of the description, under its seal, says what they are; whoever does not know the key leaves it alone. Motion
is always found in pictures of the full size.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import onnx
from onnx import numpy_helper

from checkpoints.bundle import Bundle, describe_graph
from checkpoints.contract import RENDER, SOURCE
from checkpoints.description import DESCRIPTION, read_json, seal
from checkpoints.errors import ModelError

_OWN = "small."
"""Before the names of what a smaller graph computes itself, so that no weight of the other can have them."""


def add(folder: Path, graphs: Mapping[str, onnx.ModelProto], side: int) -> Bundle:
    """Put `source` and `render` among `graphs`, made for pictures of `side` pixels, into the bundle in `folder`.

    Raises `ModelError` where `folder` holds no bundle, or one whose pictures are not larger.
    """
    bundle = Bundle.load(folder)
    if not side < bundle.resolution:
        raise ModelError(f'The model "{bundle.name}" has pictures of {bundle.resolution} pixels; {side} is no smaller.')
    entries = {}
    for name in (SOURCE, RENDER):
        whole = onnx.load_from_string(bundle.read(name))
        graph = without_weights(_features_alone(graphs[name]) if name == SOURCE else graphs[name], whole)
        data = graph.SerializeToString(deterministic=True)
        takes, gives = ([value.name for value in values] for values in (graph.graph.input, graph.graph.output))
        entries[name] = asdict(describe_graph(f"{name}-{side}.onnx", data, inputs=takes, outputs=gives))
        (folder / entries[name]["file"]).write_bytes(data)
    values = read_json(folder) | {"smaller": {"resolution": side, "graphs": entries}}
    (folder / DESCRIPTION).write_text(seal(values), encoding="utf-8", newline="\n")
    return Bundle.load(folder)


def without_weights(graph: onnx.ModelProto, whole: onnx.ModelProto) -> onnx.ModelProto:
    """`graph` without the constants that `whole` has, too, which it calls by their names there; nothing of shapes.

    Raises `ModelError` for graphs with conditions or loops.
    """
    if any(attribute.HasField("g") for node in graph.graph.node for attribute in node.attribute):
        raise ModelError("The model's graphs hold graphs themselves, whose weights cannot be told apart.")
    there = {_content(weight): weight.name for weight in whole.graph.initializer}
    result = onnx.ModelProto()
    result.CopyFrom(graph)
    outside = {value.name for values in (graph.graph.input, graph.graph.output) for value in values}
    shared = {each.name: there[_content(each)] for each in graph.graph.initializer if _content(each) in there}

    def called(name: str) -> str:
        return name if name in outside or not name else shared.get(name, _OWN + name)

    own = [each for each in result.graph.initializer if each.name not in shared]
    for each in own:
        each.name = called(each.name)
    for node in result.graph.node:
        node.name = ""
        node.input[:] = [called(name) for name in node.input]
        node.output[:] = [called(name) for name in node.output]
    del result.graph.value_info[:]
    kept = [onnx.TensorProto.FromString(each.SerializeToString()) for each in own]
    del result.graph.initializer[:]
    result.graph.initializer.extend(kept)
    return result


def _content(weight: onnx.TensorProto) -> tuple[int, tuple[int, ...], bytes]:
    return weight.data_type, tuple(weight.dims), numpy_helper.to_array(weight).tobytes()


def _features_alone(source: onnx.ModelProto) -> onnx.ModelProto:
    """`source` without what only finds its motion."""
    result = onnx.ModelProto()
    result.CopyFrom(source)
    graph = result.graph
    outputs = [value for value in source.graph.output if value.name.startswith("feature_")]
    wanted = {value.name for value in outputs}
    nodes = []
    for node in reversed(source.graph.node):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            nodes.append(node)
    weights = [each for each in source.graph.initializer if each.name in wanted]
    for field, values in ((graph.output, outputs), (graph.node, nodes[::-1]), (graph.initializer, weights)):
        del field[:]
        field.extend(values)
    return result


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit status."""
    from export.convert import Options, build_graphs
    from export.graphs import export_photo_graphs
    from export.targets import TARGETS
    from export.weights.int16 import halve
    from export.wrappers import example
    from training.checkpoint import load_model

    parser = argparse.ArgumentParser(prog="python -m web.tools.smaller", description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path, help="the bundle, exported for the web")
    parser.add_argument("--side", type=int, help="pixels (default: half of the model's)")
    args = parser.parse_args(arguments)
    side = args.side or Bundle.load(args.folder).resolution // 2
    model, _ = load_model(args.checkpoint)
    options = Options(resolution=side, target="web", opset=TARGETS["web"].opset)
    graphs = build_graphs(model, example(model, side), options, export_photo_graphs)
    bundle = add(args.folder, {name: halve(graphs[name]) for name in (SOURCE, RENDER)}, side)
    sizes = json.loads((args.folder / DESCRIPTION).read_text())["smaller"]["graphs"]
    print(f"{side} pixels: {sum(each['bytes'] for each in sizes.values()) / 1e6:.2f} MB more", file=sys.stderr)
    print(bundle.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
