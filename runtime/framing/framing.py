"""How the pictures that a model was trained on are framed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from checkpoints.errors import ModelError
from runtime.framing.faces import Face
from runtime.framing.outline import Geometry
from runtime.framing.window import USUAL, Manner, Window
from runtime.values import is_number

HEAD = 1.57
"""Height of a head, crown to chin, in sizes of the detector's box ..."""
RISE = 0.24
"""... and by how much its middle lies above the box's (both measured on drawn heads and photos)."""

_SLACK = 0.15
"""Part of its side by which a square may move to stay in the picture, before the border must be repeated."""


@dataclass(frozen=True)
class Framing:
    """How the pictures that a model was trained on are framed."""

    subject: str = "face"
    """"face"; "front" for the head of what stands in front (animals), moved by faces, too; "points" for whatever the
    model's own points mark; for anything else "auto" means "off".
    """
    head: float = 0.6
    """Height of the head, crown to chin, as a part of the side."""
    closest: float = 0.86
    """The same where the picture is too small for that."""
    middle: float = 0.46
    """Where the middle of the head is, from the top, as a part of the side."""
    spread: float = 0.7
    """Larger side of the box around the model's points, as a part of the side; where a bundle does not say, that of
    faces-lite on portraits (0.70, deviation 0.03).
    """
    moves: str = ""
    """What the model moves: "face", "body" (people from the waist up and whole) or "cartoon" (drawn figures, and what
    shows nobody's face). `--model auto` chooses by it; where it is empty, models of the subject "face" move faces.
    """

    source: Geometry | None = None
    """How pictures of faces that are moved were cut by the face's outline; None: by its head, as the numbers above say,
    and so that little of what is outside of the picture is shown.
    """
    driving: Geometry | None = None
    """The same of pictures that drive."""
    manner: Manner = USUAL
    """How squares are cut out."""
    seam: float | None = None
    """Width of the soft edge with which squares are pasted back, on all sides, as a part of the side; None for what the
    engine finds best.
    """

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Framing:
        """From a bundle's description; unknown keys are left alone. Raises `ModelError` for impossible values."""
        names = ("subject", "head", "closest", "middle", "spread", "moves")
        known = {name: values[name] for name in names if name in values}
        try:
            framing = cls(
                **known,
                source=_geometry(values.get("source")),
                driving=_geometry(values.get("driving")),
                manner=Manner(_word(values, "outside", "repeat", "black"), _word(values, "filter", "cubic", "area")),
                seam=values.get("seam"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _impossible(values) from error
        numbers = (framing.head, framing.closest, framing.middle, framing.spread)
        sensible = all(is_number(value) and 0.05 <= value <= 2 for value in numbers)
        sensible &= framing.seam is None or (is_number(framing.seam) and 0 < framing.seam <= 0.5)
        if not sensible or not isinstance(framing.subject, str) or not isinstance(framing.moves, str):
            raise _impossible(values)
        return framing

    @property
    def kind(self) -> str:
        """What the model moves; empty where nobody has said."""
        return self.moves or ("face" if self.subject == "face" else "")

    @property
    def watches_faces(self) -> bool:
        """Whether faces drive the model, so that its driving pictures are framed around them."""
        return self.subject in ("face", "front")

    def made(self, window: Window) -> Window:
        """`window` in whole pixels, to be cut out as the pictures were."""
        return replace(window.snapped(), manner=self.manner)

    def around(self, face: Face, size: tuple[int, int]) -> Window:
        """The square that shows `face` as in training, by its head, in a picture of `size` (width, height)."""
        x, y = self.aim(face)
        return self.settle(x, y, self.side(face), self.least(face), size)

    def side(self, face: Face) -> float:
        """Side of the square that shows `face` as in training."""
        return face.size * HEAD / self.head

    def face_in(self, window: Window) -> Face:
        """About the face that `window` shows as in training: what `around` would frame so."""
        size = window.side * self.head / HEAD
        up = ((0.5 - self.middle) * HEAD / self.head - RISE) * size / window.side
        x, y = (float(value) for value in window.outward(np.array([0.5, 0.5 - up])))
        return Face(x - size / 2, y - size / 2, x + size / 2, y + size / 2, 1.0, ())

    def aim(self, face: Face) -> tuple[float, float]:
        """The middle of the square around `face`, wherever the picture ends."""
        x, y = face.center
        return x, y + ((0.5 - self.middle) * HEAD / self.head - RISE) * face.size

    def least(self, face: Face) -> float:
        """Side of the smallest square that may show `face`."""
        return face.size * HEAD / max(self.head, self.closest)

    def settle(self, x: float, y: float, side: float, least: float, size: tuple[int, int]) -> Window:
        """The square of about that middle and side that shows as little as possible of what is outside the picture:
        it may be smaller, down to `least`, and somewhat out of the middle.
        """
        side = max(min(side, *size), least)
        shift = [_into(at - side / 2, side, length) for at, length in zip((x, y), size, strict=True)]
        return Window.around(x + shift[0], y + shift[1], side)


def _geometry(values: Any) -> Geometry | None:
    """Raises `KeyError`, `TypeError` or `ValueError` for what is none."""
    if values is None:
        return None
    scale, rise, upright = values["scale"], values.get("rise", 0.0), values.get("upright", False)
    sensible = is_number(scale) and 0.5 <= scale <= 10 and is_number(rise) and abs(rise) <= 1
    if not (sensible and isinstance(upright, bool)):
        raise ValueError(f"{values} is no geometry")
    return Geometry(float(scale), float(rise), upright)


def _word(values: Mapping[str, Any], key: str, usual: str, other: str) -> bool:
    """Whether the `other` of two words stands there, and not the `usual` one. Raises `ValueError` for a third."""
    word = values.get(key, usual)
    if word not in (usual, other):
        raise ValueError(f"{key} is {word!r}")
    return bool(word == other)


def _impossible(values: Mapping[str, Any]) -> ModelError:
    return ModelError(f"The model's framing {dict(values)} is impossible; fetch or export the model again.")


def _into(low: float, side: float, length: int) -> float:
    """By how much to move a stretch of `side` that begins at `low`, so that less of it leaves a picture of `length`."""
    first, last = sorted((0.0, length - side))
    wanted = min(max(low, first), last) - low
    return min(max(wanted, -_SLACK * side), _SLACK * side)
