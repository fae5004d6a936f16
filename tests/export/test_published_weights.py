"""Published weights: only tensors are read, everything that does not fit is named, and pictures are the published."""

from __future__ import annotations

import argparse
import hashlib
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toy_bundle
import yaml
from golden_data import shared, state
from PIL import Image
from published_layout import published

from checkpoints.bundle import Bundle, write_bundle
from checkpoints.errors import ModelError, OptionError
from export.commands import export as export_command
from export.commands import import_weights as command
from export.published.settings import known_settings, read_settings
from runtime.engine import Engine
from runtime.motion.modes import relative
from training.checkpoint import load_model
from training.models.registry import FAMILIES, build

PUBLISHED = {name: model.published for name, (_, model) in FAMILIES.items() if model.published is not None}
DENSE = {"block_expansion": 4, "max_features": 16, "num_blocks": 2, "scale_factor": 0.25}
DETECTOR = {"temperature": 0.1, **DENSE}
GENERATOR = {"block_expansion": 4, "max_features": 16, "num_down_blocks": 2, "num_bottleneck_blocks": 1}
YAML: dict[str, dict[str, Any]] = {
    "fomm": {
        "common_params": {"num_kp": 4, "num_channels": 3, "estimate_jacobian": True},
        "kp_detector_params": DETECTOR,
        "generator_params": {**GENERATOR, "estimate_occlusion_map": True, "dense_motion_params": DENSE},
        "discriminator_params": {"scales": [1], "sn": True},
    },
    "dam": {
        "use_bg_predictor": False,
        "common_params": {"num_kp": 7, "num_channels": 3, "estimate_jacobian": True},
        "kp_detector_params": {**DETECTOR, "single_jacobian_map": True, "attention_channel": 8, "ignore_kp_list": [1]},
        "generator_params": {**GENERATOR, "num_root_kp": 3, "skips": True, "dense_motion_params": DENSE},
    },
    "mraa": {
        "num_regions": 4,
        "num_channels": 3,
        "estimate_affine": True,
        "revert_axis_swap": True,
        "bg_predictor_params": {"block_expansion": 4, "max_features": 16, "num_blocks": 2, "bg_type": "affine"},
        "region_predictor_params": {**DETECTOR, "pca_based": True, "fast_svd": False},
        "generator_params": {
            **GENERATOR,
            "skips": True,
            "pixelwise_flow_predictor_params": {**DENSE, "use_covar_heatmap": True, "use_deformed_source": True},
        },
        "avd_network_params": {"id_bottle_size": 8, "pose_bottle_size": 8},
    },
}
OURS: dict[str, dict[str, Any]] = {
    "fomm": {"num_points": 4, "jacobians": True},
    "dam": {"num_points": 4, "num_intermediate": 2, "dead_anchors": (1,), "attention_channels": 8, "skips": True},
    "mraa": {"num_points": 4, "id_bottleneck": 8, "pose_bottleneck": 8, "background": True, "disentangle": True},
}
SMALL = {
    "resolution": 64,
    "detector_size": 16,
    "detector_block_expansion": 4,
    "detector_max_features": 16,
    "detector_num_blocks": 2,
    "motion_size": 16,
    "dense_block_expansion": 4,
    "dense_max_features": 16,
    "dense_num_blocks": 2,
    "block_expansion": 4,
    "max_features": 16,
    "num_bottleneck_blocks": 1,
}


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    torch.manual_seed(2)
    return {family: build(family, SMALL | OURS[family]).eval() for family in YAML}


@pytest.fixture
def config(tmp_path):
    """Writes the yaml file of a family, with changes: `config("fomm", lambda model_params: ...)`."""

    def write(family: str, change=None) -> Path:
        values = yaml.safe_load(yaml.safe_dump(YAML[family]))
        if change:
            change(values)
        path = tmp_path / f"{family}-64.yaml"
        path.write_text(yaml.safe_dump({"dataset_params": {"frame_shape": [64, 64, 3]}, "model_params": values}))
        return path

    return write


@pytest.fixture
def toy_folder(tmp_path_factory) -> Path:
    """A bundle of graphs (the fixture `toy` of this folder is a model)."""
    folder = tmp_path_factory.mktemp("graphs") / "toy"
    toy_bundle.build(folder)
    return folder


