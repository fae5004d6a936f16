"""`bunraku export --target web`: graphs that ONNX Runtime Web runs on WebGPU and WebAssembly."""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx
import pytest
from onnx import helper
from PIL import Image, ImageDraw
from small_models import checkpoint

from checkpoints.bundle import Bundle
from checkpoints.errors import ModelError, OptionError
from export.commands import export as command
from export.convert import Options
from export.targets import TARGETS, check_graphs

pytestmark = pytest.mark.usefixtures("traced_once")


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A tiny checkpoint, of the family that is traced fastest, and pictures to compare on, for the command."""
    folder = tmp_path_factory.mktemp("checkpoint")
    pictures = []
    for index in range(3):
        picture = Image.new("RGB", (64, 64), (40, 90, 160))
        ImageDraw.Draw(picture).ellipse((12 + 4 * index, 10, 44 + 4 * index, 52), fill=(220, 180, 150))
        pictures.append(folder / f"{index}.png")
        picture.save(pictures[-1])
    return [
        str(checkpoint("fomm", folder / "model.safetensors", licence="Apache-2.0")),
        "--frames",
        *map(str, pictures),
    ]


def run(*given: object) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(each) for each in given]))


def test_a_web_bundle_is_one_that_the_engine_reads_too(arguments: list[str], tmp_path: Path) -> None:
    assert run(*arguments, "--target", "web", "-o", tmp_path / "web") == 0
    bundle = Bundle.load(tmp_path / "web")
    opsets = {onnx.load(bundle.path(name)).opset_import[0].version for name in bundle.graphs}
    assert opsets == {TARGETS["web"].opset}
    assert bundle.graphs["render"].weights == "int16"
    assert bundle.parity["max_abs_difference"] <= 3
    kinds = [node.op_type for node in onnx.load(bundle.path("render")).graph.node]
    assert "GridSample" in kinds


def test_rewrites_that_do_not_pay_there_are_left_out() -> None:
    names = [[rewrite.name for rewrite in Options(target=name, opset=19).rewrites()] for name in TARGETS]
    assert [name for name in names[0] if name not in names[1]] == ["rows", "narrow"]
    assert [rewrite.name for rewrite in Options(target="web", opset=19, without=["blend"]).rewrites()] == [
        name for name in names[1] if name != "blend"
    ]


def test_what_the_user_says_comes_before_what_the_target_prefers(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What becomes of these options is tested with graphs that are traced faster (test_graphs.py, test_half.py)."""
    asked: list[Options] = []

    def convert(*_: object, options: Options, **__: object) -> None:
        asked.append(options)
        raise ModelError("asked")

    monkeypatch.setattr("export.convert.convert", convert)
    for said in ([], ["--weights", "fp32", "--opset", "18"]):
        with pytest.raises(ModelError, match="asked"):
            run(*arguments, "--target", "web", *said, "-o", tmp_path / "web")
    assert [(each.target, each.opset, each.weights) for each in asked] == [("web", 19, "int16"), ("web", 18, "fp32")]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--target", "moon"], "target 'moon'; choose one of engine, web"),
        (["--target", "web", "--opset", "20"], "Opset 20 does not run on the target web; choose 18 to 19"),
    ],
)
def test_what_does_not_run_there_is_refused_at_once(arguments, tmp_path, wrong, message) -> None:
    with pytest.raises(OptionError, match=message):
        run(*arguments, *wrong, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def sampling(rank: int) -> onnx.ModelProto:
    """A graph that samples a picture (rank 4) or a volume (rank 5)."""
    shapes = {"x": [1, 2] + [8] * (rank - 2), "grid": [1] + [4] * (rank - 2) + [rank - 2]}
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    node = helper.make_node("GridSample", ["x", "grid"], ["y"])
    result = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "sampling", values, [result])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])


def test_volumes_are_sampled_by_the_engine_alone() -> None:
    check_graphs(TARGETS["web"], {"render": sampling(4)})
    check_graphs(TARGETS["engine"], {"render": sampling(5)})
    with pytest.raises(ModelError, match='"render" samples volumes'):
        check_graphs(TARGETS["web"], {"render": sampling(5)})


def test_options_know_their_target() -> None:
    assert Options(target="web", opset=19).rewrites()
    with pytest.raises(OptionError, match="Opset 20"):
        Options(target="web").rewrites()
