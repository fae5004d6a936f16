"""Which parts of a face move, and how much: names, and what words and mappings of them mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checkpoints.errors import OptionError
from runtime.values import is_number, plain

PARTS = ("head", "mouth", "eyes", "brows", "gaze")
"""The head with neck and shoulders, mouth and jaw, lids, brows, irises."""

ALL = "all"

MOST = 100.0
"""Largest strength: what is beyond the first few is a mistake, and far beyond no number is left."""

Parts = str | Sequence[str]
Strength = float | Mapping[str, float]

_PART_OF: Mapping[str, str] = {
    **dict.fromkeys(("jaw.tip", "jaw.middle_left", "jaw.middle_right"), "mouth"),
    **dict.fromkeys(("cheek_left.beside_mouth", "cheek_right.beside_mouth"), "mouth"),
    **{f"eye_{side}.{lid}_lid": "eyes" for side in ("left", "right") for lid in ("upper", "lower")},
    **{f"eye_{side}.brow": "brows" for side in ("left", "right")},
    "forehead.between_brows": "brows",
}
"""Parts of points that their group does not tell."""


def part_of(point: str) -> str:
    """The part to which the named `point` of a model belongs: what no expression moves belongs to the head."""
    return _PART_OF.get(point, "mouth" if point.startswith("mouth.") else "head")


@dataclass(frozen=True)
class Strengths:
    """How much of its motion each part takes over: 0 none, 1 all of it."""

    head: float = 1.0
    mouth: float = 1.0
    eyes: float = 1.0
    brows: float = 1.0
    gaze: float = 1.0

    @classmethod
    def of(cls, parts: Parts = ALL, strength: Strength = 1.0) -> Strengths:
        """What the two options say together: parts that are left out do not move, whatever their strength is."""
        given = dict(strength) if isinstance(strength, Mapping) else dict.fromkeys(PARTS, float(strength))
        shown = chosen(parts)
        return cls(**{part: float(given.get(part, 1.0)) if part in shown else 0.0 for part in PARTS})

    @property
    def uniform(self) -> float | None:
        """The strength that all parts have; None where they differ."""
        known = {getattr(self, part) for part in PARTS}
        return known.pop() if len(known) == 1 else None


def chosen(parts: Parts) -> tuple[str, ...]:
    """The names in `parts`, in the order of `PARTS`. Raises `OptionError` where one is none, or there is none."""
    if isinstance(parts, str):
        words = [word.strip().lower() for word in parts.split(",")]
    elif isinstance(parts, Sequence) and all(isinstance(word, str) for word in parts):
        words = list(parts)
    else:
        raise OptionError(f"parts is {parts!r}; it must be some of {', '.join(PARTS)}, or {ALL}.")
    if words == [ALL]:
        return PARTS
    for word in words:
        if word not in PARTS:
            raise OptionError(f'parts has "{word}"; choose some of {", ".join(PARTS)}, or {ALL}.')
    if not words:
        raise OptionError(f"parts is empty; choose some of {', '.join(PARTS)}, or {ALL}.")
    return tuple(part for part in PARTS if part in words)


def check_parts(parts: Parts) -> None:
    """Raises `OptionError` unless `parts` are names of parts, or "all"."""
    chosen(parts)


def check_strength(strength: Strength) -> None:
    """Raises `OptionError` unless `strength` is a number from 0 to `MOST`, or such a number for some parts."""
    if not isinstance(strength, Mapping):
        if not _is_strength(strength):
            raise OptionError(
                f"strength is {strength!r}; it must be a number from 0 to {MOST:g} (1 leaves the motion as it is), or "
                "one for each part (mouth=1.4,head=0.5)."
            )
        return
    for part, value in strength.items():
        if part not in PARTS:
            raise OptionError(f'strength has the part "{part}"; choose some of {", ".join(PARTS)}.')
        if not _is_strength(plain(value)):
            raise OptionError(f"strength of {part} is {value!r}; it must be a number from 0 to {MOST:g}.")


def _is_strength(value: Any) -> bool:
    return is_number(value) and 0 <= value <= MOST


def read_strength(word: str) -> Strength:
    """The strength written as "1.2", or as "mouth=1.4,head=0.5". Raises `OptionError` for words that are none."""
    return read_numbers("strength", word) if "=" in word else _number("strength", word)


def read_numbers(name: str, word: str) -> dict[str, float]:
    """The numbers by name that are written as "a=1,b=0.5", as the option `name`. Raises `OptionError`."""
    found: dict[str, float] = {}
    for pair in word.split(","):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not key:
            raise OptionError(f'{name} has "{pair.strip()}"; write NAME=NUMBER, separated by commas.')
        if key.lower() in found:
            raise OptionError(f'{name} has "{key.lower()}" twice; leave one out.')
        found[key.lower()] = _number(f"{name} of {key.lower()}", value)
    return found


def _number(name: str, word: str) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise OptionError(f'{name} is "{word}"; it must be a number.') from error
