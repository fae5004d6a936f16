"""Backdrops from a folder of photos: which one, and which part of it, follows from scene seed and folder alone.

Pillow is loaded when a photo is: rendering without photos must run where it is not installed (`training.bare`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from checkpoints.errors import InputError

from .backdrop import blur
from .seeds import Array, Draw, linear

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
PLATE = 320
"""Pixels of a side of the part that is used: photos have detail that procedural backdrops lack."""
_LEAST = 64
"""Pixels of the shorter side below which a picture is no backdrop."""


@dataclass(frozen=True)
class Photos:
    """The photos of a folder, as they were when it was opened."""

    folder: Path
    names: tuple[str, ...]
    """In order; a photo is drawn by its place in it."""
    digest: str
    """SHA-256 over all names and contents: the same digest gives the same backdrops."""

    def plate(self, seed: int) -> Array:
        """(3, PLATE, PLATE) linear light of a scene's seed. Raises `InputError` when the photo cannot be read."""
        from PIL import Image, ImageOps

        draw = Draw(0xF0705, seed)
        image = read_photo(self.folder / self.names[draw.pick(len(self.names))])
        side = round(min(image.size) * draw.between(0.55, 1.0))
        left, top = (int(draw.between(0, extent - side + 1)) for extent in image.size)
        box = (left, top, left + side, top + side)
        part = image.resize((PLATE, PLATE), Image.Resampling.BILINEAR, box, reducing_gap=2)
        if draw.chance(0.5):
            part = ImageOps.mirror(part)
        picture: Array = np.asarray(part, np.float32) / 255
        if draw.chance(0.6):  # out of focus, as what is behind a person often is
            picture = blur(picture, draw.pick(20) + 1)
        picture = picture * draw.between(0.75, 1.15)
        return np.ascontiguousarray(linear(np.clip(picture, 0, 1)).transpose(2, 0, 1))

    def record(self) -> dict[str, object]:
        """What a shard says of its backdrops, as plain containers."""
        return {"names": list(self.names), "sha256": self.digest}


def read_photo(path: Path) -> Image.Image:
    """The photo, upright, in RGB. Raises `InputError` when it cannot be read."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
        raise InputError(f"{path}: cannot be read as a photo ({error}); remove it or replace it.") from error


@lru_cache(maxsize=4)
def open_photos(folder: Path) -> Photos:
    """The photos that lie in a folder (not in folders below it), each read once to be sure of it.

    Raises `InputError` when there is no such folder, when it holds no photo, or when one is damaged or too small.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of backdrops; name one that holds photos ({', '.join(SUFFIXES)}).")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise InputError(f"{folder}: holds no photos; put some there ({', '.join(SUFFIXES)}).")
    total = hashlib.sha256()
    for path in paths:
        wide, high = read_photo(path).size
        if min(wide, high) < _LEAST:
            raise InputError(f"{path}: is {wide}x{high} pixels, too small for a backdrop; use at least {_LEAST}.")
        total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return Photos(folder, tuple(path.name for path in paths), total.hexdigest())
