"""One photograph of a smile in two states: its mouth as it is, and drawn shut, wholly or in part.

Columns move as the engine's shutters move them: lips as they are, skin above and below stretched, teeth with the upper
lip.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from runtime.layers.teeth import LUMA, PARTED, ROW, SIDE
from training.data.colour import draw_shades, shade
from training.data.damage import blur_some
from training.mouths import cuts as cut
from training.mouths.cuts import Cuts

_FADE = 26.0
"""Rows above and below the lips over which their motion ends."""
_DARK = 0.2
"""Light of the depth of a mouth, of the lips': about the mean of what `runtime.layers.mouth` makes it."""
_NEAR = 2.5
"""Rows from a lip's edge to where its colour is taken."""

_WIDER = 16.0
"""Rows by which a lower lip falls further at most."""
_LIP = 0.7
"""Rows at a lip's edge that are not looked at: half of their light is the teeth's."""


@dataclass(frozen=True)
class States:
    """B mouths, SIDE x SIDE, hanging from the same upper lip in both states."""

    source: Tensor
    """(B, 3, SIDE, SIDE) in [0, 1]: as the network sees it."""
    own: Tensor
    """(B, 1, SIDE, SIDE): where the source's own lips are parted."""
    opened: Tensor
    """(B, 3, SIDE, SIDE) in [0, 1]: the photograph, in half of them with a lower lip that fell further, onto the dark.
    """
    hole: Tensor
    """(B, 1, SIDE, SIDE): where its lips are parted."""
    dark: Tensor
    """(B, 3, 1, 1): colour of the depth of the mouth."""


def evenly(count: int, low: float, high: float) -> Tensor:
    """(count, 1) from torch's global generator."""
    return low + torch.rand(count, 1) * (high - low)


def draw_states(cuts: Cuts, augment: bool = True) -> States:
    """Both states of each of the `cuts`; without `augment` as they are, the source's mouth shut in its middle."""
    count = len(cuts)
    kind = torch.rand(count, 1) if augment else torch.zeros(count, 1)
    # Half of the sources show nothing of their teeth, a quarter some, a quarter all.
    kept = torch.where(kind < 0.5, 0.0, torch.where(kind < 0.75, evenly(count, 0, 0.9), 1.0))
    meets = evenly(count, 0.35, 0.65) if augment else torch.full((count, 1), 0.5)
    warp = _Warp(cuts, augment, kept < 0.01)
    top = warp.upper + meets * (1 - kept) * warp.gap
    fallen = evenly(count, -_WIDER, _WIDER).clamp_min(0) if augment else torch.zeros(count, 1)
    bottom = top + warp.gap + fallen * warp.bow**0.65 * (warp.gap > 0)
    opened, source = warp(top, bottom), warp(top, top + kept * warp.gap)
    if augment:
        shades = draw_shades(count, 0.2, 0.02)
        opened, source = shade(opened, shades), shade(source, shades)
        grey = (torch.rand(count, 1, 1, 1) < 0.12).float()
        luma = torch.tensor(LUMA).view(1, 3, 1, 1)
        opened, source = (each + grey * ((each * luma).sum(1, keepdim=True) - each) for each in (opened, source))
        source = blur_some(source, 0.3)
        source = (source + 0.02 * torch.rand(count, 1, 1, 1) * torch.randn_like(source)).clamp(0, 1)
    flip = torch.rand(count, 1, 1, 1) < (0.5 if augment else 0.0)
    rows = torch.arange(SIDE, dtype=torch.float32).view(1, SIDE, 1)

    def between(start: Tensor, end: Tensor) -> Tensor:
        inside = (torch.minimum(rows - start[:, None], end[:, None] - rows) + 0.5).clamp(0, 1)
        return (inside * ((end - start)[:, None] > PARTED))[:, None]

    own, hole, deep = between(top, top + kept * warp.gap), between(top, bottom), between(top + warp.gap, bottom)
    dark = _dark(opened, top, bottom)
    opened = opened + deep * (dark - opened)
    source, own, opened, hole = (torch.where(flip, each.flip(-1), each) for each in (source, own, opened, hole))
    return States(source, own, opened, hole, dark)


