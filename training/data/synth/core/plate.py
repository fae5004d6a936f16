"""Backdrops without whoever stands before them: one picture a clip, with a margin, since cameras drift.

A plate is what the camera would have shown in the clip's first frame with nobody in it, without noise and compression.
Its pixels are those of the frame, with `plate_margin` more on each side; that of another frame is the same picture,
moved as the backdrop is (`truth.background_between`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from .truth import pixel_grid

_MARGIN = 0.1
"""Of a frame's side; cameras drift by less, but for a few that also roll."""
_STILL = 1e-5
"""Frame units below which a camera stands still."""


def plate_margin(size: int) -> int:
    """Pixels on each side of a plate of frames of `size` pixels."""
    return math.ceil(_MARGIN * size)


def wide_grid(size: int, margin: int, device: torch.device | str = "cpu") -> Tensor:
    """(S + 2 margin, S + 2 margin, 2) coordinates of pixels' centres, those of the frame within [-1, 1]."""
    return pixel_grid(size + 2 * margin, device) * (1 + 2 * margin / (size - 1))


def plate_in_frame(plate: Tensor, motion: Tensor, size: int) -> Tensor:
    """(size, size, 3) uint8 of a `plate` (P, P, 3) uint8 in a frame whose backdrop `motion` (3, 3) takes to the first
    one's, homogeneous coordinates.
    """
    margin = (len(plate) - size) // 2
    if float((motion - torch.eye(3, device=motion.device)).abs().max()) < _STILL:
        return plate[margin : margin + size, margin : margin + size]
    places = pixel_grid(size, plate.device) @ motion[:2, :2].T + motion[:2, 2]
    grid = places / (1 + 2 * margin / (size - 1))
    picture = plate.permute(2, 0, 1)[None].float()
    moved = functional.grid_sample(picture, grid[None], padding_mode="border", align_corners=True)[0]
    return moved.permute(1, 2, 0).round().to(torch.uint8)
