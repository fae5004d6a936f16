"""The exported graphs keep the contract, whatever a family has or lacks."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
import pytest
from traced import session

from checkpoints.bundle import Bundle
from checkpoints.contract import MODES
from checkpoints.errors import ModelError, OptionError
from export.convert import Options, build_graphs, convert
from export.flops import count_gflops
from export.parity import measure
from export.rewrites.catalogue import REWRITES
from export.tuning import note_of
from export.wrappers import example

SIZE = 64


def signature(proto: onnx.ModelProto) -> tuple[dict[str, tuple], dict[str, tuple]]:
    """Element type and shape of every input and output by name."""
    opened = session(proto)
    return tuple(  # type: ignore[return-value]
        {value.name: (value.type, tuple(value.shape)) for value in values}
        for values in (opened.get_inputs(), opened.get_outputs())
    )


@pytest.fixture(scope="module")
def graphs(toy, traced):
    """Graphs of a toy with the given settings, made once."""
    return cache(lambda **settings: traced.of(toy(**settings), SIZE))


def test_names_types_and_shapes_of_a_family_that_has_everything(graphs) -> None:
    found = graphs(jacobians=True, covariances=True, disentangle=True)
    half, batch = SIZE // 2, "batch"
    points, matrices = ("tensor(float)", (batch, 4, 2)), ("tensor(float)", (batch, 4, 2, 2))
    still_points, still_matrices = ("tensor(float)", (1, 4, 2)), ("tensor(float)", (1, 4, 2, 2))
    features = {
        "feature_0": ("tensor(float)", (1, 8, half, half)),
        "feature_2": ("tensor(float)", (1, 3, SIZE, SIZE)),
    }
    assert signature(found["source"]) == (
        {"image": ("tensor(uint8)", (1, SIZE, SIZE, 3))},
        {"points": still_points, "jacobians": still_matrices, "covariances": still_matrices, **features},
    )
    assert signature(found["motion"]) == (
        {"frame": ("tensor(uint8)", (batch, SIZE, SIZE, 3))},
        {"points": points, "jacobians": matrices, "covariances": matrices},
    )
    # The toy does not use the source's jacobians, nor the second of its features.
    assert signature(found["render"]) == (
        {
            **features,
            "source_points": still_points,
            "source_covariances": still_matrices,
            "driving_points": points,
            "driving_jacobians": matrices,
            "driving_covariances": matrices,
        },
        {
            "image": ("tensor(uint8)", (batch, SIZE, SIZE, 3)),
            "flow": ("tensor(float)", (batch, half, half, 2)),
            "occlusion": ("tensor(float)", (batch, 1, SIZE, SIZE)),
            "masks": ("tensor(float)", (batch, 5, half, half)),
        },
    )
    inputs, outputs = signature(found["disentangle"])
    assert inputs == {
        "source_points": still_points,
        "source_jacobians": still_matrices,
        "driving_points": points,
        "driving_jacobians": matrices,
    }
    assert outputs == {"points": points, "jacobians": matrices, "covariances": matrices}


def test_what_a_family_lacks_is_absent(graphs) -> None:
    found = graphs()
    assert set(found) == {"source", "motion", "render"}
    names = {value.name for proto in found.values() for value in (*proto.graph.input, *proto.graph.output)}
    assert not [name for name in names if "jacobians" in name or "covariances" in name]


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        ({"masks": False}, ("image", "flow", "occlusion")),
        ({"masks": False, "occlusion": False}, ("image", "flow")),
    ],
)
def test_a_family_may_have_neither_masks_nor_occlusion(toy, pictures, tmp_path, settings, given) -> None:
    options = Options(resolution=SIZE)
    bundle = convert(toy(**settings), tmp_path / "toy", pictures(SIZE, 3), name="toy", options=options)
    assert bundle.outputs == bundle.graphs["render"].outputs == given
    assert bundle.structure == {"parts": 4, "dead": []}
    assert bundle.parity["max_abs_difference"] <= 1


def test_a_batch_gives_what_its_frames_give_alone(graphs, pictures) -> None:
    motion = session(graphs()["motion"])
    frames = np.stack(pictures(SIZE, 5))
    alone = np.concatenate([motion.run(None, {"frame": frame[None]})[0] for frame in frames])
    for count in (1, 3, 5):
        together = motion.run(None, {"frame": frames[:count]})[0]
        np.testing.assert_allclose(together, alone[:count], atol=1e-6)


def test_graphs_hold_nothing_of_the_machine_they_were_made_on(graphs) -> None:
    for proto in graphs().values():
        assert not any(node.doc_string or node.metadata_props for node in proto.graph.node)
        assert not proto.metadata_props
        assert b".py" not in proto.SerializeToString()


def test_bundle_says_what_it_holds(toy, pictures, tmp_path) -> None:
    model = toy(disentangle=True)
    training = {"licence": "Apache-2.0", "data": "drawn faces", "steps": 0}
    options = Options(resolution=SIZE)
    folder = tmp_path / "toy"
    written = convert(model, folder, pictures(SIZE, 5), name="toy", training=training, options=options)
    bundle = Bundle.load(folder)
    assert bundle == written
    assert (bundle.name, bundle.family, bundle.resolution, bundle.points) == ("toy", "toy", SIZE, 4)
    assert bundle.modes == MODES
    assert bundle.outputs == ("image", "flow", "occlusion", "masks")
    assert bundle.structure == {"parts": 4, "dead": []}
    assert bundle.licence == "Apache-2.0"
    assert bundle.training["data"] == "drawn faces"
    assert bundle.parity["max_abs_difference"] <= 1
    assert bundle.parity["frames"] == 4
    assert set(bundle.parity["modes"]) == set(bundle.modes)
    assert bundle.graphs["motion"].gflops == pytest.approx(2 * 24 * 75 * 16 * 16 / 1e9, abs=1e-4)


def test_same_model_gives_the_same_bytes(graphs, toy) -> None:
    again = build_graphs(toy(), example(toy(), SIZE), Options(resolution=SIZE))
    for name, proto in graphs().items():
        assert proto.SerializeToString(deterministic=True) == again[name].SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    "options",
    [
        Options(resolution=SIZE, grid_sample="gather"),
        Options(resolution=SIZE, without=[step.name for step in REWRITES]),
        Options(resolution=SIZE, opset=18),
    ],
    ids=["gather", "no rewrites", "opset 18"],
)
def test_other_ways_to_write_the_graphs_are_the_same_model(toy, pictures, options) -> None:
    protos = build_graphs(toy(), example(toy(), SIZE), options)
    kinds = {node.op_type for node in protos["render"].graph.node}
    assert ("GridSample" in kinds) == (options.grid_sample == "native")
    assert protos["render"].opset_import[0].version == options.opset
    data = {name: proto.SerializeToString() for name, proto in protos.items()}
    assert measure(toy(), data, pictures(SIZE, 3)).max_abs_difference <= 1


def test_tuned_graphs_are_the_same_model_and_tell_what_was_chosen(toy, pictures) -> None:
    protos = build_graphs(toy(), example(toy(), SIZE), Options(resolution=SIZE, tune=True))
    assert note_of(protos["source"]) is None
    for name in ("motion", "render"):
        assert 0 < note_of(protos[name])["of_plain"] <= 1
    data = {name: proto.SerializeToString() for name, proto in protos.items()}
    assert measure(toy(), data, pictures(SIZE, 2)).max_abs_difference <= 1


class _Broken:
    """A rewrite that is not exact: it doubles the first convolution's bias."""

    name = "broken"

    @staticmethod
    def apply(model) -> int:
        from export.rewrites.splice import Splice, constant_of, tidy

        conv = next(node for node in model.graph if node.op_type == "Conv")
        bias = constant_of(conv.inputs[2])
        conv.replace_input_with(2, Splice(conv).constant(bias + 0.3, "wrong"))
        tidy(model)
        return 1


