"""What is known of published files: their table in the documentation, their recognition, and what is refused."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from published_layout import published, untaught
from test_published_weights import OURS, PUBLISHED, SMALL, YAML, refused, run

from checkpoints.bundle import Bundle
from checkpoints.errors import ModelError, OptionError
from export.commands import import_weights as command
from export.published.archive import open_archive
from export.published.recognition import candidates, recognise_data, recognise_family
from export.published.settings import DATA, FACES, data_set, known_settings, read_settings
from training.checkpoint import load_model
from training.config import load_config
from training.models.registry import build

PAGE = Path(__file__).parents[2] / "docs" / "published.md"
CASES = [(family, name) for family, known in PUBLISHED.items() for name in known.configurations]


COLUMNS = (
    "family",
    "`--config`",
    "pixels",
    "points, regions, anchors",
    "background",
    "skips",
    "framing",
    "files",
    "recipes",
)


def whole(family: str, name: str, ready: int = 0) -> Any:
    """The model of published size, without values."""
    with torch.device("meta"):
        return build(family, known_settings(family, name, ready))


def row(family: str, name: str) -> str:
    """The table's row, from the configurations as data."""
    known = PUBLISHED[family].configurations[name]
    config = whole(family, name).config
    points = getattr(config, "num_points", None) or f"{config.num_tps} x {config.points_per_tps}"
    if family == "dam":
        points = f"{points} + {config.num_intermediate} + 1, or {points} + 1"
    background = {True: "affine", False: "none"}[getattr(config, "background", False)]
    skips = {True: "yes", False: "no"}[getattr(config, "skips", True)]
    files = ", ".join(f"`{file}`" for file in known.files)
    recipes = ", ".join(f"`{ready}`" for ready in known.ready)
    framing = "face" if name in FACES else "off"
    cells = (family, name, config.resolution, points, background, skips, framing, files, recipes)
    return "| " + " | ".join(map(str, cells)) + " |"


def test_the_documentations_table_is_made_of_the_configurations() -> None:
    head = f"| {' | '.join(COLUMNS)} |"
    table = "\n".join([head, "|" + "---|" * 9, *(row(*case) for case in CASES)])
    places = "\n".join(f"* {family}: {', '.join(known.places)}" for family, known in PUBLISHED.items())
    text = PAGE.read_text(encoding="utf-8")
    assert f"test_published_catalogue.py -->\n{table}\n<!-- end of the table -->" in text, table
    assert f"<!-- places of the files -->\n{places}\n<!-- end of the places -->" in text, places


@pytest.mark.parametrize(("family", "name"), CASES)
def test_every_known_file_has_a_recipe_and_is_told_by_its_tensors_and_name(family, name, tmp_path) -> None:
    assert name in DATA
    for index, ready in enumerate(PUBLISHED[family].configurations[name].ready):
        assert load_config(ready).family == family
        state = whole(family, name, index).state_dict()
        archive = type("Archive", (), {"networks": published_networks(state), "others": {}})()
        assert recognise_family(tmp_path / "file.pth", archive) == family
        assert name in candidates(archive, family)
        for file in PUBLISHED[family].configurations[name].files:
            assert data_set(file) == name
            assert recognise_data(tmp_path / file, archive, family) == name


