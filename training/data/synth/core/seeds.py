"""Small helpers for drawing looks from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


class Draw:
    """A stream of random choices for one (purpose, seed); streams of different purposes never share numbers."""

    def __init__(self, purpose: int, seed: int) -> None:
        self.generator = np.random.default_rng([purpose, seed])

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return bool(self.generator.random() < probability)

    def between(self, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        return float(self.generator.uniform(low, high))

    def normal(self, spread: float = 1.0) -> float:
        """Normal, cut at two and a half deviations."""
        return float(np.clip(self.generator.standard_normal(), -2.5, 2.5) * spread)

    def pick(self, count: int, weights: tuple[float, ...] | None = None) -> int:
        """An index below `count`."""
        share = None if weights is None else np.array(weights) / sum(weights)
        return int(self.generator.choice(count, p=share))

    def colour(self, saturation: float = 0.6, low: float = 0.05, high: float = 0.95) -> Array:
        """A random sRGB colour; `saturation` is the most it may have."""
        grey = self.generator.uniform(low, high)
        tint = self.generator.uniform(-1, 1, 3) * self.generator.random() * saturation
        return np.clip(grey * (1 + tint), 0.01, 1).astype(np.float32)


def linear(colour: Array) -> Array:
    """sRGB in [0, 1] to linear light (pure power 2.2)."""
    return np.power(np.asarray(colour, np.float32), np.float32(2.2))


def along(palette: Array, position: float) -> Array:
    """Colour at `position` in [0, 1] along a palette (n, 3)."""
    places = np.linspace(0, 1, len(palette))
    return np.array([np.interp(position, places, palette[:, c]) for c in range(3)], np.float32)
