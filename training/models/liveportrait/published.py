"""What is peculiar to the published files."""

from __future__ import annotations

import torch
from torch import Tensor


def folded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` with plain weights in place of those that spectral normalisation divides: W / (u . (W v)), as stored.

    The published generator keeps `weight_orig`, `weight_u` and `weight_v` of 18 convolutions; what divides them in
    evaluation is not recomputed.
    """
    result = {}
    for name, value in state.items():
        if name.endswith((".weight_u", ".weight_v")):
            continue
        if name.endswith(".weight_orig"):
            stem = name.removesuffix("_orig")
            u, v = state[f"{stem}_u"].double(), state[f"{stem}_v"].double()
            norm = u @ (value.double().flatten(1) @ v)
            result[stem] = (value.double() / norm).to(value.dtype)
        else:
            result[name] = value
    return result


def stripped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` without the prefix that training on several cards leaves."""
    return {name.removeprefix("module."): torch.as_tensor(value) for name, value in state.items()}
