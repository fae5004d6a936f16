"""Whether 8-bit convolutions pay on this processor: time and looks of a light model's `render` graph.

python -m benchmarks.int8 --json int8.json --sheet int8.png

Convolutions in 8 bits (activations uint8, weights int8 a channel, in 7 bits so that sums cannot overflow on AVX2), the
ranges measured on frames of the bundled clip: all of them, and those alone that paint, not those behind flow and
occlusion. Compared with the graph as it is shipped, all in turn on one thread, on later frames of the clip.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from PIL import Image

from benchmarks.measure import outputs, render_inputs, repeat
from benchmarks.operators import open_graph, session_options
from benchmarks.subjects import TRAINED
from checkpoints.contract import FRAME, IMAGE, MOTION, RENDER, REQUIRED_GRAPHS, SOURCE, feature, is_feature
from checkpoints.errors import BunrakuError
from checkpoints.registry import find_checkpoint
from export.convert import Options, build_graphs
from export.parts import graph_pictures
from export.wrappers import example
from runtime.commands.animate import SAMPLE
from runtime.media.picture import read_square
from runtime.media.video import probe, read_frames
from training.checkpoint import load_model
from training.models.base import MotionModel

CALIBRATED, JUDGED = 12, 8
"""Frames that the ranges are measured on, and later ones that the pictures are compared on."""


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
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(after)


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


def compare(
    model: MotionModel, source: NDArray[np.uint8], clip: NDArray[np.uint8], rounds: int
) -> tuple[list[Trial], NDArray[np.uint8]]:
    """Every trial, and a sheet of their pictures, one row each."""
    given = example(model, model.config.resolution)
    shipped = build_graphs(model, given, Options(weights="fp32"))
    # Winograd's products grow far beyond what 8 bits can tell apart, so its sites stay direct convolutions.
    direct = build_graphs(model, given, Options(weights="fp32", without=("winograd",)))[RENDER]
    feeds = render_feeds(shipped, source, clip)
    ways = {
        "as shipped, 32 bits": shipped[RENDER],
        "all convolutions in 8 bits": quantised(direct, feeds[:CALIBRATED], []),
        "those that paint in 8 bits": quantised(direct, feeds[:CALIBRATED], deciding(direct)),
    }
    sessions = {name: _open(render) for name, render in ways.items()}
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, session in sessions.items():
            least[name] = min(least[name], 1e3 * repeat(lambda: session.run(None, feeds[0]), 0.0).cpu)  # noqa: B023
    pictures = {}
    for name, render in ways.items():
        graphs = {graph: proto.SerializeToString() for graph, proto in {**shipped, RENDER: render}.items()}
        pictures[name] = graph_pictures(model, graphs, source[None], clip[-JUDGED:])["absolute"]
    exact = pictures["as shipped, 32 bits"].astype(int)
    differences = {name: np.abs(each.astype(int) - exact) for name, each in pictures.items()}
    trials = [Trial(name, least[name], int(each.max()), float(each.mean())) for name, each in differences.items()]
    return trials, np.concatenate([np.concatenate(list(each[::3]), 1) for each in pictures.values()])


def main(argv: Sequence[str] | None = None) -> int:
    """0 on success, 2 on bad input."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.int8", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=TRAINED, help="a checkpoint (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=8, help="of the timing (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--sheet", type=Path, help="write a picture here, a row for each of them")
    args = parser.parse_args(argv)
    try:
        model, _ = load_model(find_checkpoint(args.model))
        size, (picture, video) = model.config.resolution, SAMPLE
        source = read_square(picture, size)
        clip = np.stack(list(read_frames(probe(video), size)))[::4][: CALIBRATED + JUDGED]
        trials, sheet = compare(model.eval(), source, clip, args.rounds)
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
