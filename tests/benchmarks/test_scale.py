"""The benchmark of many clips; commands are not run, what is made of their cost is looked at."""

from __future__ import annotations

import pytest

from benchmarks import scale
from checkpoints.errors import InputError


def test_a_line_through_what_grows() -> None:
    assert scale.line([(1, 3), (2, 5), (4, 9)]) == pytest.approx((1, 2))


def test_people_stand_side_by_side() -> None:
    one, two = scale.group(scale.PHOTOS[:1]), scale.group(scale.PHOTOS[:2])
    assert one.height == two.height == 512
    assert two.crop((0, 0, *one.size)).tobytes() == one.tobytes()
    assert two.width > one.width


def test_every_way_makes_all_clips(monkeypatch, capsys, tmp_path) -> None:
    words = []

    def run(*said: object) -> scale.Cost:
        words.append(said)
        return scale.Cost(8.0, 6.0) if said[0] == "animate" else scale.Cost(10.0, 12.0)

    monkeypatch.setattr(scale, "run", run)
    found = scale.report(4, True)
    assert [said[0] for said in words[:7]] == ["animate"] * 4 + ["batch"] * 3
    assert found["ways"]["one call after another"] == {"seconds": 32.0, "cpu": 24.0}
    assert found["cores"] == pytest.approx(1000 * 3 / 3600)
    assert "3.20 times the first" in capsys.readouterr().out


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(InputError, match=r"no-such\.png"):
        scale.run("animate", "no-such.png", scale.CLIP, "-o", "never.mp4")
