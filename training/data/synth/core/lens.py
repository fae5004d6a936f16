"""What a camera adds to a picture: darker corners, softness, noise. It has no part in the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    warmth: float = 0.0
    """White balance that is off: red times 1 + warmth, blue times 1 - warmth."""
    contrast: float = 0.0
    """How far the tone curve bends, as phones' do."""
    rows: float = 0.0
    """Deviation of rows' brightness, as under lamps that flicker."""
    sharpening: float = 0.0
    """Strength of an unsharp mask over about a pixel and a half."""
    quality: int = 0
    """Of JPEG's compression, 1 to 100; 0: none."""


def sample_lens(draw: Draw, process: Draw | None = None) -> Lens:
    """Most cameras are good ones; `process` draws what is done to their pictures (none: nothing)."""
    lens = Lens(
        vignette=draw.between(0.05, 0.5) * draw.chance(0.4),
        softness=draw.between(0.001, 0.004) * draw.chance(0.35),
        noise=draw.between(0.002, 0.012) * draw.chance(0.5),
        grain=draw.between(0.2, 0.9),
    )
    if process is None:
        return lens
    return replace(
        lens, warmth=process.normal(0.07), contrast=process.between(0, 0.5) * process.chance(0.6),
        rows=process.between(0.002, 0.008) * process.chance(0.12),
        sharpening=process.between(0.2, 1.0) * process.chance(0.4),
        quality=int(process.between(35, 95)) if process.chance(0.5) else 0,
    )  # fmt: skip


def _blur(image: Tensor, deviation: float) -> Tensor:
    """(3, S, S) blurred; `deviation` in pixels."""
    reach = max(1, int(np.ceil(2.5 * deviation)))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=image.device) / deviation) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, -1, 1)
    wide = functional.pad(image[:, None], (reach,) * 4, mode="replicate")
    return functional.conv2d(functional.conv2d(wide, kernel), kernel.transpose(2, 3))[:, 0]


def clean(lens: Lens) -> Lens:
    """The same camera without what differs from frame to frame: noise, flicker, compression."""
    return replace(lens, noise=0.0, rows=0.0, quality=0)


def through_lenses(
    images: Tensor, lenses: list[Lens], seeds: list[int], times: list[float], texture: Tensor, margin: int = 0
) -> Tensor:
    """(N, 3, S, S) linear light as each camera gives it, from the same; not clamped.

    `texture` (E, E) of independent values in [0, 1] gives the noise; which part of it follows from seed and time.
    `margin`: pixels on each side that lie outside of the camera's frame.
    """
    side, device = images.shape[-1] - 2 * margin, images.device
    soft = [row for row, lens in enumerate(lenses) if lens.softness * side > 0.15]
    if soft:
        images = images.clone()
        for row in soft:
            images[row] = _blur(images[row], lenses[row].softness * side)
    if any(lens.vignette for lens in lenses):
        reach = 1 + 2 * margin / (side - 1)
        axis = torch.linspace(-reach, reach, images.shape[-1], device=device)
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
    processed = [row for row, lens in enumerate(lenses) if _processes(lens)]
    if processed:
        images = images.clone()
        for row in processed:
            images[row] = _process(images[row], lenses[row], seeds[row], times[row])
    return images


def _processes(lens: Lens) -> bool:
    return bool(lens.warmth or lens.contrast or lens.rows or lens.sharpening or lens.quality)


def _process(image: Tensor, lens: Lens, seed: int, time: float) -> Tensor:
    """(3, S, S) linear light as the camera's software leaves it: balance, tone, sharpening, compression."""
    balance = image.new_tensor([1 + lens.warmth, 1.0, 1 - lens.warmth])[:, None, None]
    seen = (image * balance).clamp(0, 1) ** (1 / 2.2)
    seen = torch.lerp(seen, seen * seen * (3 - 2 * seen), lens.contrast)
    if lens.rows:
        stream = np.random.default_rng([0x4015F, seed, abs(round(time * 1e4))])
        lines = stream.standard_normal(image.shape[1]).astype(np.float32) * lens.rows
        seen = seen + torch.from_numpy(lines).to(image)[:, None]
    if lens.sharpening:
        seen = seen + lens.sharpening * (seen - _blur(seen, 0.8))
    if lens.quality:
        seen = compressed(seen.clamp(0, 1), lens.quality)
    return seen.clamp(0, 1) ** 2.2


_QUANTA = torch.tensor(
    [[16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
     [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
     [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99]]
).float()  # fmt: skip
"""For luminance (ITU-T T.81, Annex K); chroma's high frequencies are all coarse, as if these were doubled."""
_TO_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def compressed(image: Tensor, quality: int) -> Tensor:
    """(3, S, S) sRGB in [0, 1] as JPEG of a quality, 1 to 100, gives it back (without subsampling of chroma).

    In torch, so that a card that renders need not stop for a file format.
    """
    scale = (5000 / quality if quality < 50 else 200 - 2 * quality) / 100
    quanta = (_QUANTA.to(image.device) * scale).clamp(1, 255) / 255
    steps = torch.stack([quanta, 1.6 * quanta, 1.6 * quanta])[:, None, None]
    number = torch.arange(8, device=image.device)
    basis = torch.cos((2 * number + 1) * number[:, None] * (np.pi / 16)) * 0.5
    basis[0] *= 0.5**0.5
    side = image.shape[-1]
    wide = functional.pad(image[None], (0, -side % 8, 0, -side % 8), mode="replicate")[0]
    turned = (_TO_YCC.to(image) @ wide.flatten(1)).view_as(wide) - image.new_tensor([0.5, 0, 0])[:, None, None]
    rows = wide.shape[-1] // 8
    blocks = turned.view(3, rows, 8, rows, 8).transpose(2, 3)
    found = basis @ blocks @ basis.T
    blocks = basis.T @ ((found / steps).round() * steps) @ basis
    back = blocks.transpose(2, 3).reshape(wide.shape) + image.new_tensor([0.5, 0, 0])[:, None, None]
    found = (torch.linalg.inv(_TO_YCC).to(image) @ back.flatten(1)).view_as(wide)
    return found[:, :side, :side]
