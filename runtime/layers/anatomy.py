"""Where a face is in a source picture: by a model's named points, or, for models without names, by the face
detector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from checkpoints.parameters import EYES, HEAD, LIPS
from runtime.framing.faces import Face, find_faces
from runtime.layers import lips
from runtime.layers.canvas import Canvas
from runtime.layers.exact import through
from runtime.layers.expression import SIDES, Expression, Seen
from runtime.layers.eyes import Eye, find_eyes
from runtime.layers.frames import Affine, Array, Pixels, bounded, head_frame
from runtime.layers.matte import box_blur
from runtime.layers.mended import SURE, as_array, averaged, see_head
from runtime.layers.mesh import Look, lips_of, look_at
from runtime.layers.mouth import Lips, MouthShutter
from runtime.layers.person import STIFF, Anatomy
from runtime.layers.relief import Led, Relief
from runtime.layers.shutters import EyeShutter, Place, joined, smooth
from runtime.values import Bytes, Floats

Pairs = tuple[Array, Array]
"""Points (K, 2) in the result and in the source."""

_FACE = ("mouth", "eye_left", "eye_right", "nose", "cheek_left", "cheek_right", "jaw")
"""Groups of points that lie on the face itself."""
_HELD = ("eye_", "nose.", "cheek_", "jaw.", "forehead.")
"""Points, but for lids, through which a face's flow is led: mouths and lids open and shut by themselves."""
_REACH = 0.12
"""How far about each of them, of the distance of the eyes' outer corners."""
NEEDED = frozenset(
    [f"eye_{side}.{name}" for side in SIDES for name in ("inner", "outer", "upper_lid", "lower_lid", "brow")]
    + [f"mouth.{name}" for name in ("corner_left", "corner_right", "upper_lip", "lower_lip", "chin")]
    + ["nose.bridge", "nose.base"]
    + [f"neck.{name}" for name in ("pit", "side_left", "side_right", "shoulder_left", "shoulder_right")]
)
"""Names without which points tell too little of a face."""
_COLLAR = ("shoulder_right", "side_right", "pit", "side_left", "shoulder_left")
_USUAL_SHOULDERS = ((-1.3, 1.85), (-0.55, 1.4), (0.0, 1.75), (0.55, 1.4), (1.3, 1.85))
_BETWEEN, _MOUTH = 0.333, 0.78
"""Where the detector's landmarks lie in the head's own frame."""


class Base(Protocol):
    """How a head moves, if no expression moves it."""

    def __call__(self, driven: Array, cells: Array, moved: Array | None) -> Array:
        """(f, f, 2): where from its `cells` (f, f, 2) a result looks further. `driven` (K, 2): the model's points in
        the result; `moved` (f, f, 2): the same as the model says, which may be None where points have names; all in
        pixels of the canvas.
        """
        ...


class Subject(Protocol):
    """A face in a canvas of c pixels a side."""

    anatomy: Anatomy
    middle: Array
    """(2,): a place well inside the face."""
    sure: Affine | None
    """`anatomy.frame`, where it is a face beyond doubt."""
    expression: Array | None
    """(2, 3): what its eyes do, as `Motion.eyes`; None where nobody looked."""
    lips: Array | None
    """(7, 2): what its lips do, as `Motion.lips`; likewise."""
    face: Pixels
    """(c, c) in [0, 1]: where the model's own flow and picture count."""

    def base(self, alpha: Pixels) -> Base:
        """How the head moves, if no expression moves it. `alpha` (c, c): where in the canvas the person is."""
        ...

    def neck(self, driven: Array, cells: Array, moved: Array) -> Pairs:
        """Of the neck; arguments as of `Base`."""
        ...

    def exact(self, driven: Array, cells: Array, moved: Array) -> Array:
        """`moved`, as exact as the points that are known to lie on the face make it; arguments as of `Base`."""
        ...

    def head(self, driven: Array) -> Affine | None:
        """From the head's own frame to where it is in the result; None where points do not tell."""
        ...

    def shutters(self, picture: Pixels) -> Shutters:
        """What changes the expression in `picture` (c, c, 4), colours and alpha."""
        ...


