"""The painter of `runtime/layers/teeth.py` from the weights that `python -m training.mouths` leaves:

    python -m export.assets.mouth checkpoints/trained/mouth.safetensors runtime/assets/mouth.onnx

Weights are rounded to 8 bits, with a scale for every output channel.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from checkpoints.errors import ModelError
from runtime.layers.teeth import FINER, SIDE
from training.checkpoint import load_tensors
from training.mouths.network import MouthPainter
from training.mouths.train import FAMILY

_ROUNDED = 1024
"""Elements of a weight from which rounding it is worth two nodes."""


class _Graph:
    """Nodes and constants that are added one after another."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def weight(self, name: str, value: np.ndarray) -> str:
        if value.size < _ROUNDED:
            return self.constant(name, value)
        scale = np.abs(value).max(axis=(1, 2, 3), keepdims=True) / 127
        self.constant(f"{name}.rounded", np.rint(value / np.maximum(scale, 1e-12)).astype(np.int8))
        self.node("Cast", [f"{name}.rounded"], f"{name}.cast", to=TensorProto.FLOAT)
        return self.node("Mul", [f"{name}.cast", self.constant(f"{name}.scale", scale.astype(np.float32))], name)


def convert(painter: MouthPainter) -> onnx.ModelProto:
    """The ONNX graph of `painter`.

    In: `mouth` f32 (1, 3, 64, 64) in [0, 1] and `own` f32 (1, 1, 64, 64), as `MouthPainter.forward` has them. Out:
    `layer` f32 (1, 128, 128, 4), enlarged by cubic interpolation: colours up to 255, and how much of them there is.
    """
    state = {name: value.numpy() for name, value in painter.state_dict().items()}
    graph = _Graph()
    rows = np.broadcast_to(np.linspace(-1, 1, SIDE, dtype=np.float32)[:, None], (1, 1, SIDE, SIDE))
    graph.node("Mul", ["mouth", graph.constant("two", np.float32(2))], "doubled")
    graph.node("Sub", ["doubled", graph.constant("one", np.float32(1))], "centred")
    graph.node("Concat", ["centred", "own", graph.constant("rows", rows)], "seen", axis=1)

    def conv(value: str, name: str, stride: int = 1, relu: bool = True) -> str:
        inputs = [value, graph.weight(f"{name}.weight", state[f"{name}.weight"])]
        inputs.append(graph.constant(f"{name}.bias", state[f"{name}.bias"]))
        found = graph.node("Conv", inputs, f"{name}.out", pads=[1, 1, 1, 1], strides=[stride, stride])
        return graph.node("Relu", [found], f"{name}.relu") if relu else found

    def joined(coarse: str, fine: str, name: str) -> str:
        doubled = graph.node("Resize", [coarse, "", "scales"], f"{name}.up", **nearest)
        return graph.node("Concat", [doubled, fine], f"{name}.both", axis=1)

    nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    graph.constant("scales", np.array([1, 1, 2, 2], np.float32))
    one = conv(conv(_folded(graph, "seen"), "first.0.0"), "first.1.0")
    two = conv(conv(one, "second.0.0", 2), "second.1.0")
    three = conv(conv(two, "third.0.0", 2), "third.1.0")
    two = conv(joined(three, two, "up_second"), "up_second.0")
    one = conv(conv(joined(two, one, "up_first"), "up_first.0.0"), "up_first.1.0")
    folded = conv(one, "paint", relu=False)
    graph.node("DepthToSpace", [folded], "open", blocksize=2, mode="CRD")
    graph.node("Sigmoid", ["open"], "painted")
    graph.constant("finer", np.array([1, 1, FINER, FINER], np.float32))
    graph.node("Resize", ["painted", "", "finer"], "enlarged", mode="cubic", cubic_coeff_a=-0.5)
    graph.node("Clip", ["enlarged", graph.constant("zero", np.float32(0)), "one"], "clipped")
    graph.node("Transpose", ["clipped"], "last", perm=[0, 2, 3, 1])
    graph.node("Mul", ["last", graph.constant("white", np.array([255, 255, 255, 1], np.float32))], "layer")
    return _assembled(graph)


def _folded(graph: _Graph, value: str) -> str:
    """`value` (1, 5, S, S) with squares of 2 x 2 pixels as channels, in the order of PyTorch's `pixel_unshuffle`."""
    half = SIDE // 2
    apart = graph.constant("apart", np.array([1, 5, half, 2, half, 2], np.int64))
    graph.node("Reshape", [value, apart], "squares")
    graph.node("Transpose", ["squares"], "turned", perm=[0, 1, 3, 5, 2, 4])
    return graph.node("Reshape", ["turned", graph.constant("flat", np.array([1, 20, half, half], np.int64))], "folded")


def _assembled(graph: _Graph) -> onnx.ModelProto:
    def value(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    whole = helper.make_graph(
        graph.nodes,
        "teeth",
        [value("mouth", 1, 3, SIDE, SIDE), value("own", 1, 1, SIDE, SIDE)],
        [value("layer", 1, SIDE * FINER, SIDE * FINER, 4)],
        graph.constants,
    )
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    model.doc_string = "Bunraku's painter of teeth (training.mouths)"
    onnx.checker.check_model(model, full_check=True)
    return model


def load_painter(path: Path) -> MouthPainter:
    """With the weights in `path`. Raises `ModelError` as `load_tensors` does, and for weights of something else."""
    painter, (tensors, about) = MouthPainter(), load_tensors(path)
    if about.get("kind") != FAMILY:
        raise ModelError(f"{path}: holds no painter of mouths; give what python -m training.mouths has left.")
    painter.load_state_dict(tensors)
    return painter.eval()


if __name__ == "__main__":
    onnx.save(convert(load_painter(Path(sys.argv[1]))), sys.argv[2])
