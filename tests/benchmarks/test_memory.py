"""The memory benchmark on a clip of a second: it finds engine and ffmpeg, and its summary tells growth from none."""

import csv
import sys

import pytest
from clips import moving, spot
from PIL import Image

from benchmarks.memory import Sample, Summary, main


def test_growth_is_seen_in_the_second_half_only():
    flat = [Sample(float(t), 300_000_000 if t > 20 else t * 10_000_000, 50) for t in range(100)]
    assert Summary.of(flat).growth == pytest.approx(0, abs=1e-6)
    leak = [Sample(float(t), 300_000_000 + t * 100_000, 50) for t in range(100)]
    assert Summary.of(leak).growth == pytest.approx(6, rel=1e-6)
    assert Summary.of(leak).peak == pytest.approx(309.9)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_short_clip(toy, tmp_path, capsys):
    Image.fromarray(spot(20, 40)).save(tmp_path / "a.png")
    moving(tmp_path / "b.mp4", 10)
    words = [
        "--seconds",
        "4",
        "--size",
        "640x360",
        "--source",
        str(tmp_path / "a.png"),
        "--clip",
        str(tmp_path / "b.mp4"),
    ]
    assert main([*words, "--model", str(toy), "--plot", str(tmp_path / "memory.png")]) == 0
    assert "growth" in capsys.readouterr().out
    with Image.open(tmp_path / "memory.png") as image:
        assert image.width > 500
    with (tmp_path / "memory.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert max(int(row["engine_bytes"]) for row in rows) > 30e6
    assert max(int(row["ffmpeg_bytes"]) for row in rows) > 5e6