def test_a_wrong_rewrite_is_caught_and_nothing_is_written(toy, pictures, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("export.rewrites.catalogue.REWRITES", (_Broken(),))
    with pytest.raises(ModelError, match=r"toy differ from PyTorch by .*/255"):
        convert(toy(), tmp_path / "out", pictures(SIZE, 3), name="toy", options=Options(resolution=SIZE))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"precision": "fp8"}, "'fp8'"),
        ({"opset": 7}, "Opset 7"),
        ({"resolution": 100}, "Resolution 100"),
        ({"without": ["upsampel"]}, "'upsampel'"),
        ({"grid_sample": "magic"}, "'magic'"),
    ],
)
def test_options_are_checked_before_work_begins(wrong, message) -> None:
    with pytest.raises(OptionError, match=message):
        Options(**wrong).rewrites()


def test_frames_of_another_size_are_refused(toy, pictures, tmp_path) -> None:
    with pytest.raises(OptionError, match="pictures of 64x64"):
        convert(toy(), tmp_path / "out", pictures(32, 3), name="toy", options=Options(resolution=SIZE))


def test_gflops_of_known_operators() -> None:
    text = """<ir_version: 10, opset_import: ["" : 20]>
    graph (float[batch, 3, 8, 8] x, float[6, 3, 3, 3] w, float[6, 2, 2, 2] t, float[24, 10] m) =>
    (float[batch, 10] y) {
      a = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (x, w)
      b = ConvTranspose <group = 2, strides = [2, 2]> (a, t)
      shape = Constant <value_ints = [-1, 24]> ()
      c = Reshape (a, shape)
      d = MatMul (c, m)
      e = ReduceSum <keepdims = 0> (d)
      f = ReduceSum <keepdims = 0> (b)
      g = Add (e, f)
      y = Add (d, g)
    }"""
    conv, transposed, product = 6 * 16 * 27, 6 * 16 * 2 * 4, 4 * 24 * 10
    assert count_gflops(onnx.parser.parse_model(text)) * 1e9 == 2 * (conv + transposed + product)