class Shutters:
    """The parts of a face that open and shut."""

    def __init__(self, eyes: list[tuple[EyeShutter, float]], mouth: MouthShutter | None) -> None:
        """`eyes`: left and right, each with its width in the head's own frame."""
        self._eyes, self._mouth = eyes, mouth

    @property
    def opening(self) -> float | None:
        """How far the mouth is open at rest, in the head's own frame; None where it does not open and shut."""
        return None if self._mouth is None else self._mouth.opening

    def __call__(self, picture: Pixels, face: Expression | None) -> Iterator[tuple[Place, Pixels]]:
        """Patches (h, w, 4), and the rows and columns of `picture` (c, c, 4) where they belong."""
        if face is None or face.at_rest:
            patches = [shutter.patch for shutter, _ in self._eyes] + ([self._mouth.patch] if self._mouth else [])
            yield from ((patch.place, picture[patch.place]) for patch in patches)
            return
        parts = []
        for index, (shutter, width) in enumerate(self._eyes):
            lids, brow = float(face.lids[index]), float(face.brows[index]) / width
            parts.append((shutter.patch.place, shutter(picture, lids, brow, face.gaze[index])))
        if self._mouth is not None:
            parts.append((self._mouth.patch.place, self._mouth(picture, face)))
        yield from joined(picture, parts)


class NamedFace:
    """By a model's named points."""

    def __init__(self, canvas: Bytes, names: Mapping[str, int], points: Array) -> None:
        """`names`: of the `points` (K, 2), pixels of `canvas`, uint8 (c, c, 3)."""
        self._canvas, self._names, self._points = canvas, names, points
        face = self._named = named(points, names)
        self._neck = [i for name, i in names.items() if name.startswith("neck.")]
        self._held = [i for name, i in names.items() if name.startswith(_HELD) and not name.endswith("_lid")]
        self._on_face = _on_face(names)
        frame = head_frame(face, rigid=True)
        own = frame.inverse()
        self._unit = float(np.sqrt(np.linalg.det(frame.linear)))
        self._chin = float(own(face["mouth.chin"])[1])
        collar = np.array([own(face[f"neck.{name}"]) for name in _COLLAR])
        self.anatomy = Anatomy(frame, self._chin, collar[np.argsort(collar[:, 0])])
        self.middle: Array = face["nose.bridge"]
        (self.eyes,) = _eyes([canvas], [face])
        self.expression: Array | None = np.array([[eye.opening, *eye.gaze] for eye in self.eyes])
        self._look = _look(canvas, face, points[self._on_face])
        self.sure = frame if self._look is not None and self._look.score >= SURE else None
        self.lips: Array | None = lips.see_mouth(face, self._look)
        hull = box_blur(_hull(points[self._on_face], len(canvas)), round(0.1 * self._unit))
        self.face: Pixels = hull * (1 - self._parts())

    def _parts(self) -> Pixels:
        """(c, c): where mouth and eyes are, which the model's flow would stretch."""
        size, own = len(self._canvas), self.anatomy.frame.inverse()
        x, y = np.moveaxis(own(np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).astype(float)), -1, 0)
        mouth = (own(self._named["mouth.corner_left"]) + own(self._named["mouth.corner_right"])) / 2
        length = self._chin - float(mouth[1])
        away = np.hypot((x - mouth[0]) / 0.48, (y - mouth[1] - length / 2 + 0.02) / (0.62 * length + 0.18))
        for eye in self.eyes:
            middle = own((eye.upper[0] + eye.upper[-1]) / 2)
            away = np.minimum(away, np.hypot((x - middle[0]) / 0.26, (y - middle[1] + 0.04) / 0.2))
        return smooth((1.25 - away) / 0.25)

    def base(self, alpha: Pixels) -> Base:
        """See `Subject`."""
        return Led(Relief(self._named, alpha), self._names)

    def neck(self, driven: Array, cells: Array, moved: Array) -> Pairs:
        """See `Subject`."""
        return driven[self._neck], self._points[self._neck]

    def exact(self, driven: Array, cells: Array, moved: Array) -> Array:
        """See `Subject`."""
        step = float(cells[0, 1, 0] - cells[0, 0, 0])
        at = (driven[self._held] - cells[0, 0]) / step
        return through(moved, at, self._points[self._held] - driven[self._held], max(_REACH * self._unit / step, 1.0))

    def head(self, driven: Array) -> Affine | None:
        """See `Subject`."""
        return head_frame(named(driven, self._names), rigid=True)

    def shutters(self, picture: Pixels) -> Shutters:
        """See `Subject`."""
        face, frame = self._named, self.anatomy.frame
        eyes = [
            (EyeShutter(eye, face[f"eye_{side}.brow"], picture), eye.width / self._unit)
            for side, eye in zip(SIDES, self.eyes, strict=True)
        ]
        return Shutters(eyes, self._mouth(frame, picture))

    def _mouth(self, frame: Affine, picture: Pixels) -> MouthShutter:
        own, face = frame.inverse(), self._named
        found = None if self._look is None else lips_of(self._look.points)
        corners = [own(face[f"mouth.corner_{side}"]) for side in ("right", "left")]
        if found is not None:
            lips = Lips(*(own(line) for line in found.lips))
            ends = np.stack([lips.inner_upper[0], lips.inner_upper[-1]])
            if np.hypot(*(ends - corners).T).max() < 0.3:
                return MouthShutter(frame, lips, float(own(found.nose)[1]), float(own(found.chin)[1]), picture)
        middles = [own(face[f"mouth.{name}"]) for name in ("upper_lip", "lower_lip")]
        return MouthShutter(
            frame, Lips.between(*corners, *middles), float(own(face["nose.base"])[1]), self._chin, picture
        )


