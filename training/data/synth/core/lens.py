"""What a camera adds to a picture: darker corners, softness, noise. It has no part in the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .seeds import Draw


@dataclass(frozen=True)
class Lens:
    """One camera; lengths as shares of the frame's side."""

    vignette: float
    """Light lost in the corners, 0 to 1."""
    softness: float
    """Deviation of the blur."""
    noise: float
    """Deviation of the sensor's noise on sRGB values in [0, 1], in mid grey."""
    grain: float
    """Share of the noise that is the same in all three colours."""


def sample_lens(draw: Draw) -> Lens:
    """Most cameras are good ones."""
    return Lens(
        vignette=draw.between(0.05, 0.5) * draw.chance(0.4),
        softness=draw.between(0.001, 0.004) * draw.chance(0.35),
        noise=draw.between(0.002, 0.012) * draw.chance(0.5),
        grain=draw.between(0.2, 0.9),
    )


def _blur(image: Tensor, deviation: float) -> Tensor:
    """(3, S, S) blurred; `deviation` in pixels."""
    reach = max(1, int(np.ceil(2.5 * deviation)))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=image.device) / deviation) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, -1, 1)
    wide = functional.pad(image[:, None], (reach,) * 4, mode="replicate")
    return functional.conv2d(functional.conv2d(wide, kernel), kernel.transpose(2, 3))[:, 0]


def through_lenses(images: Tensor, lenses: list[Lens], seeds: list[int], times: list[float], texture: Tensor) -> Tensor:
    """(N, 3, S, S) linear light as each camera gives it, from the same; not clamped.

    `texture` (E, E) of independent values in [0, 1] gives the noise; which part of it follows from seed and time.
    """
    side, device = images.shape[-1], images.device
    soft = [row for row, lens in enumerate(lenses) if lens.softness * side > 0.15]
    if soft:
        images = images.clone()
        for row in soft:
            images[row] = _blur(images[row], lenses[row].softness * side)
    if any(lens.vignette for lens in lenses):
        axis = torch.linspace(-1, 1, side, device=device)
        lost = torch.tensor([lens.vignette for lens in lenses], device=device).view(-1, 1, 1, 1)
        images = images * (1 - lost * ((axis[:, None] ** 2 + axis**2) / 2) ** 1.5)
    noisy = [row for row, lens in enumerate(lenses) if lens.noise]
    if noisy:
        streams = [np.random.default_rng([0x4015E, seeds[row], abs(round(times[row] * 1e4))]) for row in noisy]
        corners = np.stack([stream.integers(0, len(texture), (8, 1)) for stream in streams])
        index = (torch.arange(side, device=device) + torch.from_numpy(corners).to(device)) % len(texture)
        planes = texture[index[:, 0::2, :, None], index[:, 1::2, None, :]]  # (n, 4, S, S)
        numbers = [[1 - lenses[row].grain, lenses[row].grain, lenses[row].noise * 3.46] for row in noisy]
        apart, together, strength = torch.tensor(numbers, device=device).view(-1, 3, 1, 1, 1).unbind(1)
        noise = planes[:, :3] * apart + planes[:, 3:] * together
        rows = torch.tensor(noisy, device=device)
        seen = images[rows].clamp(0, 1) ** (1 / 2.2) + (noise - 0.5) * strength
        images = images.index_copy(0, rows, seen.clamp_min(0) ** 2.2)
    return images