def _dark(opened: Tensor, top: Tensor, bottom: Tensor) -> Tensor:
    """From the lips' colour in their middle."""
    middle = slice(SIDE // 2 - 6, SIDE // 2 + 6)
    rows = torch.stack([top[:, middle] - _NEAR, bottom[:, middle] + _NEAR], 1).round().long().clamp(0, SIDE - 1)
    seen = torch.gather(opened[..., middle], 2, rows[:, None].expand(-1, 3, -1, -1))
    return _DARK * seen.flatten(2).median(-1).values[..., None, None]


class _Warp:
    """From places in a state to places in its cut; heights (B, SIDE) and widths in pixels."""

    def __init__(self, cuts: Cuts, augment: bool, shut: Tensor) -> None:
        """`shut` (B, 1): which sources show nothing of their teeth."""
        count, middle = len(cuts), (SIDE - 1) / 2
        self._pictures = cuts.pictures.float() / 255
        zoom, narrow, bow, tilt, right, down = (
            (
                evenly(count, 0.9, 1.1),
                torch.where(shut & (torch.rand(count, 1) < 0.6), evenly(count, 0.78, 1), 1.0),
                evenly(count, -4, 4),
                evenly(count, -0.08, 0.08),
                evenly(count, -2, 2),
                evenly(count, -2, 2),
            )
            if augment
            else (torch.full((count, 1), value) for value in (1.0, 1.0, 0.0, 0.0, 0.0, 0.0))
        )
        self._zoom = zoom
        at = torch.arange(SIDE, dtype=torch.float32)[None] - middle - right
        far = (cut.SIDE - 1) / 2
        # A mouth that smiles is wider than the same one shut; its teeth are not.
        self._teeth, self._skin = far + at * zoom, far + at * zoom / narrow
        upper, lower = (_along(cuts.edges[:, k], self._skin) for k in (0, 1))
        self._from = upper, lower
        right_end, left_end = cuts.corners[:, :1], cuts.corners[:, 1:]
        u = ((self._skin - right_end) / (left_end - right_end)).clamp(0, 1)
        self.bow = 4 * u * (1 - u)
        self._move = ROW - cut.ROW / zoom + down + tilt * at + bow * self.bow
        self.upper, self.gap = upper / zoom + self._move, (lower - upper) / zoom

    def __call__(self, top: Tensor, bottom: Tensor) -> Tensor:
        """(B, 3, SIDE, SIDE): the picture with lips whose inner edges are at `top` and `bottom`, (B, SIDE)."""
        rows = torch.arange(SIDE, dtype=torch.float32).view(1, SIDE, 1)
        upper, lower = self.upper, self.upper + self.gap

        def skin(edge: Tensor, before: Tensor) -> Tensor:
            away = (rows - edge[:, None]).abs()
            return rows - (edge - before)[:, None] * (1 - away / _FADE).clamp(0, 1)

        above = torch.minimum(skin(top, upper), upper[:, None] - _LIP)
        below = torch.maximum(skin(bottom, lower), lower[:, None] + _LIP)
        inside = (rows > top[:, None]) & (rows < bottom[:, None])
        # In the cut; teeth hang from the upper lip where they are, not where the skin's column is.
        hung = self._from[0][:, None] + (rows - top[:, None]) * self._zoom[..., None]
        y = torch.where(rows <= top[:, None], above, below)
        y = (y - self._move[:, None]) * self._zoom[..., None]
        y = torch.where(inside, hung, y)
        x = torch.where(inside, self._teeth[:, None], self._skin[:, None].expand_as(y))
        grid = torch.stack([x, y], -1) * 2 / (cut.SIDE - 1) - 1
        return F.grid_sample(self._pictures, grid, padding_mode="border", align_corners=True)


def _along(line: Tensor, at: Tensor) -> Tensor:
    """Values of `line` (B, n) at places `at` (B, m), linearly."""
    at = at.clamp(0, line.shape[1] - 1.001)
    left = at.long()
    before, after = line.gather(1, left), line.gather(1, left + 1)
    return before + (at - left) * (after - before)
