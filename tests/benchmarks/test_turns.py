"""Heads that turn by thirty degrees: people who do, where their edge is, and figures that the unmoved picture and the
truth bound.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import turns
from training.data.synth.person.performance import motion


@pytest.fixture(scope="module")
def turn():
    return next(turns.turns(1, size=64))


def test_heads_are_about_frontal_and_turn_by_thirty_degrees(turn):
    first, second, degrees = turns.moments(turn.seed)
    before, after = np.degrees(motion(turn.seed).at(np.array([first, second])).rotation)
    assert np.linalg.norm(before) < 12
    assert 27 < degrees < 33
    assert np.linalg.norm(after - before) == pytest.approx(degrees, abs=0.01)
    assert turn.degrees == degrees
    assert np.abs(turn.frames[0].astype(int) - turn.frames[1]).mean() > 2


def test_the_edge_is_where_the_head_ends_above_the_chin():
    matte = np.zeros((64, 64), np.uint8)
    matte[16:, 20:44] = 255
    edge = turns.head_edge(matte, 0.0)
    assert edge[24, 20] > 0.6
    assert edge[16, 32] > 0.6
    assert edge[24, 32] < 0.01
    assert edge[24, 4] < 0.01
    assert not edge[40:].any()


def test_errors_are_those_of_the_frame(turn):
    np.testing.assert_array_equal(turns.errors(turn.frames[1], turn), 0)
    whole, edge = turns.errors(turn.frames[0], turn)
    assert whole > 0 < edge
    inside = replace(turn, edge=np.ones_like(turn.edge))
    assert turns.errors(turn.frames[0], inside)[1] == pytest.approx(whole)


def test_both_ways_are_measured_and_kept(tmp_path, capsys):
    assert turns.main(["--people", "1", "--json", str(tmp_path / "t.json"), "--sheet", str(tmp_path / "t.png")]) == 0
    found = json.loads((tmp_path / "t.json").read_text())
    assert [each["model"] for each in found] == ["faces-lite, layers off", "faces-lite, layers auto"]
    assert found[0]["whole"] != found[1]["whole"]
    assert all(0.05 < each[name] < 3 for each in found for name in ("whole", "edge"))
    assert f"{found[0]['whole']:.3f}" in capsys.readouterr().out
    assert (tmp_path / "t.png").stat().st_size > 0
    assert turns.main(["--model", "no-such-model"]) == 2
