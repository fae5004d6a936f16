"""Every family exports through the same wrappers: contract, batches and parity, on small networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from traced import session

from checkpoints.contract import SWITCHES, is_per_frame
from export.parity import measure
from export.parts import graph_pictures, torch_pictures
from export.wrappers import example, to_float
from training.config import load_config
from training.models.base import MotionModel
from training.models.registry import FAMILIES, build

SIZE = 128


def toml_model(name: str) -> dict[str, Any]:
    """The settings of the model in one of our configurations."""
    return dict(load_config(name).model)


TPSMM = {
    "resolution": SIZE,
    "detector_width": 4,
    "dense_block_expansion": 4,
    "dense_max_features": 16,
    "dense_num_blocks": 2,
    "motion_size": 32,
    "block_expansion": 8,
    "max_features": 16,
    "background_width": 4,
    "disentangle_widths": (16, 16, 16),
}
FIRST_ORDER = {
    "resolution": SIZE,
    "num_points": 4,
    "detector_size": 32,
    "detector_block_expansion": 4,
    "detector_max_features": 16,
    "detector_num_blocks": 2,
    "motion_size": 32,
    "dense_block_expansion": 4,
    "dense_max_features": 16,
    "dense_num_blocks": 2,
    "block_expansion": 8,
    "max_features": 16,
    "num_bottleneck_blocks": 1,
    "disentangle": True,
    "disentangle_widths": (16, 16, 16),
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "tpsmm": ("tpsmm", TPSMM),
    "tpsmm-light": (
        "tpsmm",
        TPSMM
        | {
            "norm": "batch",
            "tps_residual": True,
            "background": False,
            "detector_size": 64,
            "detector_pool": 2,
            "glances": (1, 0),
            "glance_size": 16,
            "glance_width": 4,
            "least_squeeze": 0.15,
            "occlusion_widths": (8,),
            "res_blocks": (1, 1, 0),
            "inpainting_blocks": "inverted",
            "dense_blocks": "separable",
            "mask_kernel": 3,
            "occlusion_kernel": 3,
        },
    ),
    "fomm": ("fomm", FIRST_ORDER),
    "mraa": ("mraa", FIRST_ORDER),
    "dam": ("dam", FIRST_ORDER),
    "face-vid2vid": ("face-vid2vid", toml_model("face-vid2vid-toy") | {"resolution": SIZE, "num_points": 4}),
    "liveportrait": ("liveportrait", toml_model("liveportrait-toy") | {"resolution": SIZE, "num_points": 4}),
    "dime": (
        "dime",
        FIRST_ORDER
        | {
            "disentangle": False,
            "self_flow_block_expansion": 4,
            "self_flow_max_features": 8,
            "self_flow_num_blocks": 2,
            "confidence_kernel": 3,
        },
    ),
}


@cache
def model(case: str) -> MotionModel:
    """Random weights that move things: points spread out, norm statistics not trivial."""
    family, config = CASES[case]
    torch.manual_seed(1)
    built = build(family, config)
    for name, value in built.named_buffers():
        if name.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
    return built.eval()


@pytest.fixture(scope="session")
def graphs(traced) -> Callable[[str], dict[str, onnx.ModelProto]]:
    """Of a case, rewritten as by default."""
    return cache(lambda case: traced.of(model(case), SIZE))


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
    has = example(model(case), SIZE)
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
    assert inputs(found["source"])["image"] == [views, SIZE, SIZE, 3]
    assert [value.name for value in found["render"].graph.output] == list(model(case).outputs)
    assert ("disentangle" in found) == model(case).has_disentangle


@pytest.mark.parametrize("case", CASES)
def test_parity_in_every_mode(case: str, graphs, pictures) -> None:
    data = {name: proto.SerializeToString() for name, proto in graphs(case).items()}
    parity = measure(model(case), data, pictures(SIZE, 6))
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
    built, frames = model(case), np.stack(pictures(SIZE, 3))
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
