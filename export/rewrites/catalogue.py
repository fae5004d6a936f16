"""The rewrites in the order in which they are applied, by name, so that each can be left out and measured."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import onnx_ir as ir

from checkpoints.errors import OptionError
from export.rewrites import (
    blend,
    enlarged,
    grid_fast,
    grid_gather,
    narrow,
    norm,
    rows,
    siblings,
    simplify,
    upsample,
    volumes,
    winograd,
)


@dataclass(frozen=True)
class Rewrite:
    """One exact rewrite."""

    name: str
    """What `--without` and benchmarks call it."""
    apply: Callable[[ir.Model], int]
    """Edits the model in place and returns the number of sites changed."""


REWRITES: tuple[Rewrite, ...] = (
    Rewrite("simplify", simplify.apply),
    Rewrite("norm", norm.apply),
    Rewrite("volumes", volumes.apply),
    Rewrite("enlarged", enlarged.apply),
    Rewrite("upsample", upsample.apply),
    Rewrite("winograd", winograd.apply),
    Rewrite("siblings", siblings.apply),
    Rewrite("rows", rows.apply),
    Rewrite("narrow", narrow.apply),
    Rewrite("blend", blend.apply),
    Rewrite("grid-fast", grid_fast.apply),
)
"""What `export` applies by default. The later ones expect what the earlier ones leave."""

GATHER = Rewrite("grid-gather", grid_gather.apply)
"""Takes the place of `grid-fast` for runtimes without `GridSample`."""

GRID_SAMPLES = ("native", "gather")
"""How grid sampling is written: as the ONNX operator, or from gathers."""


def select(grid_sample: str = "native", without: Collection[str] = ()) -> tuple[Rewrite, ...]:
    """The rewrites to apply, in order. Raises `OptionError` for an unknown name in `without` or
    `grid_sample`."""
    if grid_sample not in GRID_SAMPLES:
        raise OptionError(f"Grid sampling {grid_sample!r} is unknown; choose one of {', '.join(GRID_SAMPLES)}.")
    known = [rewrite.name for rewrite in REWRITES]
    for name in without:
        if name not in known:
            raise OptionError(f"There is no rewrite {name!r}; choose from {', '.join(known)}.")
    chosen = [rewrite for rewrite in REWRITES if rewrite.name not in without]
    if grid_sample == "gather":
        chosen = [rewrite for rewrite in chosen if rewrite.name != "grid-fast"] + [GATHER]
    return tuple(chosen)


def rewrite(model: ir.Model, rewrites: Collection[Rewrite]) -> dict[str, int]:
    """Apply `rewrites` to `model` in place, in order; returns the number of sites that each changed."""
    return {step.name: step.apply(model) for step in rewrites}
