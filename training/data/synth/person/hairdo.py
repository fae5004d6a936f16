"""Hair by hair: the strands of a head of hair, combed over the grid of its style (`hair.py`) in locks.

A strand is a piece of a lock: it starts somewhere on the grid, a few millimetres above it, and follows the comb's
direction there, downwards or back or to a side from a parting, with the waves or curls of its lock; over the edge of
the grid it hangs free.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.seeds import Array, Draw
from ..core.strands import Strands
from .head import HAIR_COLUMNS, HAIR_ROWS, SCALP_ROWS

Flags = NDArray[np.bool_]
POINTS = 10
"""Of a strand."""
_LOCKS, _EACH = 560, 13
_OVER = 0.018
"""Metres that hair may hang over the end of its grid."""
_EDGE = SCALP_ROWS - 1
_ROOTS, _AWAY = 5, 1.75
"""Rows above a hairline over which hair grows away from it, and at what angle there."""
_FALLS = 0.9
"""Angle from "down" up to which hair of a fringe is combed to a side where it ends."""


@dataclass(frozen=True)
class Comb:
    """How hair lies; angles in radians, lengths in metres."""

    seed: int
    sort: str
    """"down", "back" or "side"."""
    parting: float
    """Azimuth from which hair falls to both sides."""
    sweep: float
    """How far it is combed to the sides there."""
    mess: float
    """Deviation of the locks' directions."""
    length: float
    """Of a piece."""
    stand: float
    """How far tips stand off the shell."""
    radius: float
    """Of waves and curls."""
    pitch: float
    """From one to the next."""
    frizz: float
    """Share of hairs that stand away."""
    grey: float
    """Share of white hairs."""


def sample_comb(draw: Draw, kind: str, tone: float, age: float) -> Comb:
    """How the hair of a style's `kind` lies on one whose skin is `tone` (0 fair, 1 dark), of an `age` in [0, 1]."""
    short = kind in ("bald", "buzz", "short")
    curly = draw.pick(4, (5, 3, 1, 0.3) if tone < 0.5 else (2, 1.5, 1.5, 3))
    radius, pitch = (
        (0.0006, 0.1), (draw.between(0.002, 0.005), draw.between(0.06, 0.1)),
        (draw.between(0.003, 0.006), draw.between(0.022, 0.035)),
        (draw.between(0.002, 0.004), draw.between(0.009, 0.014)),
    )[curly]  # fmt: skip
    if kind in ("bald", "buzz"):
        length, stand, radius = draw.between(0.003, 0.007), 0.0015, min(radius, 0.001)
    else:
        length = draw.between(0.018, 0.035) if short else draw.between(0.04, 0.075)
        stand = draw.between(0.001, 0.006) if short else draw.between(0.0005, 0.003)
    sort = ("down", "back", "side")[draw.pick(3, (2, 2, 3) if short else (4, 1.2, 3))]
    return Comb(
        seed=int(draw.generator.integers(1 << 30)), sort=sort, parting=draw.between(-0.7, 0.7),
        sweep=draw.between(0.6, 1.5), mess=draw.between(0.08, 0.3) if curly < 2 else draw.between(0.3, 0.8),
        length=min(length, 3 * pitch), stand=stand + 0.2 * radius, radius=radius, pitch=pitch,
        frizz=draw.between(0.003, 0.015) * (1 + curly), grey=max(0.0, age - 0.8) * draw.between(0, 3),
    )  # fmt: skip


def _direction(comb: Comb, azimuth: Array, row: Array, rooted: Array) -> Array:
    """Angle from "down the grid" (0) towards growing azimuth at places of it; `rooted` in [0, 1]: how much of a
    hairline the edge below is, from which hair grows away; over any other edge it falls.
    """
    combed = _combed(comb, azimuth, row)
    edge = np.clip((row - _EDGE + _ROOTS) / _ROOTS, 0, 1)
    combed = combed + edge * (1 - rooted) * (np.clip(combed, -_FALLS, _FALLS) - combed)
    near = edge * rooted
    away = azimuth - comb.parting if comb.sort == "down" else azimuth
    return combed + near * (np.sign(away + 1e-6) * np.maximum(np.abs(combed), _AWAY) - combed)


def _combed(comb: Comb, azimuth: Array, row: Array) -> Array:
    """Angles away from hairlines."""
    side = np.abs(azimuth)
    top = np.clip((_EDGE + 1 - row) / 6, 0, 1)
    if comb.sort == "back":
        return np.sign(azimuth + 1e-6) * np.interp(side, [0, 0.8, 1.5, 2.2], [3.0, 2.5, 1.6, 0.2])
    away = azimuth - comb.parting
    if comb.sort == "down":
        return np.sign(away) * comb.sweep * np.exp(-np.abs(away) / 0.8) * top
    front = np.exp(-((azimuth / 1.1) ** 2))
    sense = np.sign(comb.parting + 1e-6)
    return -sense * (comb.sweep + 0.3) * front * (0.4 + 0.6 * top)


