"""The training benchmark on a tiny run: it times the trainer's own steps, and compares two trees."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny_run import moving_square, run_config, toml

from benchmarks import training, training_child
from checkpoints.errors import OptionError


@pytest.fixture
def tiny(tmp_path):
    """A configuration file and the folder of its clips."""
    rng = np.random.default_rng(0)
    for clip in range(2):
        folder = tmp_path / "clips" / f"{clip}"
        folder.mkdir(parents=True)
        for index, frame in enumerate(moving_square(rng, 3)):
            Image.fromarray(frame).save(folder / f"{index}.png")
    config = tmp_path / "tiny.toml"
    config.write_text(toml(run_config(tmp_path / "clips")))
    return config


def test_a_stage_is_timed_and_taken_apart(tiny):
    found = training_child.measure(str(tiny), "all", "no", 2, [])
    assert found["batch"] == 2
    assert found["cpu"] > 0
    assert np.isfinite(found["loss"])
    seconds = [each for _, each, _ in found["operators"]]
    assert seconds == sorted(seconds, reverse=True)
    calls = {name: count for name, _, count in found["operators"]}
    assert calls["convolution_backward"] > 10
    assert 0.2 * found["cpu"] < sum(seconds) < 5 * found["cpu"]


def test_an_unknown_stage_is_named(tiny):
    with pytest.raises(SystemExit, match="no stage 'none'; there are all"):
        training_child.measure(str(tiny), "none", "no", 1, [])


def test_a_run_beside_another_revision(tiny, capsys, tmp_path):
    figures = tmp_path / "figures.json"
    argv = ["--config", str(tiny), "--stage", "all", "--precision", "no", "--steps", "1", "--rounds", "1"]
    argv += ["--data", str(tiny.parent / "clips"), "--json", str(figures), "--baseline", "HEAD"]
    assert training.main(argv) == 0
    shown = capsys.readouterr().out
    assert "all, float32, 1 process(es)" in shown
    assert "ratio" in shown
    found = json.loads(figures.read_text())["all no"]
    assert set(found) == {"before", "after"}


def test_a_revision_that_is_not_there(tiny, capsys):
    argv = ["--config", str(tiny), "--baseline", "no-such-revision", "--data", str(tiny.parent)]
    assert training.main(argv) == 2
    assert "no-such-revision" in capsys.readouterr().err


def test_the_best_measurement_of_each_tree_counts(monkeypatch, tmp_path):
    times = iter([3.0, 2.0, 1.0, 4.0])
    monkeypatch.setattr(training, "run_child", lambda *_: {"cpu": next(times)})
    args = training.parser().parse_args(["--rounds", "2"])
    best = training.best_of({"before": tmp_path, "after": tmp_path}, args, "all", "no", tmp_path)
    assert best == {"before": {"cpu": 1.0}, "after": {"cpu": 2.0}}


def test_a_failing_child_is_told_of(monkeypatch, tmp_path):
    args = training.parser().parse_args(["--config", "no-such-config"])
    with pytest.raises(OptionError, match="no such configuration"):
        training.run_child(training.ROOT, args, "all", "no", tmp_path)
