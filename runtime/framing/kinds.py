"""What a picture shows: a face, a whole person, or nobody's face. By it `--model auto` chooses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.framing.faces import Face
from runtime.framing.framing import HEAD, RISE
from runtime.framing.front import SIDE, find_front, largest, people_in
from runtime.framing.search import confirmed, search_everywhere, search_faces
from runtime.graphs.sessions import keep_borrowed

Kind = Literal["face", "body", "cartoon"]
"""What models move (`Framing.moves`): "cartoon" stands for whatever shows nobody's face."""

_WHOLE = 3.6
"""Heads that fit into what is seen of somebody from the crown down, from the hips up: portraits have fewer."""
_CLOSE = 256
"""Pixels along the side of a square in which a small face is looked for."""
_SEEN = 0.5
"""Probability from which on a pixel is of a person."""


def kind_of(images: Sequence[Image.Image], *, thorough: bool) -> Kind:
    """What most of the `images` (RGB) show. `thorough`: faces are looked for closely, as in pictures to be moved; of a
    video a quick look at several frames does.

    A person of whom no face is seen (from behind, far away) is not told from an animal or a drawing. Without images, a
    face: what is recorded was one.
    """
    if not images:
        return "face"
    with keep_borrowed():  # the same networks look at every picture, some of them twice
        kinds = Counter(_kind(image, thorough) for image in images)
    return kinds.most_common(1)[0][0]


def pair_kind(source: Kind, driving: Kind) -> Kind:
    """By what a source of one kind is to be moved as a driver of another moves: as a body only where both show one, and
    what shows nobody's face by no model of faces.
    """
    if "cartoon" in (source, driving):
        return source if driving == "cartoon" and source == "face" else "cartoon"
    return source if source == driving else "face"


def _kind(image: Image.Image, thorough: bool) -> Kind:
    faces = search_everywhere(image) if thorough else confirmed(image, search_faces(image, levels=2))
    face = faces[0] if faces else _small_face(image)
    if face is None:
        return "cartoon"
    return "body" if _heads_seen(image, face) >= _WHOLE else "face"


def _small_face(image: Image.Image) -> Face | None:
    """That of somebody shown whole, which is looked for closely at the upper end of who stands in front."""
    window = find_front([image])
    if window is None:
        return None
    square = Image.fromarray(window.cut(image, _CLOSE))
    faces = confirmed(square, search_faces(square, levels=3))
    if not faces:
        return None
    face, left, top = faces[0].scaled(window.side / _CLOSE), window.left, window.top
    return replace(
        face, left=face.left + left, top=face.top + top, right=face.right + left, bottom=face.bottom + top, landmarks=()
    )


def _heads_seen(image: Image.Image, face: Face) -> float:
    """How many times the head of a `face` goes into what is seen of the person, from its crown down."""
    person = largest(people_in([image])[0])
    down, across = image.height / SIDE, image.width / SIDE
    head = HEAD * face.size
    x, y = face.center
    crown = y - RISE * face.size - head / 2
    rows = _rows(person, x / across, head / across)
    return 0.0 if rows is None else (rows * down - crown) / head


def _rows(person: NDArray[np.floating], column: float, width: float) -> float | None:
    """The lowest row in which what is marked in `person` (SIDE, SIDE) is at least a few pixels wide, where it reaches
    the columns of the head; None where it does not.
    """
    left, right = (int(np.clip(column + side * width / 2, 0, SIDE - 1)) for side in (-1, 1))
    marked = person > _SEEN
    if not marked[:, left : right + 1].any():
        return None
    wide = np.flatnonzero(marked.sum(axis=1) >= 3)
    return None if not len(wide) else float(wide[-1] + 1)