def _spacing(grid: Array) -> tuple[Array, Array]:
    """(R, C) metres from a place of the grid (R, C, 3) to the next row and column."""
    down = np.linalg.norm(np.diff(grid, axis=0, append=grid[-1:]), axis=-1)
    down[-1] = down[-2]
    across = np.linalg.norm(np.diff(grid, axis=1, append=grid[:, 1:2]), axis=-1)
    return down.clip(1e-5), across.clip(2e-4)


def _look(table: Array, row: Array, column: Array) -> Array:
    """Nearest values of a table (R, C)."""
    return table[row.astype(int).clip(0, HAIR_ROWS - 1), column.astype(int) % (HAIR_COLUMNS - 1)]


@dataclass
class _Paths:
    """(S, K) rows, columns, and metres beyond the last row."""

    row: Array
    column: Array
    beyond: Array


def _walk(comb: Comb, start: tuple[Array, Array], turn: Array, step: Array, spacing: tuple[Array, Array],
          last: Array, over: Array, rooted: Array) -> _Paths:  # fmt: skip
    """Paths from `start` (rows, columns (S,)) in steps (S,) of metres; `turn` (S,) from the comb's direction.

    `last` (C,): the row where hair of a column ends; `over` (S,) metres that a path may hang over it; `rooted` (C,) as
    of `_direction`.
    """
    row, column = start
    beyond = np.zeros_like(row)
    found: list[tuple[Array, Array, Array]] = []
    for _ in range(POINTS):
        found.append((row, column, beyond))
        azimuth = (column / (HAIR_COLUMNS - 1) * 2 - 1) * np.pi
        angle = (
            _direction(
                comb, (azimuth + np.pi) % (2 * np.pi) - np.pi, row, rooted[column.astype(int) % (HAIR_COLUMNS - 1)]
            )
            + turn
        )
        hanging = row > _EDGE + 0.2
        angle = np.where(hanging, 0.12 * turn, angle)
        forward = step * np.cos(angle)
        row_next = row + forward / _look(spacing[0], row, column)
        end = last[column.astype(int) % (HAIR_COLUMNS - 1)]
        hangs = (row_next >= end) & (forward > 0)
        beyond = np.minimum(beyond + np.where(hangs, forward, 0), over)
        row = np.where(hangs, end, row_next).clip(0.3, HAIR_ROWS - 1.001)
        column = column + (step * np.sin(angle) / _look(spacing[1], np.maximum(row, 1.5), column)).clip(-3, 3)
    return _Paths(*(np.stack(values, 1) for values in zip(*found, strict=True)))


