"""Files small enough to be brought home, and what becomes of a state that is too large."""

import json
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_run import TINY_MODEL

from checkpoints.errors import ModelError, OutputError
from training.bare import parts
from training.bare.carried import Limits, hand_out, pack, unpack_state
from training.bare.parts import halved, join, split
from training.checkpoint import load_model, save_model
from training.models.registry import build
from training.state import Position, load_state, save_state

SHAPES = st.lists(st.lists(st.integers(0, 40), max_size=3), max_size=5)


@settings(deadline=None, max_examples=30)  # every part is flushed to disk
@given(shapes=SHAPES, limit=st.integers(4000, 60_000), seed=st.integers(0, 9))
def test_parts_are_small_and_join_to_what_they_were(tmp_path_factory, shapes, limit, seed):
    random = torch.Generator().manual_seed(seed)
    tensors = {f"layer.{index}": torch.randn(shape, generator=random) for index, shape in enumerate(shapes)}
    tensors["count"] = torch.tensor(3)
    folder = tmp_path_factory.mktemp("parts")
    paths = split(folder, "state", tensors, {"a": [1]}, limit)
    assert all(path.stat().st_size <= limit for path in paths)
    found, metadata = join(paths[::-1])
    assert metadata == {"a": [1]}
    assert found.keys() == tensors.keys()
    for name, value in tensors.items():
        assert found[name].shape == value.shape
        assert torch.equal(found[name], value)


def test_missing_and_foreign_parts_are_named(tmp_path):
    tensors = {"a": torch.randn(9000)}
    paths = split(tmp_path, "state", tensors, {}, 16_000)
    assert len(paths) > 2
    with pytest.raises(ModelError, match=r"missing: 2"):
        join([paths[0], *paths[2:]])
    with pytest.raises(ModelError, match="no file"):
        join([])
    save_model(tmp_path / "model.safetensors", build("tpsmm", TINY_MODEL))
    with pytest.raises(ModelError, match="no part of a divided file"):
        join([tmp_path / "model.safetensors"])
    with pytest.raises(OutputError, match="too small"):
        split(tmp_path, "state", tensors, {}, 1000)


def test_only_large_tensors_are_halved_and_moments_keep_their_range():
    tensors = {"w": torch.rand(64, 64), "b": torch.rand(64), "o/0/exp_avg_sq": torch.full((64, 64), 1e-12)}
    small = halved(tensors, wide=("/exp_avg_sq",))
    assert [value.dtype for value in small.values()] == [torch.float16, torch.float32, torch.bfloat16]
    assert torch.allclose(small["o/0/exp_avg_sq"].float(), tensors["o/0/exp_avg_sq"], rtol=0.01)


@pytest.fixture
def work(tmp_path):
    """A run's folder with a model of 1.7 MB and a state with moments."""
    folder = tmp_path / "work"
    folder.mkdir()
    torch.manual_seed(0)
    model = build("tpsmm", {**TINY_MODEL, "detector_width": 12})
    optimizer = torch.optim.Adam(model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.rand_like(parameter)
    optimizer.step()
    save_model(folder / "model.safetensors", model)
    save_state(folder / "state.safetensors", "tpsmm", Position(1, 2, 3), {"model": model}, {"optimizer": optimizer})
    return folder


@pytest.mark.parametrize(
    ("share", "how", "moments", "error"),
    [(2.0, "whole", True, 0.0), (0.9, "in 16 bits", True, 1e-3), (0.3, "without", False, 1e-3), (0.1, "left", None, 0)],
)
def test_a_state_is_made_as_small_as_it_must_be(tmp_path, work, share, how, moments, error, monkeypatch):
    monkeypatch.setattr("training.bare.carried.MIB", 64 * 1024)  # the slack for a header, at this size
    whole = (work / "state.safetensors").stat().st_size
    limits = Limits(file=400_000, state=int(share * whole))
    files, told = pack(work, {"shards": 1}, limits)
    assert how in told
    assert all(path.stat().st_size <= limits.file for path in files)
    kept = [path for path in files if path.name.startswith("state-")]
    assert (moments is None) == (not kept)
    if kept:
        hand_out(files, tmp_path / "home", 1, Limits(files=99))
        (tmp_path / "new").mkdir()
        assert unpack_state(tmp_path / "home", tmp_path / "new") == {"shards": 1}
        position, tensors = load_state(tmp_path / "new" / "state.safetensors", "tpsmm")
        before = load_state(work / "state.safetensors", "tpsmm")[1]
        assert position == Position(1, 2, 3)
        assert any(name.startswith("optimizer/") for name in tensors) == moments
        for name, value in tensors.items():
            assert value.dtype == before[name].dtype
            wide = 10 if name.startswith("optimizer/") else 1
            assert torch.allclose(value.double(), before[name].double(), rtol=wide * error, atol=wide * error)


def test_a_large_checkpoint_comes_home_in_lots_and_is_joined(tmp_path, work, monkeypatch, capsys):
    monkeypatch.setattr("training.bare.carried.MIB", 64 * 1024)
    (work / "log.jsonl").write_text(json.dumps({"kind": "render"}) + "\n")
    limits = Limits(files=3, file=200_000, total=450_000, state=10)
    files, _ = pack(work, {}, limits)
    home = tmp_path / "home"
    lots = hand_out(files, home, 1, limits)
    assert lots > 1
    assert len(list(home.iterdir())) <= 3
    with pytest.raises(OutputError, match=f"there are {lots} lots"):
        hand_out(files, home, lots + 1, limits)
    for lot in range(2, lots + 1):
        hand_out(files, home, lot, limits)
    models = sorted(str(path) for path in home.glob("model-*.safetensors"))
    joined = home / "model.safetensors"
    monkeypatch.setattr(sys, "argv", ["parts", *models, "-o", str(joined)])
    assert parts.main() == 0
    found, wanted = (load_model(path)[0].state_dict() for path in (joined, work / "model.safetensors"))
    assert all(torch.allclose(found[name].double(), wanted[name].double(), rtol=1e-3, atol=1e-3) for name in wanted)
    monkeypatch.setattr(sys, "argv", ["parts", models[0], "-o", str(joined)])
    assert parts.main() == 2
    assert "missing: 2" in capsys.readouterr().err