def published_networks(state: dict[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    networks: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in state.items():
        network, _, key = name.partition(".")
        networks.setdefault(network, {})[key] = tensor
    return networks


@pytest.mark.parametrize(
    ("family", "name", "alone"),
    [("fomm", "mgif", True), ("mraa", "ted-youtube", True), ("dam", "taichi", True), ("tpsmm", "vox", False)],
)
def test_tensors_that_one_data_set_has_need_no_name(family, name, alone, tmp_path) -> None:
    archive = type("Archive", (), {"networks": published_networks(whole(family, name).state_dict()), "others": {}})()
    if alone:
        assert recognise_data(tmp_path / "mine.pth", archive, family) == name
        other = next(each for each in PUBLISHED[family].configurations if each != name)
        with pytest.raises(OptionError, match=f"called {other}, but its tensors are those of {name}"):
            recognise_data(tmp_path / f"{other}.pth", archive, family)
    else:
        with pytest.raises(OptionError, match="may be any of vox, taichi"):
            recognise_data(tmp_path / "mine.pth", archive, family)


def test_mgifs_generator_of_dam_has_no_skips_and_dead_anchors_are_known() -> None:
    assert not whole("dam", "mgif").config.skips
    assert not whole("dam", "mgif", 1).config.skips
    assert whole("dam", "taichi").config.dead_anchors == (1, 4)
    assert whole("dam", "taichi").config.background
    assert whole("mraa", "ted-youtube").config.num_points == 20


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ted-youtube384.pth", "ted-youtube"),
        ("../TED384-v2", "ted"),
        ("data/moving-gif", "mgif"),
        ("voxceleb1-hdam.yaml", "vox"),
        ("vox-adv-cpk.pth.tar", "vox"),
        ("edited.pth", None),
        ("nemophila.pth", None),
    ],
)
def test_names_tell_of_data_sets(text, found) -> None:
    assert data_set(text) == found


def configuration(folder: Path, name: str, **data: Any) -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump({"dataset_params": data, "model_params": YAML["fomm"]}))
    return path


def test_a_configurations_resolution_is_in_it_or_in_its_name(tmp_path) -> None:
    small = {"frame_shape": [64, 64, 3]}
    assert read_settings(configuration(tmp_path, "own.yaml", **small), "fomm").settings["resolution"] == 64
    named = read_settings(configuration(tmp_path, "ted-384.yaml", frame_shape=None), "fomm")
    assert (named.settings["resolution"], named.settings["motion_size"], named.data) == (384, 96, "ted")
    own = configuration(tmp_path, "own.yaml", root_dir="data/taichi-png")
    assert read_settings(own, "fomm", 128).data == "taichi"
    with pytest.raises(OptionError, match=r"own\.yaml does not tell how large pictures are; say it with --resolution"):
        read_settings(own, "fomm")
    with pytest.raises(OptionError, match="tells of 256 and 512 pixels"):
        read_settings(configuration(tmp_path, "vox-512.yaml", frame_shape=[256, 256, 3]), "fomm")


def file_of(family: str, path: Path) -> Path:
    torch.save(published(untaught(build(family, SMALL | OURS[family]), 3), family), path)
    return path


@pytest.mark.parametrize(("name", "framed"), [("taichi-64.yaml", {"subject": "taichi"}), ("vox-64.yaml", None)])
def test_a_configuration_given_as_a_path_keeps_framing_and_data(name, framed, tmp_path) -> None:
    file, out = file_of("fomm", tmp_path / "x.pth.tar"), tmp_path / "x.safetensors"
    config = configuration(tmp_path, name, frame_shape=[64, 64, 3])
    assert run(command, file, "--config", config, "-o", out) == 0
    training = load_model(out)[1]["training"]
    assert training.get("framing") == framed
    assert training["data"] == DATA[name.partition("-")[0]]


def test_one_line_makes_a_bundle_and_says_how_to_animate_with_it(tmp_path, monkeypatch, capsys) -> None:
    """The family by its tensors, the settings by its yaml file: small models are of no published size."""
    monkeypatch.chdir(tmp_path)
    file = file_of("mraa", tmp_path / "vox.pth")
    config = tmp_path / "vox-64.yaml"
    config.write_text(yaml.safe_dump({"dataset_params": {}, "model_params": YAML["mraa"]}))
    assert run(command, file, "--config", config) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "bunraku animate photo.jpg driving.mp4 --model ./mraa-vox-64"
    assert "imported: mraa, vox, 64 pixels" in printed.err
    bundle = Bundle.load(tmp_path / "mraa-vox-64")
    assert (bundle.family, bundle.name, bundle.resolution) == ("mraa", "mraa-vox-64", 64)
    with pytest.raises(OptionError, match=r"--parity-limit is 0"):
        run(command, file, "--config", config, "--parity-limit", "0")
    with pytest.raises(OptionError, match="must be a folder, or end in"):
        run(command, file, "--config", config, "-o", tmp_path / "out.pth")


