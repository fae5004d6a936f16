"""Ablations: every variant is trained with its own settings and measured on the same pairs."""

import argparse
import json

import pytest
from tiny_run import run_config, toml

from training.checkpoint import load_model
from training.commands import ablate


@pytest.mark.slow
def test_points_per_spline_from_one_command(tmp_path, frame_folders, capsys):
    config = tmp_path / "run.toml"
    config.write_text(toml(run_config(frame_folders)))
    parser = argparse.ArgumentParser()
    ablate.add_arguments(parser)
    options = [str(config), "stages.0.steps=2", "-o", str(tmp_path / "out"), "--device", "cpu", "--pairs", "4"]
    assert ablate.run(parser.parse_args(options)) == 0
    rows = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert [row["variant"] for row in rows] == ["K x 3", "K x 5", "K x 8"]
    assert len({row["unmoved_l1"] for row in rows}) == 1
    assert all(0 < row["l1"] < 1 and row["steps"] == 2 and row["flow_error"] is None for row in rows)
    for count in (3, 5, 8):
        model, _ = load_model(tmp_path / "out" / f"K x {count}" / "model.safetensors")
        assert model.config.points_per_tps == count
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].startswith("| variant | steps | L1")
    assert len(printed.strip().splitlines()) == 5
