"""Optimised graphs in the user's cache: opened again as they were, and never where anything about them is odd."""

import os
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from checkpoints.errors import ModelError
from runtime.framing import faces
from runtime.graphs import kept, sessions
from runtime.graphs.sessions import open_graph

LEVEL = ort.GraphOptimizationLevel


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("BUNRAKU_CACHE", str(tmp_path))
    monkeypatch.delenv(kept.SWITCH, raising=False)
    return tmp_path / "graphs"


@pytest.fixture
def levels(monkeypatch) -> list[LEVEL]:
    """How the graphs that are opened are to be optimised."""
    seen: list[LEVEL] = []
    real = ort.InferenceSession

    def opened(model, options, providers):
        seen.append(options.graph_optimization_level)
        return real(model, options, providers=providers)

    monkeypatch.setattr(sessions.ort, "InferenceSession", opened)
    return seen


def look() -> dict[str, np.ndarray]:
    frame = np.random.default_rng(0).integers(0, 256, (1, faces.SIDE, faces.SIDE, 3), np.uint8)
    return open_graph(faces.MODEL, "face")({"frame": frame})


def test_what_is_kept_is_opened_as_it_is_and_gives_the_same_bytes(folder, levels):
    first, again = look(), look()
    assert levels == [LEVEL.ORT_ENABLE_ALL, LEVEL.ORT_DISABLE_ALL]
    assert {name: value.tobytes() for name, value in first.items()} == {
        name: value.tobytes() for name, value in again.items()
    }
    assert [path.suffix for path in folder.iterdir()] == [".graph"]  # nothing half-written


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "sealed nonsense"])
def test_what_was_damaged_is_made_anew(folder, levels, damage):
    wanted = look()
    (path,) = folder.iterdir()
    content = path.read_bytes()
    path.write_bytes(
        {
            "cut": content[:-1],
            "flipped": content[:-1] + bytes([content[-1] ^ 1]),
            "empty": b"",
            "sealed nonsense": kept.hashlib.sha256(b"no graph").digest() + b"no graph",
        }[damage]
    )
    np.testing.assert_array_equal(look()["boxes"], wanted["boxes"])
    assert levels[-1] == LEVEL.ORT_ENABLE_ALL
    look()
    assert levels[-1] == LEVEL.ORT_DISABLE_ALL


def test_another_version_or_processor_has_a_graph_of_its_own(folder, monkeypatch):
    look()
    monkeypatch.setattr(kept, "RUNTIME", "0")
    look()
    monkeypatch.setattr(kept, "processor", lambda: "another")
    look()
    assert len(list(folder.iterdir())) == 3


def test_it_can_be_turned_off_and_small_graphs_are_opened_as_they_are(folder, monkeypatch):
    monkeypatch.setenv(kept.SWITCH, "0")
    look()
    monkeypatch.delenv(kept.SWITCH)
    monkeypatch.setattr(kept, "LEAST", 10**6)
    look()
    assert not folder.exists()


def test_where_nothing_can_be_kept_graphs_are_opened_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("BUNRAKU_CACHE", str(tmp_path / "file"))
    monkeypatch.delenv(kept.SWITCH, raising=False)
    assert look()["boxes"].size


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owners here")
def test_what_somebody_else_has_put_there_is_not_opened(folder, levels, monkeypatch):
    look()
    monkeypatch.setattr(kept.os, "getuid", lambda: -1)
    look()
    assert levels == [LEVEL.ORT_ENABLE_ALL, LEVEL.ORT_ENABLE_ALL]


def test_what_was_used_last_stays(folder, monkeypatch):
    look()
    (path,) = folder.iterdir()
    old = folder / "old.graph"
    old.write_bytes(bytes(100))
    os.utime(old, (1, 1))
    monkeypatch.setattr(kept, "ALL", path.stat().st_size)
    path.unlink()
    look()
    assert list(folder.iterdir()) == [path]


def test_a_graph_that_is_none_leaves_nothing(folder, tmp_path):
    nonsense = tmp_path / "nonsense.onnx"
    nonsense.write_bytes(bytes(kept.LEAST))
    with pytest.raises(ModelError, match="cannot be opened"):
        open_graph(nonsense, "nonsense")
    assert not list(folder.iterdir())
