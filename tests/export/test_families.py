"""Every family exports through the same wrappers: contract, batches and parity, on small networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import onnx
import pytest
import torch
from small_models import CASES, FIRST_ORDER, SIZE, model, side
from traced import session

from checkpoints.contract import SWITCHES, is_per_frame
from export.parity import measure
from export.parts import graph_pictures, torch_pictures
from export.wrappers import example, to_float
from training.models.registry import FAMILIES, build


@pytest.fixture(scope="session")
def graphs(traced) -> Callable[[str], dict[str, onnx.ModelProto]]:
    """Of a case, rewritten as by default."""
    return cache(lambda case: traced.of(model(case), side(case)))


def inputs(proto: onnx.ModelProto) -> dict[str, list[int | str]]:
    return {
        value.name: [dim.dim_value or dim.dim_param for dim in value.type.tensor_type.shape.dim]
        for value in proto.graph.input
    }


def test_every_family_is_tested() -> None:
    assert {family for family, _ in CASES.values()} == set(FAMILIES)


@pytest.mark.parametrize("case", CASES)
def test_contract(case: str, graphs) -> None:
    found = graphs(case)
    has = example(model(case), side(case))
    assert list(inputs(found["source"])) == ["image"]
    outputs = [value.name for value in found["source"].graph.output]
    wanted = inputs(found["render"])
    # Whatever render asks of the source, source gives.
    assert {name for name in wanted if name.startswith("feature_")} == {
        name for name in outputs if name.startswith("feature_")
    }
    for name in model(case).kinds:
        assert (name in [value.name for value in found["motion"].graph.output]) == (name in has.driving)
        if f"source_{name}" in wanted:
            assert name in outputs
    views = 1 if model(case).views == "one" else "views"
    for name in {*model(case).kinds} - {"jacobians", "covariances"}:  # of which nothing may depend on the source's
        assert wanted[f"driving_{name}"] == ["batch", *has.driving[name].shape[1:]]
        assert wanted[f"source_{name}"] == [views, *has.source[name].shape[1:]]
    for name in model(case).switches:
        assert wanted[name] == [*(["batch"] if is_per_frame(name) else []), len(SWITCHES[name])]
    assert inputs(found["source"])["image"] == [views, side(case), side(case), 3]
    assert [value.name for value in found["render"].graph.output] == list(model(case).outputs)
    assert ("disentangle" in found) == model(case).has_disentangle


@pytest.mark.parametrize("case", CASES)
def test_parity_in_every_mode(case: str, graphs, pictures) -> None:
    data = {name: proto.SerializeToString() for name, proto in graphs(case).items()}
    parity = measure(model(case), data, pictures(side(case), 6))
    assert parity.frames == 5
    assert len(parity.views) == (1 if model(case).views == "one" else 3)
    assert parity.max_abs_difference <= 1
    assert parity.mean_abs_difference < 0.01
    assert ("disentangled" in parity.modes) == ("disentangle" in data)


def test_what_render_is_told_counts_the_same_in_graphs(graphs, pictures) -> None:
    """Stitching by itself, and all at once, frame by frame."""
    built, frames = model("liveportrait"), np.stack(pictures(SIZE, 3))
    data = {name: proto.SerializeToString() for name, proto in graphs("liveportrait").items()}
    here, wide = np.ones((2, 1)), np.array([[0.0], [0.6]])
    everything = {
        "stitching": np.array([0.3]),
        "lip_opening": np.concatenate([0.3 * here, wide, here], 1),
        "eye_opening": np.concatenate([0.35 * here, 0.25 * here, wide, 0.5 * here], 1),
    }
    plain = torch_pictures(built, frames[:1], frames[1:], ["relative"])["relative"]
    for wish in ({"stitching": np.array([0.0])}, everything):
        told = {name: value.astype(np.float32) for name, value in wish.items()}
        expected = torch_pictures(built, frames[:1], frames[1:], ["relative"], told)["relative"]
        found = graph_pictures(built, data, frames[:1], frames[1:], asked=told)["relative"]
        assert np.abs(expected.astype(int) - found).max() <= 1
        assert (expected != plain).any()


@pytest.mark.parametrize("case", ["tpsmm-light", "mraa", "dam", "dime"])
@torch.no_grad()
def test_what_drawings_need_is_what_the_model_has(case: str, graphs, pictures) -> None:
    built, frames = model(case), np.stack(pictures(side(case), 3))
    data = {name: proto.SerializeToString() for name, proto in graphs(case).items()}
    masks = graph_pictures(built, data, frames[:1], frames[1:], "masks")["absolute"]
    image, driving = (to_float(torch.from_numpy(part)) for part in (frames[:1], frames[1:]))
    motion = built.detect(driving)
    expected = built.move((built.reduce(image),), built.detect(image), motion).masks
    np.testing.assert_allclose(masks, expected, atol=1e-4)
    np.testing.assert_allclose(masks.sum(axis=1), 1, atol=1e-5)
    motions = session(data["motion"])
    given = {value.name for value in motions.get_outputs()} - {"points", "jacobians", "covariances"}
    assert given == ({"anchors", "attention"} if case == "dam" else set())
    if given:
        anchors, attention = motions.run(["anchors", "attention"], {"frame": frames[1:]})
        np.testing.assert_allclose(anchors, motion.extra["anchor_points"], atol=1e-4)
        np.testing.assert_allclose(attention, motion.extra["attention"], atol=1e-4)


def test_without_intermediate_anchors_there_is_no_attention() -> None:
    flat = build("dam", FIRST_ORDER | {"num_intermediate": 0}).eval()
    assert example(flat, SIZE).structure == ("anchors",)


@pytest.mark.parametrize("case", ["tpsmm", "mraa", "dime"])
def test_render_does_not_depend_on_how_frames_are_batched(case: str, graphs) -> None:
    render = session(graphs(case)["render"])
    random = np.random.default_rng(0)
    feeds: dict[str, np.ndarray] = {}
    for name, shape in inputs(graphs(case)["render"]).items():
        sizes = [{"batch": 5, "views": 3}.get(size, size) for size in shape]  # type: ignore[arg-type]
        feeds[name] = random.uniform(-0.5, 0.5, sizes).astype(np.float32)
        if name.endswith(("jacobians", "covariances")):
            feeds[name] = 0.2 * feeds[name] @ feeds[name].swapaxes(-1, -2) + np.eye(2, dtype=np.float32)
    names = ["image", "flow", "occlusion"]
    together, flow, occlusion = render.run(names, feeds)
    assert together.dtype == np.uint8
    assert together.shape == (5, SIZE, SIZE, 3)
    for count in (1, 3):
        part = {name: value[:count] if name.startswith("driving") else value for name, value in feeds.items()}
        image, part_flow, part_occlusion = render.run(names, part)
        assert np.abs(image.astype(int) - together[:count]).max() <= 1
        np.testing.assert_allclose(part_flow, flow[:count], atol=1e-4)
        np.testing.assert_allclose(part_occlusion, occlusion[:count], atol=1e-4)