class SeenFace:
    """By the face detector and the model's flow, for models whose points have no names. Nothing opens or shuts."""

    def __init__(self, face: Face, size: int) -> None:
        """`face` in pixels of a canvas of `size` a side."""
        self.expression: Array | None = None
        self.lips: Array | None = None
        right, left, _, mouth, *_ = (np.array(mark) for mark in face.landmarks)
        template = np.array([[-_BETWEEN, 0.01], [_BETWEEN, 0.01], [0, _MOUTH]])
        frame = Affine.similarity(template, np.array([right, left, mouth]))
        self.anatomy = Anatomy(frame, 1.15, np.array(_USUAL_SHOULDERS))
        self.middle: Array = frame(np.array([0.0, 0.3]))
        self.sure: Affine | None = frame
        x, y = self._own(np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).astype(float))
        self.face: Pixels = smooth((1.15 - np.hypot(x / 0.68, (y - 0.42) / 0.82)) / 0.3)

    def _own(self, places: Array) -> tuple[Array, Array]:
        x, y = np.moveaxis(self.anatomy.frame.inverse()(places), -1, 0)
        return x, y

    def base(self, alpha: Pixels) -> Base:
        """See `Subject`."""
        return self._flat

    def _flat(self, driven: Array, cells: Array, moved: Array | None) -> Array:
        """See `Base`: by the one affine map that the flow makes about the face."""
        if moved is None:
            raise ValueError("without named points only a model tells how a head moves")
        x, y = self._own(cells + moved)
        return Affine.fit(*_within(np.hypot(x / 0.65, (y - 0.2) / 0.55) < 1, cells, moved), STIFF)(cells) - cells

    def neck(self, driven: Array, cells: Array, moved: Array) -> Pairs:
        """See `Subject`."""
        x, y = self._own(cells + moved)
        inside = (np.abs(x) < 0.9) & (y > self.anatomy.chin + 0.3) & (y < self.anatomy.shoulders[2, 1] + 0.4)
        return _within(inside, cells, moved)

    def exact(self, driven: Array, cells: Array, moved: Array) -> Array:
        """See `Subject`."""
        return moved

    def head(self, driven: Array) -> Affine | None:
        """See `Subject`."""
        return None

    def shutters(self, picture: Pixels) -> Shutters:
        """See `Subject`."""
        return Shutters([], None)