def run(command: Any, *arguments: Any) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before 1.6"])
@pytest.mark.parametrize("family", YAML)
def test_a_published_layout_becomes_the_same_model(models, config, tmp_path, family, old, capsys) -> None:
    model, file, out = models[family], tmp_path / "small.pth.tar", tmp_path / "small.safetensors"
    torch.save(published(model.state_dict(), family), file, _use_new_zipfile_serialization=not old)
    assert run(command, file, "--family", family, "--config", config(family), "-o", out) == 0
    loaded, metadata = load_model(out)
    assert loaded.config == model.config
    expected = model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())
    assert metadata["training"]["imported"]["file"] == "small.pth.tar"
    assert metadata["training"]["imported"]["epoch"] == 99
    assert metadata["training"]["imported"]["left_out"] == ["optimizer", "epoch"]
    assert metadata["training"]["licence"] == "NOASSERTION"
    assert capsys.readouterr().out == f"{out}\n"


def test_parts_that_a_file_lacks_are_left_out_of_the_model(models, config, tmp_path) -> None:
    content = published(models["mraa"].state_dict(), "mraa")
    del content["avd_network"], content["bg_predictor"]
    # Files of several GPUs, and of PyTorch before 0.4.1.
    content["generator"] = {f"module.{name}": value for name, value in content["generator"].items()}
    region = content["region_predictor"]
    content["region_predictor"] = {k: v for k, v in region.items() if not k.endswith("num_batches_tracked")}
    file, out = tmp_path / "part.pth", tmp_path / "part.safetensors"
    torch.save(content, file)
    assert run(command, file, "--family", "mraa", "--config", config("mraa"), "-o", out) == 0
    loaded, _ = load_model(out)
    assert not loaded.has_disentangle
    assert loaded.bg_predictor is None


def test_dam_as_published_for_taichi_has_a_background_and_a_map_of_jacobians_for_each_anchor(config, tmp_path) -> None:
    def taichi(values: dict[str, Any]) -> None:
        values["use_bg_predictor"] = True
        values["bg_predictor_params"] = {"block_expansion": 32, "bg_type": "affine"}
        values["kp_detector_params"]["single_jacobian_map"] = False
        values["generator_params"]["dense_motion_params"] = {**DENSE, "set_static_bg": False}

    settings = {"background": True, "background_size": 64, "single_jacobian_map": False}
    model = build("dam", SMALL | OURS["dam"] | settings).eval()
    file, out = tmp_path / "taichi-hdam.pth.tar", tmp_path / "taichi.safetensors"
    torch.save(published(model.state_dict(), "dam"), file)
    assert run(command, file, "--config", config("dam", taichi), "-o", out) == 0
    loaded, _ = load_model(out)
    assert loaded.config == model.config
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in loaded.state_dict().items())


def refused(kind: type[Exception], words: str, tmp_path: Path, *arguments: Any) -> str:
    """The message with which the import ends, having written nothing."""
    before = sorted(tmp_path.iterdir())
    with pytest.raises(kind, match=words) as caught:
        run(command, *arguments, "-o", tmp_path / "out.safetensors")
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before
    return str(caught.value)


def test_what_does_not_fit_is_listed(models, config, tmp_path) -> None:
    content = published(models["fomm"].state_dict(), "fomm")
    detector = content["kp_detector"]
    detector["kp.bias"] = torch.zeros(9)
    detector["surprise.weight"] = detector.pop("predictor.encoder.down_blocks.0.conv.weight")
    content["generator"]["final.bias"] = torch.tensor([0.0, float("nan"), 0])
    file, path = tmp_path / "odd.pth.tar", config("fomm")
    torch.save(content, file)
    message = refused(ModelError, "does not fit", tmp_path, file, "--family", "fomm", "--config", path)
    for part in (
        "1 missing: kp_detector.predictor.encoder.down_blocks.0.conv.weight",
        "1 unexpected: kp_detector.surprise.weight",
        "kp_detector.kp.bias (9,) instead of (4,)",
        "1 not finite: generator.final.bias",
    ):
        assert part in message
    message = refused(ModelError, "lacks", tmp_path, file, "--family", "tpsmm", "--config", "vox")
    assert "dense_motion_network, inpainting_network" in message
    assert "generator, kp_detector, optimizer, epoch" in message


