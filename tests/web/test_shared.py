"""What the page in the browser shares with the rest is what the rest says now."""

from __future__ import annotations

import json
import math

from web.tools.share import WEB, files


def alike(one: object, other: object) -> bool:
    """Whether two JSON values are the same, numbers to a millionth: libraries may sum in another order."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(value, other[key]) for key, value in one.items())
    return one == other


def test_words_colours_and_vectors_are_current() -> None:
    stale = []
    for path, text in files().items():
        kept = path.read_text(encoding="utf-8") if path.is_file() else ""
        same = alike(json.loads(kept or "null"), json.loads(text)) if path.suffix == ".json" else kept == text
        stale += [] if same else [path.relative_to(WEB).as_posix()]
    assert not stale, "run `python -m web.tools.share`"