def _within(part: NDArray[np.bool_], cells: Array, moved: Array) -> Pairs:
    """`cells` (f, f, 2) in a `part` of them, and where they are `moved`; where that is too small, all at rest."""
    still = cells.reshape(-1, 2)
    return (cells[part], (cells + moved)[part]) if part.sum() > 5 else (still, still)


def see_subject(
    canvas: Canvas,
    names: Mapping[str, int],
    points: NDArray[np.float32],
    resolution: int,
    near: tuple[float, float] | None = None,
) -> Subject | None:
    """The face that a model of that `resolution` has found in `canvas`, where its `points` (K, 2) in [-1, 1] have
    `names`; else the largest one that the face detector finds, or the one nearest to the place `near` (x, y) in sides
    of the square; None where there is none.
    """
    if names:
        places = bounded(canvas.places(points, resolution))
        return NamedFace(canvas.picture, names, places) if _has_extent(named(places, names)) else None
    faces = find_faces(canvas.picture, levels=2)
    if near is not None:
        side = len(canvas.picture) - 2 * canvas.margin
        aim = [canvas.margin + side * place for place in near]
        faces.sort(key=lambda face: float(np.hypot(*np.subtract(face.center, aim))))
    return SeenFace(faces[0], len(canvas.picture)) if faces else None


def _has_extent(face: Mapping[str, Array]) -> bool:
    """Whether head and eyes of the `face`, in pixels, are more than dots."""
    eyes = [np.hypot(*(face[f"eye_{side}.inner"] - face[f"eye_{side}.outer"])) for side in SIDES]
    return bool(min(*eyes, np.sqrt(np.linalg.det(head_frame(face, rigid=True).linear))) > 1)


def see_faces(frames: Bytes, names: Mapping[str, int], points: NDArray[np.float32]) -> dict[str, Floats]:
    """What the networks that look at faces see in `frames`, uint8 (B, R, R, 3), whose points (B, K, 2) have `names`:
    the head (B, 40, 3), eyes (B, 2, 3) and lips (B, 7, 2), as motions have them.
    """
    seen = looks_at(frames, names, points)
    heads = [see_head(*each) for each in seen]
    faces = [averaged(face, head) for (face, _), head in zip(seen, heads, strict=True)]
    eyes = [[[eye.opening, *eye.gaze] for eye in pair] for pair in _eyes(frames, faces)]
    mouths = [lips.see_mouth(face, look) for face, (_, look) in zip(faces, seen, strict=True)]
    return {HEAD: as_array(heads, frames.shape[1]), EYES: np.array(eyes, np.float32), LIPS: lips.stack(mouths)}


def see_heads(frames: Bytes, names: Mapping[str, int], points: NDArray[np.float32]) -> dict[str, Floats]:
    """The first of them alone."""
    heads = [see_head(*each) for each in looks_at(frames, names, points)]
    return {HEAD: as_array(heads, frames.shape[1])}


def looks_at(
    frames: Bytes, names: Mapping[str, int], points: NDArray[np.float32]
) -> list[tuple[dict[str, Array], Look | None]]:
    """The named points in each of the `frames`, in its pixels, and what the mesh sees there; arguments as of
    `see_faces`.
    """
    places, on_face = bounded(_pixels(frames, points)), _on_face(names)
    faces = [named(each, names) for each in places]
    looks = [_look(frame, face, each[on_face]) for frame, face, each in zip(frames, faces, places, strict=True)]
    return list(zip(faces, looks, strict=True))