class Exploit:
    """Unpickling it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_no_file_can_run_code(models, tmp_path) -> None:
    proof, files = tmp_path / "proof", tmp_path / "files"
    files.mkdir()
    content = published(models["fomm"].state_dict(), "fomm", {"extra": Exploit(proof)})
    torch.save(content, files / "new.pth.tar")
    torch.save(content, files / "old.pth.tar", _use_new_zipfile_serialization=False)
    (files / "plain.pth.tar").write_bytes(pickle.dumps(Exploit(proof)))
    torch.save(published(models["fomm"].state_dict(), "fomm", {"best": np.float64(0.3)}), files / "numpy.pth.tar")
    for file in sorted(files.iterdir()):
        message = refused(ModelError, file.name, tmp_path, file, "--family", "fomm", "--config", "vox")
        assert "could run code" in message
        assert not proof.exists()
    assert "numpy" in refused(ModelError, "asks for", tmp_path, file.with_name("numpy.pth.tar"), "--family", "fomm",
                              "--config", "vox")  # fmt: skip


def test_a_pickle_under_a_safe_name_is_not_opened(toy_folder, tmp_path) -> None:
    proof, checkpoint = tmp_path / "proof", tmp_path / "model.safetensors"
    checkpoint.write_bytes(pickle.dumps(Exploit(proof)))
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        run(export_command, checkpoint, "-o", tmp_path / "out")
    torch.save(Exploit(proof), checkpoint)
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        run(export_command, checkpoint, "-o", tmp_path / "out")
    # As a graph, with all its hashes right.
    bundle, data = Bundle.load(toy_folder), pickle.dumps(Exploit(proof))
    models = {name: bundle.path(name).read_bytes() for name in bundle.graphs} | {"render": data}
    graph = replace(bundle.graphs["render"], sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
    hostile = replace(bundle, graphs={**bundle.graphs, "render": graph})
    with pytest.raises(ModelError, match=r"render\.onnx is not an ONNX graph"):
        write_bundle(tmp_path / "hostile", hostile, models)
    assert not proof.exists()


def test_archives_that_are_larger_inside_are_not_opened(tmp_path) -> None:
    whole, bomb = tmp_path / "whole.pth.tar", tmp_path / "bomb.pth.tar"
    torch.save({"generator": {"weight": torch.zeros(1 << 20)}}, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    assert bomb.stat().st_size < whole.stat().st_size / 100
    assert torch.load(bomb, weights_only=True)["generator"]["weight"].numel() == 1 << 20  # PyTorch would
    refused(ModelError, "declares more bytes", tmp_path, bomb, "--family", "fomm", "--config", "vox")


def test_damaged_and_other_files_are_refused(models, tmp_path) -> None:
    file = tmp_path / "whole.pth.tar"
    torch.save(published(models["fomm"].state_dict(), "fomm"), file)
    data = file.read_bytes()
    (tmp_path / "cut.pth.tar").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.pth.tar").write_bytes(b"")
    (tmp_path / "text.pth.tar").write_text("<html>quota exceeded</html>")
    torch.save([1, 2], tmp_path / "list.pth.tar")
    for name in ("cut", "empty", "text", "list", "absent"):
        where = tmp_path / f"{name}.pth.tar"
        assert name in refused(ModelError, ".", tmp_path, where, "--family", "fomm", "--config", "vox")


@pytest.mark.parametrize(
    ("family", "change", "words"),
    [
        ("fomm", lambda v: v["common_params"].update(num_channels=1), "num_channels is 1"),
        ("fomm", lambda v: v["generator_params"].update(magic=3), "generator_params.magic is no setting"),
        ("fomm", lambda v: v["kp_detector_params"].update(scale_factor="small"), "scale_factor"),
        ("fomm", lambda v: v["common_params"].update(num_kp="many"), "num_points"),
        ("dam", lambda v: v["generator_params"].update(num_root_kp=7), "num_root_kp 7"),
        ("mraa", lambda v: v["region_predictor_params"].update(pca_based=False), "pca_based is False"),
        ("mraa", lambda v: v["bg_predictor_params"].update(bg_type="wavy"), "bg_type is 'wavy'"),
    ],
)
def test_settings_that_our_models_lack_are_refused(models, config, tmp_path, family, change, words) -> None:
    file, path = tmp_path / "small.pth.tar", config(family, change)
    torch.save(published(models[family].state_dict(), family), file)
    refused(OptionError, words, tmp_path, file, "--family", family, "--config", path)


def test_what_is_no_configuration_is_refused(tmp_path) -> None:
    for text in ("", "[1", "model_params: 3", "a: !!python/object/apply:os.system [true]"):
        (tmp_path / "odd.yaml").write_text(text)
        with pytest.raises(OptionError, match=r"odd\.yaml"):
            read_settings(tmp_path / "odd.yaml", "fomm")
    with pytest.raises(OptionError, match="vox, taichi, fashion, bair, nemo, mgif"):
        known_settings("fomm", "cats")
    with pytest.raises(OptionError, match="tpsmm, fomm, mraa, dam"):
        known_settings("liveportrait", "vox")


@pytest.mark.parametrize(
    ("family", "name"), [(family, name) for family, known in PUBLISHED.items() for name in known.configurations]
)
def test_known_settings_are_those_of_a_model(family, name) -> None:
    with torch.device("meta"):
        build(family, known_settings(family, name))


LIMITS = {"tpsmm": (1e-5, 2e-4, 1.0)}
"""Largest differences of points, flow and pictures (in 1/255; rounding to bytes is 0.5 of it, float16 storage of the
expected picture up to 0.13) ...
"""
WIDE = (1e-4, 5e-4, 2.0)
"""... and those of the other families."""


@pytest.mark.slow
@pytest.mark.published
@pytest.mark.parametrize("family", sorted(PUBLISHED))
def test_import_export_engine_give_the_published_pictures(family, tmp_path) -> None:
    manifest, arrays = shared(family)
    weights = state(family, manifest, tuple(manifest["components"]))
    discriminator = {name: weights.pop(name) for name in list(weights) if name.startswith("discriminator.")}
    content = published(weights, family, {"optimizer_discriminator": {"state": {}, "param_groups": []}})
    content["discriminator"] = {name.partition(".")[2]: value for name, value in discriminator.items()}
    file, checkpoint, folder = (tmp_path / name for name in ("vox.pth.tar", "vox.safetensors", "vox"))
    torch.save(content, file)
    assert run(command, file, "--family", family, "--config", "vox", "-o", checkpoint) == 0
    frames = [tmp_path / "source.png", tmp_path / "driving.png"]
    for path, picture in zip(frames, (arrays["source"], arrays["driving"][1]), strict=True):
        Image.fromarray(picture).save(path)
    # Whether 16 bits would do is measured by rendering everything a few times more, and tested with a small model.
    assert run(export_command, checkpoint, "-o", folder, "--weights", "fp32", "--frames", *frames) == 0
    engine = Engine(folder, device="cpu", threads=1)
    source, driving = engine.encode(arrays["source"][None]), engine.detect(arrays["driving"])
    modes = {"standard": driving, "relative": relative(source.motion, driving, driving[:1])}
    if "disentangled" in engine.bundle.modes:
        modes["avd"] = engine.disentangle(source.motion, driving)
    assert ("avd" in modes) == (family in ("tpsmm", "mraa"))
    points, flow, bytes_ = LIMITS.get(family, WIDE)
    count = driving.points.shape[1]  # DAM's arrays have its other anchors behind them
    np.testing.assert_allclose(source.motion.points[0], arrays["source_kp"][:count], atol=points)
    for mode, motion in modes.items():
        np.testing.assert_allclose(motion.points, arrays[f"{mode}_kp"], atol=points, err_msg=mode)
        rendered = engine.render_dense(source, motion[1:2], ("image", "flow"))
        np.testing.assert_allclose(rendered.flow[0], arrays[f"{mode}_flow"][1], atol=flow, err_msg=mode)
        expected = arrays[f"{mode}_prediction"][1].transpose(1, 2, 0).astype(np.float32) * 255
        assert np.abs(rendered.image[0] - expected).max() < bytes_, mode