HOSTILE = {
    "sparse": (lambda w: w.to_sparse(), "torch.sparse_coo"),
    "meta": (lambda w: w.to("meta"), "no values"),
    "vast": (lambda w: torch.zeros(1).expand(1 << 40), "more than the file holds"),
    "complex": (lambda w: w.to(torch.complex64), "complex64, not a real number"),
    "integers": (lambda w: w.to(torch.int32), "int32, not a real number"),
    "quantised": (lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8), "quantised"),
    "beyond float32": (lambda w: w.double() * 1e300, "1 beyond float32: kp_detector.kp.weight"),
    "not a number": (lambda w: w / 0, "1 not finite: kp_detector.kp.weight"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", HOSTILE)
def test_tensors_that_are_no_weights_are_refused_unread(kind, tmp_path) -> None:
    change, words = HOSTILE[kind]
    content = torch.load(file_of("fomm", tmp_path / "x.pth.tar"), weights_only=True)
    content["kp_detector"]["kp.weight"] = change(content["kp_detector"]["kp.weight"])
    file, config = tmp_path / "odd.pth.tar", configuration(tmp_path, "vox-64.yaml", frame_shape=[64, 64, 3])
    torch.save(content, file)
    message = refused(ModelError, "kp_detector.kp.weight", tmp_path, file, "--config", config)
    assert words in message


def test_variances_are_not_negative_and_storage_is_not_shared_without_end(tmp_path) -> None:
    content = torch.load(file_of("fomm", tmp_path / "x.pth.tar"), weights_only=True)
    name = next(name for name in content["generator"] if name.endswith("running_var"))
    content["generator"][name][0] = -0.5
    file, config = tmp_path / "odd.pth.tar", configuration(tmp_path, "vox-64.yaml", frame_shape=[64, 64, 3])
    torch.save(content, file)
    assert f"generator.{name}" in refused(ModelError, "1 negative variances", tmp_path, file, "--config", config)
    one = torch.zeros(1 << 16)
    torch.save({"generator": {f"w{index}": one for index in range(1000)}}, file)
    with pytest.raises(ModelError, match="share storage and take 262144000 bytes"):
        open_archive(file)


def test_what_stands_beside_the_weights_is_told_how_to_get_rid_of(tmp_path) -> None:
    for name, extra in {"numpy": np.float64(0.3), "array": np.zeros(2), "args": argparse.Namespace(lr=1)}.items():
        torch.save({"generator": {"w": torch.zeros(2)}, "extra": extra}, tmp_path / f"{name}.pth")
        with pytest.raises(ModelError, match=r"weights_only=False.*clean\.pth\.tar"):
            open_archive(tmp_path / f"{name}.pth")


def test_files_of_other_kinds_are_explained(tmp_path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"1")
    (tmp_path / "x.onnx").write_bytes(b"1")
    torch.save({"conv.weight": torch.zeros(2)}, tmp_path / "one.pth")
    torch.save({"magic": {"w": torch.zeros(2)}}, tmp_path / "other.pth")
    for name, words in {
        "x.safetensors": "bunraku export",
        "x.onnx": "lost their names",
        "one.pth": "one state dict",
    }.items():
        with pytest.raises(ModelError, match=words):
            open_archive(tmp_path / name)
    with pytest.raises(ModelError, match=r"of no family with published weights \(tpsmm, .*it holds magic"):
        recognise_family(tmp_path / "other.pth", open_archive(tmp_path / "other.pth"))
