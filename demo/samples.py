"""The bundled examples: a photo, and clips of synthetic people to follow."""

from __future__ import annotations

from pathlib import Path

from runtime.commands.animate import SAMPLE

CLIPS = Path(__file__).resolve().parent / "assets" / "clips"


def photos() -> list[Path]:
    """The bundled photos; none where the package came without."""
    return [path for path in (SAMPLE[0],) if path.is_file()]


def clips() -> list[Path]:
    """The bundled videos, the sample first."""
    return [path for path in (SAMPLE[1], *sorted(CLIPS.glob("*.mp4"))) if path.is_file()]


def pair(photo: str | None, clip: str | None) -> tuple[str | None, str | None]:
    """What a visitor has chosen, with examples in place of what is missing."""
    return photo or next(map(str, photos()), None), clip or next(map(str, clips()), None)
