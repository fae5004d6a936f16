"""Random changes of brightness, contrast, saturation and hue, each drawn for every picture of a batch.

Arithmetic and order of the draws are those of Kornia's `ColorJiggle`, which a test holds them to: it did this work
before, and a bare GPU machine (`training.bare`) does not have it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Shades:
    """What is done to B pictures."""

    factors: dict[str, Tensor]
    """(B,) each: `brightness` (1: none), `contrast` (1), `saturation` (1), `hue` in full turns (0)."""
    order: list[str]
    """In which order."""


def draw_shades(count: int, strength: float, hue: float) -> Shades:
    """Factors within 1 - `strength` and 1 + `strength`, hues within +-`hue`, from torch's global generator."""
    brightness, contrast = (_evenly(1 - strength, 1 + strength, count) for _ in range(2))
    turns, saturation = _evenly(-hue, hue, count), _evenly(1 - strength, 1 + strength, count)
    factors = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": turns}
    return Shades(factors, [list(factors)[index] for index in torch.randperm(4).tolist()])


def shade(image: Tensor, shades: Shades) -> Tensor:
    """`image` (B, 3, H, W) in [0, 1] changed by `shades`; stays in that range."""
    changes = {"brightness": _brighten, "contrast": _stretch, "saturation": _saturate, "hue": _turn}
    for name in shades.order:
        factor = shades.factors[name]
        if bool((factor != (0 if name == "hue" else 1)).any()):
            image = changes[name](image, factor.to(image, non_blocking=True).view(-1, 1, 1, 1))
    return image


def _evenly(low: float, high: float, count: int) -> Tensor:
    return low + torch.rand(count) * (high - low)


def _brighten(image: Tensor, factor: Tensor) -> Tensor:
    return (image + (factor - 1)).clamp(0, 1)


def _stretch(image: Tensor, factor: Tensor) -> Tensor:
    return (image * factor).clamp(0, 1)


def _saturate(image: Tensor, factor: Tensor) -> Tensor:
    """The distances to the largest channel scaled; none falls below zero."""
    high = image.amax(1, keepdim=True)
    spread = high - image.amin(1, keepdim=True)
    most = high / torch.where(spread == 0, 1.0, spread)
    return high - (high - image) * torch.minimum(factor, most)


def _turn(image: Tensor, turns: Tensor) -> Tensor:
    """Hue turned on the colour circle, largest channel and spread kept."""
    high = image.amax(1, keepdim=True)
    spread = high - image.amin(1, keepdim=True)
    red, green, blue = image.split(1, 1)
    divisor = torch.where(spread == 0, 1.0, spread)
    place = torch.where(
        red == high,
        (green - blue) / divisor,
        torch.where(green == high, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    sixth = place + 6 * turns + torch.arange(5, 0, -2, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    sixth = sixth.remainder(6)
    return high - spread * torch.minimum(sixth, 4 - sixth).clamp(0, 1)
