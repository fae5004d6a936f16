"""A run on a bare machine: it passes every stage by the clock, and whatever ends it, what it learned comes home."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_run import TINY_MODEL, run_config, toml

from checkpoints.errors import BunrakuWarning
from training.bare.__main__ import main
from training.bare.carried import Limits, unpack_state
from training.bare.courier import OVERTIME, Courier
from training.bare.curves import draw_curves
from training.bare.rendering import Rendering, Wanted, remember, render_all
from training.bare.slice import with_shards
from training.checkpoint import load_model
from training.config import load_config
from training.state import load_state
from training.trainer import Trainer

ROOT = Path(__file__).parents[3]


def write_config(folder, **changes):
    """A run of two stages on rendered heads."""
    values = run_config(Path("none"), ema=0.9)
    values["data"] = {"kind": "synth", "augment": {"jitter": 0.1, "degrade": 0.3, "time_flip": False}}
    values["model"] = {**TINY_MODEL, "points_per_tps": 5}
    first = {"name": "points", "steps": 30, "batch": 4, "size": 64, "losses": {"truth_points": 10.0}}
    second = first | {"name": "all", "steps": 9, "decay": "cosine", "losses": {"pixel": 10.0, "truth_flow": 1.0}}
    values["stages"] = [first | changes, second | changes]
    path = folder / "run.toml"
    path.write_text(toml(values))
    return path


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Folder with `train` and `test` that a run of `write_config` would render."""
    folder = tmp_path_factory.mktemp("rendered")
    assert render_all(folder, Wanted(4, 3, 64), 1, lambda: False) == (18, True)
    return folder


def options(folder, config, shards=None):
    given = ["--data", str(shards / "train"), "--test-data", str(shards / "test")] if shards else []
    places = ["-o", str(folder / "out"), "--work", str(folder / "work")]
    return [str(config), *places, "--device", "cpu", "--timed-steps", "1", *given]


def run_here(monkeypatch, folder, config, shards, *more):
    """The command in this process; its exit status. No watchdog, which would end the tests on a slow machine."""
    monkeypatch.setattr(Courier, "watch", lambda self, deadline: None)
    monkeypatch.setattr("training.bare.__main__.BEGIN", time.monotonic())
    monkeypatch.setattr(sys, "argv", ["bare", *options(folder, config, shards), *more])
    return main()


