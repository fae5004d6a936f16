"""What the numbers of LivePortrait's expression came to mean in its published weights (paper, 3.2; models.md 10)."""

from __future__ import annotations

PUBLISHED_POINTS = 21
"""Points of the weights whose rows have these meanings."""

_LIPS = (6, 12, 14, 17, 19, 20)
_EYES = (11, 13, 15, 16, 18)
_WHOLE = (1, 2, 6, *range(11, 21))
"""Points whose expression absolute motion takes from the driving frame."""
_ALONE = ((3, 1), (4, 1), (5, 2), (8, 2), (9, 1), (9, 2))
"""Points and axes of which it takes one number."""


def kept(points: int) -> tuple[int, ...]:
    """Numbers of an expression (K, 3), row by row, that absolute motion leaves to the source."""
    if points != PUBLISHED_POINTS:
        return ()
    taken = {(row, axis) for row in _WHOLE for axis in range(3)} | set(_ALONE)
    return tuple(3 * row + axis for row in range(points) for axis in range(3) if (row, axis) not in taken)


def parts(points: int) -> tuple[str, ...]:
    """The part of the face that each point's expression belongs to; what is neither of lips nor of lids counts as
    brows, with which it moves.
    """
    if points != PUBLISHED_POINTS:
        return ()
    return tuple("mouth" if row in _LIPS else "eyes" if row in _EYES else "brows" for row in range(points))
