"""Which square of a picture moves, and where the faces are."""

from runtime.framing.framer import Framing

__all__ = ["Framing"]
