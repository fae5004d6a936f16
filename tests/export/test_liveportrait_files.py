"""LivePortrait's published files: recognised by their tensors, refused by name, and moving pictures in every mode."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hub_server import isolate_client, point_at, serving
from PIL import Image
from published_layout import liveportrait_files, untaught
from test_published_weights import run

from checkpoints.bundle import Bundle
from checkpoints.errors import ModelError, OptionError
from checkpoints.registry import load_model as load_bundle
from export.commands import import_weights as command
from export.published.components import assemble, find_files
from runtime.cli import main
from runtime.framing.framer import Framing
from training.checkpoint import load_model, load_tensors
from training.config import load_config
from training.models.registry import build

BASE = "liveportrait/base_models"
SIZE = 64
NORMED = "G_middle_0.conv_0.weight"


def _without_dwconv(state: dict[str, torch.Tensor]) -> None:
    for name in [name for name in state if name.endswith("dwconv.weight")]:
        del state[name]


def _scalar_down(state: dict[str, torch.Tensor]) -> None:
    state |= {name: torch.tensor(1.0) for name in state if "down_blocks" in name and name.endswith("conv.weight")}


@pytest.fixture(scope="module")
def model():
    settings = load_config("liveportrait-toy").model
    torch.manual_seed(4)
    made = build("liveportrait", settings)
    made.load_state_dict(untaught(made, 4))
    return made.eval()


@pytest.fixture(scope="module")
def stored(model, tmp_path_factory) -> Path:
    return liveportrait_files(model.state_dict(), tmp_path_factory.mktemp("published"))


@pytest.fixture
def files(stored, tmp_path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "files"))


def imported(tmp_path: Path, *arguments: object) -> Path:
    checkpoint = tmp_path / "model.safetensors"
    assert run(command, *arguments, "--resolution", SIZE, "-o", checkpoint) == 0
    return checkpoint


def test_networks_settings_and_norms_are_read_off_the_files(model, stored, tmp_path) -> None:
    found, described = load_model(imported(tmp_path, stored))
    training = described["training"]
    assert found.config.volume_depth == model.config.volume_depth
    image = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for name, value in found.state_dict().items():
            assert torch.allclose(value, model.state_dict()[name], atol=1e-6), name
        assert torch.equal(found.detect(image).arrays["rotation"], model.detect(image).arrays["rotation"])
    assert training["licence"] == "MIT"
    assert "Kuaishou" in training["copyright"]
    assert len(training["imported"]["files"]) == 5
    assert training["imported"]["left_out"] == ["optimizer", "lr"]


def test_folders_and_files_in_any_order_are_one_model(files, tmp_path) -> None:
    whole, described = load_tensors(imported(tmp_path, files))
    paths = sorted(files.rglob("*.pth"), reverse=True)
    for given in ([files / "liveportrait"], [files / BASE], paths):
        found, told = load_tensors(imported(tmp_path, *given))
        assert all(torch.equal(found[name], value) for name, value in whole.items())
        assert told == described
    assert find_files(paths).subject == "human"


def test_animals_share_the_file_that_stitches(model, files, tmp_path) -> None:
    liveportrait_files(model.state_dict(), tmp_path / "other", "animals")
    shutil.copytree(tmp_path / "other" / "liveportrait_animals", files / "liveportrait_animals")
    assert find_files([files]).subject == "human"
    for given in ([files / "liveportrait_animals"], [files / "liveportrait_animals" / "base_models_v1.1"]):
        found = find_files(given)
        assert found.subject == "animals"
        assert {path.parent.parent.name for path in found.paths} == {"liveportrait_animals", "liveportrait"}
    _, described = load_model(imported(tmp_path, files, "--config", "animals"))
    training = described["training"]
    assert training["framing"]["subject"] == "front"
    assert training["name"] == "liveportrait-animals"
    with pytest.raises(OptionError, match="human, animals"):
        find_files([files], "dogs")


def test_what_is_missing_double_or_another_is_named(files, tmp_path) -> None:
    def refused(words: str, *given: Path) -> None:
        with pytest.raises(ModelError, match=words) as caught:
            assemble(find_files(given or [files]), SIZE)
        assert "\n" not in str(caught.value)

    warping, spade = files / BASE / "warping_module.pth", files / BASE / "spade_generator.pth"
    content = torch.load(warping)
    refused("warping_module alone|lack ", warping, spade)
    warping.unlink()
    refused(r"warping_module\.pth is missing")
    shutil.copy(spade, warping)
    refused(r"warping_module\.pth both hold spade_generator|both hold spade_generator")
    torch.save({name: value for name, value in content.items() if name != "third.conv.weight"}, warping)
    refused("1 missing: warping_module.third.conv.weight")
    torch.save(content | {"third.conv.weight": torch.ones(3, 3)}, warping)
    refused(r"warping_module.third.conv.weight \(3, 3\) instead of")
    torch.save({"a": torch.ones(3)}, warping)
    refused(r"warping_module\.pth holds no network")
    for instead, words in (
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\n", "warping_module.pth is a pointer of Git LFS"),
        (b"\n<!DOCTYPE html><html>", "warping_module.pth is a web page"),
    ):
        warping.write_bytes(instead)
        refused(words)
    warping.write_bytes(pickle.dumps(Path("x")))
    refused("warping_module.pth.*(could run code|damaged)")
    torch.save(content, warping)
    (files / "liveportrait/retargeting_models/stitching_retargeting_module.pth").unlink()
    refused(r"stitching_retargeting_module\.pth is missing")
    refused("holds no published weights", tmp_path)
    with pytest.raises(ModelError, match="LivePortrait's warping_module alone"):
        run(command, warping)


@pytest.mark.parametrize(
    ("network", "change", "words"),
    [
        ("spade_generator", lambda state: state.pop(NORMED + "_u"), "unexpected.*conv_0.weight_orig"),
        ("spade_generator", lambda state: state.update({NORMED + "_v": torch.ones(3)}), "unexpected.*conv_0.weight_v"),
        ("spade_generator", lambda state: state.update({NORMED: torch.ones(3)}), "unexpected.*conv_0.weight_orig"),
        ("motion_extractor", _without_dwconv, "missing: motion_extractor.detector.stages.0.0.dwconv.weight"),
        ("warping_module", _scalar_down, r"down_blocks.0.conv.weight \(\) instead of"),
    ],
)
def test_networks_that_lack_what_tells_their_settings_are_refused(files, network, change, words) -> None:
    path = files / BASE / f"{network}.pth"
    state = torch.load(path)
    change(state)
    torch.save(state, path)
    with pytest.raises(ModelError, match=f"{words}.*Fetch all files again"):
        assemble(find_files([files]), SIZE)


def test_stages_are_in_their_own_order_whatever_the_file_s(model, files) -> None:
    path = files / BASE / "motion_extractor.pth"
    torch.save(dict(reversed(torch.load(path).items())), path)
    assert assemble(find_files([files]), SIZE).model.config == dataclasses.replace(model.config, resolution=SIZE)


def test_what_is_animals_is_told_from_where_files_are(model, tmp_path, monkeypatch) -> None:
    pets = tmp_path / "my animals" / "pets"
    liveportrait_files(model.state_dict(), pets, "animals")
    folder = pets / "liveportrait_animals" / "base_models_v1.1"
    stitching = Path("../../liveportrait/retargeting_models")
    monkeypatch.chdir(folder)
    for given in ([Path()], [Path(), stitching], [*sorted(Path().glob("*.pth")), *stitching.glob("*.pth")]):
        found = find_files(given)
        assert found.subject == "animals"
        assert len(found.paths) == 5
        assert all(path.is_file() for path in found.paths)
    folder.parent.rename(pets / "weights")  # people's, in a folder of another name
    monkeypatch.chdir(pets / "weights" / "base_models_v1.1")
    found = find_files([*Path().glob("*.pth"), stitching])
    assert found.subject == "human"
    assert len(found.paths) == 5


def test_pulled_from_the_hub_at_one_commit(model, files, tmp_path, monkeypatch, capsys, caplog) -> None:
    liveportrait_files(model.state_dict(), tmp_path / "other", "animals")
    shutil.copytree(tmp_path / "other" / "liveportrait_animals", files / "liveportrait_animals")
    (files / "liveportrait" / "landmark.onnx").write_bytes(b"of no use here")
    isolate_client(monkeypatch, tmp_path)
    made = {}
    monkeypatch.setattr(
        command, "_export", lambda model, folder, training, limit, tune: made.update({folder: training})
    )
    with serving() as hub:
        point_at(monkeypatch, hub.url)
        commit = hub.add("tester/weights", files)
        taken = tmp_path / "taken"
        taken.mkdir()
        (taken / "note.txt").touch()
        for wrong, said in (("model.pth", "must be a folder, or end in"), (taken, "exists and is not a bundle")):
            assert main(["pull", "tester/weights", "--no-progress", "-o", str(wrong)]) == 2
            assert said in capsys.readouterr().err
        assert hub.downloads() == []
        hub.add("tester/weights", tmp_path / "other", branch="later")
        for options in ([], ["--config", "animals", "-o", str(tmp_path / "pets")]):
            assert main(["pull", f"tester/weights@{commit}", "--no-progress", *options]) == 0
        assert main(["pull", "tester/weights", "--no-progress"]) == 0
        assert "landmark.onnx" not in hub.downloads()
        checkpoint = tmp_path / "weights.safetensors"
        assert main(["pull", "tester/weights", "--no-progress", "-o", str(checkpoint)]) == 0
        assert load_model(checkpoint)[1]["training"]["imported"]["origin"] == f"tester/weights@{commit}"
        hub.add("tester/none", tmp_path / "other" / "liveportrait")
        assert main(["pull", "tester/none"]) == 2
        pets = tmp_path / "other" / "liveportrait_animals"
        (pets / "base_models_v1.1").rename(pets / "base_models")
        hub.add("tester/old", tmp_path / "other")
        old = ["pull", "tester/old", "--no-progress", "-o", str(tmp_path / "old")]
        assert main(old) == 2
        assert main([*old, "--config", "animals"]) == 0
        with pytest.raises(ModelError, match="`bunraku pull tester/old` makes one of them"):
            load_bundle("tester/old")
    said = capsys.readouterr()
    assert "No files matched" not in said.err + caplog.text
    assert "holds no bundle.json, and no published weights that are known: liveportrait/base_models/*.pth." in said.err
    assert said.out.splitlines()[0].endswith("--model ./liveportrait")
    assert list(made) == [Path("liveportrait"), tmp_path / "pets", tmp_path / "old"]
    assert made.pop(tmp_path / "old")["framing"]["subject"] == "front"
    for training in made.values():
        assert training["imported"]["origin"] == f"tester/weights@{commit}"
        held = training["imported"]["files"]["spade_generator.pth"]["sha256"]
        assert held == hashlib.sha256((files / BASE / "spade_generator.pth").read_bytes()).hexdigest()
    assert made[tmp_path / "pets"]["framing"]["subject"] == "front"


@pytest.mark.slow
def test_from_published_files_to_moving_pictures_in_every_mode(stored, tmp_path, capsys) -> None:
    folder = tmp_path / "moving"
    assert run(command, stored, "--resolution", SIZE, "--origin", "owner/name@1234", "-o", folder) == 0
    assert str(folder) in capsys.readouterr().out
    bundle = Bundle.load(folder)
    assert (bundle.resolution, bundle.side_out, bundle.licence) == (SIZE, 2 * SIZE, "MIT")
    assert "owner/name@1234" in (folder / "README.md").read_text()
    card = (folder / "README.md").read_text()
    assert "Kuaishou" in card
    assert "Permission is hereby granted" in card
    framing = json.loads((folder / "bundle.json").read_text())["framing"]
    assert framing["source"] == {"scale": 2.3, "rise": 0.125, "upright": True}
    assert Framing.of(framing).manner.black
    noise = np.random.default_rng(0)
    frames = tmp_path / "driving"
    frames.mkdir()
    for index in range(3):
        picture = noise.integers(0, 255, (80, 80, 3), np.uint8)
        Image.fromarray(picture).resize((160, 160)).save(frames / f"{index}.png")
    source = frames / "0.png"
    for mode in bundle.modes:
        for size in ((), ("--size", "96"), ("--paste-back",)):
            out = tmp_path / f"{mode}{len(size)}{size[:1]}"
            options = ("--mode", mode, "--crop", "20,20,120,120", "--driving-crop", "off", *size)
            command_line = ["animate", source, frames, "--model", folder, "-o", f"{out}/", *options]
            assert main([str(each) for each in command_line]) == 0
            found = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(out.glob("*.png"))]
            expected = {0: 2 * SIZE, 2: 96, 1: 160}[len(size)]
            assert [frame.shape for frame in found] == 3 * [(expected, expected, 3)]
            assert min(frame.std() for frame in found) > 1
