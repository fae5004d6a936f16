"""One person in a driving video: whose face it is in frame after frame, and where the camera cuts to something else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.framing.faces import Face
from runtime.values import Bytes

THUMB = 64
"""Longer side in pixels of what is compared to find cuts."""

_CHANGED = 16
"""Levels of 255 by which a pixel changes at a cut."""
_SURE, _UNSURE = (0.45, 20.0, 2.0), (0.15, 8.0, 6.0)
"""At least that part of the pixels changes at a cut, that many levels on average, and so many times as much as from
frame to frame before and after it: much at once, or less where all else is calm.
"""
_THAWED = (0.65, 20.0, 2.0)
"""The same after a freeze, in which a person has moved on; ..."""
_FREEZE, _STILL = 8, 0.02
"""... that is so many frames without a change of more levels."""
_CALM = 3
"""Frames before and after a cut that have to be calm."""

_REACH = 1.5
"""Sizes of a face that it moves at most from one look to the next ..."""
_GROWTH = 2.0
"""... and how many times as large or small it may become, unless it stays where it is."""


def follow(found: Iterable[Sequence[Face]], which: int | None = None, near: Face | None = None) -> list[Face | None]:
    """Of the faces that were `found` in each of some pictures, those of one person; None where they are not seen.

    That is the one who was last seen as the face `near`, or else the largest face of the first picture that shows any;
    with `which`, number `which` (from 1 on) by size of the first picture that shows so many. From then on it is always
    the face nearest to where they were, unless that is another one: too far away, or of another size.
    """
    followed: list[Face | None] = []
    last = near
    started = near is not None
    for faces in found:
        chosen = None
        if started and last is not None:
            known = last
            chosen = min(faces, key=lambda face: _distance(face, known), default=None)
            # After a cut (`near` is from before it) whoever is nearest is followed, wherever they are.
            if chosen is not None and (followed and any(followed)) and not _same(chosen, known):
                chosen = None
        elif len(faces) >= (which or 1):
            chosen = faces[(which or 1) - 1]
        if chosen is not None:
            last, started = chosen, True
        followed.append(chosen)
    return followed


def _distance(face: Face, other: Face) -> float:
    return float(np.hypot(*np.subtract(face.center, other.center)))


def _same(face: Face, other: Face) -> bool:
    """Whether both may be the same person, one look after the other."""
    small, large = sorted((face.size, other.size))
    apart = _distance(face, other)
    return apart <= large / 2 or (apart <= _REACH * large and large <= _GROWTH * small)


def contrast(picture: Bytes, face: Face) -> float:
    """How well the `face` in `picture` is seen: the standard deviation of its luma, in levels of 255."""
    height, width = picture.shape[:2]
    left, right = (int(np.clip(value, 0, width)) for value in (face.left, face.right))
    top, bottom = (int(np.clip(value, 0, height)) for value in (face.top, face.bottom))
    part = picture[top : max(bottom, top + 1), left : max(right, left + 1)]
    return float(luma(part).std()) if part.size else 0.0


def luma(picture: Bytes) -> NDArray[np.float32]:
    """(H, W): luma of `picture`, uint8 (H, W, 3) (ITU-R BT.601)."""
    weights: NDArray[np.float32] = np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(picture.astype(np.float32) @ weights)


def thumb(image: Image.Image) -> Bytes:
    """A small picture of `image` (RGB), for `Cuts`."""
    factor = THUMB / max(image.size)
    width, height = (max(1, round(length * factor)) for length in image.size)
    return np.array(image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))


def find_cuts(thumbs: Iterable[Bytes]) -> Iterator[int]:
    """Numbers of the frames with which something else begins, of a video whose frames are `thumbs`, each uint8
    (H, W, 3). A flash is no cut, nor is a fade.
    """
    changes: list[tuple[float, float]] = [(0.0, 0.0)]
    before: Bytes | None = None
    for frame in thumbs:
        if before is not None:
            changes.append(change(before, frame))
        before = frame
    for index, (part, mean) in enumerate(changes):
        around = [changes[other][1] for other in range(max(0, index - _CALM), min(len(changes), index + _CALM + 1))]
        beside = [changes[other][1] for other in (index - 1, index + 1) if 0 <= other < len(changes)]
        around.remove(mean)
        before_it = changes[max(0, index - _FREEZE) : index]
        if index > _FREEZE and max(change[1] for change in before_it) <= _STILL:
            cut = _is_cut(part, mean, max(beside, default=0), _THAWED)
        else:
            cut = _is_cut(part, mean, max(beside, default=0), _SURE)
            cut = cut or _is_cut(part, mean, max(around, default=0), _UNSURE)
        if cut:
            yield index


def change(before: Bytes, after: Bytes) -> tuple[float, float]:
    """Which part of the pixels changed, and by how many levels all did on average."""
    apart = np.abs(after.astype(np.int16) - before).max(axis=2)
    return float((apart > _CHANGED).mean()), float(apart.mean())


def _is_cut(part: float, mean: float, around: float, least: tuple[float, float, float]) -> bool:
    return part >= least[0] and mean >= least[1] and mean >= least[2] * around


class Cuts:
    """The same for a stream, of which nobody knows how it goes on: only what changes much at once is a cut."""

    def __init__(self) -> None:
        self._before: Bytes | None = None
        self._calm = 0.0

    def __call__(self, image: Image.Image) -> bool:
        """Whether something else begins with the next picture `image`."""
        frame = thumb(image)
        if self._before is None or self._before.shape != frame.shape:
            self._before, self._calm = frame, 0.0
            return True
        (part, mean), before = change(self._before, frame), self._calm
        self._before, self._calm = frame, mean
        return _is_cut(part, mean, before, _SURE)
