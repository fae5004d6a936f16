"""What a camera adds to a picture: darker corners, softness, noise. It has no part in the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .draws import Draw


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


def through_lens(image: Tensor, lens: Lens, seed: int, time: float, texture: Tensor) -> Tensor:
    """(3, S, S) linear light as the camera gives it, from the same; not clamped.

    `texture` (E, E) of independent values in [0, 1] gives the noise; which part of it follows from seed and time.
    """
    side = image.shape[-1]
    if lens.softness * side > 0.15:
        image = _blur(image, lens.softness * side)
    if lens.vignette:
        axis = torch.linspace(-1, 1, side, device=image.device)
        image = image * (1 - lens.vignette * ((axis[:, None] ** 2 + axis**2) / 2) ** 1.5)
    if lens.noise:
        random = np.random.default_rng([0x4015E, seed, abs(round(time * 1e4))])
        extent = len(texture)
        index = (
            torch.arange(side, device=image.device)
            + torch.from_numpy(random.integers(0, extent, (8, 1))).to(image.device)
        ) % extent
        planes = [texture[index[2 * i]][:, index[2 * i + 1]] for i in range(4)]
        noise = torch.stack(planes[:3]) * (1 - lens.grain) + planes[3] * lens.grain
        seen = image.clamp(0, 1) ** (1 / 2.2) + (noise - 0.5) * (lens.noise * 3.46)
        image = seen.clamp_min(0) ** 2.2
    return image
