"""A picture as if painted: strokes by the filter of Kuwahara (Papari, Petkov, Campisi, IEEE TIP 2007, with eight
sectors), varnish, canvas.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from runtime.values import Bytes

Floats = npt.NDArray[np.floating]

_SECTORS = 8
_SHARPNESS = 6.0
"""Exponent of the sectors' weights: the calmer one takes nearly all."""
_VARNISH = np.array([1.0, 0.965, 0.88], np.float32)


def painted(picture: Bytes, radius: int = 9) -> Bytes:
    """uint8 (H, W, 3) of strokes about `radius` pixels wide, from the same."""
    image = picture.astype(np.float32) / 255
    image = 0.5 * _strokes(image, radius) + 0.5 * _strokes(image, radius // 2)
    grey = image.mean(2, keepdims=True)
    image = (grey + 1.12 * (image - grey)) * _VARNISH
    image = image * (1 + _canvas(image.shape[:2]))[..., None]
    return (image.clip(0, 1) * 255).round().astype(np.uint8)


def _strokes(image: Floats, radius: int) -> Floats:
    """Each pixel as the mean of the sector around it that varies least."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((radius, radius), (radius, radius), (0, 0)), mode="reflect")
    total = np.zeros((height, width, 3), np.float32)
    weights = np.zeros((height, width, 1), np.float32)
    for sector in range(_SECTORS):
        mean, square, count = np.zeros_like(total), np.zeros_like(total), 0.0
        for dx, dy, weight in _sector(radius, sector):
            part = padded[radius + dy : radius + dy + height, radius + dx : radius + dx + width]
            mean += weight * part
            square += weight * part * part
            count += weight
        mean, square = mean / count, square / count
        spread = np.sqrt(np.maximum(square - mean * mean, 0).sum(2, keepdims=True))
        weight_of = (0.02 + spread) ** -_SHARPNESS
        total += weight_of * mean
        weights += weight_of
    return total / weights


def _sector(radius: int, sector: int) -> list[tuple[int, int, float]]:
    """(dx, dy, weight) of the pixels of one sector of a disc, its centre among them."""
    found = [(0, 0, 1.0)]
    middle = 2 * np.pi * sector / _SECTORS
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            distance = np.hypot(dx, dy)
            apart = abs((np.arctan2(dy, dx) - middle + np.pi) % (2 * np.pi) - np.pi)
            if 0 < distance <= radius and apart <= np.pi / _SECTORS + 1e-6:
                found.append((dx, dy, float(np.exp(-2 * (distance / radius) ** 2))))
    return found


def _canvas(shape: tuple[int, int]) -> Floats:
    """(H, W) of threads, a little uneven."""
    y, x = np.indices(shape).astype(np.float32)
    random = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    threads = np.sin(2 * np.pi * x / 3.1) * np.sin(2 * np.pi * y / 3.1)
    return np.asarray(0.018 * threads + 0.012 * random, np.float32)
