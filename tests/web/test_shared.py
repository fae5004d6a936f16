"""What the page in the browser shares with the rest is what the rest says now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from web.tools import share


def test_words_colours_and_vectors_are_current() -> None:
    assert not [path.relative_to(share.WEB).as_posix() for path in share.stale()], "run `python -m web.tools.share`"


@pytest.mark.parametrize(
    ("kept", "now", "changed"),
    [
        ({"a": [1.0, 2]}, {"a": [1.0 + 1e-9, 2]}, False),
        ({"a": [1.0, 2]}, {"a": [1.001, 2]}, True),
        ({"a": [1.0, 2]}, {"a": [1.0]}, True),
        ({"a": "b"}, {"a": "c"}, True),
        ({"a": 1.0}, {"a": 1.0, "b": 1.0}, True),
    ],
)
def test_only_what_says_something_else_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: object, now: object, changed: bool
) -> None:
    path = tmp_path / "some.json"
    path.write_text(json.dumps(kept))
    monkeypatch.setattr(share, "files", lambda: {path: json.dumps(now), tmp_path / "new.json": "{}"})
    assert list(share.stale()) == [path] * changed + [tmp_path / "new.json"]
