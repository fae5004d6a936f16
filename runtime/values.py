"""What values are, the same everywhere in the engine: its arrays, and numbers that are no booleans."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
"""Pictures."""
Floats = NDArray[np.float32]
"""What graphs take and give beside them."""


def is_number(value: object) -> bool:
    """Whether `value` is a finite number: neither a boolean, which Python counts among them, nor text."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: object) -> bool:
    """Whether `value` is a whole number, and no boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def plain(value: Any) -> Any:
    """`value`, or, where it is a scalar of numpy's or an array without axes, the same of Python's own types."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return value
