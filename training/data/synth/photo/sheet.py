"""What is not the face - hair, ears, neck, clothes - as a sheet of the truth's vertices.

The sheet is a lattice in the place of the drawn people's hair, so that shards of photographs and of drawn people have
the same vertices: each row a line of the picture, its columns from one outline of the person to the other, and rows the
closer the faster the outline moves aside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from runtime.layers.frames import Array, Pixels

from ..person.head import HAIR_COLUMNS, HAIR_ROWS

Flags = NDArray[np.bool_]

_TWIG = 1 / 50
"""Half the thickness, as a share of the canvas' side, of what is no part of a person's outline."""
_ASIDE = 1.5
"""How much closer rows lie for every pixel by which an outline moves aside from one to the next."""
_HIDDEN = 0.3
"""How far within the face, in distances of the eyes' outer corners, there is no sheet any more."""
_ROWS = HAIR_ROWS - 1
"""Rows that are shown: the drawn hair's cap hangs on the first one."""


@dataclass(frozen=True)
class Sheet:
    """L lattice points at rest, in the order of the drawn people's hair."""

    places: Array
    """(L, 2) in pixels of the canvas."""
    within: Array
    """(L,): how far within the face they lie, in distances of the eyes' outer corners; negative outside."""
    true: Flags
    """(L,): part of the person that is seen or hidden by its face."""


def _extents(alpha: Pixels) -> tuple[Array, Array]:
    """The first and the last column that show the person, in each row of alpha (c, c); or NaN."""
    reach = round(len(alpha) * _TWIG)
    # What hangs on the person by a twig is of the backdrop.
    solid = ndimage.binary_opening(np.pad(alpha > 0.5, reach, mode="edge"), iterations=reach)[
        reach:-reach, reach:-reach
    ]
    parts, count = ndimage.label(solid)
    if count > 1:
        solid = parts == 1 + np.bincount(parts[parts > 0] - 1).argmax()
    some = solid.any(1)
    first, last = solid.argmax(1), len(alpha) - 1 - solid[:, ::-1].argmax(1)
    return np.where(some, first, np.nan), np.where(some, last, np.nan)


def _lattice(alpha: Pixels) -> Array:
    """(ROWS, COLUMNS, 2): places in pixels of the canvas that `alpha` (c, c) covers; the first row lies on the next."""
    left, right = _extents(alpha)
    rows = np.flatnonzero(~np.isnan(left))
    ends = np.stack([left[rows], right[rows]], 1)
    aside = np.abs(np.diff(ends, axis=0)).max(1)
    way = np.concatenate([[0.0], np.cumsum(1 + _ASIDE * np.minimum(aside, len(alpha) / 16))])
    y = np.interp(np.linspace(0, way[-1], _ROWS), way, rows)
    y = np.concatenate([y[:1], y])
    at = [np.interp(y, rows, end) for end in ends.T]
    x = at[0][:, None] + np.linspace(0, 1, HAIR_COLUMNS) * (at[1] - at[0])[:, None]
    return np.stack([x, np.broadcast_to(y[:, None], x.shape)], -1)


def make_sheet(alpha: Pixels, skin: Flags, unit: float) -> Sheet:
    """The sheet of a person whose matte is `alpha` (c, c) and whose face covers the cells `skin` (n, n) of the same
    canvas; `unit`: the distance of the eyes' outer corners in its pixels.
    """
    cell = len(alpha) / len(skin)
    far = (ndimage.distance_transform_edt(skin) - ndimage.distance_transform_edt(~skin)) * (cell / unit)
    places = _lattice(alpha)
    at = np.moveaxis((places[..., ::-1] + 0.5) / cell - 0.5, -1, 0)
    within = ndimage.map_coordinates(far, at, order=1, mode="nearest")
    true = within < _HIDDEN
    true[0] = False
    return Sheet(places.reshape(-1, 2), within.ravel(), true.ravel())
