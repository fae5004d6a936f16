"""The result out of a figure's sprites: each moved as its bone is, over a backdrop that stays.

Next to a joint a bone gives way to its neighbour, so that limbs bend like hoses (linear blend skinning; its inverse,
from the result to the source, by iteration). At rest the sprites give the source back to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from runtime.layers.border import Scene
from runtime.layers.canvas import Canvas
from runtime.layers.compose import Behind, Made, crossings, straight
from runtime.layers.expression import Expression
from runtime.layers.figure.bending import Bending
from runtime.layers.figure.cutout import cut_out
from runtime.layers.figure.limbs import circle
from runtime.layers.figure.parts import Sprite, order, shares, sprites
from runtime.layers.figure.pose import look_at
from runtime.layers.figure.skeleton import Build, Skeleton
from runtime.layers.frames import Affine, Array, Pixels, bounded
from runtime.values import Bytes, Floats

_STILL = 0.04
"""Motion, in sides of the square, over which what sprites do not give of the source goes."""


def see_figure(
    canvas: Canvas,
    build: Build,
    names: Mapping[str, int],
    points: Array,
    resolution: int,
    behind: Behind | None = None,
) -> Puppet | None:
    """What moves the figure of this `build` in a `canvas`, where the `points` (K, 2) of a model of that `resolution`,
    in its pixels, have `names`; None where none is found surely.
    """
    rows, columns = canvas.photo
    seen = np.array([columns.start, rows.start, columns.stop, rows.stop], float)
    look = None
    if build.people:
        body = {name: points[index] - seen[:2] for name, index in names.items()}
        look = look_at(np.ascontiguousarray(canvas.picture[rows, columns]), circle(body))
    skeleton = Skeleton(build, names, points, seen, None if look is None else look.seen)
    scene = cut_out(canvas, skeleton.bones, build.people, look)
    return None if scene is None else Puppet(canvas, skeleton, scene, resolution, behind)


class Puppet:
    """Moves one source's figure. Safe to share between threads. It has no face that opens and shuts."""

    eyes: Array | None = None
    lips: Array | None = None
    parted: float | None = None
    opening: float | None = None

    def __init__(
        self, canvas: Canvas, skeleton: Skeleton, scene: Scene, resolution: int, behind: Behind | None = None
    ) -> None:
        """`scene`: the `canvas` taken apart; `behind`: None for the backdrop that it shows."""
        self._canvas, self._skeleton, self._resolution = canvas, skeleton, resolution
        self._bending = Bending(skeleton.bones)
        self._cut_out = behind is not None and behind.nothing
        inner = (canvas.inner, canvas.inner)
        alpha = scene.alpha[..., None]
        colours = canvas.picture.astype(np.float32)
        own = np.clip((colours - (1 - alpha) * scene.plate) / np.maximum(alpha, 0.1), 0, 255)
        ranks = order(skeleton.build, skeleton.bones)
        parts = _kept_in(shares(skeleton.bones, scene.alpha, colours, skeleton.borne), skeleton, canvas)
        self._sprites = sprites(skeleton.bones, parts, own, ranks)
        self.crossed: NDArray[np.bool_] = crossings(scene.alpha[inner])
        """(4,): at which edges of the square (left, top, right, bottom) the figure goes on."""
        self._plate: Pixels = scene.plate[inner] if behind is None else behind.picture.astype(np.float32)
        rest, seen = self._laid([Affine(np.eye(2), np.zeros(2))] * len(skeleton.bones))
        self._wrong = canvas.picture[inner] - rest if behind is None else np.zeros_like(rest)
        picture = _rounded(rest + self._wrong)
        self.still: Bytes = straight(picture, seen) if self._cut_out else picture
        """The square before it moves: uint8 (n, n, 3), or 4 where nothing is behind."""

    def __call__(
        self, made: Made | None, points: Array, face: Expression | None, residual: Floats | None = None
    ) -> Bytes:
        """One picture, for driving `points` (K, 2) in [-1, 1]: uint8 (n, n, 3), or 4 where nothing is behind. What else
        `Layers` go by counts for nothing.
        """
        picture, alpha = self.apart(made, points, face, residual)
        return straight(picture, alpha) if self._cut_out else picture

    def apart(
        self, made: Made | None, points: Array, face: Expression | None, residual: Floats | None = None
    ) -> tuple[Bytes, Pixels]:
        """The same over a backdrop, uint8 (n, n, 3), and where in it the figure is, f32 (n, n) in [0, 1]."""
        driven = bounded(self._canvas.places(points, self._resolution))
        way = float(np.abs(driven - self._skeleton.points).max()) / len(self._plate)
        picture, alpha = self._laid(self._skeleton.maps(driven))
        return _rounded(picture + max(0.0, 1 - way / _STILL) * self._wrong), alpha

    def held(self, places: Floats) -> Floats:
        """Points as they are: what a photo cuts of a figure may go."""
        return places

    def _laid(self, maps: list[Affine]) -> tuple[Pixels, Pixels]:
        """f32 (n, n, 3) and (n, n): the sprites over the plate, by `maps` from the result to the source."""
        picture = np.concatenate([self._plate, np.zeros_like(self._plate[..., :1])], -1)
        for sprite in self._sprites:
            box = self._box(sprite, maps[sprite.bone], len(picture))
            if box is not None:
                layer = sprite.sampled(self._bending(sprite.bone, self._places(box), maps))
                part = picture[box]
                part *= 1 - layer[..., 3:]
                part += layer
        return picture[..., :3], picture[..., 3]

    def _places(self, box: tuple[slice, slice]) -> Array:
        rows, columns = (np.arange(each.start, each.stop) + float(self._canvas.margin) for each in box)
        return np.stack(np.meshgrid(columns, rows), -1)

    def _box(self, sprite: Sprite, back: Affine, side: int) -> tuple[slice, slice] | None:
        """Rows and columns of the result that the sprite may reach."""
        rows, columns = sprite.place
        corners = np.array([[x, y] for x in (columns.start, columns.stop) for y in (rows.start, rows.stop)], float)
        moved = back.inverse()(corners) - self._canvas.margin
        reach = _BENT * float(np.ptp(moved, axis=0).max())
        left, top = np.clip(np.floor(moved.min(0) - reach), 0, side).astype(int).tolist()
        right, bottom = np.clip(np.ceil(moved.max(0) + reach), 0, side).astype(int).tolist()
        return None if right <= left or bottom <= top else (slice(top, bottom), slice(left, right))


def _kept_in(parts: Pixels, skeleton: Skeleton, canvas: Canvas) -> Pixels:
    """The `parts` (B, c, c), arms without what lies beyond the photo: a trunk goes on there, no hand does."""
    limbs = skeleton.build.limbs
    arms = [index for index, bone in enumerate(skeleton.bones) if bone.limb >= 0 and limbs[bone.limb].name[:3] == "arm"]
    beyond = np.ones(parts.shape[1:], np.float32)
    beyond[canvas.photo] = 0
    parts[0] += (parts[arms] * beyond).sum(0)
    parts[arms] *= 1 - beyond
    return parts


_BENT = 0.15
"""By how much of its size a sprite may reach beyond where its bone's own map takes it: it bends."""


def _rounded(picture: Pixels) -> Bytes:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