def _look(picture: Bytes, face: Mapping[str, Array], around: Array) -> Look | None:
    """What the mesh sees of the `face`; `around` (K, 2): its points on the face, in pixels."""
    return look_at(picture, np.array([face["eye_right.outer"], face["eye_left.outer"]]), around)


def _pixels(frames: Bytes, points: NDArray[np.float32]) -> Array:
    return (points.astype(np.float64) + 1) / 2 * (frames.shape[1] - 1)


def _on_face(names: Mapping[str, int]) -> list[int]:
    return [index for name, index in names.items() if name.split(".")[0] in _FACE]


def named(points: NDArray[np.floating], names: Mapping[str, int]) -> dict[str, Array]:
    """The `points` (K, 2) by their names."""
    known = bounded(points)
    return {name: known[index] for name, index in names.items()}


def seen(
    names: Mapping[str, int],
    places: NDArray[np.floating],
    eyes: NDArray[np.floating] | Sequence[Array],
    mouths: NDArray[np.floating] | None,
    heads: NDArray[np.floating] | None = None,
) -> list[Seen]:
    """Faces in T frames: `places` (T, K, 2) of points that have `names`; `eyes` (T, 2, 3) and lips (T, 7, 2), as in a
    motion; `heads`: the points where these lips were seen, if they are others.
    """
    if mouths is None:
        return [Seen(named(points, names), eye) for points, eye in zip(places, eyes, strict=True)]
    where = places if heads is None else heads
    return [
        Seen(named(points, names), eye, lip, None if heads is None else named(head, names))
        for points, eye, lip, head in zip(places, eyes, mouths, where, strict=True)
    ]


def _eyes(pictures: Sequence[Bytes] | Bytes, faces: Sequence[Mapping[str, Array]]) -> list[list[Eye]]:
    """Left and right eye of each of the `faces`, one in each of the `pictures`."""
    corners = np.array(
        [[[face[f"eye_{side}.{end}"] for end in ("inner", "outer")] for side in SIDES] for face in faces]
    )
    eyes = []
    for face, found, known in zip(faces, find_eyes(list(pictures), corners), corners, strict=True):
        sure = [_plausible(*pair) for pair in zip(found, known, strict=True)]
        eyes.append([eye or _plain_eye(face, side) for eye, side in zip(sure, SIDES, strict=True)])
    return eyes


def _plausible(eye: Eye, corners: Array) -> Eye | None:
    """`eye`, unless its corners lie elsewhere than the known ones (inner, outer)."""
    ends = np.stack([eye.upper[-1], eye.upper[0]])
    width = np.hypot(*(corners[0] - corners[1]))
    return eye if np.hypot(*(ends - corners).T).max() < 0.4 * width and eye.width > 0.5 * width else None


def _plain_eye(named: Mapping[str, Array], side: str) -> Eye:
    """An eye by its four points alone, lids as bows between the corners."""
    inner, outer, upper, lower = (named[f"eye_{side}.{name}"] for name in ("inner", "outer", "upper_lid", "lower_lid"))
    x = np.linspace(0, 1, 9)[:, None]
    line, bow, middle = outer + x * (inner - outer), (4 * x * (1 - x)) ** 0.6, (inner + outer) / 2
    return Eye(
        line + bow * (upper - middle),
        line + bow * (lower - middle),
        (upper + lower) / 2,
        0.2 * float(np.hypot(*(inner - outer))),
    )


def _hull(points: Array, size: int) -> Pixels:
    """(size, size): 1 in the convex hull of `points` (K, 2), a little widened."""
    middle = points.mean(0)
    around = middle + (points - middle) * 1.04
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    outward = np.stack([np.cos(angle), np.sin(angle)], 1)
    edge = around[(around @ outward.T).argmax(0)]  # the farthest point in every direction: the hull's corners in order
    picture = Image.new("L", (size, size))
    ImageDraw.Draw(picture).polygon([tuple(map(float, place)) for place in edge], fill=1)
    return np.asarray(picture, np.float32)
