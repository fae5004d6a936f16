"""Numbers that stay the same from step to step, brought to a device once: every copy makes a GPU wait for the host."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor, nn

_KEPT: dict[tuple[Hashable, torch.device, torch.dtype], Tensor] = {}


def constant(name: Hashable, make: Callable[[], Tensor], like: Tensor) -> Tensor:
    """What `make` gives on the CPU, on the device and in the type of `like`: made and copied once for every `name`.

    Nothing may be written into it. Tensors without values (traced, fake) are given one of their own.
    """
    if torch.compiler.is_exporting() or type(like) not in (Tensor, nn.Parameter):
        return make().to(like)
    key = (name, like.device, like.dtype)
    if key not in _KEPT:
        with torch.inference_mode(False), torch.no_grad():
            _KEPT[key] = make().to(like)
    return _KEPT[key]


def chosen(values: Tensor, indices: Sequence[int], dim: int) -> Tensor:
    """The entries `indices` of `values` along `dim`, as by indexing with a list: that is copied to a GPU each time."""
    if torch.compiler.is_exporting():
        return values[(slice(None),) * dim + (list(indices),)]
    return torch.stack([values.select(dim, index) for index in indices], dim)
