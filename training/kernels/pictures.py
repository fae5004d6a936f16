"""Pictures moved and their colours changed as they become floats: one pass instead of some forty."""

from __future__ import annotations

import torch
from torch import Tensor

from training.data.colour import Shades, shade
from training.data.damage import Blur, Boxes, Grain
from training.data.placement import placed
from training.kernels.build import call, usable

_KINDS = ("brightness", "contrast", "saturation", "hue")
"""In the order in which the kernel counts them."""


def changed(pictures: Tensor, back: Tensor | None, shades: Shades | None) -> Tensor:
    """uint8 `pictures` (B, 3, H, W) as float in [0, 1], looked up where `back` (B, 3, 3) takes their pixels.

    By `shades`, if any, their colours change. See `training.data.placement.placed` and `training.data.colour.shade`.
    """
    if min(pictures.shape[-2:]) > 1 and pictures.shape[1] == 3 and usable(pictures):
        return _changed(pictures, back, shades)
    result = pictures.to(torch.float32, memory_format=torch.contiguous_format).div_(255)
    if back is not None:
        result = placed(result, back)
    return result if shades is None else shade(result, shades)


def _changed(pictures: Tensor, back: Tensor | None, shades: Shades | None) -> Tensor:
    batch, channels, height, width = pictures.shape
    result = torch.empty(batch, height, width, channels)
    maps = None if back is None else back.float().contiguous()
    order, factors = torch.empty(0, dtype=torch.int64), torch.empty(0)
    if shades is not None:
        order = torch.tensor([_KINDS.index(name) for name in shades.order])
        factors = torch.stack([shades.factors[name] for name in _KINDS])
    given = (pictures, torch.tensor(pictures.stride()), maps, factors, order, result)
    call("change_pictures", pictures.dtype, *given, batch, height, width, len(order))
    return result.permute(0, 3, 1, 2)


def damaged(image: Tensor, blur: Blur, boxes: Boxes, grain: Grain) -> Tensor:
    """Float `image` (B, 3, H, W) with all three on it, in this order."""
    last = image.is_contiguous(memory_format=torch.channels_last)
    if last and image.shape[1] == 3 and min(image.shape[-2:]) > 2 and usable(image, grain.noise):
        return _damaged(image, blur, boxes, grain)
    return grain.on(boxes.on(blur.on(image)))


def _damaged(image: Tensor, blur: Blur, boxes: Boxes, grain: Grain) -> Tensor:
    batch, _, height, width = image.shape
    result = torch.empty_like(image)
    noises = torch.where(grain.chosen, grain.chosen.cumsum(0) - 1, -1)
    chosen = torch.stack([blur.chosen.to(noises.dtype), boxes.chosen.to(noises.dtype), noises])
    given = (image, chosen, blur.taps.contiguous(), boxes.places.long(), grain.gamma, grain.noise, result)
    call("damage_pictures", image.dtype, *given, batch, height, width)
    return result