def start(folder, config, *more):
    """The command in a process of its own, as on a machine that has torch and what it needs alone."""
    command = [sys.executable, str(Path(__file__).parent / "only_torch.py"), *more, *options(folder, config)]
    small = ["--clips", "4", "--frames", "3", "--render-workers", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([*command, *small], cwd=ROOT, env=environment, **pipes)


def finish(process):
    said = process.communicate(timeout=300)[0]
    assert process.returncode == 0, said[-3000:]
    return said


def usable(home, config, shards, tmp_path):
    """The checkpoint in `home` loads, and a run goes on from the state there; the steps of that state."""
    model, metadata = load_model(home / "model.safetensors")
    assert model.family == "tpsmm"
    assert metadata["training"]["steps"] > 0
    work = tmp_path / f"goes-on-{time.monotonic_ns()}"
    work.mkdir()
    unpack_state(home, work)
    ready = with_shards(load_config(config), shards / "train", None)
    trainer = Trainer(ready, work, "cpu", progress=False)
    before = trainer.position.total
    assert trainer.run(stop_after=1).steps == before + 1 or trainer.position.stage == 2
    return before


@pytest.mark.slow
def test_a_slice_renders_trains_and_packs_with_nothing_but_torch(tmp_path):
    said = finish(start(tmp_path, write_config(tmp_path), "--minutes", "5", "--stop-after", "3"))
    assert "rendered 18 frames" in said
    assert "3 steps in" in said
    _, metadata = load_model(tmp_path / "out" / "model.safetensors")
    assert metadata["training"]["steps"] == 3


def test_minutes_take_a_run_through_every_stage(tmp_path, shards, monkeypatch, capsys):
    config, home = write_config(tmp_path), tmp_path / "out"
    looks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: 0.05 * next(looks))  # a machine of any speed sees as much pass
    assert run_here(monkeypatch, tmp_path, config, shards, "--minutes", "0.2", "--reserve", "1", "--every", "2") == 0
    said = capsys.readouterr().out
    assert "all stages are done" in said
    assert said.count("is in") > 2  # packed meanwhile, too
    _, metadata = load_model(home / "model.safetensors")
    assert metadata["training"]["stages"] == ["points", "all"]
    lines = [json.loads(line) for line in (home / "log.jsonl").read_text().splitlines()]
    last = [line for line in lines if line["kind"] == "train"][-1]
    assert last["stage"] == "all"
    assert last["lr"] == pytest.approx(0.02 * 2e-4, rel=0.2)  # the cosine's end, though no steps were counted
    assert {"curves.svg", "log.jsonl", "model.safetensors"} <= {path.name for path in home.iterdir()}
    assert len(list(home.glob("state-*-1-of-1.safetensors"))) == 1
    grid = max(home.glob("*.png"))
    assert np.asarray(Image.open(grid)).std() > 10


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_killed_at_any_moment_has_sent_its_files(tmp_path, shards, number):
    config = write_config(tmp_path)
    process = start(tmp_path, config, "--minutes", "3", "--every", "0.5")
    home = tmp_path / "out"
    deadline = time.monotonic() + 120
    while not list(home.glob("state-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(np.random.default_rng().uniform(0, 3))
    process.send_signal(number)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 128 + number), said[-2000:]
    assert usable(home, config, shards, tmp_path) > 0


def test_a_second_slice_goes_on_where_the_first_stopped(tmp_path, shards, monkeypatch, capsys):
    config = write_config(tmp_path, share=0.5)
    first, second = tmp_path / "first", tmp_path / "second"
    more = ["--minutes", "5", "--total", "0.2", "--reserve", "1"]
    assert run_here(monkeypatch, first, config, shards, *more, "--stop-after", "3") == 0
    assert "step 3 of stage 'points'" in capsys.readouterr().out
    left = load_state(first / "work" / "state.safetensors", "tpsmm")
    assert 0 < left[0].fraction < 1

    begun = []
    monkeypatch.setattr(Trainer, "run", lambda self, *args: begun.append(self))
    more += ["--resume", str(first / "out")]
    assert run_here(monkeypatch, second, config, shards, *more) == 0
    (trainer,) = begun
    assert replace(trainer.position, best=0) == replace(left[0], best=0)
    weights = trainer.model.state_dict()
    assert all(torch.equal(value, left[1][f"model/{name}"]) for name, value in weights.items())


def test_an_error_brings_home_what_was_learned_and_is_told(tmp_path, shards, monkeypatch):
    from training.stepper import Stepper

    config, step, count = write_config(tmp_path, share=0.5), Stepper.step, iter(range(100))

    def broken(self, *args):
        if next(count) == 5:
            raise RuntimeError("the card is gone")
        step(self, *args)

    monkeypatch.setattr(Stepper, "step", broken)
    with pytest.raises(RuntimeError, match="the card is gone"):
        run_here(monkeypatch, tmp_path, config, shards, "--minutes", "5")
    log = (tmp_path / "out" / "log.jsonl").read_text()
    assert "the card is gone" in json.loads(log.splitlines()[-1])["text"]
    monkeypatch.setattr(Stepper, "step", step)
    assert usable(tmp_path / "out", config, shards, tmp_path) == 5


def test_where_memory_runs_out_the_batch_is_divided(tmp_path, shards, monkeypatch):
    """A step of four pairs in parts has the gradient of the whole; at two pairs, the error comes through."""
    from training.objectives import Objective

    # Statistics of a batch are not those of its parts: they stay fixed.
    config = with_shards(load_config(write_config(tmp_path, eval_mode=["kp_detector"])), shards / "train", None)
    config = replace(config, data=replace(config.data, augment=replace(config.data.augment, degrade=0.0)))
    whole = Trainer(config, tmp_path / "whole", "cpu", progress=False)
    whole.run(stop_after=1)
    forward, most = Objective.forward, 2

    def small(self, batch, schedule, judge=False):
        if len(batch["source"]) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, batch, schedule, judge)

    monkeypatch.setattr(Objective, "forward", small)
    parts = Trainer(config, tmp_path / "parts", "cpu", progress=False)
    with pytest.warns(BunrakuWarning, match="memory ran out; batches of 4 pairs go on in 2 parts"):
        parts.run(stop_after=1)
    mine, theirs = dict(whole.model.named_parameters()), dict(parts.model.named_parameters())
    apart = torch.cat([(mine[name] - theirs[name]).abs().flatten() for name in mine])
    assert float((apart > 1e-5).float().mean()) < 0.02  # of a first step of 1e-3 a weight, whichever way
    most = 1
    with pytest.raises(torch.OutOfMemoryError):
        parts.run(stop_after=1)


def test_the_watchdog_ends_what_hangs(tmp_path, shards):
    config = with_shards(load_config(write_config(tmp_path)), shards / "train", None)
    work, home = tmp_path / "work", tmp_path / "home"
    Trainer(config, work, "cpu", progress=False).run(stop_after=2)
    ended = []
    courier = Courier(work, home, Limits(), {})
    courier.watch(time.monotonic() + 0.1, ended.append)
    deadline = time.monotonic() + 30
    while not ended and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ended == [OVERTIME]
    assert (home / "model.safetensors").is_file()
    quiet = Courier(work, tmp_path / "none", Limits(), {})
    quiet.watch(time.monotonic() + 0.1, ended.append)
    quiet.close()
    time.sleep(0.2)
    assert ended == [OVERTIME]
    assert not (tmp_path / "none").exists()


