"""Where models are found."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import toy_bundle
from hub_server import serving

from checkpoints import registry
from checkpoints.bundle import Bundle
from checkpoints.errors import ModelError
from checkpoints.registry import available_models, load_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def embedded(tmp_path, monkeypatch) -> Path:
    """Two embedded models, and a folder that is none."""
    folder = tmp_path / "embedded"
    for name in ("faces-lite", "bodies"):
        toy_bundle.build(folder / name)
    (folder / "notes").mkdir()
    monkeypatch.setattr(registry, "EMBEDDED", folder)
    return folder


def test_embedded_models_are_listed_and_loaded_by_name(embedded):
    assert available_models() == ["bodies", "faces-lite"]
    assert load_model("faces-lite").folder == embedded / "faces-lite"


def test_no_embedded_folder_means_no_models(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "EMBEDDED", tmp_path / "absent")
    assert available_models() == []


@pytest.mark.parametrize("wrong", ["faces-light", "face-lite", "FACES-LITE"[:6].lower()])
def test_an_unknown_name_suggests_near_ones_and_lists_all(embedded, wrong):
    with pytest.raises(ModelError) as caught:
        load_model(wrong)
    assert f'"{wrong}"' in str(caught.value)
    assert "did you mean faces-lite?" in str(caught.value)
    assert "bodies" in str(caught.value)


def test_a_name_that_is_near_to_nothing_gets_no_guess(embedded):
    with pytest.raises(ModelError) as caught:
        load_model("zzz")
    assert "did you mean" not in str(caught.value)


def test_a_folder_is_loaded_by_path_and_wins_over_the_hub(toy, tmp_path, monkeypatch):
    assert load_model(toy).folder == toy
    assert load_model(str(toy)) == Bundle.load(toy)
    toy_bundle.build(tmp_path / "owner" / "name")
    monkeypatch.chdir(tmp_path)
    assert load_model("owner/name").name == "toy"


@pytest.mark.parametrize("path", ["./absent", "/absent/model", "../absent", "a/b/c"])
def test_a_missing_path_is_not_looked_for_on_the_hub(path):
    with pytest.raises(ModelError, match="no model folder"):
        load_model(path)


def load_from(endpoint: str, cache: Path, model: str) -> subprocess.CompletedProcess[str]:
    """Load `model` in a process of its own: the Hub's client reads its settings when it is imported."""
    code = (
        "import sys; from checkpoints.registry import load_model\n"
        "from checkpoints.errors import ModelError\n"
        "try: bundle = load_model(sys.argv[1]); print(bundle.name, sorted(p.name for p in bundle.folder.iterdir()))\n"
        "except ModelError as error: print('ModelError', error)"
    )
    environment = os.environ | {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("HF_HUB_OFFLINE", None)
    command = [sys.executable, "-c", code, model]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def test_a_process_with_the_usual_settings_fetches_and_then_works_offline(toy, tmp_path):
    with serving() as hub:
        hub.add("tester/toy", toy)
        first = load_from(hub.url, tmp_path / "cache", "tester/toy")
    assert first.stdout.startswith("toy "), first.stderr
    offline = load_from("http://127.0.0.1:9", tmp_path / "cache", "tester/toy")
    assert offline.stdout == first.stdout
