"""A run on a bare machine: slices go on where the last one stopped, with nothing but torch and what it needs."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_run import TINY_MODEL, run_config, toml

from training.bare.__main__ import main
from training.bare.curves import draw_curves
from training.bare.rendering import Wanted, prepare, reading_workers, render_all
from training.checkpoint import load_model
from training.config import load_config
from training.state import load_state
from training.trainer import Trainer

ROOT = Path(__file__).parents[3]


def write_config(folder):
    """A run of two stages of three steps on rendered heads."""
    values = run_config(Path("none"), ema=0.9)
    values["data"] = {"kind": "synth", "augment": {"jitter": 0.1, "degrade": 0.3, "time_flip": False}}
    values["model"] = {**TINY_MODEL, "points_per_tps": 5}
    first = {"name": "points", "steps": 3, "batch": 2, "size": 64, "losses": {"truth_points": 10.0}}
    second = first | {"name": "all", "losses": {"pixel": 10.0, "truth_flow": 1.0}}
    values["stages"] = [first, second]
    path = folder / "run.toml"
    path.write_text(toml(values))
    return path


def slice_of(folder, config, *more):
    command = [sys.executable, str(Path(__file__).parent / "only_torch.py"), str(config), "-o", str(folder / "out")]
    command += ["--work", str(folder / "work"), "--device", "cpu", "--reserve", "0", "--clips", "4", "--frames", "3"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--render-workers", "1", *more],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_a_second_machine_goes_on_exactly_where_the_first_stopped(tmp_path):
    config = write_config(tmp_path)
    first, second = tmp_path / "first", tmp_path / "second"
    assert "step 2 of stage 'points'" in slice_of(first, config, "--stop-after", "2")
    left = {path.name for path in (first / "out").iterdir()}
    assert left >= {"model.safetensors", "log.jsonl", "curves.svg", "state-1-of-1.safetensors"}
    assert [name for name in left if name.endswith(".png")]

    told = slice_of(second, config, "--stop-after", "2", "--resume", str(first / "out"))
    assert "rendered 18 frames" in told  # the same clips once more, in an empty folder
    assert "step 1 of stage 'all'" in told

    ready = load_config(config)
    ready = replace(ready, data=replace(ready.data, kind="shards", path=str(first / "work" / "data" / "train")))
    Trainer(ready, tmp_path / "whole", "cpu", progress=False).run(stop_after=4)
    whole, parts = (load_state(place / "state.safetensors", "tpsmm") for place in (tmp_path / "whole", second / "work"))
    assert replace(whole[0], best=0) == replace(parts[0], best=0)
    assert whole[1].keys() == parts[1].keys()
    assert all(torch.equal(value, parts[1][name]) for name, value in whole[1].items())

    assert "all stages are done" in slice_of(second, config)
    model, metadata = load_model(second / "out" / "model.safetensors")
    assert metadata["training"]["steps"] == 6
    assert model.family == "tpsmm"
    grid = next((second / "out").glob("*.png"))
    assert np.asarray(Image.open(grid)).std() > 10


def test_without_time_nothing_is_trained(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bare", str(write_config(tmp_path)), "-o", str(tmp_path / "out")])
    sys.argv += ["--work", str(tmp_path / "work"), "--minutes", "0", "--clips", "2", "seed=3"]
    assert main() == 0
    assert "there is none yet" in capsys.readouterr().out
    assert not list((tmp_path / "out").iterdir())


def test_wrong_input_is_one_line(tmp_path, capsys, monkeypatch):
    config = write_config(tmp_path)
    config.write_text(config.read_text().replace('"synth"', '"clips", path = "x"'))
    monkeypatch.setattr(sys, "argv", ["bare", str(config), "-o", str(tmp_path / "out"), "--work", str(tmp_path / "w")])
    assert main() == 2
    error = capsys.readouterr().err
    assert "cannot read" in error
    assert error.count("\n") == 1


def test_the_clock_stops_rendering_and_the_run_stays_with_what_there_is(tmp_path):
    wanted = Wanted(clips=18, frames=1, size=64)
    first = prepare(tmp_path, wanted, 1, lambda: bool(list(tmp_path.glob("data/train/clips-*"))))
    assert [len(first["shards"][split]) for split in ("test", "train")] == [1, 1]
    assert prepare(tmp_path, wanted, 1, lambda: False) == first
    assert len(list(tmp_path.glob("data/train/clips-*"))) == 1
    again = tmp_path / "again"
    after_one = lambda: bool(list(again.glob("*/*.safetensors")))  # noqa: E731
    assert render_all(again, wanted, 1, after_one, first["shards"]) == (2, False)  # the two clips that are held out
    assert render_all(again, wanted, 1, lambda: False, first["shards"]) == (16, True)


def test_shared_memory_limits_the_readers(monkeypatch):
    free = type("Usage", (), {"free": 64 * 2**20})
    monkeypatch.setattr("shutil.disk_usage", lambda path: free)
    few, many = reading_workers(16, batch=32, size=256), reading_workers(16, batch=8, size=64)
    assert few == 1
    assert many == 12


def test_archives_of_shards_are_unpacked_once(tmp_path):
    import shutil

    from checkpoints.errors import InputError
    from training.bare.rendering import unpack

    shards = tmp_path / "shards"
    shards.mkdir()
    (shards / "clips-00000.safetensors").write_bytes(b"0")
    given = tmp_path / "given"
    given.mkdir()
    with pytest.raises(InputError, match="neither shards"):
        unpack(given, tmp_path / "work")
    shutil.make_archive(str(given / "a"), "gztar", shards)
    found = unpack(given, tmp_path / "work")
    assert (found / "clips-00000.safetensors").read_bytes() == b"0"
    (given / "a.tar.gz").write_bytes(b"damaged")
    assert unpack(given, tmp_path / "work") == found
    with pytest.raises(InputError, match=r"a\.tar\.gz: cannot be unpacked"):
        unpack(given, tmp_path / "other")
    assert unpack(shards, tmp_path / "work") == shards


def test_curves_show_every_loss_and_stage(tmp_path):
    lines = [{"kind": "render", "frames": 3, "seconds": 1.0, "time": 0.0}]
    for step in range(20, 1220, 20):
        stage = "one" if step < 600 else "two"
        lines.append({"kind": "train", "stage": stage, "step": step, "time": 0.0, "pixel": 10 / step, "a<b": step})
    lines.append({"kind": "test", "stage": "two", "step": 1200, "time": 0.0, "pixel": 0.02})
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(json.dumps(line) for line in lines))
    draw_curves(log, tmp_path / "curves.svg")
    root = ElementTree.parse(tmp_path / "curves.svg").getroot()
    text = " ".join(node.text for node in root.iter() if node.text)
    assert "a<b: train 1200" in text
    assert "pixel: test 0.02, train 0.00833" in text
    name = "{http://www.w3.org/2000/svg}"
    assert len(list(root.iter(f"{name}polyline"))) == 3
    assert len(list(root.iter(f"{name}path"))) == 2  # where stage two begins, in both panels
    for line in root.iter(f"{name}polyline"):
        points = np.array([[float(v) for v in each.split(",")] for each in line.attrib["points"].split()])
        assert len(points) <= 300
        assert points.min() >= 0
        assert points[:, 0].max() <= 320
        assert points[:, 1].max() <= 170
