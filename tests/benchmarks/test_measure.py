"""The benchmarks measure what they say, on a bundle that is small enough for a test."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import growth, operators, plots, subjects
from benchmarks.__main__ import summary
from benchmarks.comparison import compare
from benchmarks.formats import FORMATS, format_costs
from benchmarks.measure import end_to_end, engine_pass, in_turn, repeat
from benchmarks.peak import measure_peak
from benchmarks.subjects import Subject, picture
from benchmarks.tables import kinds_table, models_table
from export.rewrites.catalogue import REWRITES

sys.path.insert(0, str(Path(__file__).parents[1]))

from toy_bundle import build


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Subject:
    """No PyTorch side: only the engine is measured here."""
    folder = tmp_path_factory.mktemp("toy")
    return Subject("toy", None, build(folder / "toy"), folder / "toy")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def small(cache, one_registry) -> Subject:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(subjects.CONFIGURATIONS, "small", "fomm-toy")
        return subjects.subject("small", cache)


def test_a_model_is_traced_and_rewritten_once(small, cache, monkeypatch) -> None:
    assert small.bundle.parity["max_abs_difference"] <= 1
    assert all(graph.gflops is not None and graph.gflops > 0 for graph in small.bundle.graphs.values())
    monkeypatch.setitem(subjects.CONFIGURATIONS, "small", "fomm-toy")
    monkeypatch.setattr(subjects, "export_graphs", None)
    monkeypatch.setattr(subjects, "rewrite", None)
    again = subjects.subject("small", cache)
    assert (again.bundle.folder, again.traced) == (small.bundle.folder, small.traced)


def test_every_rewrite_is_timed(small) -> None:
    rows = operators.rewrite_gains(small.traced, budget=0.0)
    assert rows[0][0] == "as exported"
    assert {name for name, _ in rows[1:]} <= {f"+ {step.name}" for step in REWRITES}
    assert len(rows) > 3


def test_repeat_keeps_to_its_budget_and_leaves_out_the_first_call() -> None:
    calls: list[float] = []

    def call() -> None:
        time.sleep(0.2 if not calls else 0.01)
        calls.append(0)

    timing = repeat(call, budget=0.1)
    assert timing.calls == len(calls) - 1
    assert 0.01 <= timing.best <= timing.median < 0.2
    assert 0 <= timing.cpu < timing.best  # it sleeps


def test_calls_are_timed_in_turn() -> None:
    order: list[str] = []

    def call(name: str, seconds: float) -> Callable[[], None]:
        return lambda: (order.append(name), time.sleep(seconds))[1]

    found = in_turn({"long": call("long", 0.02), "short": call("short", 0.001)}, budget=0.03)
    rounds = found["long"].calls
    assert order == ["long", "short"] * (rounds + 1)
    assert rounds == found["short"].calls >= 3
    assert found["long"].best >= 0.02 > found["short"].best
    assert in_turn({"": lambda: None}, budget=0.0, least=7)[""].calls == 7


def test_a_model_is_compared_with_pytorch(small) -> None:
    found = compare(small, threads=1, budget=0.0, plain=True)
    assert found.plain is not None
    assert found.torch.calls == found.plain.calls == found.engine.frame.calls
    assert found.speedup == found.torch.best / found.engine.frame.best
    assert found.speedup_cpu > 0
    assert 0 < found.share_of_peak < 2


def test_pictures_differ_as_they_turn() -> None:
    still, turned = picture(64).astype(int), picture(64, 1.0).astype(int)
    assert still.shape == (64, 64, 3)
    assert still.std() > 20
    assert np.abs(still - turned).mean() > 3


def test_engine_and_operators(toy) -> None:
    times = engine_pass(toy, threads=1, budget=0.05)
    assert times.batch >= 1
    assert 0 < times.frame.best <= times.frame.median
    rows = operators.profile(toy.bundle.path("render").read_bytes(), threads=1, runs=2)
    assert rows == sorted(rows, key=lambda row: -row[2])
    assert "GridSample" in {kind for kind, _, _ in rows}


def test_end_to_end_in_a_process_of_its_own(toy, tmp_path) -> None:
    ballast = np.ones(200_000_000, np.uint8)  # the child's memory must not count ours
    result = end_to_end(toy, tmp_path, frames=12)
    assert ballast[-1] == 1
    assert result.frames == 12
    assert result.fps > 0
    assert 0 < result.cpu < 60
    assert result.first_frame > 0
    assert 20 < result.rss_mb < 400
    assert (tmp_path / "out.mp4").stat().st_size > 0


def test_summary_names_the_figures_that_are_followed() -> None:
    whole = {"fps": 30.0, "first_frame": 0.7, "rss_mb": 250.0}
    results = {"tpsmm-full": {"speedup": 3.0}, "faces-lite": {"speedup": 2.5, "end_to_end": whole}}
    flat = summary(results)
    assert flat["tpsmm_full_speedup"] == 3.0
    assert (flat["faces_lite_fps"], flat["first_frame_s"], flat["rss_mb"]) == (30.0, 0.7, 250.0)
    assert flat["details"] == results


def test_the_peak_is_above_what_any_model_reaches() -> None:
    peak = measure_peak(threads=1, budget=0.1)
    assert 1 < peak.gflops < 1000
    assert 0.1 < peak.gbytes < 1000


def test_growth_has_a_row_for_every_value_and_a_picture(toy, tmp_path, monkeypatch) -> None:
    for name, values in {
        "LENGTHS": (5,),
        "SIZES": (64,),
        "LENGTH": 5,
        "PAIRS": (1, 2),
        "SHORT": 5,
        "THREADS": (1,),
    }.items():
        monkeypatch.setattr(growth, name, values)
    tables = growth.growth(toy, threads=1, budget=0.01)
    assert {what: len(rows) for what, rows in tables.items()} == {"length": 1, "size": 1, "pairs": 2, "threads": 1}
    assert tables["length"][0]["frames"] == 5
    assert tables["pairs"][1]["seconds"] > 0
    plots.plot_growth(tables, tmp_path / "growth.png")
    plots.plot_rewrites({"toy": [("as exported", 2.0), ("+ norm", 1.0)]}, tmp_path / "rewrites.png")
    for name in ("growth.png", "rewrites.png"):
        with Image.open(tmp_path / name) as image:
            assert np.asarray(image.convert("L")).std() > 5


def test_every_number_format_has_its_cost(small) -> None:
    rows = {row.name: row for row in format_costs(small)}
    assert list(rows) == list(FORMATS)
    assert rows["fp32"].largest_change == rows["fp32"].mean_change == 0
    assert 0 <= rows["int16"].mean_change <= rows["fp16"].mean_change < 1  # random weights paint little
    assert rows["int16"].megabytes < 0.9 * rows["fp32"].megabytes
    for row in rows.values():
        assert min(row.open, row.source, row.frame) > 0
        assert 20 < row.opened_mb <= row.peak_mb < 1000
        assert row.gflops == rows["fp32"].gflops > 0


def test_tables_are_markdown() -> None:
    timing = {"cpu": 1.23456, "best": 0.7}
    compared = {
        "torch_pass": timing,
        "plain": None,
        "engine": {"frame": {"cpu": 0.5}, "gflops": 36.6},
        "speedup": 2.0,
        "speedup_cpu": 2.4691,
        "share_of_peak": 0.611,
        "parity": {"max_abs_difference": 1.0},
    }
    assert models_table({"other": {}}) == kinds_table({"other": {}}) == ""
    kinds = operators.by_kind([("FusedMatMul", 2, 3.0), ("Transpose", 1, 0.5), ("Conv", 1, 1.0), ("Relu", 4, 0.5)])
    assert sum(kinds.values()) == 5.0
    assert kinds_table({"small": {"profile": {"kinds": kinds}}}).splitlines() == [
        "| model | ms | products | convolutions | grid sampling | layouts | element by element |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| small | 5 | 60% | 20% | 0% | 10% | 10% |",
    ]
    head, rule, row = models_table({"small": compared, "other": {}}).splitlines()
    assert head.count("|") == rule.count("|") == row.count("|") == 10
    assert row == "| small | 1235 |  | 500 | **2.47** | 2.00 | 36.6 | 61% | 1/255 |"
