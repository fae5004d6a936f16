"""Losses added up where they are computed: reading a number of a graphics card makes it wait for all it was given."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Reading:
    """What was added up."""

    means: dict[str, float]
    """Of every loss, over the steps where it was finite; not a number where it never was."""
    broken: str
    """The first loss that was not finite; empty: all were, always."""
    streak: int
    """Most steps in a row in which something was not finite; a row may have begun before."""
    last_broken: bool
    """Whether the newest step was one of them."""


class Tally:
    """Sums of named scalars on their device."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._sums: Tensor | None = None
        self._streak: Tensor | None = None

    def add(self, values: dict[str, Tensor], broken: Tensor) -> None:
        """The scalars of one step, and whether (0 or 1, a scalar too) the step is not to count.

        All steps have the same names.
        """
        row = torch.stack([value.detach().float() for value in values.values()])
        finite = row.isfinite()
        one = torch.stack([torch.where(finite, row, 0.0), finite.float(), (~finite).float()])
        if self._sums is None:
            self._names, self._sums = tuple(values), torch.zeros_like(one)
        self._sums += one
        if self._streak is None:
            self._streak = torch.zeros(2, device=row.device)
        now = (self._streak[0] + 1) * broken
        self._streak = torch.stack([now, torch.maximum(self._streak[1], now)])

    def look(self) -> Reading:
        """What was added since `clear`, for which the device is waited for once."""
        if self._sums is None or self._streak is None:
            return Reading({}, "", 0, False)
        count = len(self._names)
        flat: list[float] = torch.cat([self._sums.flatten(), self._streak]).tolist()
        sums, counts, bad = flat[:count], flat[count : 2 * count], flat[2 * count : 3 * count]
        means = {
            name: total / times if times else float("nan")
            for name, total, times in zip(self._names, sums, counts, strict=True)
        }
        broken = next((name for name, times in zip(self._names, bad, strict=True) if times), "")
        now, worst = flat[-2:]
        return Reading(means, broken, int(worst), now > 0)

    def clear(self) -> None:
        """Start anew, but for the steps in a row that are not finite."""
        self._sums = None
        if self._streak is not None:
            self._streak = self._streak[:1].repeat(2)
