"""In graphs of half precision, whatever says where to look stays in single precision: grids, what is left of them
between the pixels, and points in space.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
import torch.nn.functional as F
from test_families import SIZE, model
from torch import Tensor, nn
from traced import session

from checkpoints.contract import feature
from export.convert import Options
from export.graphs import trace
from export.parity import Spread
from export.rewrites import grid_gather, simplify
from export.weights.fp16 import lower
from export.weights.int16 import halve


class Shifted(nn.Module):
    """A volume looked up at a grid that moves with the points, as far as is taken from canonical ones."""

    def forward(self, volume: Tensor, canonical: Tensor, points: Tensor) -> Tensor:
        axes = [torch.linspace(-0.9, 0.9, size) for size in (5, 32, 32)]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], -1)
        places = grid + 0.05 * (points + canonical).mean(1)[:, None, None, None]
        volume = torch.cat([volume, volume]) * 0.5
        return F.grid_sample(volume[:1].expand(len(points), -1, -1, -1, -1), places, align_corners=False)


def sampled(model_: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> np.ndarray:
    return session(model_).run(None, feeds)[0]


@pytest.mark.parametrize("gather", [False, True])
def test_places_between_voxels_are_told_apart(gather: bool) -> None:
    """Along 256 voxels half precision tells eighths of one apart; the ramp makes that 1/128 of its largest value."""
    ramp = torch.linspace(-1, 1, 256).expand(1, 2, 6, 40, 256).contiguous()
    canonical, points = torch.randn(1, 4, 3), torch.randn(2, 4, 3)
    given = {feature(0): ramp, feature(1): canonical, "driving_points": points}
    graph = trace(Shifted(), given, ["image"], {"driving_points": "batch"})
    simplify.apply(graph)
    assert grid_gather.apply(graph) == 1 if gather else True
    proto = ir.to_proto(graph)
    lowered = lower(proto)
    assert any(
        node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.FLOAT16 for node in lowered.graph.node
    )
    feeds = {name: value.numpy() for name, value in given.items()}
    apart = np.abs(sampled(lowered, feeds) - sampled(proto, feeds)).max()
    assert 0 < apart < 6e-4  # half a step of what is looked up, at 1/2


@pytest.fixture(scope="module", params=["native", "gather"])
def protos(request, traced) -> dict[str, onnx.ModelProto]:
    """Of a model that moves volumes; volumes are sampled by the operator, or by gathers."""
    built = model("liveportrait")
    found = traced.of(built, SIZE)
    if request.param == "gather":
        graph = ir.from_proto(found["render"])
        assert grid_gather.apply(graph) == 1
        found["render"] = ir.to_proto(graph)
    return found


def computed_in_half(lowered: onnx.ModelProto) -> set[str]:
    """Names of the values that nodes other than casts compute in half precision."""
    nodes = [node for node in lowered.graph.node if node.op_type != "Cast"]
    return {name.removesuffix(".half") for node in nodes for name in node.output if name.endswith(".half")}


def test_points_in_space_are_computed_in_single_precision(protos) -> None:
    """Canonical points are a feature of the source, but no map."""
    render = protos["render"]
    volumes = {feature(0), feature(2)}
    known = {tensor.name for tensor in render.graph.initializer}
    known |= {value.name for value in render.graph.input} - volumes
    of_points = []
    for node in render.graph.node:
        if all(not name or name in known for name in node.input):
            known.update(node.output)
            of_points.append(node.op_type)
    assert {"MatMul", "Exp", "Gemm"} <= {*of_points}  # turned, heat maps, stitched
    halves = computed_in_half(lower(render))
    assert len(halves) > 50
    assert not halves & known


def test_half_precision_goes_without_winograd_s_transforms() -> None:
    names = {step.name for step in Options().rewrites()}
    assert names - {step.name for step in Options(precision="fp16").rewrites()} == {"winograd"}
    assert "norm" not in {step.name for step in Options(precision="fp16", without=("norm",)).rewrites()}


@pytest.mark.parametrize(("store", "most"), [(lower, 0.5), (halve, 0.05)])
def test_pictures_of_moved_volumes_stay_as_they_are_in_16_bits(store, most, protos, pictures) -> None:
    spread = Spread(model("liveportrait"), protos, pictures(SIZE, 2))
    assert 0 < spread({name: store(proto) for name, proto in protos.items()}) < most
