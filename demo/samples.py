"""The examples that a page offers: photos, and clips of synthetic people to follow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ASSETS = Path(__file__).resolve().parent / "assets"
PHOTOS, CLIPS = ASSETS / "photos", ASSETS / "clips"
"""Of drawn people: `demo.tools.examples` makes both."""


@dataclass(frozen=True)
class Samples:
    """Files that visitors may take instead of their own; either may be empty."""

    photos: tuple[Path, ...] = ()
    clips: tuple[Path, ...] = ()

    @classmethod
    def bundled(cls) -> Samples:
        """What comes with the package; nothing where the package came without."""
        return cls(tuple(sorted(PHOTOS.glob("*.jpg"))), tuple(sorted(CLIPS.glob("*.mp4"))))

    def pair(self, photo: str | None, clip: str | None) -> tuple[str | None, str | None]:
        """What a visitor has chosen, with examples in place of what is missing."""
        return photo or next(map(str, self.photos), None), clip or next(map(str, self.clips), None)
