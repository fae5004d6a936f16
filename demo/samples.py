"""The examples that a page offers: photos, and clips of synthetic people to follow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runtime.commands.animate import SAMPLE

CLIPS = Path(__file__).resolve().parent / "assets" / "clips"


@dataclass(frozen=True)
class Samples:
    """Files that visitors may take instead of their own; either may be empty."""

    photos: tuple[Path, ...] = ()
    clips: tuple[Path, ...] = ()

    @classmethod
    def bundled(cls) -> Samples:
        """What comes with the package, the engine's sample first; nothing where the package came without."""
        photo, clip = SAMPLE
        clips = (clip, *sorted(CLIPS.glob("*.mp4")))
        return cls((photo,) if photo.is_file() else (), tuple(path for path in clips if path.is_file()))

    def pair(self, photo: str | None, clip: str | None) -> tuple[str | None, str | None]:
        """What a visitor has chosen, with examples in place of what is missing."""
        return photo or next(map(str, self.photos), None), clip or next(map(str, self.clips), None)
