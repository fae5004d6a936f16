"""Where a model fails, on a few rendered people: every figure is of the pairs that it names."""

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_run import TINY_MODEL

from benchmarks import conditions
from runtime.cli import main
from training.checkpoint import save_model
from training.data.synth.sets.shards import SynthShards
from training.models.registry import build


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    command = [
        "synth",
        str(folder),
        "--clips",
        "3",
        "--frames",
        "6",
        "--size",
        "64",
        "--format",
        "shard",
        "--split",
        "test",
    ]
    assert main([*command, "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model(path, build("tpsmm", TINY_MODEL).eval(), {"licence": "Apache-2.0"})
    return path


def test_what_is_known_of_a_pair_is_what_is_seen_in_it(people):
    class Still(torch.nn.Module):
        def forward(self, source, driving):
            size = 16
            grid = conditions.coordinate_grid(size, size, source)[None]
            return type("Result", (), {"image": source, "flow": grid})

    shards = SynthShards(people)
    rows = conditions.measure(Still(), shards, 0)
    assert [row.case.info for row in rows] == [shards.info[0]] * len(conditions.LATER)
    assert all(row.l1 == row.unmoved > 0 for row in rows)
    assert [row.error for row in rows] == pytest.approx([row.still for row in rows], rel=0.1)  # a coarser grid
    unmoved = conditions.summary("unmoved", rows)
    assert unmoved.share == 1
    assert unmoved.arrived == pytest.approx(0, abs=0.05)
    dark = conditions.measure(Still(), shards, 0, conditions.darkened)
    assert all(after.case.brightness < 0.6 * before.case.brightness for after, before in zip(dark, rows, strict=True))


def test_one_command_gives_table_and_sheet(people, checkpoint, tmp_path, capsys):
    target = tmp_path / "sheet.png"
    options = ["--model", str(checkpoint), "--json", str(tmp_path / "rows.json"), "--sheet", str(target)]
    assert conditions.main([str(people), *options]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[2].startswith(f"| all | {3 * len(conditions.LATER)} | ")
    with Image.open(target) as sheet:
        assert sheet.width == 6 * 64
        assert sheet.height == 64 * (len(printed) - 3)
        assert np.asarray(sheet).std() > 10


def test_a_folder_without_shards_is_one_line(tmp_path, checkpoint, capsys):
    assert conditions.main([str(tmp_path), "--model", str(checkpoint)]) == 2
    assert "holds no shards" in capsys.readouterr().err
