"""The ablations of DiME from one command: every variant differs by its settings only, and Table 4 uses one model."""

import pytest
from tiny_run import dime_run, toml

from benchmarks import dime_ablation
from training.checkpoint import load_model
from training.config import load_config


@pytest.mark.slow
def test_tables_from_one_command(tmp_path, frame_folders, capsys):
    config = tmp_path / "tiny.toml"
    config.write_text(toml(dime_run(frame_folders)))
    options = ["--data", str(frame_folders), "--config", str(config), "--steps", "2", "--size", "64", "--batch", "2"]
    folder = tmp_path / "out"
    assert dime_ablation.main([*options, "--pairs", "4", "--output", str(folder), "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split(" | ")[0].lstrip("| ") for line in lines if line.startswith("| ")]
    assert rows == ["variant", *dime_ablation.TABLE_3, "variant", *(f"N_ref = {n}" for n in range(7))]
    models = {name: load_model(folder / name / "model.safetensors")[0] for name in dime_ablation.TABLE_3}
    assert models["full model"].refinement is not None
    assert models["without refinement"].refinement is None
    assert models["without self-flow"].self_flow is None
    assert models["one-shot"].refinement is not None

    checkpoint = folder / "full model" / "model.safetensors"
    counts = dime_ablation.by_references(checkpoint, load_config(config), steps=2, pairs=4)
    assert len({row.unmoved_l1 for row in counts}) == 1  # the same pairs
    assert len({row.l1 for row in counts}) == 7  # and every further reference has a say


def test_wrong_budget_is_one_line(capsys):
    assert dime_ablation.main(["--data", "nowhere", "--steps", "0"]) == 2
    assert "--steps and --pairs must be 1 or more" in capsys.readouterr().err
