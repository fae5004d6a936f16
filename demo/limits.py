"""What a page grants its visitors; a public one on two cores has to grant less than one's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from checkpoints.errors import OptionError

PREFIX = "BUNRAKU_"
"""Of the environment variables: `at_once` is read from BUNRAKU_AT_ONCE."""


_MAY_BE_NONE = ("seconds", "pull")


@dataclass(frozen=True)
class Limits:
    """Every value is a whole number above 0, or 0 where the field says what that means."""

    upload_mb: int = 200
    """Megabytes that one uploaded file may have."""
    megapixels: int = 120
    """Million pixels that a photo, or a frame of a video, may have: unpacked, each takes three megabytes."""
    seconds: int = 0
    """Length of a driving video; 0 for any length."""
    at_once: int = 1
    """Animations that run at the same time; each of them can keep all cores busy."""
    waiting: int = 20
    """Animations that may wait for their turn; whoever comes after is asked to try again."""
    keep_minutes: int = 60
    """How long uploads and results are kept, at most; those of who leaves go at once."""
    open_models: int = 3
    """Models that are open at the same time; each of them takes memory."""
    live_at_once: int = 2
    """Webcams that are answered at the same time."""
    live_seconds: int = 600
    """How long one webcam is answered without a break."""
    pull: int = 1
    """Whether models may be fetched from the Hub: 1 for yes; 0, for a public page, where strangers would fill the
    disk."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in _MAY_BE_NONE else 1
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
