"""What is behind the one who moves: the picture's own backdrop, a colour, another picture, or nothing."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ImageColor

from checkpoints.errors import InputError, OptionError
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.picture import read_square
from runtime.values import Bytes

KEEP, TRANSPARENT = "keep", "transparent"


@dataclass(frozen=True)
class Background:
    """What the option of that name means."""

    given: str
    """As it was written."""
    colour: tuple[int, int, int] | None = None
    """RGB."""
    file: Path | None = None
    """A picture."""

    @staticmethod
    def of(given: str | os.PathLike[str]) -> Background:
        """`given`: "keep", "transparent", an opaque colour (a name of CSS, or #rrggbb), or a picture's file; a file
        whose name is one of these words needs its folder before it. Raises `OptionError` for anything else.
        """
        if not isinstance(given, str | os.PathLike):
            raise OptionError(f"background is {given!r}; it must be a word, a colour or a picture's file.")
        text = os.fspath(given)
        if text in (KEEP, TRANSPARENT):
            return Background(text)
        with suppress(ValueError):
            colour = ImageColor.getrgb(text)
            if len(colour) == 3:
                return Background(text, colour=colour)
        if text and os.path.lexists(text):
            return Background(text, file=Path(text))
        raise OptionError(
            f'There is no colour, and no file, "{text}" for the background; give keep, transparent, the name of a '
            "colour, #rrggbb, or a picture."
        )

    @property
    def filling(self) -> str:
        """The colour of what is transparent in a picture that is moved."""
        return "white" if self.colour is None else self.given

    @property
    def transparent(self) -> bool:
        """Whether results have no background at all."""
        return self.given == TRANSPARENT

    def replaces(self, cut_out: bool) -> bool:
        """Whether another backdrop takes the place of what a picture shows; a colour does not where parts of the
        picture are transparent already (`cut_out`): these have it.
        """
        return self.given != KEEP and not (self.colour is not None and cut_out)

    def square(self, side: int, limits: Limits = DEFAULT_LIMITS) -> Bytes:
        """uint8 (side, side, 3): what is behind; a picture covers it, its middle being seen. Raises `InputError`
        where that cannot be read.
        """
        if self.file is not None:
            return read_square(self.file, side, limits=limits)
        return np.full((side, side, 3), self.colour or (0, 0, 0), np.uint8)

    def nobody(self, layers: bool) -> InputError:
        """What is said where nobody is seen before whom it could be another one; `layers`: whether they are on."""
        why = "no person is seen in the picture" if layers else "the picture is not moved in layers"
        also = "" if layers else ", and layers on"
        return InputError(
            f'background is "{self.given}", but {why}; leave it at keep, or choose a photo of a person{also}.'
        )

    def refused_by(self, model: str) -> InputError:
        """What is said of a `model` that does not tell people from what is behind them."""
        return InputError(
            f'background is "{self.given}", but the model "{model}" makes its pictures whole, what is behind the '
            "person too; leave it at keep, or choose a model that moves people in layers, such as faces-lite."
        )


def check_background(background: str | os.PathLike[str]) -> None:
    """Raises `OptionError` unless `background` can be one."""
    Background.of(background)


def check_transparent(background: str | os.PathLike[str], compare: bool, show: str | None) -> None:
    """Raises `OptionError` where results without a background would stand beside pictures that have one."""
    if (compare or show) and Background.of(background).transparent:
        raise OptionError("Beside picture and video a result has a background; leave compare, show or transparent out.")
