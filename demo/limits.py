"""What a page grants its visitors; a public one on two cores has to grant less than one's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from checkpoints.errors import OptionError

PREFIX = "BUNRAKU_"
"""Of the environment variables: `at_once` is read from BUNRAKU_AT_ONCE."""


@dataclass(frozen=True)
class Limits:
    """Every value is a whole number above 0, or 0 for no limit where the field says so."""

    upload_mb: int = 200
    """Megabytes that one uploaded file may have."""
    seconds: int = 0
    """Length of a driving video; 0 for any length."""
    at_once: int = 1
    """Animations that run at the same time; each of them can keep all cores busy."""
    waiting: int = 20
    """Animations that may wait for their turn; whoever comes after is asked to try again."""
    keep_minutes: int = 60
    """How long uploads and results are kept."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name == "seconds" else 1
            if value < least:
                raise OptionError(f"{field.name} is {value}; it must be a whole number of {least} or more.")

    def with_environment(self, environment: Mapping[str, str] = os.environ) -> Limits:
        """These limits, except for those that variables such as BUNRAKU_UPLOAD_MB name.

        Raises `OptionError` when one of them is not an allowed number.
        """
        changes: dict[str, int] = {}
        for field in fields(self):
            name = PREFIX + field.name.upper()
            text = environment.get(name, "").strip()
            if not text:
                continue
            if not text.isascii() or not text.isdigit():
                raise OptionError(f'The variable {name} is "{text}"; it must be a whole number.')
            changes[field.name] = int(text)
        return replace(self, **changes)
