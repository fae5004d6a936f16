"""Parts and their strengths: what words and mappings mean together."""

import pytest

from checkpoints.errors import OptionError
from runtime.control.parts import PARTS, Strengths, check_strength, chosen


@pytest.mark.parametrize(
    ("parts", "strength", "found"),
    [
        ("all", 1.0, (1, 1, 1, 1, 1)),
        ("all", 0.5, (0.5, 0.5, 0.5, 0.5, 0.5)),
        ("mouth", 1.0, (0, 1, 0, 0, 0)),
        ("eyes, head", 2.0, (2, 0, 2, 0, 0)),
        ("all", {"mouth": 1.4, "head": 0.5}, (0.5, 1.4, 1, 1, 1)),
        (["head"], {"mouth": 1.4, "head": 0.5}, (0.5, 0, 0, 0, 0)),
    ],
)
def test_parts_and_strength_together(parts, strength, found):
    strengths = Strengths.of(parts, strength)
    assert tuple(getattr(strengths, part) for part in PARTS) == found
    assert strengths.uniform == (found[0] if len(set(found)) == 1 else None)


def test_parts_stand_in_one_order():
    assert chosen("gaze,mouth,mouth") == ("mouth", "gaze")


@pytest.mark.parametrize("strength", [-0.1, float("nan"), float("inf"), {"mouth": float("nan")}])
def test_bad_strength_is_refused(strength):
    with pytest.raises(OptionError, match="strength"):
        check_strength(strength)
