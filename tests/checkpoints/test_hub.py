"""Models on the Hub: fetched whole or not at all, published with their card; the Hub is a server of our own."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import toy_bundle
from hub_server import Hub, isolate_client, log_in, point_at, serving

from checkpoints import registry
from checkpoints.bundle import Bundle
from checkpoints.description import seal
from checkpoints.errors import BunrakuWarning, ModelError, OptionError
from checkpoints.hub import HubName, fetch, push
from checkpoints.own_card import digest, seal_card
from checkpoints.registry import find_checkpoint, list_models, load_model
from runtime.cli import main
from runtime.engine import Engine

NAME = "tester/toy"


@pytest.fixture
def settings(tmp_path, monkeypatch) -> pytest.MonkeyPatch:
    """Those of a client that has never been used."""
    isolate_client(monkeypatch, tmp_path)
    return monkeypatch


@pytest.fixture
def hub(settings) -> Iterator[Hub]:
    with serving() as running:
        point_at(settings, running.url)
        yield running


def forget(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "cache")


def refused(words: str, model: str = NAME) -> str:
    with pytest.raises(ModelError, match=words) as caught:
        load_model(model)
    assert "\n" not in str(caught.value)
    assert model in str(caught.value)
    return str(caught.value)


def test_a_model_is_fetched_once_and_nothing_else_with_it(hub, toy, tmp_path) -> None:
    remote = Path(shutil.copytree(toy, tmp_path / "remote"))
    (remote / "other.onnx").write_bytes(b"of no use")
    commit = hub.add(NAME, remote)
    bundle = load_model(NAME)
    assert bundle == Bundle.load(toy)
    assert bundle.folder is not None
    assert bundle.folder.name == commit
    downloads = hub.downloads()
    assert sorted(downloads) == sorted(["bundle.json", *(graph.file for graph in bundle.graphs.values())])
    assert load_model(NAME) == bundle
    assert hub.downloads() == downloads


def test_revisions_are_pinned(hub, toy, toy_affine) -> None:
    first = hub.add(NAME, toy)
    hub.repositories[NAME].refs["v1"] = first
    hub.add(NAME, toy_affine)
    assert "jacobians" in load_model(NAME).motion
    assert "jacobians" not in load_model(f"{NAME}@v1").motion
    assert "jacobians" not in load_model(f"{NAME}@{first}").motion
    refused("no such revision", f"{NAME}@v9")


def test_what_was_fetched_works_without_network(hub, toy, settings, tmp_path) -> None:
    commit = hub.add(NAME, toy)
    load_model(NAME)
    point_at(settings, "http://127.0.0.1:9")
    assert load_model(NAME) == load_model(f"{NAME}@{commit}") == Bundle.load(toy)
    refused("cannot be reached", "tester/other")
    settings.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert load_model(NAME) == Bundle.load(toy)
    refused("cannot be reached", "tester/other")
    forget(tmp_path)
    refused("cannot be reached")


def test_an_interrupted_download_goes_on_where_it_broke(hub, toy, settings) -> None:
    settings.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 500)  # what is not a whole chunk is lost
    hub.add(NAME, toy)
    hub.cut_after = 1000
    assert load_model(NAME) == Bundle.load(toy)
    assert hub.ranges == ["bytes=1000-"]


def test_a_download_that_never_ends_well_is_refused_and_kept_for_the_next_time(hub, toy, settings) -> None:
    hub.add(NAME, toy)
    load_model(NAME)  # the description and the list of files are there; now the graphs go missing
    folder = load_model(NAME).folder
    assert folder is not None
    render = folder / "render.onnx"
    render.resolve().unlink()
    render.unlink()
    point_at(settings, "http://127.0.0.1:9")
    refused("cannot be reached|cannot be had")
    point_at(settings, hub.url)
    assert load_model(NAME) == Bundle.load(toy)


def test_wrong_contents_are_found_and_do_not_stay_in_the_cache(hub, toy) -> None:
    hub.add(NAME, toy)
    hub.corrupt = b"\0\0\0\0"
    assert "did not help" in refused(r"\.onnx is damaged")
    hub.corrupt = None
    assert load_model(NAME) == Bundle.load(toy)


def test_a_cache_damaged_on_the_disk_mends_itself(hub, toy) -> None:
    hub.add(NAME, toy)
    folder = load_model(NAME).folder
    assert folder is not None
    blob = (folder / "source.onnx").resolve()
    data = bytearray(blob.read_bytes())
    data[100] ^= 1
    blob.write_bytes(data)
    assert load_model(NAME) == Bundle.load(toy)
    assert blob.read_bytes() != data


def test_repositories_that_are_no_model_are_told_so(hub, toy, tmp_path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "pytorch_model.bin").write_bytes(b"")
    hub.add("tester/weights", other)
    refused(r"holds no bundle\.json", "tester/weights")
    assert hub.downloads() == []
    half = Path(shutil.copytree(toy, tmp_path / "half"))
    (half / "render.onnx").unlink()
    hub.add("tester/half", half)
    refused(r"render\.onnx", "tester/half")


def test_hostile_names_in_a_description_fetch_nothing(hub, toy, tmp_path) -> None:
    for number, name in enumerate(("../secret.onnx", "*.onnx", "/etc/passwd.onnx", "sub/render.onnx")):
        folder = Path(shutil.copytree(toy, tmp_path / str(number)))
        values = json.loads((folder / "bundle.json").read_text())
        values["graphs"]["render"]["file"] = name
        (folder / "bundle.json").write_text(seal(values))
        hub.add(f"tester/{number}", folder)
        with pytest.raises(ModelError, match=r"plain \.onnx name"):
            load_model(f"tester/{number}")
    assert set(hub.downloads()) == {"bundle.json"}


def test_private_models_need_the_usual_token(hub, toy, settings) -> None:
    hub.add(NAME, toy, private=True)
    assert "hf auth login" in refused("private")
    log_in(settings)
    assert load_model(NAME) == Bundle.load(toy)
    refused("not on the Hub", "tester/absent")


@pytest.mark.parametrize(
    ("status", "words"), [(429, "limits how much"), (403, "not open to you"), (401, "not open to you|private")]
)
def test_refusals_of_the_hub_are_explained(hub, toy, status, words) -> None:
    hub.add(NAME, toy)
    hub.status = status
    refused(words)


def test_the_hub_may_be_down_for_what_is_in_the_cache(hub, toy) -> None:
    hub.add(NAME, toy)
    load_model(NAME)
    for status in (429, 500, 503):
        hub.status = status
        assert load_model(NAME) == Bundle.load(toy)


def test_publishing_and_fetching_on_another_machine(hub, toy, settings, tmp_path, capsys) -> None:
    with pytest.raises(ModelError, match="hf auth login"):
        push(Bundle.load(toy), "tester/mine")
    log_in(settings)
    checkpoint = tmp_path / "weights.safetensors"
    checkpoint.write_bytes(b"weights")
    arguments = ["push", str(toy), "tester/mine", "--private", "--checkpoint", str(checkpoint), "--no-progress"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{hub.url}/tester/mine/commit/")
    repository = hub.repositories["tester/mine"]
    assert repository.private
    files = repository.commits[repository.refs["main"]]
    graphs = {graph.file for graph in Bundle.load(toy).graphs.values()}
    assert set(files) == {"bundle.json", "README.md", "model.safetensors", *graphs}
    assert b"library_name" in files["README.md"]
    assert main(["pull", "tester/mine", "--no-progress"]) == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    assert Bundle.load(folder) == Bundle.load(toy)
    assert find_checkpoint("tester/mine").read_bytes() == b"weights"
    # The same again changes nothing but may be asked for, and on a branch.
    assert push(Bundle.load(toy), "tester/mine", revision="next").startswith(hub.url)
    assert load_model("tester/mine@next") == Bundle.load(toy)
    here = load_model("tester/mine")
    source = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    pictures = []
    for model in (here, Bundle.load(toy)):
        engine = Engine(model, device="cpu", threads=1)
        encoded = engine.encode(source)
        pictures.append(engine.render(encoded, engine.detect(source[:, ::-1].copy())))
    assert np.array_equal(*pictures)


def test_an_own_card_is_published_as_it_is(hub, toy, settings, tmp_path) -> None:
    log_in(settings)
    folder = Path(shutil.copytree(toy, tmp_path / "mine"))
    (folder / "README.md").write_text("# My own words\n")
    seal_card(folder)
    push(Bundle.load(folder), "tester/mine")
    repository = hub.repositories["tester/mine"]
    assert repository.commits[repository.refs["main"]]["README.md"] == b"# My own words\n"


def test_wrong_targets_are_refused_before_anything_is_asked(hub, toy, tmp_path) -> None:
    for target in ("mine", "a/b/c", "tester/mine@v1", "../mine"):
        with pytest.raises(OptionError, match="owner/name"):
            push(Bundle.load(toy), target)
    assert hub.requests == []


def test_all_models_are_listed_with_what_one_chooses_by(hub, toy, settings, tmp_path, capsys) -> None:
    toy_bundle.build(tmp_path / "embedded" / "own")
    settings.setattr(registry, "EMBEDDED", tmp_path / "embedded")
    hub.add(NAME, toy)
    hub.add("tester/other", toy)
    load_model(NAME)
    found = {entry["model"]: entry for entry in list_models(hub=True)}
    assert {name: entry["where"] for name, entry in found.items()} == {
        "own": "embedded",
        NAME: "cached",
        "tester/other": "hub",
    }
    keys = {"model", "where", "name", "family", "resolution", "bytes", "licence", "modes", "speed"}
    assert all(set(entry) - {"gflops"} == keys for entry in found.values())
    assert {name for name, entry in found.items() if "gflops" in entry} == {"own", NAME}  # those at hand
    assert [load_model(name) for name in found] == [Bundle.load(toy)] * 3
    requests = len(hub.requests)
    assert main(["models", "--json"]) == 0
    assert [entry["model"] for entry in json.loads(capsys.readouterr().out)] == ["own", "tester/other", NAME]
    assert main(["models"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split()[:3] == ["model", "where", "family"]
    assert len(table) == 4
    assert len(hub.requests) == requests


def test_names(tmp_path) -> None:
    assert HubName.parse("a/b") == HubName("a/b")
    assert HubName.parse("a/b@refs/pr/1") == HubName("a/b", "refs/pr/1")
    assert str(HubName("a/b", "v1")) == "a/b@v1"
    for other in ("a", "a/b/c", "./a", "../a/b", "a/b@", "a b/c", ""):
        assert HubName.parse(other) is None
    (tmp_path / "run").mkdir()
    assert find_checkpoint(tmp_path / "run") == tmp_path / "run" / "model.safetensors"
    assert find_checkpoint("absent/model.safetensors") == Path("absent/model.safetensors")
    assert find_checkpoint("absent.safetensors") == Path("absent.safetensors")


def test_a_fetch_that_no_error_explains_still_ends_in_one_sentence(hub, settings) -> None:
    hub.repositories[NAME] = type("Broken", (), {"private": False, "refs": {}, "commits": {}})()
    with pytest.raises(ModelError):
        fetch(HubName(NAME))


def test_a_model_without_a_seal_is_told_of(hub, toy, tmp_path) -> None:
    folder = Path(shutil.copytree(toy, tmp_path / "old"))
    values = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(without(toy_bundle.as_format_1(values, "1.0"), "sha256", "card")))
    hub.add(NAME, folder)
    with pytest.warns(BunrakuWarning, match=f'"{NAME}" has no seal') as caught:
        assert load_model(NAME).format == "1.0"
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not Bundle.load(folder).sealed  # a folder of one's own
        hub.add("tester/new", toy)
        assert load_model("tester/new").sealed


def without(values: dict, *keys: str) -> dict:
    return {key: value for key, value in values.items() if key not in keys}


def test_a_card_that_leads_out_of_the_bundle_is_not_published(hub, toy, settings, tmp_path) -> None:
    log_in(settings)
    folder = Path(shutil.copytree(toy, tmp_path / "mine"))
    (tmp_path / "secret").write_text("Nobody's business")
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to(tmp_path / "secret")
    push(Bundle.load(folder), "me/mine")
    repository = hub.repositories["me/mine"]
    assert b"business" not in repository.commits[repository.refs["main"]]["README.md"]


def test_what_was_fetched_and_is_published_again_is_sealed_with_its_new_card(hub, toy, settings, tmp_path) -> None:
    log_in(settings)
    folder = Path(shutil.copytree(toy, tmp_path / "mine"))
    (folder / "README.md").write_text("# My own words\n")
    seal_card(folder)
    hub.add(NAME, folder)
    push(load_model(NAME), "me/mine")
    repository = hub.repositories["me/mine"]
    files = repository.commits[repository.refs["main"]]
    assert json.loads(files["bundle.json"])["card"] == digest(files["README.md"].decode())
    assert load_model("me/mine") == Bundle.load(toy)
