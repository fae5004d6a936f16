"""Where models are found. The Hub is a small server of our own that speaks its interface."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import toy_bundle

from checkpoints import registry
from checkpoints.bundle import Bundle
from checkpoints.errors import ModelError
from checkpoints.registry import available_models, load_model

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


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


class Hub(BaseHTTPRequestHandler):
    """The two requests by which a snapshot is downloaded."""

    folder: Path
    served: list[str]

    def do_GET(self):
        self.answer(body=True)

    def do_HEAD(self):
        self.answer(body=False)

    def answer(self, body: bool) -> None:
        path = self.path.partition("?")[0]
        self.served.append(path)
        if path.startswith("/api/models/tester/toy/revision/") and path.rpartition("/")[2] in ("main", "v1"):
            files = [{"rfilename": file.name} for file in sorted(self.folder.iterdir())]
            data = json.dumps({"id": "tester/toy", "sha": COMMIT, "siblings": files}).encode()
            return self.send(data, body, {"Content-Type": "application/json"})
        if path == f"/api/models/tester/toy/tree/{COMMIT}":  # how newer clients list the files
            files = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": COMMIT}
                for file in sorted(self.folder.iterdir())
            ]
            return self.send(json.dumps(files).encode(), body, {"Content-Type": "application/json"})
        if path.startswith(f"/tester/toy/resolve/{COMMIT}/"):
            data = (self.folder / path.rpartition("/")[2]).read_bytes()
            tag = hashlib.sha1(data).hexdigest()
            return self.send(data, body, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT})
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    def send(self, data: bytes, body: bool, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *args):
        """Silent."""


@pytest.fixture
def hub(tmp_path):
    folder = tmp_path / "remote"
    toy_bundle.build(folder)
    (folder / "training.log").write_text("large and of no use to the engine")
    handler = type("Handler", (Hub,), {"folder": folder, "served": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler.served
    server.shutdown()
    server.server_close()
    thread.join()


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


def test_a_hub_model_is_downloaded_once_with_nothing_but_its_bundle(hub, tmp_path):
    endpoint, served = hub
    first = load_from(endpoint, tmp_path / "cache", "tester/toy@v1")
    assert first.stdout.startswith("toy "), first.stderr
    assert "bundle.json" in first.stdout
    assert "training.log" not in first.stdout
    downloads = [path for path in served if "/resolve/" in path]
    again = load_from(endpoint, tmp_path / "cache", "tester/toy@v1")
    assert again.stdout == first.stdout
    assert [path for path in served if "/resolve/" in path] == downloads


def test_a_cached_hub_model_works_without_the_hub(hub, tmp_path):
    first = load_from(hub[0], tmp_path / "cache", "tester/toy")
    offline = load_from("http://127.0.0.1:9", tmp_path / "cache", "tester/toy")
    assert offline.stdout == first.stdout != ""


def test_an_unknown_repository_and_an_unreachable_hub_are_one_line(hub, tmp_path):
    for endpoint, model in ((hub[0], "tester/absent"), ("http://127.0.0.1:9", "tester/toy")):
        result = load_from(endpoint, tmp_path / "empty", model)
        assert result.stdout.startswith(f'ModelError The model "{model}"'), result.stderr
        assert result.stdout.count("\n") == 1
