"""The benchmark of the page in the browser; what it needs and what it makes of rates."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import browser
from checkpoints.errors import InputError


def test_what_is_missing_is_said_before_anything_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(browser, "DIST", tmp_path)
    with pytest.raises(InputError, match="npm run build"):
        next(browser.rounds(1))


def test_rates_become_a_median_and_a_ratio(monkeypatch, capsys, tmp_path) -> None:
    rates = iter([(9.0, 5.0), (12.0, 4.0), (10.0, 6.0)])
    engines = iter([30.0, 24.0, 20.0])
    monkeypatch.setattr(browser, "missing", lambda: None)
    monkeypatch.setattr(browser, "in_browser", lambda: next(rates))
    monkeypatch.setattr(browser, "file_to_file", lambda *_: type("Whole", (), {"fps": next(engines)}))
    assert browser.report(3) == {"browser": 10.0, "engine": 24.0, "ratio": 0.5}
    assert "page ready after 6.0 s" in capsys.readouterr().out
