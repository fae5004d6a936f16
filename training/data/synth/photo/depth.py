"""How deep a photograph's person lies, by the head that was fitted to it: what the engine turns it as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from runtime.layers.anatomy import Base, NamedFace, named
from runtime.layers.frames import Array, Pixels
from runtime.layers.matte import box_blur
from runtime.layers.relief import Relief
from runtime.layers.shutters import smooth
from runtime.layers.solid import Head
from runtime.values import Bytes

from ..core.raster import hits, interpolate, rasterise
from ..person.head import SKIN, HeadAsset

_CELLS = 192
"""Of the map of depths along a canvas."""
_HAIR, _WALL, _DROP = 0.03, 0.035, 0.015
"""Metres behind the head's middle of hair beside the skull, and of the farthest; and the highest of the walls that lead
there within an outline: the side of a head that comes to be seen is smeared out over these.
"""
_WIDER = 0.1
"""Distances of the eyes' outer corners by which what is before something else is widened there: what comes to be seen
behind a jaw is of the neck, then, and not of the jaw.
"""
_WITHIN = 0.12
"""The same by which walls stand within an outline."""
_STEEP = 0.25
"""Alpha, a little blurred, over which they rise."""
_HOLES = 6
"""Cells across which the mesh may be open: mouths and eyes."""


@dataclass(frozen=True)
class Solid:
    """A fitted head as it lies over a canvas."""

    places: Array
    """(M, 2): its mesh in pixels of the canvas."""
    away: Array
    """(M,) metres before the camera."""
    focal: float
    """Pixels that a metre is wide in a distance of one."""
    face: NDArray[np.bool_]
    """(M,): what is skin of the face."""

    @property
    def middle(self) -> float:
        """Metres before the camera from which depths are counted."""
        return float(self.away[self.face].mean())

    @property
    def metre(self) -> float:
        """Pixels that it is wide there."""
        return self.focal / self.middle

    @property
    def depths(self) -> Array:
        """(M,) in pixels of the canvas, away from the camera."""
        return (self.away - self.middle) * self.metre


class FittedFace(NamedFace):
    """A face that is turned as the head that was fitted to it."""

    def __init__(
        self, asset: HeadAsset, canvas: Bytes, names: Mapping[str, int], points: NDArray[np.intp], solid: Solid
    ) -> None:
        """`points`: vertices with the `names`; `canvas` uint8 (c, c, 3)."""
        super().__init__(canvas, names, solid.places[points])
        self.solid, self.unit = solid, self._unit
        deep = solid.depths[points]
        self._spatial = Head(self._named, {name: float(deep[index]) for name, index in names.items()})
        self._seen, self._shown, self.skin = _map(asset, solid, len(canvas))
        """(n, n) over the canvas: where the face's own skin is, its mouth and eyes included."""
        self.deep: Array = self._seen
        """(n, n) likewise: depths as of `Solid.depths`, of all the person once a `base` was asked for."""

    def base(self, alpha: Pixels) -> Base:
        """See `Subject`."""
        solid, unit = self.solid, self._unit
        self.deep = _relief(self._seen, self._shown, self.skin, solid, alpha, unit)
        relief = Relief.known(self._spatial, self.deep, _WALL * solid.metre, len(alpha))
        return lambda driven, cells, moved: relief(named(driven, self._names), cells)

    def turned(self, driven: Array, places: Array, depths: Array) -> tuple[Array, Array]:
        """Where `places` (N, 2) of the canvas that are `depths` (N,) deep lie (N, 2) once the points are `driven`
        (K, 2), and how deep (N,) they are then.
        """
        camera = self._spatial.moved(named(driven, self._names))
        solid = np.concatenate([places, depths[:, None]], 1)
        return camera(solid), camera.scale * solid @ camera.turn[2]


def _map(asset: HeadAsset, solid: Solid, side: int) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
    """(n, n): depths as of `Solid.depths` of the skin that is seen, spread from where there is none; where there is,
    and where it is the face's.
    """
    mesh = asset.mesh_vertices
    skin = asset.triangles[asset.triangle_part == SKIN]
    at = torch.from_numpy((solid.places + 0.5) * (_CELLS / side) - 0.5).float()
    screen = torch.cat([at, 1 / torch.from_numpy(solid.away).float()[:, None]], 1)[None]
    found = hits(rasterise(screen, skin, torch.ones(len(skin), dtype=torch.bool), _CELLS, _CELLS), screen, skin)
    values = np.stack([solid.depths, solid.face[:mesh]], 1)
    table = np.zeros((_CELLS * _CELLS, 2))
    table[found.sample.numpy()] = interpolate(
        torch.from_numpy(values), skin[found.triangle], found.weights.double()
    ).numpy()
    known = np.zeros(_CELLS * _CELLS, np.bool_)
    known[found.sample.numpy()] = True
    # What is not skin of the face but lies within it is the hollow of a mouth.
    face = (known & (table[:, 1] > 0.5)).reshape(_CELLS, _CELLS)
    whole = _closed(face)
    hollow = whole & ~face
    known = known.reshape(_CELLS, _CELLS) & ~hollow
    rows, columns = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return table[:, 0].reshape(_CELLS, _CELLS)[rows, columns], known | hollow, whole


def _closed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    wide = ndimage.binary_closing(np.pad(mask, _HOLES), iterations=_HOLES)[_HOLES:-_HOLES, _HOLES:-_HOLES]
    found: NDArray[np.bool_] = ndimage.binary_fill_holes(wide | mask)
    return found


def _relief(
    deep: Array, known: NDArray[np.bool_], face: NDArray[np.bool_], solid: Solid, alpha: Pixels, unit: float
) -> Array:
    """(n, n): how deep a person lies; arguments as of `_map`, and `alpha` (c, c) of the canvas, `unit`: the distance of
    the eyes' outer corners in its pixels.
    """
    metre, side = solid.metre, len(alpha)
    wall = _WALL * metre
    deep = np.minimum(np.where(known, deep, _HAIR * metre), wall)
    reach = max(round(_WIDER * unit * _CELLS / side), 1)
    at = np.arange(-reach, reach + 1)
    disc = at[:, None] ** 2 + at**2 <= reach * reach + 0.5
    deep = ndimage.gaussian_filter(np.where(face, deep, ndimage.grey_erosion(deep, footprint=disc)), 0.6)
    edge = box_blur(alpha.astype(np.float32), max(round(_WITHIN * unit), 1))
    rows = np.clip(np.rint((np.arange(_CELLS) + 0.5) * side / _CELLS - 0.5), 0, side - 1).astype(np.intp)
    behind = smooth((1 - edge[np.ix_(rows, rows)].astype(np.float64)) / _STEEP)
    return np.asarray(deep + behind * np.clip(wall - deep, 0, _DROP * metre), np.float64)


def spread_over(values: Pixels, places: Array, side: int) -> Array:
    """(...,): a map (n, n) over a canvas of `side` pixels at `places` (..., 2) of it, linearly."""
    at = (places[..., ::-1] + 0.5) * (len(values) / side) - 0.5
    found: Array = ndimage.map_coordinates(values, np.moveaxis(at, -1, 0), order=1, mode="nearest")
    return found


__all__ = ["FittedFace", "Solid", "spread_over"]
