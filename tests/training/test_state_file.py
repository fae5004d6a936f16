"""A run's state: damage anywhere is found, and the state before takes over; what kills left is removed."""

import shutil
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from tiny_run import run_config

from checkpoints.errors import BunrakuWarning, ModelError
from training.checkpoint import DamagedError, load_tensors, save_tensors
from training.config import RunConfig
from training.schema import read
from training.state import Position
from training.state_file import StateFile
from training.trainer import Trainer

TENSORS = {
    "weights": torch.linspace(-1, 1, 6).reshape(2, 3),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "count": torch.tensor(7),
    "flags": torch.tensor([True, False]),
    "none": torch.zeros(0, 3),
}


def flip(path: Path, at: int, change: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= change
    path.write_bytes(bytes(data))


def trainer(folder: Path, values: dict) -> Trainer:
    return Trainer(read(RunConfig, values), folder, device="cpu", progress=False)


def save(folder: Path, total: int) -> StateFile:
    """A state of a module whose only weight is `total`."""
    module = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(module.weight, total)
    state = StateFile(folder, "tpsmm")
    state.save(Position(total=total), {"model": module}, {})
    return state


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_changed_byte_is_found_or_changes_nothing(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("flipped") / "a.safetensors"
    save_tensors(path, TENSORS, {"kind": "state", "step": 3})
    flip(path, data.draw(st.integers(0, path.stat().st_size - 1)), data.draw(st.integers(1, 255)))
    try:
        tensors, metadata = load_tensors(path)
    except ModelError:
        return
    assert metadata == {"kind": "state", "step": 3}
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_every_flipped_value_is_found(tmp_path):
    path = tmp_path / "a.safetensors"
    save_tensors(path, TENSORS, {"kind": "state"})
    values = sum(tensor.numel() * tensor.element_size() for tensor in TENSORS.values())
    for at in range(1, values + 1):
        flip(path, -at)
        with pytest.raises(DamagedError, match="its hash differs"):
            load_tensors(path)
        flip(path, -at)
    assert load_tensors(path)[1] == {"kind": "state"}


def test_files_without_a_hash_are_read(tmp_path):
    save_tensors(tmp_path / "new.safetensors", TENSORS, {"kind": "state"})
    with safe_open(tmp_path / "new.safetensors", "pt") as file:
        assert set(file.metadata()) == {"bunraku", "sha256"}
    save_file(TENSORS, tmp_path / "old.safetensors", {"bunraku": '{"kind": "state"}'})
    assert load_tensors(tmp_path / "old.safetensors")[1] == {"kind": "state"}


def test_the_state_before_is_kept_and_takes_over(tmp_path):
    for total in (1, 2, 3):
        state = save(tmp_path, total)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.previous.safetensors", "state.safetensors"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path, position, _ = StateFile(tmp_path, "tpsmm").load()
    assert (path, position.total) == (state.path, 3)
    flip(state.path, -1)
    damaged = StateFile(tmp_path, "tpsmm")
    with pytest.warns(BunrakuWarning, match=r"its hash differs.*state\.previous\.safetensors, after step 2"):
        path, position, tensors = damaged.load()
    assert (path, position.total, float(tensors["model/weight"])) == (state.previous, 2, 2)
    damaged.save(Position(total=4), {"model": torch.nn.Linear(1, 1)}, {})
    flip(state.path, -1)  # the damaged one did not take the whole one's place
    with pytest.warns(BunrakuWarning, match="after step 2"):
        StateFile(tmp_path, "tpsmm").load()
    flip(state.previous, -1)
    with pytest.raises(DamagedError, match=r"state\.previous"):
        StateFile(tmp_path, "tpsmm").load()


@pytest.mark.parametrize("content", [b"", b"short", None])
def test_a_state_that_is_cut_short_is_damaged_too(tmp_path, content):
    save(tmp_path, 1)
    state = save(tmp_path, 2)
    state.path.write_bytes(state.path.read_bytes()[:-3] if content is None else content)
    with pytest.warns(BunrakuWarning, match="after step 1"):
        assert StateFile(tmp_path, "tpsmm").load()[1].total == 1


def test_what_is_no_damage_is_no_reason_to_fall_back(tmp_path):
    save(tmp_path, 1)
    state = save(tmp_path, 2)
    with pytest.raises(ModelError, match="cannot continue a fomm run"):
        StateFile(tmp_path, "fomm").load()
    state.path.unlink()
    assert StateFile(tmp_path, "tpsmm").load() is None  # begun anew
    save(tmp_path, 3)
    assert not state.previous.exists()


def test_where_a_file_has_one_name_only_the_state_before_is_copied(tmp_path, monkeypatch):
    def refuse(*names):
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    for total in (1, 2):
        state = save(tmp_path, total)
    flip(state.path, -1)
    with pytest.warns(BunrakuWarning, match="after step 1"):
        StateFile(tmp_path, "tpsmm").load()


def test_a_run_with_a_damaged_state_ends_like_an_unbroken_one(tmp_path, frame_folders):
    values = run_config(frame_folders)
    trainer(tmp_path / "whole", values).run()
    trainer(tmp_path / "run", values).run(stop_after=4)
    flip(tmp_path / "run" / "state.safetensors", -5)
    with pytest.warns(BunrakuWarning, match="after step 2"):
        resumed = trainer(tmp_path / "run", values)
    resumed.run()
    whole, run = (load_tensors(tmp_path / name / "state.safetensors")[0] for name in ("whole", "run"))
    assert all(torch.equal(whole[name], run[name]) for name in whole)


def test_what_a_kill_left_is_removed_and_nothing_else(tmp_path, frame_folders):
    values = run_config(frame_folders)
    left = [
        ".state.safetensors.abcd1234.tmp",
        ".state.previous.safetensors.kept.tmp",
        ".model.safetensors.a_b_c_d_.tmp",
    ]
    left += [".best.safetensors.00000000.tmp", ".config.json.zzzzzzzz.tmp"]
    others = [".notes.txt.abcd1234.tmp", "state.safetensors.tmp", ".state.safetensors", "mine.tmp"]
    for name in (*left, *others):
        (tmp_path / name).write_bytes(b"half")
    trainer(tmp_path, values)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file() and path.name != "config.json") == sorted(
        others
    )


def test_a_model_with_a_flipped_weight_is_not_loaded(tmp_path, frame_folders):
    checkpoint = trainer(tmp_path, run_config(frame_folders)).run(stop_after=1).checkpoint
    shutil.copy(checkpoint, tmp_path / "copy.safetensors")
    flip(tmp_path / "copy.safetensors", -2)
    with pytest.raises(ModelError, match="its hash differs"):
        load_tensors(tmp_path / "copy.safetensors")
