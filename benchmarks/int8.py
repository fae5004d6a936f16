"""Whether 8-bit convolutions pay on this processor: time and looks of a model's `render` graph.

python -m benchmarks.int8 --json int8.json --sheet int8.png
python -m benchmarks.int8 --subject tpsmm-full --calibrated 4 --judged 2 --rounds 3

Convolutions in 8 bits (activations uint8, weights int8 a channel, in 7 bits where sums could overflow, which VNNI
rules out), the ranges measured on frames of the bundled clip: all of them, and those alone that paint, not those behind
flow and occlusion. Compared with the graph as it is shipped, all in turn on one thread, on later frames of the clip.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from PIL import Image

from benchmarks.measure import in_turn, outputs, render_inputs
from benchmarks.subjects import CONFIGURATIONS, TRAINED, default_cache, load_traced, subject
from checkpoints.contract import FRAME, IMAGE, MOTION, RENDER, REQUIRED_GRAPHS, SOURCE, feature, is_feature
from checkpoints.errors import BunrakuError
from checkpoints.registry import find_checkpoint
from export.convert import Options, build_graphs, finish
from export.parts import graph_pictures
from export.rewrites.catalogue import rewrite, select
from export.timing import open_graph, session_options
from export.wrappers import example
from runtime.commands.animate import SAMPLE
from runtime.media.picture import read_square
from runtime.media.video import probe, read_frames
from training.checkpoint import load_model
from training.models.base import MotionModel

CALIBRATED, JUDGED = 12, 8
"""Frames that the ranges are measured on, and later ones that the pictures are compared on."""
Graphs = dict[str, onnx.ModelProto]


class _Feeds(CalibrationDataReader):
    """Inputs of `render` for a number of frames."""

    def __init__(self, feeds: Sequence[dict[str, NDArray[Any]]]) -> None:
        self._left: Iterator[dict[str, NDArray[Any]]] = iter(feeds)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._left, None)


def render_feeds(
    graphs: dict[str, onnx.ModelProto], source: NDArray[np.uint8], driving: NDArray[np.uint8]
) -> list[dict[str, NDArray[Any]]]:
    """What `render` is fed for each driving frame in absolute mode."""
    opened = {name: _open(graphs[name]) for name in REQUIRED_GRAPHS}
    encoded = outputs(opened[SOURCE], {IMAGE: source[None]})
    return [render_inputs(opened[RENDER], encoded, outputs(opened[MOTION], {FRAME: frame[None]})) for frame in driving]


def _open(proto: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return open_graph(proto.SerializeToString(), session_options(1))


def deciding(render: onnx.ModelProto) -> list[str]:
    """The convolutions, by name, that flow and occlusion come from: they see the reduced source, the first of TPSMM's
    features, and none of the others."""
    painting = {value.name for value in render.graph.input if is_feature(value.name)} - {feature(0)}
    found = []
    for node in render.graph.node:  # in the order of computation
        if painting.intersection(node.input):
            painting.update(node.output)
        elif node.op_type == "Conv":
            found.append(node.name)
    return found


def quantised(
    render: onnx.ModelProto, feeds: Sequence[dict[str, NDArray[Any]]], kept: Sequence[str]
) -> onnx.ModelProto:
    """`render` with its convolutions in 8 bits, but those named in `kept`."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(render, before)
        quantize_static(
            before,
            after,
            _Feeds(feeds),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=list(kept),
            per_channel=True,
            reduce_range=not has_vnni(),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(after)


def has_vnni() -> bool:
    """Whether the processor adds up products of bytes in 32 bits; others do so in 16."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text(encoding="utf-8").split() if cpuinfo.is_file() else []
    return not {"avx512_vnni", "avx_vnni"}.isdisjoint(flags)


@dataclass(frozen=True)
class Trial:
    """One way to compute `render`."""

    name: str
    milliseconds: float
    """Processor time a frame, one thread."""
    largest_difference: int
    """Of a byte, against the graph as shipped."""
    mean_difference: float
    """In 1/255."""


# Winograd's products grow far beyond what 8 bits can tell apart, so its sites stay direct convolutions.
_WITHOUT = ("winograd",)


def of_checkpoint(checkpoint: str) -> tuple[MotionModel, Graphs, onnx.ModelProto]:
    """A trained model, its graphs, and `render` with convolutions that can be in 8 bits."""
    model = load_model(find_checkpoint(checkpoint))[0].eval()
    given = example(model, model.config.resolution)
    shipped = build_graphs(model, given, Options(weights="fp32"))
    return model, shipped, build_graphs(model, given, Options(weights="fp32", without=_WITHOUT))[RENDER]


def of_subject(name: str) -> tuple[MotionModel, Graphs, onnx.ModelProto]:
    """The same of a model of random weights that the other benchmarks measure."""
    chosen = subject(name, default_cache())
    shipped = {graph: onnx.load_from_string(chosen.bundle.read(graph)) for graph in chosen.bundle.graphs}
    direct = load_traced(chosen.traced, RENDER)
    rewrite(direct, select(without=_WITHOUT))
    return chosen.model, shipped, finish(RENDER, direct)


def compare(
    model: MotionModel,
    shipped: Graphs,
    direct: onnx.ModelProto,
    source: NDArray[np.uint8],
    clip: NDArray[np.uint8],
    judged: int,
    rounds: int,
) -> tuple[list[Trial], NDArray[np.uint8]]:
    """Every trial, and a sheet of their pictures, one row each; ranges are measured on all of the `clip` but the last
    `judged` frames, which the pictures are of.
    """
    feeds = render_feeds(shipped, source, clip)
    calibrated = feeds[: len(clip) - judged]
    ways = {
        "as shipped, 32 bits": shipped[RENDER],
        "all convolutions in 8 bits": quantised(direct, calibrated, []),
        "those that paint in 8 bits": quantised(direct, calibrated, deciding(direct)),
    }
    sessions = {name: _open(render) for name, render in ways.items()}
    calls = {name: partial(session.run, None, feeds[0]) for name, session in sessions.items()}
    times = in_turn(calls, 0.0, rounds)
    pictures = {}
    for name, render in ways.items():
        graphs = {graph: proto.SerializeToString() for graph, proto in {**shipped, RENDER: render}.items()}
        pictures[name] = graph_pictures(model, graphs, source[None], clip[-judged:])["absolute"]
    exact = pictures["as shipped, 32 bits"].astype(int)
    differences = {name: np.abs(each.astype(int) - exact) for name, each in pictures.items()}
    trials = [
        Trial(name, 1e3 * times[name].cpu, int(each.max()), float(each.mean())) for name, each in differences.items()
    ]
    return trials, np.concatenate([np.concatenate(list(each[::3]), 1) for each in pictures.values()])


def main(argv: Sequence[str] | None = None) -> int:
    """0 on success, 2 on bad input."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.int8", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=TRAINED, help="a checkpoint (default: %(default)s)")
    parser.add_argument("--subject", choices=CONFIGURATIONS, help="a model of random weights in its place")
    parser.add_argument("--rounds", type=int, default=8, help="of the timing (default: %(default)s)")
    parser.add_argument("--calibrated", type=int, default=CALIBRATED, help="frames for ranges (default: %(default)s)")
    parser.add_argument("--judged", type=int, default=JUDGED, help="frames that are compared (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--sheet", type=Path, help="write a picture here, a row for each of them")
    args = parser.parse_args(argv)
    try:
        model, shipped, direct = of_subject(args.subject) if args.subject else of_checkpoint(args.model)
        size, (picture, video) = model.config.resolution, SAMPLE
        source = read_square(picture, size)
        clip = np.stack(list(read_frames(probe(video), size)))[::4][: args.calibrated + args.judged]
        trials, sheet = compare(model, shipped, direct, source, clip, args.judged, args.rounds)
    except BunrakuError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("| render | ms a frame | largest difference, 1/255 | mean |\n|---|---|---|---|")
    for each in trials:
        print(f"| {each.name} | {each.milliseconds:.1f} | {each.largest_difference} | {each.mean_difference:.3f} |")
    if args.json:
        args.json.write_text(json.dumps([asdict(each) for each in trials], indent=1) + "\n", encoding="utf-8")
    if args.sheet:
        Image.fromarray(sheet).save(args.sheet)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
