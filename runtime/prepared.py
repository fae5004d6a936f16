"""What an animator makes ready once a source."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.engine import Source
from runtime.result.finish import Finish
from runtime.values import Bytes


@dataclass(frozen=True)
class Prepared:
    """A source, ready to be moved."""

    source: Source
    finish: Finish
    square: Bytes
    """uint8 (R, R, 3): what of it the model sees (of the first view)."""