def _bound(paths: _Paths, first: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices and weights (S, K, 4) of places on the grid whose vertices start at `first`."""
    row, column = paths.row, paths.column % (HAIR_COLUMNS - 1)
    r0 = row.astype(np.int64).clip(0, HAIR_ROWS - 2)
    c0 = column.astype(np.int64).clip(0, HAIR_COLUMNS - 2)
    r, c = row - r0, column - c0
    corner = r0 * HAIR_COLUMNS + c0 + first
    index = np.stack([corner, corner + 1, corner + HAIR_COLUMNS, corner + HAIR_COLUMNS + 1], -1)
    weight = np.stack([(1 - r) * (1 - c), (1 - r) * c, r * (1 - c), r * c], -1)
    return torch.from_numpy(index), torch.from_numpy(weight.astype(np.float32))


def _starts(random: np.random.Generator, count: int, area: Array) -> tuple[Array, Array]:
    """Rows and columns (count,) spread over an area (R, C) evenly."""
    share = area.cumsum()
    cell = np.searchsorted(share, (np.arange(count) + random.random(count)) / count * share[-1])
    row, column = np.divmod(cell.clip(0, area.size - 1), area.shape[1])
    return row + random.random(count), column + random.random(count)


def grow_hair(grid: Array, comb: Comb, thickness: Array, length: Array, bare: Flags, first: int, colour: Array,
              streaks: float) -> Strands:  # fmt: skip
    """The strands of a head of hair.

    `grid` (R, C, 3) at rest, `thickness` (C, SCALP_ROWS) and `length` (C,) as of `HairStyle`, `bare` (C,) bool: no hair
    on a column; `first` the grid's first vertex, `colour` (3,), `streaks` as of `Identity`.
    """
    random = np.random.default_rng([0x57A4D, comb.seed])
    down, across = _spacing(grid)
    last = np.where(length > 0.012, HAIR_ROWS - 1.01, _EDGE - 0.01).astype(np.float32)
    area = (down * across)[:, : HAIR_COLUMNS - 1] * (np.arange(HAIR_ROWS)[:, None] < last[: HAIR_COLUMNS - 1])
    area *= ~bare[: HAIR_COLUMNS - 1]
    edge = area * (np.abs(np.arange(HAIR_ROWS) - _EDGE + 1) < 1.5)[:, None]
    # More of them about the edge, to hide it; stubble has none, and would only be darker there.
    starts = [_starts(random, _LOCKS, area), _starts(random, _LOCKS // 3 if comb.length > 0.01 else 0, edge)]
    lock = np.concatenate([np.stack(each) for each in starts], 1)
    locks = int(lock.shape[1])
    of = np.tile(np.arange(locks), _EACH)
    count = len(of)
    spread = random.normal(0, 1, (3, count))
    row = (lock[0][of] + 0.006 * spread[0] / _look(down, *lock[:, of])).clip(0.3, last[lock[1][of].astype(int)])
    column = lock[1][of] + (0.006 * spread[1] / _look(across, *lock[:, of])).clip(-3, 3)
    turn = comb.mess * random.normal(0, 1, locks)[of] + 0.08 * random.normal(0, 1, count)
    away = random.random(count) < comb.frizz
    turn = turn + away * random.normal(0, 0.5, count)
    whole = comb.length * random.uniform(0.7, 1.2, locks)[of] * random.uniform(0.75, 1.15, count)
    azimuth = np.abs(np.linspace(-np.pi, np.pi, HAIR_COLUMNS))
    rooted = np.where(thickness[:, -1] < 0, np.clip((1.25 - azimuth) / 0.3, 0, 1), 0)
    over = _OVER * random.uniform(0.15, 1, locks)[of] * random.uniform(0.7, 1, count)  # else they end in one line
    paths = _walk(comb, (row, column), turn, whole / (POINTS - 1), (down, across), last, over, rooted)
    way = np.linspace(0, 1, POINTS, dtype=np.float32)
    # Tips of a lock run together.
    for value, middle in ((paths.row, lock[0]), (paths.column, lock[1])):
        value -= (0.55 * way**1.5) * (value[:, :1] - middle[of][:, None]) * np.logical_not(away)[:, None]
    paths.row = paths.row.clip(0.3, HAIR_ROWS - 1.001)
    offset, depth = _offsets(random, comb, paths, way, of, (locks, away, whole))
    if thickness.max() < 0.012 and comb.length < 0.01:  # stubble stands on the skull
        under = thickness[paths.column.astype(int) % (HAIR_COLUMNS - 1), paths.row.astype(int).clip(0, _EDGE)]
        offset[..., 0] -= under
    own = _tones(random, colour, streaks, (locks, of), comb.grey)
    shade = (0.62 + 0.38 * depth) * (0.8 + 0.3 * way)
    index, weight = _bound(paths, first)
    width = np.where(away, 0.0006, 0.0009)
    arrays = (offset, shade, own, width)
    strands = Strands(index, weight, *(torch.from_numpy(np.asarray(value, np.float32)) for value in arrays))
    return strands.at(torch.from_numpy(random.permutation(count)))


def _tones(
    random: np.random.Generator, colour: Array, streaks: float, lock: tuple[int, NDArray[np.int64]], grey: float
) -> Array:
    """(S, 3) of strands about one colour (3,); `lock`: how many there are, and which each is of."""
    locks, of = lock
    count = len(of)
    tone = np.exp(0.28 * streaks * random.normal(0, 1, (locks, 1))[of] + 0.09 * random.normal(0, 1, (count, 1)))
    own = colour * tone.clip(0.4, 2.2) * (1 + 0.05 * random.normal(0, 1, (count, 3)))
    white = random.random((count, 1)) < grey
    mixed: Array = np.where(white, 0.6 * own + 0.07, own).clip(0.002, 0.95)
    return mixed


def _offsets(random: np.random.Generator, comb: Comb, paths: _Paths, way: Array, of: NDArray[np.int64],
             hair: tuple[int, Flags, Array]) -> tuple[Array, Array]:  # fmt: skip
    """(S, K, 3) off the grid, and (S, K) in [0, 1] how far outside of the others."""
    locks, away, whole = hair
    count = len(of)
    base = random.uniform(0.0003, 0.0022, count) + 0.0008 * np.abs(random.normal(0, 1, locks))[of]
    tip = base + comb.stand * random.uniform(-0.1, 1, count) * random.uniform(0, 1, locks)[of]
    tip = tip + away * random.uniform(0.001, 0.009, count)
    height = base[:, None] + (tip - base)[:, None] * way**1.4
    phase = random.uniform(0, 2 * np.pi, locks)[of] + random.normal(0, 0.5, count)
    turn = phase[:, None] + 2 * np.pi * whole[:, None] * way / comb.pitch
    radius = comb.radius * random.uniform(0.6, 1.2, count)[:, None] * (0.35 + 0.65 * way)
    outward = (height + radius * (0.5 + np.cos(turn)) * 0.7).clip(0.0002)
    beyond = paths.beyond
    outward = outward - 0.15 * beyond  # it falls back on the skin
    sideways = radius * np.sin(turn)
    depth = ((outward + 0.001) / (0.004 + 1.2 * comb.radius)).clip(0, 1)
    return np.stack([outward, beyond, sideways], -1).astype(np.float32), depth.astype(np.float32)
