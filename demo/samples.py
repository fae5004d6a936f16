"""The examples that a page offers: photos, and clips of synthetic people to follow."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from runtime.control.templates import template_file, templates

ASSETS = Path(__file__).resolve().parent / "assets"
PHOTOS, CLIPS, MOVEMENTS = ASSETS / "photos", ASSETS / "clips", ASSETS / "movements"
"""Of drawn people: `demo.tools.examples` makes all of them."""
FIGURES = ASSETS / "figures"
"""Of drawn figures and people, a picture and a clip of each name: `demo.tools.figures` makes them."""
_SHOWS = "movement-"
"""What the name of a clip begins with that shows one of `runtime.templates()`."""


@dataclass(frozen=True)
class Samples:
    """Files that visitors may take instead of their own; either may be empty."""

    photos: tuple[Path, ...] = ()
    clips: tuple[Path, ...] = ()
    movements: tuple[Path, ...] = ()
    """Clips that stand for a motion that comes with the engine."""
    figures: tuple[tuple[Path, Path], ...] = ()
    """Pictures of what is no face, or more than one, each with a clip of its kind."""

    @classmethod
    def bundled(cls) -> Samples:
        """What comes with the package; nothing where the package came without."""
        shown = (MOVEMENTS / f"{_SHOWS}{name}.mp4" for name in templates())
        movements = tuple(path for path in shown if path.is_file())
        pairs = ((picture, picture.with_suffix(".mp4")) for picture in sorted(FIGURES.glob("*.jpg")))
        figures = tuple(pair for pair in pairs if pair[1].is_file())
        return cls(tuple(sorted(PHOTOS.glob("*.jpg"))), tuple(sorted(CLIPS.glob("*.mp4"))), movements, figures)

    @staticmethod
    def movement(clip: str, everybodys: Container[Path]) -> str:
        """The motion for which a `clip` stands, if it is one of the page's own, which are `everybodys`; else the
        clip.
        """
        path = Path(clip)
        name = path.stem.removeprefix(_SHOWS)
        stands = path.stem.startswith(_SHOWS) and path in everybodys and name in templates()
        return str(template_file(name) or clip) if stands else clip

    def pair(self, photo: str | None, clip: str | None) -> tuple[str | None, str | None]:
        """What a visitor has chosen, with examples in place of what is missing."""
        return photo or next(map(str, self.photos), None), clip or next(map(str, self.clips), None)