def test_a_newer_set_of_parts_takes_the_place_of_the_older(tmp_path, shards):
    path = write_config(tmp_path)
    config = with_shards(load_config(path), shards / "train", None)
    work, home = tmp_path / "work", tmp_path / "home"
    courier = Courier(work, home, Limits(file=400_000), {})
    for stop in (2, 3):
        Trainer(config, work, "cpu", progress=False).run(stop_after=stop)
        courier.send()
        names = sorted(path.name for path in home.glob("state-*"))
        assert len(names) > 1
    assert {name.split("-")[1] for name in names} == {"0000005"}
    # As a kill leaves it: the newer set begun, the older still there.
    for name in names:
        (home / name.replace("0000005", "0000004")).write_bytes((home / name).read_bytes())
    (home / names[-1]).unlink()
    assert usable(home, path, shards, tmp_path) == 5


@pytest.mark.slow
def test_a_smoke_run_tries_everything_and_finds_what_is_broken(tmp_path, monkeypatch, capsys):
    config = write_config(tmp_path)
    assert run_here(monkeypatch, tmp_path, config, None, "--smoke", "300") == 0
    said = capsys.readouterr().out
    names = ("machine", "rendering", "stage points", "stage all", "stage adversarial", "evaluation", "pictures")
    for name in (*names, "training and saving", "packing", "resuming"):
        assert f"ok      {name}: " in said
    assert "ms a step of 4 pairs" in said
    assert "0 checks failed, 0 were not reached" in said

    def broken(*args):
        raise ValueError("no pictures here")

    monkeypatch.setattr("training.bare.smoke.drawn", broken)
    monkeypatch.setattr("training.bare.smoke._render", lambda *args: "rendered")
    work = tmp_path / "work" / "smoke" / "data"
    kept = work.rename(tmp_path / "kept")
    monkeypatch.setattr("training.bare.smoke.machine", lambda: str(kept.rename(work)))
    assert run_here(monkeypatch, tmp_path, config, None, "--smoke", "300") == 1
    said = capsys.readouterr().out
    assert "FAILED  pictures" in said
    assert "no pictures here" in said
    assert "ok      resuming" in said
    assert run_here(monkeypatch, tmp_path, config, None, "--smoke", "0") == 1
    assert "missed  machine" in capsys.readouterr().out


def test_without_time_nothing_is_trained(tmp_path, capsys, monkeypatch):
    assert run_here(monkeypatch, tmp_path, write_config(tmp_path), None, "--minutes", "0", "seed=3") == 0
    assert "there is none yet" in capsys.readouterr().out
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"synth"', '"clips", path = "x"', "cannot read"),
        ("pixel = 10.0", "pixel = 10.0, perceptual = 1.0", r"weights cannot be read.*bring it along"),
        ("steps = 30", "steps = 30, share = 1.0", "leaves nothing for all"),
    ],
)
def test_wrong_input_is_one_line(tmp_path, capsys, monkeypatch, shards, old, new, message):
    config = write_config(tmp_path)
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new) + '\nperceptual_weights = "none.safetensors"')
    given = None if message == "cannot read" else shards
    assert run_here(monkeypatch, tmp_path, config, given) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1


def test_the_clock_stops_rendering_and_the_run_keeps_what_it_began_with(tmp_path):
    wanted = Wanted(clips=18, frames=1, size=64)
    one = lambda: bool(list(tmp_path.glob("train/clips-*")))  # noqa: E731
    assert render_all(tmp_path, wanted, 1, one) == (18, False)  # the two clips that are held out, and sixteen
    with Rendering(tmp_path, wanted, 1, time.monotonic() + 60, tmp_path / "log.jsonl") as rendering:
        assert rendering.wait(lambda: False)
    assert len(list(tmp_path.glob("train/clips-*"))) == 2
    assert json.loads((tmp_path / "log.jsonl").read_text())["frames"] == 2
    with Rendering(tmp_path / "none", wanted, 1, time.monotonic() - 1, tmp_path / "log.jsonl") as rendering:
        assert not rendering.wait(lambda: False)
    assert remember(tmp_path, wanted) == wanted
    assert remember(tmp_path, replace(wanted, clips=3)) == wanted


def test_an_error_of_the_renderers_is_told_to_who_waits(tmp_path, monkeypatch):
    def broken(*args):
        raise OSError("no space left")

    monkeypatch.setattr("training.bare.rendering.write_clips", broken)
    rendering = Rendering(tmp_path, Wanted(4, 1, 64), 1, time.monotonic() + 60, tmp_path / "log")
    with pytest.raises(OSError, match="no space left"), rendering:
        rendering.wait(lambda: False)


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
