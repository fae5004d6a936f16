"""LivePortrait's graphs in the published size, by ONNX Runtime, against numbers of the published implementation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from golden_data import liveportrait_state, shared
from numpy.typing import NDArray

from checkpoints.contract import FRAME, IMAGE, MOTION, RENDER, SOURCE, feature
from export.convert import Options, finish
from export.graphs import export_graphs
from export.parity import unrounded
from export.parts import GraphParts, pictures
from export.rewrites.catalogue import rewrite
from export.weights import fp16, int16
from export.wrappers import example
from training.config import load_config
from training.models.base import MotionModel
from training.models.liveportrait.published import NETWORKS, RETARGETING, folded, stripped
from training.models.registry import build

pytestmark = [pytest.mark.slow, pytest.mark.published, pytest.mark.timeout(3600)]
Graphs = dict[str, onnx.ModelProto]


@pytest.fixture(scope="module")
def arrays() -> dict[str, NDArray]:
    return shared("liveportrait")[1]


@pytest.fixture(scope="module")
def model() -> MotionModel:
    built = build("liveportrait", load_config("liveportrait").model)
    for component in (*NETWORKS, *RETARGETING):
        state = folded(stripped(liveportrait_state(component)))
        built.get_submodule(component).load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
    return built.eval()


@pytest.fixture(scope="module")
def finished(model) -> Callable[[str], Graphs]:
    """The graphs, traced once, as they are for a precision before anything is stored in it."""
    traced = export_graphs(model, example(model, 256))

    def rewritten(precision: str) -> Graphs:
        copies = {name: graph.clone() for name, graph in traced.items()}
        for copy in copies.values():
            rewrite(copy, Options(precision=precision).rewrites())
        return {name: finish(name, copy) for name, copy in copies.items()}

    return rewritten


@pytest.fixture(scope="module")
def graphs(finished) -> Graphs:
    return finished("fp32")


def parts_of(graphs: Graphs) -> GraphParts:
    return GraphParts({name: proto.SerializeToString() for name, proto in graphs.items()})


def apart(found: NDArray, wanted: NDArray) -> float:
    return float(np.abs(found.astype(np.float64) - wanted).max())


def test_source_and_motion_are_the_publication_s(graphs, arrays) -> None:
    parts = parts_of({name: graphs[name] for name in (SOURCE, MOTION)})
    source = parts.run(SOURCE, {IMAGE: arrays["source"][None]})
    volume = source[feature(2)][0]
    assert apart(volume[:, 2::4, 4::8, 4::8], arrays["feature_sub"]) < 1e-4
    assert apart(volume.mean((2, 3)), arrays["feature_mean"]) < 1e-5
    assert apart(source[feature(1)].reshape(-1), arrays["source_raw_kp"]) < 5e-6
    for role, found in (("source", source), ("driving", parts.run(MOTION, {FRAME: arrays["driving"]}))):
        assert apart(found["rotation"].reshape(arrays[f"{role}_R"].shape), arrays[f"{role}_R"]) < 2e-6
        for name, raw in (("expression", "exp"), ("scale", "scale"), ("translation", "t")):
            wanted = arrays[f"{role}_raw_{raw}"]
            assert apart(found[name].reshape(wanted.shape), wanted) < 5e-6, (role, name)


@pytest.fixture(scope="module")
def painted(model, graphs, arrays) -> Callable[[Graphs, str, str], NDArray]:
    """An output of `render` for both driving frames: stitched, the first of them being that of no motion."""

    def paint(changed: Graphs, mode: str, output: str = "unrounded") -> NDArray:
        everything = {**graphs, **changed}
        parts = parts_of({**everything, RENDER: unrounded(everything[RENDER])})
        return pictures(model, parts, [mode], arrays["source"][None], arrays["driving"], (2,), output)[mode]

    return paint


def differences(found: NDArray, arrays: dict[str, NDArray], which: str) -> tuple[float, float]:
    """Largest and mean difference of a picture (3, 512, 512) in [0, 255] from the publication's, in 1/255."""
    delta = np.abs(found[:, 4::8, 4::8].astype(np.float64) - 255 * arrays[f"{which}_prediction_sub"])
    return float(delta.max()), float(delta.mean())


def test_pictures_are_the_publication_s(painted, arrays) -> None:
    relative, absolute = painted({}, "relative")[1], painted({}, "absolute")[0]
    for found, which in ((relative, "relative_f1"), (absolute, "absolute_f0")):
        largest, mean = differences(found, arrays, which)
        print(which, largest, mean)
        assert largest < 0.1
        assert mean < 0.01
    whole = arrays["relative_f1_prediction"].astype(np.float64)  # which has 16 bits
    assert apart(relative, 255 * whole) < 0.25
    mirrored = differences(relative[..., ::-1], arrays, "relative_f1")
    assert min(mirrored) > 1  # what the limits would say of another picture


def test_what_is_hidden_is_the_publication_s(painted, arrays) -> None:
    assert apart(painted({}, "relative", "occlusion")[1], arrays["relative_f1_occlusion"]) < 1e-5


def test_16_bits_stay_near_the_publication(graphs, painted, arrays) -> None:
    stored = {name: int16.halve(proto) for name, proto in graphs.items()}
    largest, mean = differences(painted(stored, "relative")[1], arrays, "relative_f1")
    print("int16", largest, mean)
    assert largest < int16.LIMIT
    assert mean < 0.05


def test_half_precision_stays_near_the_publication(finished, painted, arrays) -> None:
    """Of what is computed every frame; the others `choose` leaves in single precision where they move too much."""
    lowered = {RENDER: fp16.lower(finished("fp16")[RENDER])}
    largest, mean = differences(painted(lowered, "relative")[1], arrays, "relative_f1")
    print("fp16", largest, mean)
    assert largest < fp16.LIMIT
    assert mean < 0.15
